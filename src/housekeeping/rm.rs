//! An experiment that is to go.

use std::path::PathBuf;

use super::{bytes, counted, size};
use crate::results::ResultsFolder;
use crate::store::{Removal, Store};
use crate::{Error, Result, compare, process};

/// What an experiment takes with it, or took.
#[derive(Clone, Debug, Default)]
pub struct Removed {
    name: String,
    removal: Removal,
    /// Its checkpoints and progress.
    files: Vec<(PathBuf, u64)>,
    /// Bytes by which the store became smaller; `None` where nothing was removed.
    store: Option<u64>,
    /// What could not be removed.
    failed: Vec<String>,
}

/// Says what the removal of the experiment called `name` takes from `results`, and with `remove` removes it.
///
/// # Errors
/// A user error where there is no store or no such experiment, or one of its stages is in work.
pub fn rm(results: &ResultsFolder, name: &str, remove: bool) -> Result<Removed> {
    let store = Store::open_read_only(results.path())?;
    // Also one of which no run is current.
    let found = match store.removal(name, process::is_gone)? {
        Some(found) => found,
        None => return Err(compare::experiments(&store, &[name.to_owned()]).err().unwrap_or_else(|| several(name))),
    };
    drop(store);
    refuse(name, &found)?;
    let mut removed =
        Removed { name: name.to_owned(), files: files(results, &found), removal: found, ..Removed::default() };
    if !remove {
        return Ok(removed);
    }
    let mut store = Store::open(results.path())?;
    let before = bytes(&results.store()) + bytes(&results.write_ahead_log());
    let now = store.remove(name, process::is_gone)?.unwrap_or_default();
    refuse(name, &now)?;
    removed.files = files(results, &now);
    removed.removal = now;
    for (path, _) in &removed.files {
        if let Err(error) = std::fs::remove_file(path) {
            removed.failed.push(format!("{} cannot be removed: {error}; `ecgraft gc` tries it again", path.display()));
        }
    }
    if let Err(error) = store.compact() {
        removed.failed.push(format!("the store is not made smaller: {}; `ecgraft gc` tries it again", error.message));
    }
    drop(store);
    removed.store = Some(before.saturating_sub(bytes(&results.store()) + bytes(&results.write_ahead_log())));
    Ok(removed)
}

/// A name is no glob here.
fn several(name: &str) -> Error {
    Error::user(format!("no experiment is called `{name}`; experiments are removed one by one, by their whole names"))
}

fn refuse(name: &str, found: &Removal) -> Result<()> {
    match found.in_work.first() {
        None => Ok(()),
        Some((stage, worker)) => Err(Error::user(format!(
            "{name}: stage {stage} is in work, by {worker}; stop that run first, nothing was removed"
        ))),
    }
}

/// The files of the stages that go.
fn files(results: &ResultsFolder, found: &Removal) -> Vec<(PathBuf, u64)> {
    let of = |id: &String| [results.checkpoint(id), results.progress(id), results.epochs_of(id), results.shard(id)];
    let all = found.stages.iter().flat_map(of).filter(|path| path.is_file());
    all.map(|path| (path.clone(), bytes(&path))).collect()
}

impl Removed {
    /// What goes, or went, in lines.
    pub fn summary(&self) -> String {
        let Removal { runs, stages, shared, .. } = &self.removal;
        let of_files: u64 = self.files.iter().map(|(_, bytes)| bytes).sum();
        let mut text = format!(
            "{}: {}, {} with {} of weights and progress ({})\n",
            self.name,
            counted(*runs, "run"),
            counted(stages.len(), "stage"),
            counted(self.files.len(), "file"),
            size(of_files)
        );
        if *shared > 0 {
            text.push_str(&format!("{} that other experiments use too: kept\n", counted(*shared, "stage")));
        }
        self.failed.iter().for_each(|line| text.push_str(&format!("{line}\n")));
        text.push_str(&match self.store {
            Some(of_store) => format!("removed: {} freed\n", size(of_files + of_store)),
            None => "nothing was removed: --yes does it\n".to_owned(),
        });
        text
    }
}
