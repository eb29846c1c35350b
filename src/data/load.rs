//! A whole source: listed, decoded and prepared in parallel, or taken from the cache.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::fingerprint::{key, print};
use super::identity::identity;
use super::look::{Look, is_looked_at, look, tell};
use super::signal::prepare;
use super::{Dataset, LeftOut, Record, cache, left_out};
use crate::ecg::RawRecord;
use crate::error::Blame;
use crate::manifest::Signal;
use crate::source::plausible::DURATION;
use crate::source::{Found, OtherLeads, Reading, Request, Source};
use crate::{Error, Result, stop};

/// Goes up when the same files and settings would give other records; kept ones are then made anew.
const PREPROCESSING_VERSION: u32 = 5;

/// Reads all records of a source, preprocessed as `signal` says, in parallel; the result is kept in `cache`.
/// A cache that cannot be written is done without.
///
/// # Errors
/// A user error that names the file or record and what is wrong with it: the first record in order, if several; also
/// where the data change while they are read.
pub fn load(name: &str, source: &dyn Source, signal: &Signal, cache: &Path) -> Result<Dataset> {
    load_named(name, source, signal, cache, None)
}

/// As [`load`], but only records of the fingerprint `planned`.
///
/// # Errors
/// As [`load`], and a user error where the data have changed since.
pub fn load_planned(name: &str, source: &dyn Source, signal: &Signal, cache: &Path, planned: &str) -> Result<Dataset> {
    load_named(name, source, signal, cache, Some(planned))
}

fn load_named(
    name: &str,
    source: &dyn Source,
    signal: &Signal,
    cache: &Path,
    planned: Option<&str>,
) -> Result<Dataset> {
    let dataset = load_unnamed(source, signal, cache, planned);
    let dataset = dataset.map_err(|error| error.at(format_args!("source {name}")))?;
    let mut dataset = Dataset { source: name.into(), data_set: source.data_set(), ..dataset };
    if !dataset.left_out.is_empty() {
        let all = dataset.records.len() + dataset.left_out.len();
        dataset.warnings.push(left_out::note(name, &dataset.left_out, all));
    }
    Ok(dataset)
}

fn load_unnamed(source: &dyn Source, signal: &Signal, cache: &Path, planned: Option<&str>) -> Result<Dataset> {
    let print = print(source, cache)?;
    planned.map_or(Ok(()), |planned| print.check_planned(planned))?;
    let fingerprint = print.fingerprint.clone();
    let key = key_of(source, &fingerprint, signal)?;
    let path = cache.join(format!("{key}.bin"));
    let unfit = match cache::read(&path, &fingerprint, &key) {
        Ok(dataset) => return allowed(dataset, source),
        Err(unfit) => unfit.told(&path, "its records are"),
    };
    stop::check()?;
    let (prepared, notes, warnings) = read_all(source, signal)?;
    print.check_unchanged(source)?;
    let Prepared { records, signals, left_out, .. } = prepared;
    let mut dataset = Dataset {
        source: String::new(),
        data_set: String::new(),
        fingerprint,
        records,
        leads: signal.leads.len(),
        length: signal.length(),
        signals,
        notes,
        warnings,
        left_out,
        told: Vec::new(),
    };
    // Without it the next start takes longer, no more.
    let _ = cache::write(&path, &key, &dataset);
    dataset.told.extend(print.told.into_iter().chain(unfit));
    Ok(dataset)
}

/// What the prepared records of a source are kept under.
fn key_of(source: &dyn Source, fingerprint: &str, signal: &Signal) -> Result<String> {
    let unreadable = source.reading().map(|reading| Reading { unreadable: reading.unreadable, ..Reading::default() });
    key(fingerprint, &(signal, unreadable), PREPROCESSING_VERSION)
}

/// Where the prepared records of a source are kept.
pub(super) fn cached(source: &dyn Source, fingerprint: &str, signal: &Signal, cache: &Path) -> Result<PathBuf> {
    Ok(cache.join(format!("{}.bin", key_of(source, fingerprint, signal)?)))
}

/// A dataset from the cache, unless more of its records are left out than the source now allows.
fn allowed(dataset: Dataset, source: &dyn Source) -> Result<Dataset> {
    let faulty: Vec<_> = dataset
        .left_out
        .iter()
        .map(|LeftOut { id, reason }| (id.clone(), Error::user(reason.clone()).at(format_args!("record {id}"))))
        .collect();
    left_out::judge(&faulty, faulty.len() + dataset.records.len(), source.reading())?;
    Ok(dataset)
}

