//! Whose the records of a source are, and which recordings, known before any record is prepared.
//!
//! The file: `MAGIC`; the key it is kept under, 64 hexadecimal digits; the number of records, 8 bytes; people and
//! recordings, 16 bytes each; folds, a byte each; the SHA-256 of all that. Least significant bytes come first.

use std::fs;
use std::io::Write;
use std::path::Path;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::cache::Unfit;
use super::exclude::list;
use super::fingerprint::{PEOPLE, Print, key};
use super::identity::identity;
use super::load::request;
use super::{Index, Record};
use crate::manifest::Signal;
use crate::source::{OtherLeads, Source};
use crate::{Result, durable, stop};

const MAGIC: &[u8; 8] = b"ecgwho1\n";

/// Goes up when the same files would give another index.
const VERSION: u32 = 1;

/// Bytes before the records, of a record, and after the records.
const HEAD: usize = MAGIC.len() + 64 + 8;
const RECORD: usize = 16 + 16 + 1;
const TAIL: usize = 32;

/// Whose the records of `source` are and which recordings, as `signal` sees them; and what is to be said of an index
/// that was kept and did not fit. `print` is the source as it was found. Kept in `cache`: all records are read once.
///
/// # Errors
/// A user error where a table cannot be read, or the data change while they are read. A record that cannot be read has
/// no recording; whoever loads it is told.
pub fn index(source: &dyn Source, signal: &Signal, print: &Print, cache: &Path) -> Result<(Index, Option<String>)> {
    let data_set = source.data_set();
    let settings = (&data_set, &signal.leads, signal.sampling_rate, signal.duration);
    let key = key(&print.fingerprint, &settings, VERSION)?;
    let path = cache.join(format!("{key}.{PEOPLE}"));
    let unfit = match read(&path, &key) {
        Ok(index) => return Ok((index, None)),
        Err(unfit) => unfit.told(&path, "the index of people is"),
    };
    let index = Index::new(&data_set, &look_up(source, signal)?);
    print.check_unchanged(source)?;
    // Without it the next start takes longer, no more.
    let _ = write(&path, &key, &index);
    Ok((index, unfit))
}

/// All records of `source` with their recordings, without their signals.
///
/// # Errors
/// A user error where a table cannot be read.
pub fn look_up(source: &dyn Source, signal: &Signal) -> Result<Vec<Record>> {
    let mut listing = list(source, signal.sampling_rate)?;
    let records = std::mem::take(&mut listing.records);
    let reading = source.reading().cloned().unwrap_or_default();
    let asked = request(signal, OtherLeads::None, &reading);
    let identified = |(index, record): (usize, Record)| {
        // Once asked to stop, nothing more is read.
        let found = stop::check().and_then(|()| source.read(&listing, index, &asked));
        let recording = found.ok().and_then(|found| identity(&found, signal));
        Record { recording, ..record }
    };
    let records = records.into_par_iter().enumerate().map(identified).collect();
    stop::check()?;
    Ok(records)
}

fn read(path: &Path, key: &str) -> std::result::Result<Index, Unfit> {
    let bytes = fs::read(path).map_err(|_| if path.exists() { Unfit::Damaged } else { Unfit::Absent })?;
    let (body, hash) = bytes.split_at(bytes.len().saturating_sub(TAIL));
    if body.len() < HEAD || &body[..MAGIC.len()] != MAGIC || Sha256::digest(body).as_slice() != hash {
        return Err(Unfit::Damaged);
    }
    let (head, records) = body.split_at(HEAD);
    if &head[MAGIC.len()..MAGIC.len() + 64] != key.as_bytes() {
        return Err(Unfit::Other);
    }
    let count = records.len() / RECORD;
    if head[HEAD - 8..] != (count as u64).to_le_bytes() || records.len() != count * RECORD {
        return Err(Unfit::Damaged);
    }
    let numbers = |bytes: &[u8]| -> Vec<u128> {
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, &byte| number << 8 | u128::from(byte));
        bytes.chunks_exact(16).map(number).collect()
    };
    let (people, rest) = records.split_at(16 * count);
    let (recordings, folds) = rest.split_at(16 * count);
    Ok(Index { people: numbers(people), recordings: numbers(recordings), folds: folds.into() })
}

fn write(path: &Path, key: &str, index: &Index) -> std::io::Result<()> {
    let mut bytes = Vec::with_capacity(HEAD + RECORD * index.len() + TAIL);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(key.as_bytes());
    bytes.extend_from_slice(&(index.len() as u64).to_le_bytes());
    index.people.iter().chain(&index.recordings).for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
    bytes.extend_from_slice(&index.folds);
    let hash = Sha256::digest(&bytes);
    durable::write_with(path, |file| {
        file.write_all(&bytes)?;
        file.write_all(&hash)
    })
}
