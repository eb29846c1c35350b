//! The source.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::expression::Expression;
use super::frame::Frame;
use super::keys::{Join, KEYS, Labels, MeasurementKeys, SexValues};
use super::pattern::Pattern;
use super::{list, measures};
use crate::Result;
use crate::declare::Kind;
use crate::ecg::{Lead, Measurement, Vocabulary, intern_all};
use crate::source::interface::from_json;
use crate::source::maps::Codes;
use crate::source::signals::{self, Axis, Layout, Place};
use crate::source::table::Table;
use crate::source::{DataPath, File, Found, Knowledge, Listing, Reading, Request, Source, SourceKind};

/// A table with a row for each record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs)] // Each field is the key of the same name, and KEYS says what it means.
pub struct TableSource {
    pub path: DataPath,
    pub signals: String,
    pub entry: Option<String>,
    pub id: Option<String>,
    pub patient: Option<String>,
    pub fold: Option<String>,
    pub fold_seed: u64,
    pub age: Option<String>,
    pub sex: Option<String>,
    pub sex_values: Option<SexValues>,
    pub site: Option<String>,
    pub measurements: BTreeMap<String, MeasurementKeys>,
    pub labels: Option<Labels>,
    pub missing: Vec<f64>,
    pub join: Option<Join>,
    pub sampling_rate: Option<f64>,
    pub lead_order: Option<Vec<Lead>>,
    pub array: Option<String>,
    pub leads_are: Option<Axis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_set: Option<String>,
    #[serde(flatten)]
    pub reading: Reading,
}

impl TableSource {
    pub(crate) const KIND: SourceKind = SourceKind {
        declaration: Kind {
            name: "table",
            doc: "Any collection with a table: a row for each record, and signals in files that the table names. `ecgraft inspect PATH` proposes it.",
            keys: KEYS,
        },
        knows: Knowledge {
            folds: true,
            patients: true,
            age: true,
            sex: true,
            labels: &[],
            open_labels: true,
            measurements: &Measurement::BUILT_IN,
        },
        from_json: from_json::<Self>,
    };

    /// The table, opened.
    pub(super) fn frame(&self) -> Result<Frame<'_>> {
        Frame::open(self.path.resolved()?, self.join.as_ref(), &self.missing)
    }

    fn layout(&self) -> Layout {
        Layout {
            sampling_rate: self.sampling_rate,
            order: self.lead_order.clone(),
            array: self.array.clone(),
            leads_are: self.leads_are,
        }
    }
}

