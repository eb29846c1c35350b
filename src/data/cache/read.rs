//! Files of prepared records, opened.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

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
    let (count, rest) = tail.split_at_checked(8)?;
    let count = usize::try_from(u64::from_le_bytes(count.try_into().ok()?)).ok()?;
    let (checksums, json) = rest.split_at_checked(count.checked_mul(8)?)?;
    let header: Header = serde_json::from_slice(json).ok()?;
    let size = header.leads.checked_mul(header.length)?;
    let values = count.checked_mul(size)?.checked_mul(header.storage.bytes())?;
    if header.records.len() != count || values as u64 != start - PREFIX as u64 {
        return None;
    }
    let checksum = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
    let signals = SignalFile {
        path: path.into(),
        file,
        start: PREFIX as u64,
        size,
        storage: header.storage,
        checksums: checksums.chunks_exact(8).map(checksum).collect(),
        damaged: AtomicBool::new(false),
    };
    Some((header, signals))
}

fn dataset(header: Header, file: SignalFile) -> Option<Dataset> {
    let count = header.records.len();
    let signals = match count * file.size <= most_in_memory() {
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
        notes: header.notes,
        told: Vec::new(),
        warnings: header.warnings,
        left_out: header.left_out,
    })
}

/// All signals, each checked while it is at hand.
fn whole(file: &SignalFile, count: usize) -> Option<Vec<f32>> {
    let mut values = vec![0.0; count * file.size];
    let records = values.par_chunks_mut(file.size.max(1)).enumerate();
    let is_good = |index, to: &mut [f32]| !stop::asked() && file.try_read(index, to).unwrap_or_default();
    records.try_for_each(|(index, to)| is_good(index, to).then_some(()))?;
    Some(values)
}
