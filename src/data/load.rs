//! A whole source: listed, decoded and prepared in parallel, or taken from the cache.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::cache::{Checked, Signals, Writer};
use super::exclude::list;
use super::fingerprint::{Print, key, print};
use super::identity::identity;
use super::look::{Look, is_looked_at, look, tell};
use super::signal::{prepare, samples_of};
use super::{Dataset, LeftOut, Record, cache, exclude, left_out};
use crate::ecg::RawRecord;
use crate::ecg::half::LARGEST_HALF;
use crate::error::Blame;
use crate::manifest::{Shorter, Signal};
use crate::source::plausible::DURATION;
use crate::source::{Found, OtherLeads, Reading, Request, Source};
use crate::{Error, Result, stop};

/// Goes up when the same files and settings would give other records; kept ones are then made anew.
const PREPROCESSING_VERSION: u32 = 7;

/// Bytes and numbers of records that are prepared at a time, and bytes of a number.
const CHUNK: usize = 16 << 20;
const CHUNK_RECORDS: (usize, usize) = (16, 512);
const NUMBER: usize = 4;

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
    let list = source.reading().and_then(|reading| reading.exclude.as_ref());
    if let Some(list) = list {
        let count = dataset.records.len() + dataset.left_out.len();
        dataset.warnings.extend(exclude::note(list, count).map_err(|error| error.at(format_args!("source {name}")))?);
    }
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
    let made = |path| make(source, signal, &print, Sink::new(signal, path), &key);
    let made = match made(Some(path.as_path()))? {
        Made::Unwritable => made(None)?,
        made => made,
    };
    let Made::Done(mut dataset) = made else { return Err(Error::internal("records in memory are not written")) };
    dataset.told.extend(print.told.into_iter().chain(unfit));
    Ok(*dataset)
}

/// What became of a reading.
enum Made {
    Done(Box<Dataset>),
    /// The file could not be written, and signals are nowhere else.
    Unwritable,
}

/// Reads and prepares all records of a source into `sink`.
fn make(source: &dyn Source, signal: &Signal, print: &Print, mut sink: Sink, key: &str) -> Result<Made> {
    let Some((prepared, notes, warnings)) = read_all(source, signal, &mut sink)? else { return Ok(Made::Unwritable) };
    print.check_unchanged(source)?;
    let Prepared { records, samples, left_out, .. } = prepared;
    let mut dataset = Dataset {
        source: String::new(),
        data_set: String::new(),
        fingerprint: print.fingerprint.clone(),
        records,
        leads: signal.leads.len(),
        length: signal.length(),
        signals: Signals::Memory(Vec::new()),
        // Where nobody is padded it need not be kept.
        samples: if samples.iter().all(|&samples| samples as usize == signal.length()) { Vec::new() } else { samples },
        notes,
        warnings,
        left_out,
        told: Vec::new(),
    };
    let Some(signals) = sink.finish(key, &dataset) else { return Ok(Made::Unwritable) };
    dataset.signals = signals;
    Ok(Made::Done(Box::new(dataset)))
}

/// What the prepared records of a source are kept under.
fn key_of(source: &dyn Source, fingerprint: &str, signal: &Signal) -> Result<String> {
    let unreadable = source.reading().map(|reading| Reading { unreadable: reading.unreadable, ..Reading::default() });
    key(fingerprint, &(signal.as_prepared(), unreadable), PREPROCESSING_VERSION)
}

/// Where the prepared records of a source are kept.
pub(super) fn cached(source: &dyn Source, fingerprint: &str, signal: &Signal, cache: &Path) -> Result<PathBuf> {
    Ok(cache.join(format!("{}.bin", key_of(source, fingerprint, signal)?)))
}

/// The fingerprint of the source whose prepared records a file of the cache has; `None` where it has none that this version
/// reads.
pub fn fingerprint_of_cached(path: &Path) -> Option<String> {
    cache::fingerprint_of(path)
}

/// The file of a cache that the prepared records of a source are kept in, whether it is there or not.
pub fn prepared_file(source: &dyn Source, fingerprint: &str, signal: &Signal, cache: &Path) -> Option<PathBuf> {
    cached(source, fingerprint, signal, cache).ok()
}