impl Source for TableSource {
    fn kind(&self) -> &'static SourceKind {
        &Self::KIND
    }

    fn knows(&self) -> Knowledge {
        static LISTS: Mutex<Vec<&'static [Measurement]>> = Mutex::new(Vec::new());
        static VOCABULARIES: Mutex<Vec<&'static [&'static Vocabulary]>> = Mutex::new(Vec::new());
        let mut known: Vec<_> =
            self.measurements.iter().map(|(name, keys)| measures::measurement(name, keys)).collect();
        known.sort();
        let flags = self.labels.as_ref().filter(|labels| labels.column.is_none());
        let flags = flags.map(|labels| Vocabulary::interned(&labels.vocabulary, &labels.flags));
        let codes = self.labels.as_ref().and_then(|labels| Codes::called(&labels.vocabulary));
        let said = codes.map(Codes::vocabularies).unwrap_or_default();
        let has_map = |labels: &Labels| labels.column.is_some() || labels.map.is_some();
        Knowledge {
            folds: true,
            patients: self.patient.is_some(),
            age: self.age.is_some(),
            sex: self.sex.is_some(),
            labels: intern_all(&VOCABULARIES, said.iter().copied().chain(flags).collect()),
            open_labels: self.site.is_some() || self.labels.as_ref().is_some_and(has_map),
            measurements: intern_all(&LISTS, known),
        }
    }

    fn faults(&self) -> Vec<(Vec<String>, String)> {
        let mut faults = Vec::new();
        let mut tell =
            |key: &[&str], why: String| faults.push((key.iter().map(|step| (*step).to_owned()).collect(), why));
        if let Err(why) = Pattern::parse(&self.signals) {
            tell(&["signals"], format!("`{}`: {why}", self.signals));
        }
        for (name, keys) in &self.measurements {
            for (key, why) in measures::faults(name, keys) {
                tell(&["measurements", name, key], why);
            }
        }
        if let Some(age) = &self.age
            && age.contains(['+', '*', '/'])
            && let Err(why) = Expression::parse(age)
        {
            tell(&["age"], format!("`{age}`: {why}"));
        }
        if let Some(labels) = &self.labels {
            if labels.column.is_some() != labels.flags.is_empty() {
                tell(&["labels"], "`labels` needs either `column`, or `flags` with at least one column".into());
            }
            if labels.vocabulary == "site" && self.site.is_some() {
                tell(&["labels", "vocabulary"], "the vocabulary `site` has the values of the column `site`".into());
            }
        }
        if self.sex_values.is_some() && self.sex.is_none() {
            tell(&["sex_values"], "there is no key `sex`, the column that has these values".into());
        }
        faults
    }

    fn lacks_measurements(&self) -> Option<[&'static str; 2]> {
        self.measurements.is_empty().then_some(["measurements", "a table such as { hr = \"60000 / rr_interval\" }"])
    }

    fn named_data_set(&self) -> Option<&str> {
        self.data_set.as_deref()
    }

    fn usual_data_set(&self) -> String {
        // Tables are called alike: their folders tell them apart.
        let written = Path::new(&self.path.written);
        let part = |path: Option<&Path>| path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        [part(written.parent()), part(Some(written))].into_iter().flatten().collect::<Vec<_>>().join("/")
    }

    fn paths(&self) -> Vec<&DataPath> {
        let join = self.join.as_ref().map(|join| &join.path);
        let map = self.labels.as_ref().and_then(|labels| labels.map.as_ref());
        std::iter::once(&self.path).chain(join).chain(map).collect()
    }

    fn reading(&self) -> Option<&Reading> {
        Some(&self.reading)
    }

    fn files(&self) -> Result<Vec<File>> {
        let mut files = Table::files(self.path.resolved()?)?;
        if let Some(join) = &self.join {
            files.push(File::look("joined table", join.path.resolved()?)?);
        }
        if let Some(map) = self.labels.as_ref().and_then(|labels| labels.map.as_ref()) {
            files.push(File::look("map of codes", map.resolved()?)?);
        }
        Ok(files)
    }

    fn named_files(&self, found: &[File]) -> Result<Vec<PathBuf>> {
        // What is wrong with the table is told when it is listed.
        let Ok(mut places) = list::places(self) else { return Ok(Vec::new()) };
        places.dedup_by(|a, b| a.path == b.path);
        let mut files: Vec<PathBuf> =
            places.par_iter().flat_map_iter(signals::files).filter(|file| file.is_file()).collect();
        files.par_sort_unstable();
        files.dedup();
        let found: HashSet<&Path> = found.iter().map(|file| file.path.as_path()).collect();
        files.retain(|file| !found.contains(file.as_path()));
        Ok(files)
    }

    fn folder(&self) -> Result<PathBuf> {
        Ok(list::folder_of(self.path.resolved()?).to_owned())
    }

    fn at_most(&self) -> Option<usize> {
        Table::at_most(self.path.resolved().ok()?).ok()
    }

    fn list(&self, _sampling_rate: f64) -> Result<Listing> {
        list::list(self)
    }

    fn read(&self, listing: &Listing, index: usize, request: &Request<'_>) -> Result<Found> {
        let entry = listing.entries.get(index).map(|entry| *entry as usize);
        let place = Place { path: listing.file(index)?.to_owned(), entry };
        signals::read(&place, &self.layout(), request)
    }
}
