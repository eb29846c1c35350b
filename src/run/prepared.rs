//! Prepared records on a node's own disk: taken from the results folder, which all nodes see, where they are there, and given
//! to it where this node was the first to prepare them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::memory::source_names;
use crate::plan::Plan;
use crate::results::ResultsFolder;
use crate::{data, durable};

/// Takes what tells of sources without reading them (fingerprints, and who is in them): small files, needed to plan.
pub fn take_known(results: &ResultsFolder) {
    let Some(shared) = shared(results) else { return };
    let Ok(entries) = std::fs::read_dir(&shared) else { return };
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        if data::is_known(&path) {
            pass(&path, &results.cache());
        }
    }
}

/// Takes the prepared records of the sources of `plan`.
pub(super) fn take(plan: &Plan, results: &ResultsFolder) {
    let Some(shared) = shared(results) else { return };
    for path in files(plan, &shared) {
        pass(&path, &results.cache());
    }
}

/// Gives what was prepared here, and what was found out of the sources.
pub(super) fn give(plan: &Plan, results: &ResultsFolder) {
    let Some(shared) = shared(results) else { return };
    let own = std::fs::read_dir(results.cache()).into_iter().flatten();
    let known = own.filter_map(|entry| entry.ok().map(|entry| entry.path())).filter(|path| data::is_known(path));
    for path in known.chain(files(plan, &results.cache())) {
        pass(&path, &shared);
    }
}

/// The cache of the results folder, where this process has another.
fn shared(results: &ResultsFolder) -> Option<PathBuf> {
    let shared = ResultsFolder::new(results.path()).cache();
    (shared != results.cache()).then_some(shared)
}

/// The files of prepared records of the sources of `plan` in a cache, whether they are there or not.
fn files(plan: &Plan, cache: &Path) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    for stage in &plan.stages {
        let manifest = &plan.experiments[stage.experiment];
        for name in source_names(plan, stage) {
            let print = plan.fingerprints.get(&(manifest.scope(), name.clone()));
            if let Some((source, print)) = manifest.source(&name).zip(print) {
                files.extend(data::prepared_file(source, print, &manifest.signal, cache));
            }
        }
    }
    files
}

/// Copies a file to a folder that lacks it. Where that fails the records are prepared there: every file of a cache proves
/// itself when it is read.
fn pass(path: &Path, folder: &Path) {
    let Some(to) = path.file_name().map(|name| folder.join(name)) else { return };
    if to.exists() || !path.exists() {
        return;
    }
    let copied = durable::write_with(&to, |file| {
        let mut from = std::fs::File::open(path)?;
        std::io::copy(&mut from, file).map(drop)
    });
    copied.unwrap_or_default();
}
