//! A whole source: listed, decoded and prepared in parallel, or taken from the cache.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::files::resolved;
use super::fingerprint::{fingerprint, key};
use super::listing::Listing;
use super::signal::{RawRecord, prepare};
use super::{Dataset, Record, cache, deepfake, ptb_xl, simulator, wfdb};
use crate::manifest::{Signal, Source};
use crate::{Error, Result, stop};

/// Goes up when the same files and settings would give other records; kept ones are then made anew.
const PREPROCESSING_VERSION: u32 = 2;

/// Reads all records of a source, preprocessed as `signal` says, in parallel; the result is kept in `cache`.
/// A cache that cannot be written is done without.
///
/// # Errors
/// A user error that names the file or record and what is wrong with it: the first record in order, if several.
pub fn load(name: &str, source: &Source, signal: &Signal, cache: &Path) -> Result<Dataset> {
    let dataset = load_unnamed(source, signal, cache).map_err(|error| error.at(format_args!("source {name}")))?;
    Ok(Dataset { source: name.into(), ..dataset })
}

fn load_unnamed(source: &Source, signal: &Signal, cache: &Path) -> Result<Dataset> {
    let fingerprint = fingerprint(source, cache)?;
    let path = cached(&fingerprint, signal, cache)?;
    if let Some(dataset) = cache::read(&path) {
        return Ok(dataset);
    }
    stop::check()?;
    let (records, signals, notes) = match source {
        Source::Simulator { records, seed } => {
            let (records, signals) = prepare_all(*records, signal, |index| Ok(simulator::simulate(*seed, index)))?;
            (records, signals, Vec::new())
        }
        Source::DeepfakeEcg { path } => from_files(deepfake::list(resolved(path)?)?, signal)?,
        Source::PtbXl { path, features } => {
            let features = features.as_ref().map(resolved).transpose()?;
            from_files(ptb_xl::list(resolved(path)?, features, signal)?, signal)?
        }
    };
    let (leads, length) = (signal.leads.len(), signal.length());
    let dataset = Dataset { source: String::new(), fingerprint, records, leads, length, signals, notes };
    // Without it the next start takes longer, no more.
    let _ = cache::write(&path, &dataset);
    Ok(dataset)
}

/// Where the prepared records of a source are kept.
pub(super) fn cached(fingerprint: &str, signal: &Signal, cache: &Path) -> Result<PathBuf> {
    Ok(cache.join(format!("{}.bin", key(fingerprint, signal, PREPROCESSING_VERSION)?)))
}

/// Reads and prepares the records of a listing.
fn from_files(listing: Listing, signal: &Signal) -> Result<(Vec<Record>, Vec<f32>, Vec<String>)> {
    let Listing { records, files, read, column, notes } = listing;
    let (records, signals) = prepare_all(records.len(), signal, |index| {
        let record = records[index].clone();
        let raw = read(&files[index]).map_err(|error| match column {
            Some(column) if !wfdb::is_there(&files[index]) => missing(error, &record, column),
            _ => error.at(format_args!("record {}", record.id)),
        })?;
        Ok((record, raw))
    })?;
    Ok((records, signals, notes))
}

/// The error for a record whose file, which `column` names, is not there.
fn missing(error: Error, record: &Record, column: &str) -> Error {
    let mut error = error.at(format_args!("record {} (column {column})", record.id));
    if column == ptb_xl::HIGH_RATE_FILE {
        error.message.push_str("; with a signal.sampling_rate of at most 100 the 100 Hz signals are read instead");
    }
    error
}

/// Prepares records 0 to `count`, each where it belongs in (records, leads, length).
fn prepare_all(
    count: usize,
    signal: &Signal,
    read: impl Fn(usize) -> Result<(Record, RawRecord)> + Sync,
) -> Result<(Vec<Record>, Vec<f32>)> {
    let size = signal.leads.len() * signal.length();
    if size == 0 {
        return Err(Error::user("signal: there are no leads, or sampling_rate and duration give no samples"));
    }
    let total = count.checked_mul(size).ok_or_else(|| Error::user(format!("{count} records are too many")))?;
    let mut signals = vec![0.0; total];
    let results: Vec<Result<Record>> = signals
        .par_chunks_mut(size)
        .enumerate()
        .map(|(index, place)| {
            stop::check()?;
            let (record, raw) = read(index)?;
            let prepared = prepare(&raw, signal).map_err(|why| Error::user(format!("record {}: {why}", record.id)))?;
            if prepared.len() != size {
                let why = format!("record {}: prepared to {} values, not {size}", record.id, prepared.len());
                return Err(Error::internal(why));
            }
            place.copy_from_slice(&prepared);
            Ok(record)
        })
        .collect();
    let failed = results.iter().filter(|result| result.is_err()).count();
    let records = results.into_iter().collect::<Result<Vec<_>>>().map_err(|mut error| {
        match failed - 1 {
            0 => {}
            1 => error.message.push_str(" (and 1 more record cannot be read)"),
            more => error.message.push_str(&format!(" (and {more} more records cannot be read)")),
        }
        error
    })?;
    Ok((records, signals))
}
