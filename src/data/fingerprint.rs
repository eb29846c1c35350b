//! What a source is, by content.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::seed::{hex, sha256_hex};
use crate::source::files::{File, unreadable};
use crate::source::{Reading, Source, decisive, look_at_named};
use crate::{Error, Result, durable, stop};

/// Where fingerprints are kept, in the cache folder.
const KEPT: &str = "fingerprints.json";

/// Whether a file of a cache tells of sources without their being read: their fingerprints, or who is in one.
pub fn is_known(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == KEPT) || path.extension().is_some_and(|ending| ending == PEOPLE)
}

/// How files end that say who is in a source.
pub(super) const PEOPLE: &str = "people";

/// Bytes read at a time.
const BUFFER: usize = 1 << 18;

/// A file changed this lately could change again without its time telling.
const UNSETTLED: Duration = Duration::from_secs(2);

/// The fingerprint of the files at one place, and how they looked then.
#[derive(Clone, Serialize, Deserialize)]
struct Known {
    listing: String,
    fingerprint: String,
    /// Files that tables and headers name and no ending tells.
    others: Vec<PathBuf>,
}

/// What is kept, with its own hash: a file that was changed by hand is none.
#[derive(Serialize, Deserialize)]
struct KeptFile {
    sha256: String,
    known: BTreeMap<String, Known>,
}

/// A source as it was found: what it is by content, and how its files looked.
#[derive(Debug)]
pub struct Print {
    /// See [`fingerprint`].
    pub fingerprint: String,
    /// What is to be said: fingerprints that were kept and did not fit.
    pub told: Option<String>,
    files: Vec<File>,
    others: Vec<PathBuf>,
    /// Whether a further change of any file would be seen by its time.
    settled: bool,
}

impl Print {
    /// Refuses data that are not those of the fingerprint `planned`.
    pub(super) fn check_planned(&self, planned: &str) -> Result<()> {
        if self.fingerprint == planned {
            return Ok(());
        }
        let latest = self.files.iter().max_by_key(|file| file.changed);
        let which = latest.map_or(String::new(), |file| format!(": {} was changed last", file.path.display()));
        Err(Error::user(format!("the data changed since planning{which}; run again")))
    }

    /// Refuses data that changed since this was taken: what was read meanwhile may be of either state.
    pub(super) fn check_unchanged(&self, source: &dyn Source) -> Result<()> {
        let mut files = files_of(source)?;
        files.extend(look_at_named(source, &self.others)?);
        let same = |(a, b): &(&File, &File)| a.name == b.name && a.size == b.size && a.changed == b.changed;
        let changed = match self.files.iter().zip(&files).find(|pair| !same(pair)) {
            Some((_, file)) => Some(file),
            None if self.files.len() != files.len() => self.files.iter().chain(&files).last(),
            None => None,
        };
        if let Some(file) = changed {
            let path = file.path.display();
            return Err(Error::user(format!("the data changed while they were read: {path}; run again")));
        }
        // A change within one tick of the clock has left no trace but the content.
        if self.settled {
            Ok(())
        } else {
            self.check_planned(&of_content(source, &files)?).map_err(|_| changed_within())
        }
    }
}

fn changed_within() -> Error {
    Error::user("the data changed while they were read; run again")
}

/// The content hash of a source: changes when any record, table or setting of it changes. Where the source
/// lies does not enter.
/// Kept in `cache` by path, size and modification time, so that a second look is quick.
///
/// # Errors
/// A user error where a file cannot be read or an environment variable is not set.
pub fn fingerprint(source: &dyn Source, cache: &Path) -> Result<String> {
    Ok(print(source, cache)?.fingerprint)
}

/// As [`fingerprint`], with what tells later whether the source has changed since.
///
/// # Errors
/// As [`fingerprint`].
pub fn print(source: &dyn Source, cache: &Path) -> Result<Print> {
    let start = SystemTime::now();
    if let Some(made_from) = source.made_from() {
        let fingerprint = joined([source.kind().name(), &made_from]);
        return Ok(Print { fingerprint, told: None, files: Vec::new(), others: Vec::new(), settled: true });
    }
    let mut files = files_of(source)?;
    let place = place(source)?;
    let (mut known, told) = read_known(cache);
    if let Some(Known { listing, fingerprint, others }) = known.get(&place)
        && let Ok(looks) = look_at_named(source, others)
    {
        let all = [files.as_slice(), &looks].concat();
        if self::listing(&all) == *listing {
            let (fingerprint, others) = (fingerprint.clone(), others.clone());
            return Ok(Print { fingerprint, told, files: all, others, settled: true });
        }
    }
    let others = source.named_files(&files)?;
    files.extend(look_at_named(source, &others)?);
    let fingerprint = of_content(source, &files)?;
    let settled = settled(&files, start);
    if settled {
        known.insert(
            place,
            Known { listing: listing(&files), fingerprint: fingerprint.clone(), others: others.clone() },
        );
        keep(cache, known);
    }
    Ok(Print { fingerprint, told, files, others, settled })
}

