//! Signal files to millivolts.

use std::fs;
use std::path::{Path, PathBuf};

use super::header::{Format, Header, SignalLine, parse};
use crate::data::files::unreadable;
use crate::data::signal::RawRecord;
use crate::manifest::Lead;
use crate::{Error, Result};

/// Reads the record whose header is `path` with `.hea` put after it. Signals that are not called
/// as one of the twelve leads are left out.
///
/// Samples are checked against the header: their number, the first of each lead, and the checksums.
///
/// # Errors
/// A user error that names the file, and the lead and sample where there is one.
pub fn read(path: &Path) -> Result<RawRecord> {
    let header_path = header_path(path);
    let bytes = fs::read(&header_path).map_err(|error| unreadable(&header_path, &error))?;
    let header = parse(&text(bytes)).map_err(|why| Error::user(format!("{}: {why}", header_path.display())))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    decode(&header, folder).map_err(|fault| match fault {
        Fault::Header(why) => Error::user(format!("{}: {why}", header_path.display())),
        Fault::File(error) => error,
    })
}

/// The files that the record `path` is read from: its header and what that names, as far as it can be read.
pub(in crate::data) fn files(path: &Path) -> Vec<PathBuf> {
    let header_path = header_path(path);
    let header = fs::read(&header_path).ok().and_then(|bytes| parse(&text(bytes)).ok());
    let folder = path.parent().unwrap_or(Path::new(""));
    let signals = header.iter().flat_map(|header| &header.signals).map(|signal| folder.join(&signal.file));
    let mut files: Vec<PathBuf> = signals.collect();
    files.dedup();
    files.push(header_path);
    files
}

/// Whether the header of the record `path` is there.
pub(in crate::data) fn is_there(path: &Path) -> bool {
    header_path(path).is_file()
}

/// `path` with `.hea` after it, whatever dots it has already.
fn header_path(path: &Path) -> PathBuf {
    let mut whole = path.as_os_str().to_owned();
    whole.push(".hea");
    whole.into()
}

/// What is wrong: something the header says of itself, or a signal file (an error that names it).
enum Fault {
    Header(String),
    File(Error),
}

/// Header files are ASCII, but for the odd `µ`.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect())
}

fn decode(header: &Header, folder: &Path) -> std::result::Result<RawRecord, Fault> {
    let leads = leads(header).map_err(Fault::Header)?;
    let groups = groups(header).map_err(Fault::Header)?;
    let mut signals = Vec::with_capacity(leads.len());
    let mut samples = header.samples;
    for group in groups {
        let path = folder.join(&group[0].file);
        let bytes = fs::read(&path).map_err(|error| Fault::File(unreadable(&path, &error)))?;
        let faulty = |why: String| Fault::File(Error::user(format!("{}: {why}", path.display())));
        let (body, length) = body(&bytes, group, samples).map_err(faulty)?;
        samples = Some(length);
        let interleaved = match group[0].format {
            Format::Int16 => body.chunks_exact(2).map(|two| i16::from_le_bytes([two[0], two[1]])).collect(),
            Format::Packed212 => unpack(body, length * group.len()),
        };
        let mut own = Vec::with_capacity(length);
        for (place, signal) in group.iter().enumerate() {
            let Some(lead) = Lead::parse(&signal.name) else { continue };
            let decoder = Decoder::new(header, signal, lead).map_err(Fault::Header)?;
            own.clear();
            own.extend(interleaved.chunks_exact(group.len()).map(|frame| frame[place]));
            let decoded = decoder.decode(&own);
            signals.push(decoded.map_err(|why| faulty(format!("lead {}: {why}", lead.name())))?);
        }
    }
    Ok(RawRecord { sampling_rate: header.sampling_rate, leads, signals })
}

/// The leads among the signals, in the header's order.
fn leads(header: &Header) -> std::result::Result<Vec<Lead>, String> {
    let mut leads = Vec::with_capacity(header.signals.len());
    for lead in header.signals.iter().filter_map(|signal| Lead::parse(&signal.name)) {
        if leads.contains(&lead) {
            return Err(format!("two signals are lead {}", lead.name()));
        }
        leads.push(lead);
    }
    if leads.is_empty() {
        let names: Vec<_> = header.signals.iter().map(|signal| format!("`{}`", signal.name)).collect();
        return Err(format!("no signal is one of the twelve leads; they are called {}", names.join(", ")));
    }
    Ok(leads)
}

/// The signals of each file.
fn groups(header: &Header) -> std::result::Result<Vec<&[SignalLine]>, String> {
    let groups: Vec<_> = header.signals.chunk_by(|a, b| a.file == b.file).collect();
    for (index, group) in groups.iter().enumerate() {
        let first = &group[0];
        if groups[..index].iter().any(|earlier| earlier[0].file == first.file) {
            return Err(format!("the signals of {} are not described one after another", first.file));
        }
        if group.iter().any(|signal| (signal.format, signal.offset) != (first.format, first.offset)) {
            return Err(format!("the signals of {} differ in format or byte offset", first.file));
        }
    }
    Ok(groups)
}

