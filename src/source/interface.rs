//! What a source is.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::files::{File, look_at_all};
use super::{DataPath, Found, Listing, Reading, Request};
use crate::declare::Kind;
use crate::ecg::{LabelName, Measurement, Vocabulary};
use crate::{Error, Result};

/// What a kind of source is: what manifests say of it, and what it can know of its records.
#[derive(Clone, Copy, Debug)]
pub struct SourceKind {
    /// Its name, in one line what it is, and its keys in a manifest beside `kind`.
    pub(crate) declaration: Kind,
    /// What sources of the kind can know of their records.
    pub(crate) knows: Knowledge,
    /// Makes a source from its settings: [`from_json`] of its type.
    pub(crate) from_json: fn(Value) -> serde_json::Result<Box<dyn Source>>,
}

impl SourceKind {
    /// The word of `kind` in manifests: `ptb-xl`.
    pub fn name(&self) -> &'static str {
        self.declaration.name
    }

    /// What it is, in one line.
    pub fn doc(&self) -> &'static str {
        self.declaration.doc
    }

    /// What sources of the kind can know of their records.
    pub fn knows(&self) -> Knowledge {
        self.knows
    }
}

/// The source of type `S` with these settings.
pub(crate) fn from_json<S: Source + DeserializeOwned + 'static>(
    settings: Value,
) -> serde_json::Result<Box<dyn Source>> {
    Ok(Box::new(serde_json::from_value::<S>(settings)?))
}

/// What is known of records beside their signals; of single ones it may still be missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Knowledge {
    /// Whether records have folds, 1 to 10, that a manifest may ask for.
    pub folds: bool,
    /// Whether it is known whose records are, where a patient may have several; else each has a patient of its own.
    pub patients: bool,
    /// Whether the age at recording is known.
    pub age: bool,
    /// Whether the sex is known.
    pub sex: bool,
    /// The vocabularies of the records' labels, as far as they are known before records are read.
    pub labels: &'static [&'static Vocabulary],
    /// Whether records may have other labels too: which, is known when they are read.
    pub open_labels: bool,
    /// What is measured in the records.
    pub measurements: &'static [Measurement],
}

impl Knowledge {
    /// Whether records can have labels, of which manifests make classes.
    pub fn classes(&self) -> bool {
        self.open_labels || !self.labels.is_empty()
    }

    /// Whether the transfer stage can be of such records: they have labels, and folds to split them by.
    pub fn classifies(&self) -> bool {
        self.classes() && self.folds
    }

    /// Whether the number that a condition calls `name` is known: a measurement, `fold` or `age`.
    pub fn has_number(&self, name: &str) -> bool {
        match name {
            "fold" => self.folds,
            "age" => self.age,
            name => self.measurements.iter().any(|own| own.name() == name),
        }
    }

    /// Whether records may have a label that is called `name`.
    pub fn has_label(&self, name: LabelName) -> bool {
        let known = |vocabulary: &&Vocabulary| name.is_in(vocabulary) && vocabulary.names().contains(&name.name());
        self.open_labels || self.labels.iter().any(known)
    }

    /// Whether what a condition calls `name` is known: a measurement, `fold`, `age`, `sex`, or a label.
    pub fn has(&self, name: &str) -> bool {
        if name == "sex" { self.sex } else { self.has_number(name) || self.has_label(LabelName::parse(name)) }
    }

    /// All names for which [`Knowledge::has`] holds: measurements, then `fold`, `age`, `sex`, then labels, each once.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<&'static str> = self.measurements.iter().map(|own| own.name()).collect();
        let numbers = ["fold", "age"].into_iter().filter(|name| self.has_number(name));
        names.extend(numbers.chain(self.sex.then_some("sex")));
        names.extend(self.labels.iter().flat_map(|vocabulary| LabelName::all_of(vocabulary)));
        let mut seen = HashSet::new();
        names.retain(|name| seen.insert(*name));
        names
    }
}

/// What every type has that can be cloned and written as JSON; a source needs it of its settings.
pub trait Settings {
    /// The settings as JSON: the manifest's keys but `kind`.
    ///
    /// # Errors
    /// Where a setting has no form in JSON.
    fn settings(&self) -> serde_json::Result<Value>;

    /// The same source once more.
    fn boxed(&self) -> Box<dyn Source>;
}