/// A dataset from the cache, unless more of its records are left out than the source now allows.
fn allowed(dataset: Dataset, source: &dyn Source) -> Result<Dataset> {
    let faulty: Vec<_> = dataset
        .left_out
        .iter()
        .filter(|record| !record.shorter)
        .map(|LeftOut { id, reason, .. }| (id.clone(), Error::user(reason.clone()).at(format_args!("record {id}"))))
        .collect();
    left_out::judge(&faulty, dataset.left_out.len() + dataset.records.len(), source.reading())?;
    Ok(dataset)
}

/// What is asked of the records of a source with this `reading` by `signal`, and which `others` of their leads.
pub(super) fn request<'a>(signal: &'a Signal, others: OtherLeads, reading: &'a Reading) -> Request<'a> {
    Request { leads: Some(&signal.leads), seconds: Some(signal.duration), others, reading }
}

/// The records that could be prepared and the others, what should be known of them, and what may be wrong with them.
type ReadAll = (Prepared, Vec<String>, Vec<String>);

/// Reads and prepares the records of a source; `None` where `sink` takes no more.
fn read_all(source: &dyn Source, signal: &Signal, sink: &mut Sink) -> Result<Option<ReadAll>> {
    let mut listing = list(source, signal.sampling_rate)?;
    let (notes, mut warnings) = (std::mem::take(&mut listing.notes), std::mem::take(&mut listing.warnings));
    let count = listing.records.len();
    let usual = Reading::default();
    let reading = source.reading().unwrap_or(&usual);
    let prepared = prepare_all(count, signal, (source.reading(), sink), |index| {
        let others = if is_looked_at(index, count) { OtherLeads::Limb } else { OtherLeads::None };
        let found = source.read(&listing, index, &request(signal, others, reading));
        let recording = found.as_ref().ok().and_then(|found| identity(found, signal));
        (Record { recording, ..listing.records[index].clone() }, found)
    })?;
    let Some(prepared) = prepared else { return Ok(None) };
    warnings.extend(tell(&prepared.looks, signal, reading));
    Ok(Some((prepared, notes, warnings)))
}

/// Records that could be prepared, whose signals are in the sink, and the others.
#[derive(Default)]
struct Prepared {
    records: Vec<Record>,
    /// Of each record, before it was padded.
    samples: Vec<u32>,
    left_out: Vec<LeftOut>,
    looks: Vec<Look>,
    /// Why records are left out.
    faulty: Vec<(String, Error)>,
}

/// One record, and what it was prepared to.
type One = (Record, std::result::Result<(Checked, Option<Look>), Why>);

/// Why a record has no signal.
enum Why {
    Unreadable(Error),
    /// It is shorter than asked for, and may be.
    Shorter(Error),
}

/// Prepares records 0 to `count` in order, some hundreds at a time; those that `reading` allows to be left out are.
/// `None` where the sink takes no more.
fn prepare_all(
    count: usize,
    signal: &Signal,
    (reading, sink): (Option<&Reading>, &mut Sink),
    read: impl Fn(usize) -> (Record, Result<Found>) + Sync,
) -> Result<Option<Prepared>> {
    let size = signal.leads.len() * signal.length();
    if size == 0 {
        return Err(Error::user("signal: there are no leads, or sampling_rate and duration give no samples"));
    }
    let one = |index: usize| -> One {
        // Once asked to stop, nothing more is read.
        let (record, found) = match stop::check() {
            Ok(()) => read(index),
            Err(asked) => (Record::default(), Err(asked)),
        };
        let prepared = found.map_err(Why::Unreadable).and_then(|found| {
            let samples = samples_of(&found.raw, signal);
            let is_shorter = samples.is_some_and(|samples| samples < signal.length());
            let why = |error| match signal.shorter == Shorter::LeaveOut && is_shorter {
                true => Why::Shorter(error),
                false => Why::Unreadable(error),
            };
            let values = prepared(&found.raw, signal, size).map_err(why)?;
            let look = if is_looked_at(index, count) && !found.made { look(&found) } else { None };
            Ok((Checked::new(values, samples.unwrap_or(signal.length()), signal), look))
        });
        (record, prepared)
    };
    let chunk = (CHUNK / (NUMBER * size)).clamp(CHUNK_RECORDS.0, CHUNK_RECORDS.1);
    let mut all = Prepared::default();
    let mut before: Vec<One> = Vec::new();
    for first in (0..count).step_by(chunk) {
        // What was prepared is written while the next records are.
        let next = || (first..count.min(first + chunk)).into_par_iter().map(one).collect();
        let (taken, next) = rayon::join(|| sift(std::mem::take(&mut before), sink, &mut all), next);
        if !taken? {
            return Ok(None);
        }
        before = next;
    }
    if !sift(before, sink, &mut all)? {
        return Ok(None);
    }
    left_out::judge(&all.faulty, count, reading)?;
    Ok(Some(all))
}

