//! PTB-XL in PhysioNet's layout, with features in PTB-XL+'s.
//!
//! Wagner et al., "PTB-XL, a large publicly available electrocardiography dataset", Sci Data 7:154 (2020);
//! Strodthoff et al., "PTB-XL+, a comprehensive electrocardiographic feature dataset", Sci Data 10:279 (2023).

mod database;
mod features;
mod folder;
mod statements;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::declare::{Key, Kind, Type};
use crate::ecg::{Measurement, superclass};
use crate::source::interface::from_json;
use crate::source::keys::{AT_MOST, GAIN, LEADS, UNIT, UNREADABLE, data_set};
use crate::source::recognise::Recognised;
use crate::source::{DataPath, File, Found, Knowledge, Listing, Reading, Request, Source, SourceKind, wfdb};

const DATABASE: &str = "ptbxl_database.csv";
const STATEMENTS: &str = "scp_statements.csv";

/// The columns that name a record's signals of 100 and of 500 Hz.
const LOW_RATE_FILE: &str = "filename_lr";
const HIGH_RATE_FILE: &str = "filename_hr";

/// The PhysioNet layout of PTB-XL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PtbXl {
    /// The folder with `ptbxl_database.csv`.
    pub path: DataPath,
    /// The PTB-XL+ features CSV with the regression targets, if any.
    pub features: Option<DataPath>,
    /// Which collection it is, where it is not the kind's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_set: Option<String>,
    /// How its files are read.
    #[serde(flatten)]
    pub reading: Reading,
}

impl PtbXl {
    pub(crate) const KIND: SourceKind = SourceKind {
        declaration: Kind {
            name: "ptb-xl",
            doc: "The PhysioNet layout of PTB-XL.",
            keys: &[
                Key::new(
                    "path",
                    Type::Path,
                    "\"$ECG_DATA/ptb-xl\"",
                    "The folder with `ptbxl_database.csv`. A relative path starts at the manifest's folder; `$VAR` comes from the environment.",
                ),
                Key::optional(
                    "features",
                    Type::Path,
                    "records have no regression targets",
                    "\"$ECG_DATA/ptb-xl-plus/features/12sl_features.csv\"",
                    "The PTB-XL+ features CSV with the regression targets of real records. `12sl_features.csv` and `unig_features.csv` measure global intervals; ECGDeli's are extremes over leads, and its PR is taken from `PQ_Int_Global`, as its `PR_Int_Global` ends at the R peak.",
                ),
                data_set("`ptb-xl`, as of every source of this kind", "\"georgia\""),
                GAIN,
                UNIT,
                LEADS,
                UNREADABLE,
                AT_MOST,
            ],
        },
        knows: Knowledge {
            folds: true,
            patients: true,
            age: true,
            sex: true,
            labels: &[&superclass::VOCABULARY],
            open_labels: false,
            measurements: &Measurement::BUILT_IN,
        },
        from_json: from_json::<Self>,
    };

    fn features(&self) -> Result<Option<&Path>> {
        self.features.as_ref().map(DataPath::resolved).transpose()
    }
}

/// Knows a folder with PTB-XL's tables again, and PTB-XL+'s features in it or beside it.
pub(super) fn recognise(path: &Path) -> Option<Recognised> {
    let root = [DATABASE, STATEMENTS].iter().all(|table| path.join(table).is_file()).then_some(path)?;
    let mut paths = vec![("path", root.to_owned())];
    paths.extend(features::near(root).map(|features| ("features", features)));
    Some(Recognised { kind: PtbXl::KIND.declaration.name, paths })
}

impl Source for PtbXl {
    fn kind(&self) -> &'static SourceKind {
        &Self::KIND
    }

    fn knows(&self) -> Knowledge {
        let knows = Self::KIND.knows;
        if self.features.is_some() { knows } else { Knowledge { measurements: &[], ..knows } }
    }

    fn lacks_measurements(&self) -> Option<[&'static str; 2]> {
        self.features.is_none().then_some(["features", "the PTB-XL+ features CSV"])
    }

    fn named_data_set(&self) -> Option<&str> {
        self.data_set.as_deref()
    }

    fn paths(&self) -> Vec<&DataPath> {
        std::iter::once(&self.path).chain(&self.features).collect()
    }

    fn reading(&self) -> Option<&Reading> {
        Some(&self.reading)
    }

    fn files(&self) -> Result<Vec<File>> {
        folder::files(self.path.resolved()?, self.features()?)
    }

    fn named_files(&self, found: &[File]) -> Result<Vec<PathBuf>> {
        folder::named_files(&self.folder()?, found)
    }

    fn folder(&self) -> Result<PathBuf> {
        folder::root(self.path.resolved()?)
    }

    fn at_most(&self) -> Option<usize> {
        // More lines than rows, where reports have several.
        let table = self.folder().ok()?.join(DATABASE);
        std::fs::read(table).ok().map(|text| text.iter().filter(|byte| **byte == b'\n').count())
    }

    fn list(&self, sampling_rate: f64) -> Result<Listing> {
        let path = self.path.resolved()?;
        database::list(path, self.features()?, sampling_rate)
    }

    fn read(&self, listing: &Listing, index: usize, request: &Request<'_>) -> Result<Found> {
        let file = listing.file(index)?;
        wfdb::read_for(file, request).map_err(|error| match listing.column {
            Some(column) if !wfdb::is_there(file) => database::missing(error, column),
            _ => error,
        })
    }
}