impl<S: Source + Clone + Serialize + 'static> Settings for S {
    fn settings(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self)
    }

    fn boxed(&self) -> Box<dyn Source> {
        Box::new(self.clone())
    }
}

/// Where records come from: one `[sources.NAME]` of a manifest.
///
/// Its type has the manifest's keys for fields, and its kind is in the list of [`super::kinds`].
pub trait Source: Settings + fmt::Debug + Send + Sync {
    /// What kind it is of.
    fn kind(&self) -> &'static SourceKind;

    /// What it knows of its records: what its kind does, unless its settings say otherwise.
    fn knows(&self) -> Knowledge {
        self.kind().knows
    }

    /// What is wrong with its settings beyond what each key tells: the key, and items of it, and what is wrong there.
    fn faults(&self) -> Vec<(Vec<String>, String)> {
        Vec::new()
    }

    /// Where its kind can measure and it does not: the key of the manifest that is not set, and what belongs there.
    fn lacks_measurements(&self) -> Option<[&'static str; 2]> {
        None
    }

    /// Where records of its kind can have labels and its own have none: the key of the manifest that is not set.
    fn lacks_labels(&self) -> Option<&'static str> {
        None
    }

    /// The data set that the manifest names for it, if it does.
    fn named_data_set(&self) -> Option<&str> {
        None
    }

    /// The data set where the manifest names none.
    fn usual_data_set(&self) -> String {
        self.kind().name().to_owned()
    }

    /// The collection that its records are of. Patients of one name in one data set are one person, whatever the
    /// source is called, wherever it lies, and however much of the collection it has.
    fn data_set(&self) -> String {
        self.named_data_set().map_or_else(|| self.usual_data_set(), str::to_owned)
    }

    /// The paths of the manifest that it is read from.
    fn paths(&self) -> Vec<&DataPath> {
        Vec::new()
    }

    /// The paths of the manifest that it depends on: those that it is read from, and the list of records that are left out.
    fn all_paths(&self) -> Vec<&DataPath> {
        let exclude = self.reading().and_then(|reading| reading.exclude.as_ref());
        self.paths().into_iter().chain(exclude).collect()
    }

    /// How its files are read; `None` where it has none.
    fn reading(&self) -> Option<&Reading> {
        None
    }

    /// What decides the records of a source without files; it is hashed as they would be. `None` where there are files.
    fn made_from(&self) -> Option<String> {
        None
    }

    /// The files that it is read from, but for those that only its tables and headers name.
    ///
    /// # Errors
    /// A user error where one cannot be looked at.
    fn files(&self) -> Result<Vec<File>> {
        Ok(Vec::new())
    }

    /// The files that only its tables and headers name, and that are not among those `found`. What cannot be read is told
    /// when records are.
    ///
    /// # Errors
    /// A user error where its folder is not as it should be.
    fn named_files(&self, _found: &[File]) -> Result<Vec<PathBuf>> {
        Ok(Vec::new())
    }

    /// The folder below which its files have their names.
    ///
    /// # Errors
    /// A user error where there is no such folder.
    fn folder(&self) -> Result<PathBuf> {
        let path = self.paths().into_iter().next();
        path.ok_or_else(|| Error::internal("a source without paths has files"))?.resolved().map(Path::to_owned)
    }

    /// At most how many records there are, from a quick look; `None` where nothing tells.
    fn at_most(&self) -> Option<usize>;

    /// Its records without their signals. Where there are signals of several rates, those are meant from which signals of
    /// `sampling_rate`, Hz, are made.
    ///
    /// # Errors
    /// A user error that names the file, and the row and column of a table, and what is wrong.
    fn list(&self, sampling_rate: f64) -> Result<Listing>;

    /// Reads the signal of record `index` of its `listing`: what is asked for, and only that is checked.
    ///
    /// # Errors
    /// A user error that names the file and what is wrong, without the record's name.
    fn read(&self, listing: &Listing, index: usize, request: &Request<'_>) -> Result<Found>;
}

/// Looks at files that [`Source::named_files`] found.
pub(crate) fn look_at_named(source: &dyn Source, named: &[PathBuf]) -> Result<Vec<File>> {
    if named.is_empty() { Ok(Vec::new()) } else { look_at_all(&source.folder()?, named.to_vec()) }
}