/// Prepares one record: `size` values.
fn prepared(raw: &RawRecord, signal: &Signal, size: usize) -> Result<Vec<f32>> {
    let duration = raw.signals.first().map_or(0, Vec::len) as f64 / raw.sampling_rate;
    if duration > DURATION.high {
        let (name, range) = (DURATION.name, DURATION.range());
        return Err(Error::user(format!("{name} is {duration} s, which is not {range}: look at its sampling rate")));
    }
    let mut prepared = prepare(raw, signal).map_err(Error::user)?;
    if prepared.len() != size {
        return Err(Error::internal(format!("prepared to {} values, not {size}", prepared.len())));
    }
    cache::round(&mut prepared, signal.storage);
    if let Some(place) = prepared.iter().position(|value| value.is_infinite()) {
        let lead = signal.leads[place / signal.length()].name();
        return Err(Error::user(format!(
            "lead {lead} has values beyond {}, the largest of half precision: look at its gain and unit, or use signal.storage = \"f32\"",
            LARGEST_HALF
        )));
    }
    Ok(prepared)
}

/// Puts the signals of prepared records to `sink`, and what is known of all to `all`; whether the sink took them.
fn sift(results: Vec<One>, sink: &mut Sink, all: &mut Prepared) -> Result<bool> {
    for (record, result) in results {
        match result {
            Ok((checked, look)) => {
                if !sink.append(&checked) {
                    return Ok(false);
                }
                all.looks.extend(look);
                all.samples.push(checked.samples as u32);
                all.records.push(record);
            }
            // A record is none the worse for it.
            Err(Why::Unreadable(error)) if error.blame == Blame::Interrupted => return Err(error),
            Err(Why::Shorter(error)) => {
                all.left_out.push(LeftOut { id: record.id, reason: error.message, shorter: true });
            }
            Err(Why::Unreadable(error)) => {
                all.left_out.push(LeftOut { id: record.id.clone(), reason: error.message.clone(), shorter: false });
                all.faulty.push((record.id.clone(), error.at(format_args!("record {}", record.id))));
            }
        }
    }
    Ok(true)
}

/// Where prepared signals go: to a file, to memory where they are few or there is no file, or to both.
struct Sink {
    file: Option<Writer>,
    memory: Option<Vec<f32>>,
    /// Values beyond which there is no memory for them beside a file.
    most: usize,
}

impl Sink {
    /// For records that are kept at `path`.
    fn new(signal: &Signal, path: Option<&Path>) -> Self {
        Self {
            file: path.and_then(|path| Writer::new(path, signal).ok()),
            memory: Some(Vec::new()),
            most: cache::most_in_memory(),
        }
    }

    /// Takes the next record; whether there is anywhere to put it.
    fn append(&mut self, record: &Checked) -> bool {
        // Without a file the next start takes longer, no more.
        if self.file.as_mut().is_some_and(|file| file.append(record).is_err()) {
            self.file = None;
        }
        let are_few = |memory: &Vec<f32>| self.file.is_none() || memory.len() + record.values.len() <= self.most;
        self.memory = self.memory.take().filter(are_few);
        if let Some(memory) = &mut self.memory {
            memory.extend_from_slice(&record.values);
        }
        self.file.is_some() || self.memory.is_some()
    }

    /// The signals of all that it took, kept under `key` with what `dataset` knows of them.
    fn finish(self, key: &str, dataset: &Dataset) -> Option<Signals> {
        let kept = self.file.and_then(|file| file.finish(key, dataset).ok());
        self.memory.map(Signals::Memory).or(kept)
    }
}