/// The hash of how files look.
fn listing(files: &[File]) -> String {
    joined(files.iter().map(|file| format!("{}\0{} {:?}", file.name, file.size, file.changed)))
}

/// The hash of the names and contents of `files`.
fn of_content(source: &dyn Source, files: &[File]) -> Result<String> {
    let hashes: Vec<Result<String>> = files
        .par_iter()
        .map_init(|| vec![0; BUFFER], |buffer, file| Ok(format!("{}\0{}", file.name, content(&file.path, buffer)?)))
        .collect();
    let hashes = hashes.into_iter().collect::<Result<Vec<_>>>()?;
    let kind = kind(source)?;
    Ok(joined(std::iter::once(kind.as_str()).chain(hashes.iter().map(String::as_str))))
}

/// The files that a source is read from, and the list of records that are left out.
fn files_of(source: &dyn Source) -> Result<Vec<File>> {
    let mut files = source.files()?;
    if let Some(list) = source.reading().and_then(|reading| reading.exclude.as_ref()) {
        files.push(File::look("exclude", list.resolved()?)?);
    }
    Ok(files)
}

/// The kind of a source, what it says of how its files are read where that changes their values, and what else of its
/// settings decides what its records are.
fn kind(source: &dyn Source) -> Result<String> {
    let mut kind = source.kind().name().to_owned();
    let fault = |error: serde_json::Error| Error::internal(error.to_string());
    if let Some(values) = source.reading().map(Reading::of_values).filter(|values| *values != Reading::default()) {
        kind = format!("{kind} {}", serde_json::to_string(&values).map_err(fault)?);
    }
    let settings = decisive(source)?;
    if !settings.is_empty() {
        kind = format!("{kind} {}", serde_json::to_string(&settings).map_err(fault)?);
    }
    Ok(kind)
}

/// The SHA-256 of a file.
fn content(path: &Path, buffer: &mut [u8]) -> Result<String> {
    let mut file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut hash = Sha256::new();
    loop {
        stop::check()?;
        match file.read(buffer) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(path, &error)),
        }
    }
}

/// The SHA-256 of texts one after another; each ends with its length, so that they cannot run into one another.
fn joined<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.as_ref());
        hash.update((text.as_ref().len() as u64).to_le_bytes());
    }
    hex(&hash.finalize())
}

/// A name for where `source` lies on this machine.
fn place(source: &dyn Source) -> Result<String> {
    let mut parts = vec![kind(source)?];
    for path in source.all_paths() {
        let path = path.resolved()?;
        let whole = path.canonicalize().map_err(|error| unreadable(path, &error))?;
        parts.push(whole.to_string_lossy().into_owned());
    }
    Ok(joined(parts))
}

/// What is kept, and what is to be said of it: a file that is not as it was written is as good as deleted.
fn read_known(cache: &Path) -> (BTreeMap<String, Known>, Option<String>) {
    let path = cache.join(KEPT);
    let Ok(text) = fs::read(&path) else { return Default::default() };
    let kept = serde_json::from_slice::<KeptFile>(&text).ok();
    match kept.filter(|kept| checksum(&kept.known).is_some_and(|sha256| sha256 == kept.sha256)) {
        Some(kept) => (kept.known, None),
        None => {
            let _ = fs::remove_file(&path);
            let told = format!("{} is not as ecgraft wrote it; fingerprints are made again", path.display());
            (BTreeMap::new(), Some(told))
        }
    }
}

/// Keeps fingerprints. Without them the next look takes longer, no more.
fn keep(cache: &Path, known: BTreeMap<String, Known>) {
    let Some(sha256) = checksum(&known) else { return };
    if let Ok(text) = serde_json::to_vec_pretty(&KeptFile { sha256, known }) {
        let _ = durable::write(&cache.join(KEPT), &text);
    }
}

fn checksum(known: &BTreeMap<String, Known>) -> Option<String> {
    serde_json::to_vec(known).ok().map(|text| sha256_hex(&text))
}

/// Whether a further change of any of `files` would be seen by its time.
fn settled(files: &[File], start: SystemTime) -> bool {
    let now = SystemTime::now();
    let since_1970 = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as i128);
    let doubtful = since_1970(start - UNSETTLED)..=since_1970(now + UNSETTLED);
    files.iter().all(|file| file.changed.iter().all(|time| !doubtful.contains(time)))
}

/// The hash under which the records of a source are kept when prepared in one way.
pub(super) fn key(fingerprint: &str, settings: &impl Serialize, version: u32) -> Result<String> {
    let settings = serde_json::to_string(settings).map_err(|error| Error::internal(error.to_string()))?;
    Ok(joined([fingerprint, &settings, &version.to_string()]))
}
