//! What a manifest says, typed, with every default filled in.
//!
//! Everything that decides a result derives `Serialize`; its JSON is what stage ids are hashed from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{
    Architecture, Comparisons, Compute, Contrastive, Freeze, Masked, Mix, Pretraining, Regression, Search, Signal,
    Transfer, Trials, WeightsFile,
};
use crate::ecg::Measurement;
use crate::source::Source;

/// One manifest, checked: every name it refers to exists and every value is in range.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The file it was read from.
    pub path: PathBuf,
    /// The text, as read, with the files that it includes.
    pub text: String,
    /// SHA-256 of the text, lower-case hexadecimal.
    pub sha256: String,
    /// The experiment's name; unique among manifests run together.
    pub name: String,
    /// Names of its variants, whether trials name them or not.
    pub variants: Vec<String>,
    /// Which of them it is here; `None` where it has none.
    pub variant: Option<String>,
    /// Which of its folds is tested here; `None` where its trials do not rotate them.
    pub fold: Option<u8>,
    /// What the experiment asks.
    pub description: String,
    /// Why people who validate or test a classifier may also train what is grafted under it; they may not where absent.
    pub allow_overlap: Option<String>,
    /// Where records come from, by name.
    pub sources: BTreeMap<String, Box<dyn Source>>,
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
    /// Stage 1 of grafts from `masked`.
    pub masked: Masked,
    /// Stage 1 of grafts from `contrastive`.
    pub contrastive: Contrastive,
    /// Weights from elsewhere, by name.
    pub weights: BTreeMap<String, WeightsFile>,
    /// Stage 2: transfer to classification, or to a regression.
    pub transfer: Transfer,
    /// How numbers are made.
    pub compute: Compute,
    /// What `ecgraft search` tries.
    pub search: Option<Search>,
    /// Whether it is a candidate of a search: nothing that it trains is tested.
    pub is_candidate: bool,
    /// The lists whose every combination is a trial.
    pub trials: Trials,
    /// What is planned to be compared; part of no stage's id.
    pub comparisons: Comparisons,
}

/// What a regression network is to give: something that is measured in records.
pub type Target = Measurement;
