//! Files, and whether they changed.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::results::ResultsFolder;

/// What tells a file's content from another: when it was written, its length, and which file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    modified: Option<SystemTime>,
    length: u64,
    number: u64,
}

impl Mark {
    fn of(metadata: &Metadata) -> Self {
        Self { modified: metadata.modified().ok(), length: metadata.len(), number: number(metadata) }
    }

    /// How long ago it was written; `None` where that is not known.
    pub fn age(&self) -> Option<std::time::Duration> {
        self.modified?.elapsed().ok()
    }
}

#[cfg(unix)]
fn number(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn number(_: &Metadata) -> u64 {
    0
}

/// The store and its log; `None` where a file is not there.
pub(super) fn store(results: &ResultsFolder) -> [Option<Mark>; 2] {
    [results.store(), results.write_ahead_log()].map(|path| path.metadata().ok().as_ref().map(Mark::of))
}

/// The files right in `folder` with this ending; none where there is no folder.
pub(super) fn listed(folder: &Path, ending: &str) -> BTreeMap<PathBuf, Mark> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    // What is being written has a name that begins with a point.
    let is_hidden = |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let whole = entries.filter(|path| path.extension().is_some_and(|of| of == ending) && !is_hidden(path));
    whole
        .filter_map(|path| {
            let metadata = path.metadata().ok().filter(Metadata::is_file)?;
            Some((path, Mark::of(&metadata)))
        })
        .collect()
}
