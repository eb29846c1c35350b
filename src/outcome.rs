//! What a stage leaves behind, beside its weights: training fills it, the store keeps it.

use std::borrow::Cow;

use crate::data::{Members, PartOfMix, Subset};
use crate::metrics::{MedianScore, RegressionMetrics};

/// What a stage leaves behind, beside its weights.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Per-epoch values, in order.
    pub epochs: Vec<EpochValue>,
    /// The epoch whose weights were kept, from 1.
    pub best_epoch: usize,
    /// Who trained, validated and tested; nobody is known of networks that were not trained as a stage.
    pub members: Option<Members>,
    /// The first epoch, from 1, after which no step of the freeze ends; none where none does.
    pub last_step: Option<usize>,
    /// Stages on a mix: its parts, in order.
    pub composition: Vec<PartOfMix>,
    /// Regression stages: how well each split was measured.
    pub regression: Vec<RegressionScore>,
    /// Regression stages: the same source by source.
    pub by_source: Vec<SourceScore>,
    /// Regression stages: what was measured of the test records, target by target.
    pub measured: Vec<MeasuredValue>,
    /// Transfer stages: metrics by split, metric and class.
    pub scores: Vec<Score>,
    /// Transfer stages: probabilities on the test records.
    pub predictions: Vec<Prediction>,
    /// Transfer stages: probabilities on the validation records, record by record, class by class.
    pub validation_predictions: Vec<Prediction>,
    /// What the user should know (dropped records, absent classes), in plain sentences.
    pub notes: Vec<String>,
    /// Seconds of training and testing.
    pub wall_s: f64,
}

impl Outcome {
    /// Whether the epoch that was kept lies before the last thaw; none where nothing thaws.
    pub fn frozen_at_best(&self) -> Option<bool> {
        self.last_step.map(|last| self.best_epoch < last)
    }
}

/// One number of a learning curve.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochValue {
    /// From 1.
    pub epoch: usize,
    /// Of the records that train or validate.
    pub split: Subset,
    /// `loss`, `macro_auc`, `learning_rate` ...
    pub metric: Cow<'static, str>,
    /// Its value.
    pub value: f64,
}

/// How well one target was measured on one split, in its unit.
#[derive(Clone, Debug, PartialEq)]
pub struct RegressionScore {
    /// `hr`, `pr`, `qt`, `qrs`, or another measurement.
    pub target: &'static str,
    /// Its unit: bpm, ms.
    pub unit: &'static str,
    /// `train`, `validation` or `test`.
    pub split: Subset,
    /// Number of records.
    pub records: usize,
    /// The metrics.
    pub metrics: RegressionMetrics,
    /// Those of the training records' median, which measures nothing.
    pub of_median: MedianScore,
}

/// How well one target was measured on the records of one source in one split, in bpm or ms.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceScore {
    /// `hr`, `pr`, `qt`, `qrs`.
    pub target: &'static str,
    /// `train`, `validation` or `test`.
    pub split: Subset,
    /// The source's name in the manifest.
    pub source: String,
    /// Number of records.
    pub records: usize,
    /// Mean of measured less true value.
    pub bias: f64,
    /// Standard deviation of measured less true value, n - 1 in its denominator; `None` below two records.
    pub sd: Option<f64>,
    /// As over all sources.
    pub metrics: RegressionMetrics,
}

/// What a regression measured of one test record whose truth is known, in the target's unit: bpm or ms.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasuredValue {
    /// `hr` (bpm), `pr`, `qt`, `qrs` (ms).
    pub target: &'static str,
    /// The source that the record is of, by its name in the manifest.
    pub source: String,
    /// The record, by its id in the source.
    pub record_id: String,
    /// Whose record it is.
    pub patient: String,
    /// What is known of the record.
    pub truth: f64,
    /// What the network measured.
    pub measured: f64,
}

/// One classification metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// `train`, `validation` or `test`.
    pub split: Subset,
    /// `macro_auc`, `auc`, `f1`, `accuracy` ...
    pub metric: Cow<'static, str>,
    /// The class, or `None` for a metric of all.
    pub class: Option<&'static str>,
    /// `None` where it is not defined (a class absent from the split).
    pub value: Option<f64>,
}

/// The network's probability for one class of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// The record.
    pub record_id: String,
    /// Whose record it is.
    pub patient: String,
    /// Class name.
    pub class: &'static str,
    /// 0 to 1.
    pub probability: f32,
    /// Whether the record has the class.
    pub label: bool,
}
