//! PTB-XL in PhysioNet's layout, with features in PTB-XL+'s.
//!
//! Wagner et al., "PTB-XL, a large publicly available electrocardiography dataset", Sci Data 7:154 (2020);
//! Strodthoff et al., "PTB-XL+, a comprehensive electrocardiographic feature dataset", Sci Data 10:279 (2023).

mod database;
mod features;
mod folder;
mod statements;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use self::features::{AGREE_WITHIN, Features};
use crate::Result;
use crate::declare::{Key, Kind, Range, Type};
use crate::ecg::Measurement;
use crate::source::files::lines;
use crate::source::interface::from_json;
use crate::source::keys::{AT_MOST, EXCLUDE, GAIN, LEADS, UNIT, UNREADABLE, data_set, folder_path};
use crate::source::maps::OF_SCP;
use crate::source::recognise::{Glimpse, Recognised};
use crate::source::{DataPath, File, Found, Knowledge, Listing, Reading, Request, Source, SourceKind, wfdb};

pub use self::features::FeatureTables;

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
    /// The PTB-XL+ features CSV with the regression targets, if any, or several whose consensus these are.
    pub features: Option<FeatureTables>,
    /// How near to each other intervals of several features tables are that agree, ms.
    #[serde(default = "agree_within", skip_serializing_if = "is_agree_within")]
    pub agree_within: f64,
    /// The lowest likelihood, percent, of a diagnostic statement that counts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub min_likelihood: f64,
    /// Which collection it is, where it is not the kind's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_set: Option<String>,
    /// How its files are read.
    #[serde(flatten)]
    pub reading: Reading,
}

fn agree_within() -> f64 {
    AGREE_WITHIN
}

fn is_agree_within(width: &f64) -> bool {
    *width == AGREE_WITHIN
}

fn is_zero(likelihood: &f64) -> bool {
    *likelihood == 0.0
}

impl PtbXl {
    /// The one in the folder `path`, with all other settings at their defaults.
    pub fn at(path: DataPath) -> Self {
        Self {
            path,
            features: None,
            agree_within: AGREE_WITHIN,
            min_likelihood: 0.0,
            data_set: None,
            reading: Reading::default(),
        }
    }

    pub(crate) const KIND: SourceKind = SourceKind {
        declaration: Kind {
            name: "ptb-xl",
            doc: "The PhysioNet layout of PTB-XL.",
            keys: &[
                folder_path!("\"$ECG_DATA/ptb-xl\"", "The folder with `ptbxl_database.csv`."),
                Key::optional(
                    "features",
                    Type::PathOrList(&TABLES),
                    "records have no regression targets",
                    "\"$ECG_DATA/ptb-xl-plus/features/12sl_features.csv\"",
                    "The PTB-XL+ features CSV with the regression targets of real records. `12sl_features.csv` and `unig_features.csv` measure global intervals; ECGDeli's are extremes over leads, and its PR is taken from `PQ_Int_Global`, as its `PR_Int_Global` ends at the R peak. Of a list, such as `[\"$ECG_DATA/ptb-xl-plus/features/12sl_features.csv\", \"unig\", \"ecgdeli\"]`, the intervals are the median of those that agree within `agree_within`; the words `12sl`, `unig` and `ecgdeli` are the tables beside the first path, or those of PTB-XL+ in `path` or beside it where there is no path.",
                ),
                Key::new(
                    "agree_within",
                    Type::Number(Range::above(0.0)),
                    "20.0",
                    "How near to each other intervals of several `features` tables must be to agree. Where fewer than two agree the interval is not known.",
                )
                .unit("ms"),
                Key::new(
                    "min_likelihood",
                    Type::Number(Range::from_to(0.0, 100.0)),
                    "0.0",
                    "The lowest likelihood of a diagnostic statement that counts; 0, of statements whose likelihood is not known, counts by default, as in PTB-XL's benchmark. Statements of form and rhythm alone have no likelihood and always count.",
                )
                .unit("%"),
                data_set("`ptb-xl`, as of every source of this kind", "\"georgia\""),
                GAIN,
                UNIT,
                LEADS,
                UNREADABLE,
                AT_MOST,
                EXCLUDE,
            ],
        },
        knows: Knowledge {
            folds: true,
            patients: true,
            age: true,
            sex: true,
            labels: OF_SCP,
            open_labels: false,
            measurements: &Measurement::BUILT_IN,
        },
        from_json: from_json::<Self>,
    };

    /// The features tables, if any.
    fn features(&self) -> Result<Vec<PathBuf>> {
        let Some(tables) = &self.features else { return Ok(Vec::new()) };
        tables.resolved(&folder::root(self.path.resolved()?)?)
    }
}

/// Several features tables.
const TABLES: Type = Type::List { of: &Type::Path, min: 2, max: 16, unique: true };
/// Knows a folder with PTB-XL's tables again, and PTB-XL+'s features in it or beside it.
pub(super) fn recognise(glimpse: &Glimpse) -> Option<Recognised> {
    let is_it = glimpse.has_table(DATABASE, &["ecg_id", "scp_codes", "strat_fold"])
        && glimpse.has_table(STATEMENTS, &["diagnostic_class"]);
    let found = glimpse.of_kind(&PtbXl::KIND, is_it)?;
    Some(match features::near(&glimpse.folder) {
        Some(features) => found.with("features", features.to_string_lossy().into_owned()),
        None => found,
    })
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
        std::iter::once(&self.path).chain(self.features.iter().flat_map(FeatureTables::paths)).collect()
    }

    fn reading(&self) -> Option<&Reading> {
        Some(&self.reading)
    }

    fn files(&self) -> Result<Vec<File>> {
        folder::files(self.path.resolved()?, &self.features()?)
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
        lines(&table).ok()
    }

    fn list(&self, sampling_rate: f64) -> Result<Listing> {
        let features = Features::read(&self.features()?, self.agree_within)?;
        database::list(self.path.resolved()?, features, self.min_likelihood, sampling_rate)
    }

    fn read(&self, listing: &Listing, index: usize, request: &Request<'_>) -> Result<Found> {
        let file = listing.file(index)?;
        wfdb::read_for(file, request).map_err(|error| match listing.column {
            Some(column) if !wfdb::is_there(file) => database::missing(error, column),
            _ => error,
        })
    }
}