/// What is asked of the records of a source with this `reading` by `signal`, and which `others` of their leads.
pub(super) fn request<'a>(signal: &'a Signal, others: OtherLeads, reading: &'a Reading) -> Request<'a> {
    Request { leads: Some(&signal.leads), seconds: Some(signal.duration), others, reading }
}

/// Reads and prepares the records of a source; with what should be known of them, and what may be wrong with them.
fn read_all(source: &dyn Source, signal: &Signal) -> Result<(Prepared, Vec<String>, Vec<String>)> {
    let mut listing = source.list(signal.sampling_rate)?;
    let (notes, mut warnings) = (std::mem::take(&mut listing.notes), std::mem::take(&mut listing.warnings));
    let count = listing.records.len();
    let usual = Reading::default();
    let reading = source.reading().unwrap_or(&usual);
    let prepared = prepare_all(count, signal, source.reading(), |index| {
        let others = if is_looked_at(index, count) { OtherLeads::Limb } else { OtherLeads::None };
        let found = source.read(&listing, index, &request(signal, others, reading));
        let recording = found.as_ref().ok().and_then(|found| identity(found, signal));
        (Record { recording, ..listing.records[index].clone() }, found)
    })?;
    warnings.extend(tell(&prepared.looks, signal, reading));
    Ok((prepared, notes, warnings))
}

/// Records that could be prepared, and the others.
struct Prepared {
    records: Vec<Record>,
    /// (records, leads, length)
    signals: Vec<f32>,
    left_out: Vec<LeftOut>,
    looks: Vec<Look>,
}

/// Prepares records 0 to `count`, each where it belongs; those that `reading` allows to be left out are.
fn prepare_all(
    count: usize,
    signal: &Signal,
    reading: Option<&Reading>,
    read: impl Fn(usize) -> (Record, Result<Found>) + Sync,
) -> Result<Prepared> {
    let size = signal.leads.len() * signal.length();
    if size == 0 {
        return Err(Error::user("signal: there are no leads, or sampling_rate and duration give no samples"));
    }
    let total = count.checked_mul(size).ok_or_else(|| Error::user(format!("{count} records are too many")))?;
    let mut signals = vec![0.0; total];
    let results: Vec<(Record, Result<Option<Look>>)> = signals
        .par_chunks_mut(size)
        .enumerate()
        .map(|(index, place)| {
            // Once asked to stop, nothing more is read.
            let (record, found) = match stop::check() {
                Ok(()) => read(index),
                Err(asked) => (Record::default(), Err(asked)),
            };
            let look = found.and_then(|found| {
                place.copy_from_slice(&prepared(&found.raw, signal, size)?);
                Ok(if is_looked_at(index, count) && !found.made { look(&found) } else { None })
            });
            (record, look)
        })
        .collect();
    sift(results, signals, size, reading)
}

/// Prepares one record: `size` values.
fn prepared(raw: &RawRecord, signal: &Signal, size: usize) -> Result<Vec<f32>> {
    let duration = raw.signals.first().map_or(0, Vec::len) as f64 / raw.sampling_rate;
    if duration > DURATION.high {
        let (name, range) = (DURATION.name, DURATION.range());
        return Err(Error::user(format!("{name} is {duration} s, which is not {range}: look at its sampling rate")));
    }
    let prepared = prepare(raw, signal).map_err(Error::user)?;
    if prepared.len() != size {
        return Err(Error::internal(format!("prepared to {} values, not {size}", prepared.len())));
    }
    Ok(prepared)
}

/// Takes out the records that could not be prepared, and their places in `signals`.
fn sift(
    results: Vec<(Record, Result<Option<Look>>)>,
    mut signals: Vec<f32>,
    size: usize,
    reading: Option<&Reading>,
) -> Result<Prepared> {
    let all = results.len();
    let (mut records, mut looks) = (Vec::with_capacity(all), Vec::new());
    let (mut faulty, mut left_out) = (Vec::new(), Vec::new());
    for (index, (record, result)) in results.into_iter().enumerate() {
        match result {
            Ok(look) => {
                signals.copy_within(index * size..(index + 1) * size, records.len() * size);
                looks.extend(look);
                records.push(record);
            }
            // A record is none the worse for it.
            Err(error) if error.blame == Blame::Interrupted => return Err(error),
            Err(error) => {
                left_out.push(LeftOut { id: record.id.clone(), reason: error.message.clone() });
                faulty.push((record.id.clone(), error.at(format_args!("record {}", record.id))));
            }
        }
    }
    left_out::judge(&faulty, all, reading)?;
    signals.truncate(records.len() * size);
    Ok(Prepared { records, signals, left_out, looks })
}
