//! Prepared records, kept in one file: what is known of them, then their signals.
//!
//! The file: `MAGIC`; the length of the header, 8 bytes, least significant first; the header's SHA-256, 64 hexadecimal
//! digits; the header, JSON; then the signals, f32, least significant byte first, to the end of the file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Dataset, LeftOut, Record, Recording};
use crate::ecg::{Label, Measurement, Sex, Vocabulary};
use crate::seed::sha256_hex;
use crate::{durable, stop};

const MAGIC: &[u8; 8] = b"ecgraft3";

/// How files of earlier versions begin; what is in them is made again without a word.
const EARLIER: [&[u8; 8]; 2] = [b"ecgraft1", b"ecgraft2"];

/// Where the header begins.
const PREFIX: usize = MAGIC.len() + 8 + 64;

/// Signals are checked, read and written in pieces of this many values.
const PIECE: usize = 1 << 16;

/// What is before the signals.
#[derive(Serialize, Deserialize)]
struct Header {
    /// Of the source, and the hash of it and of all settings: whose records these are.
    fingerprint: String,
    key: String,
    leads: usize,
    length: usize,
    names: Names,
    records: Vec<Kept>,
    notes: Vec<String>,
    warnings: Vec<String>,
    left_out: Vec<LeftOut>,
    /// Of each piece of the signals.
    checksums: Vec<u64>,
}

/// Names that records have numbers for: those of what is measured, with units, and vocabularies with their labels.
#[derive(Default, Serialize, Deserialize)]
struct Names {
    measurements: Vec<[String; 2]>,
    vocabularies: Vec<(String, Vec<String>)>,
}

/// A [`Record`]; numbers as their bits, so that they come back exactly.
#[derive(Serialize, Deserialize)]
struct Kept {
    id: String,
    patient: String,
    fold: Option<u8>,
    age: Option<u32>,
    sex: Option<Sex>,
    /// Place in [`Names::measurements`], and the value.
    measurements: Vec<(u16, u32)>,
    /// Place in [`Names::vocabularies`], and in the vocabulary.
    labels: Vec<[u16; 2]>,
    /// Hexadecimal.
    recording: Option<String>,
}

impl Kept {
    /// Of a record; `names` gets those that it does not have.
    fn new(record: &Record, names: &mut Names) -> Self {
        let measurement = |(measurement, value): (Measurement, f32)| {
            let name = [measurement.name(), measurement.unit()];
            let place = place_of(&mut names.measurements, |own| *own == name, || name.map(str::to_owned));
            (place, value.to_bits())
        };
        let measurements = record.measurements.iter().map(measurement).collect();
        let label = |label: Label| {
            let of = label.vocabulary();
            let is_it = |own: &(String, Vec<String>)| own.0 == of.name() && own.1 == of.names();
            let new = || (of.name().to_owned(), of.names().iter().map(|name| (*name).to_owned()).collect());
            [place_of(&mut names.vocabularies, is_it, new), label.place() as u16]
        };
        Self {
            id: record.id.clone(),
            patient: record.patient.clone(),
            fold: record.fold,
            age: record.age.map(f32::to_bits),
            sex: record.sex,
            measurements,
            labels: record.labels.iter().map(label).collect(),
            recording: record.recording.map(|recording| recording.to_string()),
        }
    }

