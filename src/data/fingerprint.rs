//! What a source is, by content.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::files::{File, resolved, unreadable};
use super::{deepfake, ptb_xl, simulator};
use crate::manifest::Source;
use crate::seed::hex;
use crate::{Error, Result, durable, stop};

/// Where fingerprints are kept, in the cache folder.
const KEPT: &str = "fingerprints.json";

/// Bytes read at a time.
const BUFFER: usize = 1 << 18;

/// A file changed this lately could change again without its time telling.
const UNSETTLED: Duration = Duration::from_secs(2);

/// The fingerprint of the files at one place, and how they looked then.
#[derive(Clone, Serialize, Deserialize)]
struct Known {
    listing: String,
    fingerprint: String,
}

/// The content hash of a source: changes when any record, table or setting of it changes. Where the source
/// lies does not enter.
/// Kept in `cache` by path, size and modification time, so that a second look is quick.
///
/// # Errors
/// A user error where a file cannot be read or an environment variable is not set.
pub fn fingerprint(source: &Source, cache: &Path) -> Result<String> {
    let start = SystemTime::now();
    let files = match source {
        Source::Simulator { records, seed } => {
            return Ok(joined([source.kind(), &format!("{records} {seed} {}", simulator::VERSION)]));
        }
        Source::DeepfakeEcg { path } => deepfake::files(resolved(path)?)?,
        Source::PtbXl { path, features } => {
            ptb_xl::files(resolved(path)?, features.as_ref().map(resolved).transpose()?)?
        }
    };
    let place = place(source)?;
    let looks = files.iter().map(|file| format!("{}\0{} {:?}", file.name, file.size, file.changed));
    let listing = joined(looks);
    let mut known = read_known(cache);
    if let Some(found) = known.get(&place).filter(|known| known.listing == listing) {
        return Ok(found.fingerprint.clone());
    }
    let fingerprint = of_content(source, &files)?;
    if settled(&files, start) {
        known.insert(place, Known { listing, fingerprint: fingerprint.clone() });
        // Without it the next look takes longer, no more.
        let _ = serde_json::to_vec_pretty(&known).map(|text| durable::write(&cache.join(KEPT), &text));
    }
    Ok(fingerprint)
}

/// The hash of the names and contents of `files`.
fn of_content(source: &Source, files: &[File]) -> Result<String> {
    let hashes: Vec<Result<String>> = files
        .par_iter()
        .map_init(|| vec![0; BUFFER], |buffer, file| Ok(format!("{}\0{}", file.name, content(&file.path, buffer)?)))
        .collect();
    let hashes = hashes.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(joined(std::iter::once(source.kind()).chain(hashes.iter().map(String::as_str))))
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
fn place(source: &Source) -> Result<String> {
    let mut parts = vec![source.kind().to_owned()];
    for path in source.paths() {
        let path = resolved(path)?;
        let whole = path.canonicalize().map_err(|error| unreadable(path, &error))?;
        parts.push(whole.to_string_lossy().into_owned());
    }
    Ok(joined(parts))
}

/// What is kept; nothing where it cannot be read.
fn read_known(cache: &Path) -> BTreeMap<String, Known> {
    fs::read(cache.join(KEPT)).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
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
