//! What a manifest says, typed, with every default filled in.
//!
//! Everything that decides a result derives `Serialize`; its JSON is what stage ids are hashed from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Architecture, Compute, Freeze, Mix, Pretraining, Reading, Regression, Signal, Transfer, Trials};

/// One manifest, checked: every name it refers to exists and every value is in range.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The file it was read from.
    pub path: PathBuf,
    /// The text, as read.
    pub text: String,
    /// SHA-256 of the text, lower-case hexadecimal.
    pub sha256: String,
    /// The experiment's name; unique among manifests run together.
    pub name: String,
    /// What the experiment asks.
    pub description: String,
    /// Why people who validate or test a classifier may also train what is grafted under it; they may not where absent.
    pub allow_overlap: Option<String>,
    /// Where records come from, by name.
    pub sources: BTreeMap<String, Source>,
    /// What every network sees.
    pub signal: Signal,
    /// What regression networks are trained on, by name.
    pub mixes: BTreeMap<String, Mix>,
    /// Networks, by name.
    pub architectures: BTreeMap<String, Architecture>,
    /// Freeze schedules of the transfer stage, by name.
    pub freezes: BTreeMap<String, Freeze>,
    /// Stage 1: regression, one separate network for each of its targets.
    pub regression: Regression,
    /// Stage 1 of grafts from `classification`.
    pub classification: Pretraining,
    /// Stage 2: transfer to classification.
    pub transfer: Transfer,
    /// How numbers are made.
    pub compute: Compute,
    /// The lists whose every combination is a trial.
    pub trials: Trials,
}

/// Where records come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Source {
    /// The built-in simulator: HR, PR, QRS and QT are exact by construction.
    Simulator {
        /// How many records.
        records: usize,
        /// Seed of the records.
        seed: u64,
    },
    /// The published DeepFake-ECG layout: `*.asc` files and a ground-truth CSV.
    DeepfakeEcg {
        /// The folder.
        path: DataPath,
        /// Which collection it is, where it is not the kind's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data_set: Option<String>,
        /// How its files are read.
        #[serde(flatten)]
        reading: Reading,
    },
    /// The PhysioNet layout of PTB-XL.
    PtbXl {
        /// The folder with `ptbxl_database.csv`.
        path: DataPath,
        /// The PTB-XL+ features CSV with the regression targets, if any.
        features: Option<DataPath>,
        /// Which collection it is, where it is not the kind's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data_set: Option<String>,
        /// How its files are read.
        #[serde(flatten)]
        reading: Reading,
    },
}

impl Source {
    /// The word of `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Source::Simulator { .. } => "simulator",
            Source::DeepfakeEcg { .. } => "deepfake-ecg",
            Source::PtbXl { .. } => "ptb-xl",
        }
    }

    /// The paths it is read from.
    pub fn paths(&self) -> Vec<&DataPath> {
        match self {
            Source::Simulator { .. } => Vec::new(),
            Source::DeepfakeEcg { path, .. } => vec![path],
            Source::PtbXl { path, features, .. } => std::iter::once(path).chain(features).collect(),
        }
    }

    /// The collection that its records are of. Patients of one name in one data set are one person, whatever the
    /// source is called, wherever it lies, and however much of the collection it has.
    pub fn data_set(&self) -> String {
        match self {
            Source::Simulator { .. } => self.usual_data_set(),
            Source::DeepfakeEcg { data_set, .. } | Source::PtbXl { data_set, .. } => {
                data_set.clone().unwrap_or_else(|| self.usual_data_set())
            }
        }
    }

    /// The data set where the manifest names none: that of the kind; of simulated records, that of their seed.
    pub fn usual_data_set(&self) -> String {
        match self {
            Source::Simulator { seed, .. } => format!("simulator {seed}"),
            Source::DeepfakeEcg { .. } | Source::PtbXl { .. } => self.kind().to_owned(),
        }
    }

    /// How its files are read; `None` where it has none.
    pub fn reading(&self) -> Option<&Reading> {
        match self {
            Source::Simulator { .. } => None,
            Source::DeepfakeEcg { reading, .. } | Source::PtbXl { reading, .. } => Some(reading),
        }
    }
}

/// A path in a manifest. Relative paths start at the manifest's folder; `$VAR` comes from the environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataPath {
    /// As written in the manifest.
    pub written: String,
    /// The path it stands for, or the environment variable that is not set.
    pub resolved: std::result::Result<PathBuf, String>,
}

/// What a regression network measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Heart rate, bpm.
    Hr,
    /// PR interval, ms.
    Pr,
    /// QT interval, ms.
    Qt,
    /// QRS duration, ms.
    Qrs,
}

impl Target {
    /// All four, in the order used everywhere.
    pub const ALL: [Target; 4] = [Target::Hr, Target::Pr, Target::Qt, Target::Qrs];

    /// `hr`, `pr`, `qt` or `qrs`.
    pub fn name(self) -> &'static str {
        ["hr", "pr", "qt", "qrs"][self as usize]
    }

    /// `bpm` or `ms`.
    pub fn unit(self) -> &'static str {
        if self == Target::Hr { "bpm" } else { "ms" }
    }
}

/// Number format of CUDA convolutions and matrix products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 10-bit mantissa inputs, f32 sums.
    Tf32,
    /// Full f32.
    F32,
}
