//! What lies at the paths that a user names.

use std::path::{Path, PathBuf};

use crate::Result;
use crate::error::Error;
use crate::results::ResultsFolder;
use crate::store::{Offered, Other};

/// A store or a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub path: PathBuf,
    /// The results folder that it is of: its weights are below it.
    pub home: PathBuf,
    pub is_store: bool,
    /// The stages that are looked at; all where there are none.
    pub only: Vec<String>,
}

impl File {
    /// The same, of which only these stages are looked at.
    pub fn only(&self, stages: Vec<String>) -> Self {
        Self { only: stages, ..self.clone() }
    }

    /// What it offers of what is looked at.
    pub fn offers(&self, other: &Other) -> Result<Vec<Offered>> {
        let mut offers = other.offers()?;
        offers.retain(|offered| self.only.is_empty() || self.only.contains(&offered.id));
        Ok(offers)
    }
}

/// The shards and stores at `paths`, each once, in the order of their names; not the store of `results` itself.
///
/// # Errors
/// A user error where a path is not there, or has neither store nor shard.
pub(super) fn at(paths: &[PathBuf], results: &ResultsFolder) -> Result<Vec<File>> {
    let mut files: Vec<File> = Vec::new();
    let own = results.store().canonicalize().ok();
    for path in paths {
        let mut found = one(path)?;
        found.sort_by(|a, b| (!a.is_store, &a.path).cmp(&(!b.is_store, &b.path)));
        let is_new = |file: &File| {
            let place = file.path.canonicalize().ok();
            !(file.is_store && place.is_some() && place == own)
        };
        files.extend(found.into_iter().filter(is_new));
    }
    let mut known = std::collections::HashSet::new();
    files.retain(|file| known.insert(file.path.clone()));
    Ok(files)
}

fn one(path: &Path) -> Result<Vec<File>> {
    let metadata = path.metadata().map_err(|error| Error::user(format!("{}: {error}", path.display())))?;
    if !metadata.is_dir() {
        let is_store = path.file_name().is_some_and(|name| name == ResultsFolder::STORE);
        return Ok(vec![if is_store { store(parent(path)) } else { shard(path) }]);
    }
    let results = ResultsFolder::new(path);
    let mut found = shards(path)?;
    found.extend(shards(&results.shards())?);
    if results.store().is_file() {
        found.push(store(path));
    }
    if found.is_empty() {
        return Err(Error::user(format!(
            "{}: there is neither a store ({}) nor a shard (*.sqlite, or in a folder `shards`) here",
            path.display(),
            ResultsFolder::STORE
        )));
    }
    Ok(found)
}

/// The shards in a folder; none where it is not there.
fn shards(folder: &Path) -> Result<Vec<File>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::user(format!("{}: cannot be read: {error}", folder.display()))),
    };
    let paths = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    // Files that begin with a dot are not yet in their place.
    let is_shard = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.ends_with(".sqlite") && !name.starts_with('.') && name != ResultsFolder::STORE && path.is_file()
    };
    Ok(paths.filter(is_shard).map(|path| shard(&path)).collect())
}

fn shard(path: &Path) -> File {
    let folder = parent(path);
    let is_among_results = folder.file_name().is_some_and(|name| name == "shards");
    let home = if is_among_results { parent(folder) } else { folder };
    File { path: path.to_owned(), home: home.to_owned(), is_store: false, only: Vec::new() }
}

fn store(results: &Path) -> File {
    File { path: ResultsFolder::new(results).store(), home: results.to_owned(), is_store: true, only: Vec::new() }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
