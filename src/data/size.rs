//! How much memory a source will take, before it is read.

use std::fs;
use std::path::Path;

use super::load::cached;
use super::{deepfake, files, ptb_xl};
use crate::manifest::{Signal, Source};

/// About how many bytes the records of `source` take when they are prepared as `signal` says: those of the kept ones
/// in `cache`, else reckoned from the number of files or rows. `None` where nothing tells.
pub fn bytes(source: &Source, fingerprint: &str, signal: &Signal, cache: &Path) -> Option<u64> {
    if let Some(kept) = cached(source, fingerprint, signal, cache).ok().and_then(|path| path.metadata().ok()) {
        return Some(kept.len());
    }
    let records = match source {
        Source::Simulator { records, .. } => *records,
        Source::DeepfakeEcg { path, .. } => deepfake::files(files::resolved(path).ok()?).ok()?.len(),
        Source::PtbXl { path, .. } => {
            // More lines than rows, where reports have several: an upper bound.
            let table = ptb_xl::database(files::resolved(path).ok()?).ok()?;
            fs::read(table).ok()?.iter().filter(|byte| **byte == b'\n').count()
        }
    };
    Some((4 * records * signal.leads.len() * signal.length()) as u64)
}