    fn record(self, measurements: &[Measurement], vocabularies: &[&'static Vocabulary]) -> Option<Record> {
        let Self { id, patient, fold, age, sex, measurements: values, labels, recording } = self;
        let measurement =
            |(place, bits): (u16, u32)| Some((*measurements.get(usize::from(place))?, f32::from_bits(bits)));
        let label = |[of, place]: [u16; 2]| vocabularies.get(usize::from(of))?.labels().nth(place.into());
        Some(Record {
            id,
            patient,
            fold,
            age: age.map(f32::from_bits),
            sex,
            measurements: values.into_iter().map(measurement).collect::<Option<_>>()?,
            labels: labels.into_iter().map(label).collect::<Option<_>>()?,
            recording: recording.map(|text| from_hex(&text).map(Recording::new).ok_or(())).transpose().ok()?,
        })
    }
}

/// The place in `list` of the one that `is_it`; a `new` one is added where there is none.
fn place_of<T>(list: &mut Vec<T>, is_it: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> u16 {
    let place = list.iter().position(is_it).unwrap_or_else(|| {
        list.push(new());
        list.len() - 1
    });
    place as u16
}

/// Records from what is kept of them.
fn records(kept: Vec<Kept>, names: &Names) -> Option<Vec<Record>> {
    let measurements: Vec<Measurement> =
        names.measurements.iter().map(|[name, unit]| Measurement::named(name, unit)).collect();
    let vocabularies: Vec<&'static Vocabulary> =
        names.vocabularies.iter().map(|(name, labels)| Vocabulary::interned(name, labels)).collect();
    kept.into_iter().map(|kept| kept.record(&measurements, &vocabularies)).collect()
}

/// The bytes of a SHA-256 in hexadecimal.
fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    (text.len() == 64 && text.is_ascii()).then_some(())?;
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Why a file of the cache is as good as deleted.
pub(super) enum Unfit {
    /// There is none.
    Absent,
    /// It is not what was written.
    Damaged,
    /// It is whole, but of other data or settings.
    Other,
}

impl Unfit {
    /// What is said of the file at `path`, of which `what` was to be read; nothing where there was none.
    pub fn told(&self, path: &Path, what: &str) -> Option<String> {
        let path = path.display();
        match self {
            Unfit::Absent => None,
            Unfit::Damaged => Some(format!("{path} is damaged; {what} made again")),
            Unfit::Other => Some(format!("{path} is of other data than its name says; {what} made again")),
        }
    }
}

/// The dataset kept in `path` under `key`, without its name.
pub(super) fn read(path: &Path, fingerprint: &str, key: &str) -> Result<Dataset, Unfit> {
    if !path.exists() || is_of_an_earlier_version(path) {
        return Err(Unfit::Absent);
    }
    let (header, start, values) = read_header(path).ok_or(Unfit::Damaged)?;
    if header.key != key || header.fingerprint != fingerprint {
        return Err(Unfit::Other);
    }
    read_rest(path, header, start, values).ok_or(Unfit::Damaged)
}

fn is_of_an_earlier_version(path: &Path) -> bool {
    let mut magic = [0; MAGIC.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && EARLIER.contains(&&magic)
}

/// What is before the signals, where these start, and how many values they are.
fn read_header(path: &Path) -> Option<(Header, u64, usize)> {
    let mut file = File::open(path).ok()?;
    let size = file.metadata().ok()?.len();
    let mut prefix = [0; PREFIX];
    file.read_exact(&mut prefix).ok()?;
    let rest = prefix.strip_prefix(MAGIC)?;
    let (length, hash) = rest.split_at(8);
    let length = u64::from_le_bytes(length.try_into().ok()?);
    let start = (PREFIX as u64).checked_add(length).filter(|&start| start <= size)?;
    let mut text = vec![0; usize::try_from(length).ok()?];
    file.read_exact(&mut text).ok()?;
    if sha256_hex(&text).as_bytes() != hash {
        return None;
    }
    let header: Header = serde_json::from_slice(&text).ok()?;
    let values = header.records.len().checked_mul(header.leads)?.checked_mul(header.length)?;
    if (values as u64).checked_mul(4)? != size - start || header.checksums.len() != values.div_ceil(PIECE) {
        return None;
    }
    Some((header, start, values))
}

fn read_rest(path: &Path, header: Header, start: u64, values: usize) -> Option<Dataset> {
    Some(Dataset {
        source: String::new(),
        data_set: String::new(),
        fingerprint: header.fingerprint,
        records: records(header.records, &header.names)?,
        leads: header.leads,
        length: header.length,
        signals: read_signals(path, start, values, &header.checksums)?,
        notes: header.notes,
        told: Vec::new(),
        warnings: header.warnings,
        left_out: header.left_out,
    })
}

/// Reads `values` numbers from `start` on in parallel, checking each piece while it is at hand.
fn read_signals(path: &Path, start: u64, values: usize, checksums: &[u64]) -> Option<Vec<f32>> {
    let pieces = checksums.len().div_ceil(4 * rayon::current_num_threads()).max(1);
    let mut signals = vec![0.0; values];
    let parts = signals.par_chunks_mut(pieces * PIECE).zip(checksums.par_chunks(pieces)).enumerate();
    parts.try_for_each(|(part, (signals, checksums))| {
        let mut file = File::open(path).ok()?;
        file.seek(SeekFrom::Start(start + (4 * part * pieces * PIECE) as u64)).ok()?;
        let mut buffer = vec![0; 4 * PIECE];
        for (piece, &checksum) in signals.chunks_mut(PIECE).zip(checksums) {
            let bytes = buffer.get_mut(..4 * piece.len()).filter(|_| !stop::asked())?;
            file.read_exact(bytes).ok()?;
            for (value, bytes) in piece.iter_mut().zip(bytes.chunks_exact(4)) {
                *value = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            }
            if self::checksum(piece) != checksum {
                return None;
            }
        }
        Some(())
    })?;
    Some(signals)
}

/// Keeps `dataset` in `path` under `key`.
pub(super) fn write(path: &Path, key: &str, dataset: &Dataset) -> io::Result<()> {
    let mut names = Names::default();
    let records = dataset.records.iter().map(|record| Kept::new(record, &mut names)).collect();
    let header = Header {
        fingerprint: dataset.fingerprint.clone(),
        key: key.to_owned(),
        leads: dataset.leads,
        length: dataset.length,
        names,
        records,
        notes: dataset.notes.clone(),
        warnings: dataset.warnings.clone(),
        left_out: dataset.left_out.clone(),
        checksums: dataset.signals.par_chunks(PIECE).map(checksum).collect(),
    };
    let header = serde_json::to_vec(&header)?;
    durable::write_with(path, |file| {
        file.write_all(MAGIC)?;
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(sha256_hex(&header).as_bytes())?;
        file.write_all(&header)?;
        let mut buffer = Vec::with_capacity(4 * PIECE);
        for piece in dataset.signals.chunks(PIECE) {
            stop::check().map_err(io::Error::other)?;
            buffer.clear();
            buffer.extend(piece.iter().flat_map(|value| value.to_le_bytes()));
            file.write_all(&buffer)?;
        }
        Ok(())
    })
}

/// A checksum against damage, not against intent: FNV-1a over the values' bits, two at a time, in four lanes so
/// that processors can run ahead. Any one changed value changes it.
fn checksum(values: &[f32]) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    const LANES: usize = 4;
    let mut lanes = [0xcbf2_9ce4_8422_2325_u64; LANES];
    let mut add = |lane: usize, low: f32, high: f32| {
        let bits = u64::from(low.to_bits()) | u64::from(high.to_bits()) << 32;
        lanes[lane] = (lanes[lane] ^ bits).wrapping_mul(PRIME).rotate_left(29);
    };
    let groups = values.chunks_exact(2 * LANES);
    let rest = groups.remainder();
    for group in groups {
        for lane in 0..LANES {
            add(lane, group[2 * lane], group[2 * lane + 1]);
        }
    }
    for &value in rest {
        add(0, value, 0.0);
    }
    lanes.into_iter().fold(values.len() as u64, |sum, lane| (sum ^ lane).wrapping_mul(PRIME).rotate_left(29))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_sees_any_changed_bit_and_order() {
        let values: Vec<f32> = (0..37).map(|value| value as f32).collect();
        let sum = checksum(&values);
        for place in 0..values.len() {
            for bit in 0..32 {
                let mut changed = values.clone();
                changed[place] = f32::from_bits(changed[place].to_bits() ^ (1 << bit));
                assert_ne!(checksum(&changed), sum, "value {place}, bit {bit}");
            }
        }
        let mut turned = values.clone();
        turned.swap(3, 11);
        assert_ne!(checksum(&turned), sum);
        assert_ne!(checksum(&values[..36]), sum);
        assert_ne!(checksum(&[0.0; 3]), checksum(&[0.0; 4]));
    }
}
