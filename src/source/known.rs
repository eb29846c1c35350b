//! What sources of known data sets have in common: a folder in the layout in which the set is published.

use std::fmt::Debug;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::{has_extension, look_at_all, paths_below};
use super::{DataPath, File, Found, Knowledge, Listing, Reading, Record, Request, Source, SourceKind, folds, wfdb};
use crate::{Error, Result};

/// The settings of a source that is a known data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Folder {
    /// The folder.
    pub path: DataPath,
    /// Which collection it is, where it is not the kind's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_set: Option<String>,
    /// Draws the folds of records that come without.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fold_seed: u64,
    /// How its files are read.
    #[serde(flatten)]
    pub reading: Reading,
}

fn is_zero(seed: &u64) -> bool {
    *seed == 0
}

/// A known data set; what a source is beyond it is the same for all, and below.
pub trait KnownSet: Debug + Send + Sync {
    /// What kind it is of.
    fn of_kind(&self) -> &'static SourceKind;

    /// Its settings.
    fn folder(&self) -> &Folder;

    /// The files that its records are read from, below its folder `root`.
    ///
    /// # Errors
    /// A user error where the folder is not of the set's layout.
    fn files_below(&self, root: &Path) -> Result<Vec<PathBuf>>;

    /// Its records, without folds where the set has none.
    ///
    /// # Errors
    /// As [`Source::list`].
    fn records(&self, root: &Path) -> Result<Listing>;

    /// Reads the signal of record `index` of its `listing`; of WFDB unless it says otherwise.
    ///
    /// # Errors
    /// As [`Source::read`].
    fn signal(&self, listing: &Listing, index: usize, request: &Request<'_>) -> Result<Found> {
        wfdb::read_for(listing.file(index)?, request)
    }

    /// At most how many records there are, from a quick look.
    fn count(&self, root: &Path) -> Option<usize> {
        self.files_below(root).ok().map(|files| files.len())
    }

    /// The data set where the manifest names none.
    fn usual_set(&self) -> String {
        self.of_kind().name().to_owned()
    }

    /// What it knows of its records.
    fn knowledge(&self) -> Knowledge {
        self.of_kind().knows
    }
}

impl<S: KnownSet + Clone + Serialize + 'static> Source for S {
    fn kind(&self) -> &'static SourceKind {
        self.of_kind()
    }

    fn knows(&self) -> Knowledge {
        self.knowledge()
    }

    fn named_data_set(&self) -> Option<&str> {
        KnownSet::folder(self).data_set.as_deref()
    }

    fn usual_data_set(&self) -> String {
        self.usual_set()
    }

    fn paths(&self) -> Vec<&DataPath> {
        vec![&KnownSet::folder(self).path]
    }

    fn reading(&self) -> Option<&Reading> {
        Some(&KnownSet::folder(self).reading)
    }

    fn files(&self) -> Result<Vec<File>> {
        let root = KnownSet::folder(self).path.resolved()?;
        look_at_all(root, self.files_below(root)?)
    }

    fn at_most(&self) -> Option<usize> {
        self.count(KnownSet::folder(self).path.resolved().ok()?)
    }

    fn list(&self, _sampling_rate: f64) -> Result<Listing> {
        let Folder { path, fold_seed, .. } = KnownSet::folder(self);
        let root = path.resolved()?;
        let mut listing = self.records(root)?;
        if listing.records.is_empty() {
            return Err(Error::user(format!("{}: the data set has no records", root.display())));
        }
        check_unique(&listing, root)?;
        if listing.records.iter().all(|record| record.fold.is_none()) {
            folds::deal(&mut listing.records, *fold_seed);
        }
        Ok(listing)
    }

    fn read(&self, listing: &Listing, index: usize, request: &Request<'_>) -> Result<Found> {
        self.signal(listing, index, request)
    }
}

/// Headers below `root`.
///
/// # Errors
/// A user error where there are none.
pub(super) fn headers(root: &Path) -> Result<Vec<PathBuf>> {
    let headers = wfdb::headers(root)?;
    if headers.is_empty() {
        return Err(Error::user(format!(
            "{}: there are no headers (.hea) in this folder or below; name the folder that holds the records",
            root.display()
        )));
    }
    Ok(headers)
}

/// How many headers there are below `root`.
pub(super) fn count_headers(root: &Path) -> Option<usize> {
    headers(root).ok().map(|headers| headers.len())
}

/// Headers and signals below `root`.
///
/// # Errors
/// As [`paths_below`].
pub(super) fn signals_and_headers(root: &Path) -> Result<Vec<PathBuf>> {
    let is_one = |path: &Path| ["hea", "mat", "dat"].iter().any(|ending| has_extension(path, ending));
    paths_below(root, usize::MAX, |_| true, is_one)
}

/// The table called `name` in `root`.
///
/// # Errors
/// A user error where it is not there.
pub(super) fn table_in(root: &Path, name: &str) -> Result<PathBuf> {
    File::look(name, &root.join(name)).map(|file| file.path)
}

/// # Errors
/// A user error where two records have one name.
fn check_unique(listing: &Listing, root: &Path) -> Result<()> {
    let mut order: Vec<(&str, usize)> = listing
        .records
        .iter()
        .enumerate()
        .map(|(place, record): (usize, &Record)| (record.id.as_str(), place))
        .collect();
    order.sort_unstable();
    let Some(twice) = order.windows(2).find(|pair| pair[0].0 == pair[1].0) else { return Ok(()) };
    let files = twice.iter().filter_map(|(_, place)| listing.files.get(*place));
    let files: Vec<_> = files.map(|file| file.strip_prefix(root).unwrap_or(file).display().to_string()).collect();
    let place = if files.is_empty() { String::new() } else { format!(", as {}", files.join(" and ")) };
    Err(Error::user(format!("{}: record {} is there twice{place}; leave one of them out", root.display(), twice[0].0)))
}
