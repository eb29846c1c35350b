//! How much memory a source will take, before it is read.

use std::path::Path;

use super::load::cached;
use crate::manifest::Signal;
use crate::source::Source;

/// About how many bytes the records of `source` take when they are prepared as `signal` says: those of the kept ones
/// in `cache`, else reckoned from the number of files or rows. `None` where nothing tells.
pub fn bytes(source: &dyn Source, fingerprint: &str, signal: &Signal, cache: &Path) -> Option<u64> {
    if let Some(kept) = cached(source, fingerprint, signal, cache).ok().and_then(|path| path.metadata().ok()) {
        return Some(kept.len());
    }
    Some((4 * source.at_most()? * signal.leads.len() * signal.length()) as u64)
}
