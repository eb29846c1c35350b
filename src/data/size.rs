//! How much memory a source will take, before it is read.

use std::path::Path;

use super::cache::{bytes_of_record, kept_records, most_in_memory};
use super::load::cached;
use crate::manifest::Signal;
use crate::source::Source;

/// What is known of a record beside its signal, in bytes, roughly.
const KNOWN: u64 = 500;

/// How large a source is when it is prepared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Size {
    /// Its records.
    pub records: u64,
    /// Bytes that they take in memory: their signals too where these are few, else they stay in their file.
    pub bytes: u64,
}

/// About how many records `source` has, and how much memory they take when they are prepared as `signal` says: by those
/// that are kept in `cache`, else reckoned from the number of files or rows. `None` where nothing tells.
pub fn size(source: &dyn Source, fingerprint: &str, signal: &Signal, cache: &Path) -> Option<Size> {
    let values = (signal.leads.len() * signal.length()) as u64;
    let on_disk = bytes_of_record((signal.leads.len(), signal.length()), signal.storage);
    let kept = cached(source, fingerprint, signal, cache).ok().and_then(|path| kept_records(&path, on_disk));
    let records = kept.or_else(|| source.at_most().map(|records| records as u64))?;
    let is_small = records.saturating_mul(values) <= most_in_memory() as u64;
    let signals = if is_small { 4 * values } else { 0 };
    Some(Size { records, bytes: records.saturating_mul(signals + KNOWN) })
}