/// The bytes of the samples of `group` in its file, and how many samples each signal has.
fn body<'b>(
    bytes: &'b [u8],
    group: &[SignalLine],
    samples: Option<usize>,
) -> std::result::Result<(&'b [u8], usize), String> {
    let (format, offset, count) = (group[0].format, group[0].offset, group.len());
    let there = bytes.len().saturating_sub(offset);
    // How many samples, of all signals together, the file holds in full.
    let held = match format {
        Format::Int16 => there / 2,
        Format::Packed212 => there / 3 * 2 + usize::from(there % 3 == 2),
    };
    let length = samples.unwrap_or(held / count);
    let total = length.checked_mul(count).filter(|&total| total > 0);
    let needed = total.and_then(|total| format.bytes(total));
    let (Some(total), Some(needed)) = (total, needed) else {
        return Err(format!("{} bytes are no {length} samples", bytes.len()));
    };
    if held < total {
        return Err(format!(
            "the file ends at sample {} of lead {}; the header promises {length} samples of {count} signals \
             ({} bytes, there are {}). It is cut off, or the header belongs to another file",
            held / count,
            group[held % count].name,
            needed.saturating_add(offset),
            bytes.len(),
        ));
    }
    // An odd number of 12-bit samples may be filled up to a whole pair.
    let padding = usize::from(format == Format::Packed212 && total % 2 == 1);
    if there > needed + padding {
        let names: Vec<_> = group.iter().map(|signal| signal.name.as_str()).collect();
        return Err(format!(
            "the file has {} bytes, but the header promises {length} samples of {count} signals (leads {}), \
             which are {}. The header belongs to another file, or is wrong",
            bytes.len(),
            names.join(", "),
            needed + offset,
        ));
    }
    Ok((&bytes[offset..offset + needed], length))
}

/// The first `total` 12-bit samples.
fn unpack(bytes: &[u8], total: usize) -> Vec<i16> {
    let extend = |twelve_bits: u16| ((twelve_bits << 4) as i16) >> 4;
    let mut samples = Vec::with_capacity(total + 1);
    for three in bytes.chunks(3) {
        let &[low, middle, ..] = three else { break };
        let high = three.get(2).copied().unwrap_or(0);
        samples.push(extend(u16::from(low) | u16::from(middle & 0x0f) << 8));
        samples.push(extend(u16::from(high) | u16::from(middle & 0xf0) << 4));
    }
    samples.truncate(total);
    samples
}

/// Turns the samples of one lead into mV, checking them on the way.
struct Decoder<'h> {
    signal: &'h SignalLine,
    /// Hz.
    rate: f64,
    /// Whether the checksum is of all samples that are read.
    summed: bool,
    /// ADC units per mV.
    gain: f32,
}

impl<'h> Decoder<'h> {
    fn new(header: &Header, signal: &'h SignalLine, lead: Lead) -> std::result::Result<Self, String> {
        let units_per_millivolt = match signal.unit.as_str() {
            "mV" | "mv" => 1.0,
            "uV" | "uv" | "\u{b5}V" | "\u{3bc}V" => 1000.0,
            "V" | "v" => 0.001,
            unit => return Err(format!("lead {} is in `{unit}`; V, mV or uV was expected", lead.name())),
        };
        let gain = (signal.gain * units_per_millivolt) as f32;
        Ok(Self { signal, rate: header.sampling_rate, summed: header.samples.is_some(), gain })
    }

    /// `(sample - baseline) / gain` of each sample: differences of 24 bits are exact in f32, and so the
    /// result is rounded once.
    fn decode(&self, samples: &[i16]) -> std::result::Result<Vec<f32>, String> {
        let missing = self.signal.format.missing();
        if let Some(place) = samples.iter().position(|&sample| sample == missing) {
            let seconds = place as f64 / self.rate;
            return Err(format!(
                "sample {place} (at {seconds:.3} s) is missing: its value is {missing}, which marks a gap"
            ));
        }
        let sum = samples.iter().fold(0u16, |sum, &sample| sum.wrapping_add(sample as u16));
        if let Some(checksum) = self.signal.checksum.filter(|&checksum| self.summed && checksum as u16 != sum) {
            return Err(format!(
                "the samples add up to {sum}, but the header's checksum is {checksum} (both modulo 65536); \
                 the file is damaged, or the header belongs to another file"
            ));
        }
        match (samples.first(), self.signal.initial) {
            (Some(&first), Some(initial)) if i32::from(first) != initial => {
                Err(format!("the first sample is {first}, but the header says {initial}"))
            }
            _ => {
                let (baseline, gain) = (self.signal.baseline as f32, self.gain);
                Ok(samples.iter().map(|&sample| (f32::from(sample) - baseline) / gain).collect())
            }
        }
    }
}
