//! Writing records in WFDB format 16.

use std::fmt::Write;
use std::path::Path;

use crate::ecg::RawRecord;
use crate::{Error, Result};

/// Steps per mV, as in PTB-XL.
const GAIN: f32 = 1000.0;

/// Writes a record as `NAME.hea` and `NAME.dat` into `folder`, which exists: format 16, 1000 steps per mV, baseline 0, leads named as
/// PTB-XL does (`AVR`, `AVL`, `AVF`).
///
/// # Errors
/// A user error where a file cannot be written; an internal error where a sample is no number or above 32.767 mV either way, or
/// leads are not all of one length.
pub fn write(folder: &Path, name: &str, record: &RawRecord) -> Result<()> {
    let length = record.signals.first().map_or(0, Vec::len);
    if record.leads.len() != record.signals.len() || record.signals.iter().any(|signal| signal.len() != length) {
        return Err(Error::internal(format!("record {name}: leads and signals do not match, or differ in length")));
    }
    let leads = record.leads.len();
    let mut samples = vec![0i16; leads * length];
    let mut header = format!("{name} {leads} {} {length}\n", record.sampling_rate);
    for (place, (lead, signal)) in record.leads.iter().zip(&record.signals).enumerate() {
        let mut checksum = 0i16;
        for (frame, value) in samples.chunks_exact_mut(leads).zip(signal) {
            let step = (value * GAIN).round();
            // The lowest number means "no sample".
            if !(f32::from(-i16::MAX)..=f32::from(i16::MAX)).contains(&step) {
                let lead = lead.name();
                return Err(Error::internal(format!("record {name}: {value} mV in lead {lead} do not fit in 16 bits")));
            }
            frame[place] = step as i16;
            checksum = checksum.wrapping_add(step as i16);
        }
        let first = samples.get(place).copied().unwrap_or(0);
        // Written without sign, as in PTB-XL; readers compare 16 bits.
        let (checksum, lead) = (checksum as u16, lead.name().to_uppercase());
        let _ = writeln!(header, "{name}.dat 16 {GAIN:.1}(0)/mV 16 0 {first} {checksum} 0 {lead}");
    }
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    for (ending, content) in [("dat", bytes.as_slice()), ("hea", header.as_bytes())] {
        let path = folder.join(format!("{name}.{ending}"));
        std::fs::write(&path, content)
            .map_err(|error| Error::user(format!("{} cannot be written: {error}", path.display())))?;
    }
    Ok(())
}
