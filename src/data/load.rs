//! A whole source: listed, decoded and prepared in parallel, or taken from the cache.

use std::path::Path;

use rayon::prelude::*;

use super::files::resolved;
use super::fingerprint::{key, print};
use super::listing::Listing;
use super::signal::{RawRecord, prepare};
use super::{Dataset, Record, cache, deepfake, identity, ptb_xl, simulator, wfdb};
use crate::manifest::{Signal, Source};
use crate::{Error, Result};

/// Goes up when the same files and settings would give other records; kept ones are then made anew.
const PREPROCESSING_VERSION: u32 = 3;

/// Reads all records of a source, preprocessed as `signal` says, in parallel; the result is kept in `cache`.
/// A cache that cannot be written is done without.
///
/// # Errors
/// A user error that names the file or record and what is wrong with it: the first record in order, if several; also
/// where the data change while they are read.
pub fn load(name: &str, source: &Source, signal: &Signal, cache: &Path) -> Result<Dataset> {
    load_of(name, source, signal, cache, None)
}

/// As [`load`], but only records of the fingerprint `planned`.
///
/// # Errors
/// As [`load`], and a user error where the data have changed since.
pub fn load_planned(name: &str, source: &Source, signal: &Signal, cache: &Path, planned: &str) -> Result<Dataset> {
    load_of(name, source, signal, cache, Some(planned))
}

fn load_of(name: &str, source: &Source, signal: &Signal, cache: &Path, planned: Option<&str>) -> Result<Dataset> {
    let dataset = load_unnamed(source, signal, cache, planned);
    let dataset = dataset.map_err(|error| error.at(format_args!("source {name}")))?;
    Ok(Dataset { source: name.into(), data_set: source.data_set(), ..dataset })
}

fn load_unnamed(source: &Source, signal: &Signal, cache: &Path, planned: Option<&str>) -> Result<Dataset> {
    let print = print(source, cache)?;
    planned.map_or(Ok(()), |planned| print.check_planned(planned))?;
    let fingerprint = print.fingerprint.clone();
    let key = key(&fingerprint, signal, PREPROCESSING_VERSION)?;
    let path = cache.join(format!("{key}.bin"));
    let unfit = match cache::read(&path, &fingerprint, &key) {
        Ok(dataset) => return Ok(dataset),
        Err(unfit) => unfit.told(&path, "its records are"),
    };
    let (records, signals, notes) = match source {
        Source::Simulator { records, seed } => {
            let simulated = |index| {
                let (mut record, raw) = simulator::simulate(*seed, index);
                record.recording = identity::of_simulated(&raw, signal);
                Ok((record, raw))
            };
            let (records, signals) = prepare_all(*records, signal, simulated)?;
            (records, signals, Vec::new())
        }
        Source::DeepfakeEcg { path, .. } => from_files(deepfake::list(resolved(path)?)?, signal)?,
        Source::PtbXl { path, features, .. } => {
            let features = features.as_ref().map(resolved).transpose()?;
            from_files(ptb_xl::list(resolved(path)?, features, signal)?, signal)?
        }
    };
    print.check_unchanged(source)?;
    let (leads, length) = (signal.leads.len(), signal.length());
    let (source, data_set, told) = (String::new(), String::new(), Vec::new());
    let mut dataset = Dataset { source, data_set, fingerprint, records, leads, length, signals, notes, told };
    // Without it the next start takes longer, no more.
    let _ = cache::write(&path, &key, &dataset);
    dataset.told.extend(print.told.into_iter().chain(unfit));
    Ok(dataset)
}

/// Reads and prepares the records of a listing.
fn from_files(listing: Listing, signal: &Signal) -> Result<(Vec<Record>, Vec<f32>, Vec<String>)> {
    let Listing { records, files, read, column, notes } = listing;
    let (records, signals) = prepare_all(records.len(), signal, |index| {
        let mut record = records[index].clone();
        let raw = read(&files[index]).map_err(|error| match column {
            Some(column) if !wfdb::is_there(&files[index]) => missing(error, &record, column),
            _ => error.at(format_args!("record {}", record.id)),
        })?;
        record.recording = identity::recording(&raw, signal);
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
