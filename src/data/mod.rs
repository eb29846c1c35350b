//! Sources, mixes and splits: records in, datasets and batches out.

pub mod signal;
pub mod simulator;
pub mod wfdb;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::Result;
use crate::manifest::{Mix, Regression, Signal, Source, Superclass, Target, Transfer};

/// What is known of one record beside its signal.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Name within its source (PTB-XL: `ecg_id`; DeepFake-ECG: `patid`; simulator: its number).
    pub id: String,
    /// Whose ECG it is; a source without patients gives each record its own.
    pub patient: String,
    /// PTB-XL's `strat_fold`, 1 to 10.
    pub fold: Option<u8>,
    /// HR (bpm), PR, QT, QRS (ms), indexed by `Target as usize`; `None` where not known.
    pub targets: [Option<f32>; 4],
    /// Diagnostic superclasses, indexed by `Superclass as usize`.
    pub classes: [bool; 5],
}

impl Record {
    /// The value of `target`, if known.
    pub fn target(&self, target: Target) -> Option<f32> {
        self.targets[target as usize]
    }

    /// Whether the record has `class`.
    pub fn has(&self, class: Superclass) -> bool {
        self.classes[class as usize]
    }
}

/// All records of one source, preprocessed: leads chosen, resampled, cropped, filtered, normalised
/// (but for `train-z-score`, which is left to the stage).
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The source's name in the manifest.
    pub source: String,
    /// Content hash of the source.
    pub fingerprint: String,
    /// The records.
    pub records: Vec<Record>,
    /// Leads per record.
    pub leads: usize,
    /// Samples per lead.
    pub length: usize,
    /// Signals, (records, leads, length), contiguous, in mV where not normalised.
    pub signals: Vec<f32>,
    /// What the user should know: records without targets and the like, in plain sentences.
    pub notes: Vec<String>,
}

impl Dataset {
    /// Signal of record `index`, (leads, length).
    pub fn signal(&self, index: usize) -> &[f32] {
        let size = self.leads * self.length;
        &self.signals[index * size..][..size]
    }
}

/// Datasets of a stage, by source name.
pub type Datasets = BTreeMap<String, Arc<Dataset>>;

/// One record of one dataset.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pick {
    /// Source name, a key of [`Datasets`].
    pub source: Arc<str>,
    /// Index into [`Dataset::records`].
    pub record: usize,
}

/// Which records train, validate and test. No patient is in two of them.
#[derive(Clone, Debug, Default)]
pub struct Split {
    /// For the weights, and for normalisation statistics and class weights.
    pub train: Vec<Pick>,
    /// For the choice of the epoch.
    pub validation: Vec<Pick>,
    /// Read once, at the end.
    pub test: Vec<Pick>,
    /// What the user should know, in plain sentences: dropped records and why, composition.
    pub notes: Vec<String>,
}

/// The content hash of a source: changes when any record, table or setting of it changes.
/// Kept in `cache` by path, size and modification time, so that a second look is quick.
///
/// # Errors
/// A user error where a file cannot be read or an environment variable is not set.
pub fn fingerprint(source: &Source, cache: &Path) -> Result<String> {
    let _ = (source, cache);
    Ok(String::new())
}

/// Reads all records of a source, preprocessed as `signal` says, in parallel; the result is kept in `cache`.
///
/// # Errors
/// A user error that names the file or record and what is wrong with it.
pub fn load(name: &str, source: &Source, signal: &Signal, cache: &Path) -> Result<Dataset> {
    let _ = (name, source, signal, cache);
    Err(crate::Error::internal("not built yet"))
}

/// The records of a mix that know `target`, split by patient.
///
/// Patients of the transfer task's validation and test folds never take part where a part draws
/// from the same data (`datasets` with equal fingerprints), whatever the mix says.
///
/// # Errors
/// A user error where the mix asks for more records than there are, or a split would be empty.
pub fn regression_split(
    name: &str,
    mix: &Mix,
    target: Target,
    regression: &Regression,
    transfer: &Transfer,
    datasets: &Datasets,
    seed: u64,
) -> Result<Split> {
    let _ = (name, mix, target, regression, transfer, datasets, seed);
    Ok(Split::default())
}

/// The transfer task's records by folds; of the training records only `label_fraction`, by patient,
/// stratified by class, nested across fractions of the same seed.
///
/// # Errors
/// A user error where a fold is empty.
pub fn transfer_split(transfer: &Transfer, datasets: &Datasets, label_fraction: f64, seed: u64) -> Result<Split> {
    let _ = (transfer, datasets, label_fraction, seed);
    Ok(Split::default())
}
