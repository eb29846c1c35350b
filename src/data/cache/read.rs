//! Files of prepared records, opened.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::blocks::Layout;
use super::{EARLIER, Header, MAGIC, PREFIX, SignalFile, Signals, Unfit, kept, most_in_memory};
use crate::data::Dataset;
use crate::seed::sha256_hex;
use crate::stop;

/// The dataset kept in `path` under `key`, without its name.
pub(in crate::data) fn read(path: &Path, fingerprint: &str, key: &str) -> Result<Dataset, Unfit> {
    if !path.exists() || is_of_an_earlier_version(path) {
        return Err(Unfit::Absent);
    }
    let (header, signals) = open(path).ok_or(Unfit::Damaged)?;
    if header.key != key || header.fingerprint != fingerprint {
        return Err(Unfit::Other);
    }
    dataset(header, signals).ok_or(Unfit::Damaged)
}

/// The fingerprint of the source whose prepared records are in the file at `path`; `None` where it is none of this version.
pub(in crate::data) fn fingerprint_of(path: &Path) -> Option<String> {
    open(path).map(|(header, _)| header.fingerprint)
}

/// About how many records the file at `path` has, of `size` bytes each.
pub(in crate::data) fn kept_records(path: &Path, size: u64) -> Option<u64> {
    let mut prefix = [0; MAGIC.len() + 8];
    File::open(path).ok()?.read_exact(&mut prefix).ok()?;
    let tail = u64::from_le_bytes(prefix.strip_prefix(MAGIC)?.try_into().ok()?);
    tail.min(path.metadata().ok()?.len()).checked_sub(PREFIX as u64)?.checked_div(size)
}

fn is_of_an_earlier_version(path: &Path) -> bool {
    let mut magic = [0; MAGIC.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && EARLIER.contains(&&magic)
}

/// What is known of the records, and their signals, none of which is read yet.
fn open(path: &Path) -> Option<(Header, SignalFile)> {
    let mut file = File::open(path).ok()?;
    let size = file.metadata().ok()?.len();
    let mut prefix = [0; PREFIX];
    file.read_exact(&mut prefix).ok()?;
    let (numbers, hash) = prefix.strip_prefix(MAGIC)?.split_at(16);
    let (start, length) = numbers.split_at(8);
    let [start, length] = [start, length].map(|bytes| bytes.try_into().map(u64::from_le_bytes));
    let (start, length) = (start.ok()?, length.ok()?);
    if start < PREFIX as u64 || start.checked_add(length)? != size {
        return None;
    }
    let mut tail = vec![0; usize::try_from(length).ok()?];
    file.seek(SeekFrom::Start(start)).ok()?;
    file.read_exact(&mut tail).ok()?;
    if sha256_hex(&tail).as_bytes() != hash {
        return None;
    }
    let (count, json) = tail.split_first_chunk::<8>()?;
    let records = usize::try_from(u64::from_le_bytes(*count)).ok()?;
    let header: Header = serde_json::from_slice(json).ok()?;
    let layout = Layout { leads: header.leads, length: header.length, storage: header.storage };
    let is_whole = header.records.len() == records
        && records.checked_mul(layout.bytes()?)? as u64 == start - PREFIX as u64
        && (header.samples.is_empty() || header.samples.len() == records);
    if !is_whole {
        return None;
    }
    let (path, start, damaged) = (path.into(), PREFIX as u64, AtomicBool::new(false));
    let signals = SignalFile { path, file, start, layout, records, damaged };
    Some((header, signals))
}

fn dataset(header: Header, file: SignalFile) -> Option<Dataset> {
    let count = header.records.len();
    let signals = match count * header.leads * header.length <= most_in_memory() {
        true => Signals::Memory(whole(&file, count)?),
        false => Signals::File(Arc::new(file)),
    };
    Some(Dataset {
        source: String::new(),
        data_set: String::new(),
        fingerprint: header.fingerprint,
        records: kept::records(header.records, &header.names)?,
        leads: header.leads,
        length: header.length,
        signals,
        samples: header.samples,
        notes: header.notes,
        told: Vec::new(),
        warnings: header.warnings,
        left_out: header.left_out,
    })
}

/// All signals, each checked while it is at hand.
fn whole(file: &SignalFile, count: usize) -> Option<Vec<f32>> {
    let Layout { leads, length, .. } = file.layout;
    let mut values = vec![0.0; count * leads * length];
    let records = values.par_chunks_mut((leads * length).max(1)).enumerate();
    let is_good = |index, to: &mut [f32]| !stop::asked() && file.try_read(index, &(0..length), to).unwrap_or_default();
    records.try_for_each(|(index, to)| is_good(index, to).then_some(()))?;
    Some(values)
}
