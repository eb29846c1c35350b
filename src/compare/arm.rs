//! One row of a comparison.

use super::{ArmName, Key, Runs};
use crate::manifest::SCRATCH;
use crate::statistics::{Difference, Spread, Support, Unmeasurable};
use crate::store::Run;
use crate::words::number::percent;

/// P-values below this, corrected, are marked.
pub const LEVEL: f64 = 0.05;

/// A metric of an arm.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Mean and standard deviation over the seeds where it is defined.
    pub spread: Spread,
    /// The 95% interval of the mean, or why there is none.
    pub interval: Result<(f64, f64), Unmeasurable>,
    /// The fewest patients that it rests on, where they are known.
    pub support: Option<Support>,
}

/// Runs that differ in seed only, or in what is averaged over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arm {
    /// Architecture name. Of this and what follows, what the comparison has no key for is that of the first run.
    pub architecture: String,
    /// `hr+pr+qt+qrs`, or `scratch`.
    pub graft: String,
    /// Mix name; `None` from scratch.
    pub mix: Option<String>,
    /// Freeze name; `None` from scratch.
    pub freeze: Option<String>,
    /// Variant of the manifest; `None` where it has none.
    pub variant: Option<String>,
    /// Fold that is tested; `None` where they are not rotated, or are pooled.
    pub fold: Option<u8>,
    /// Share of the transfer training records, in (0, 1].
    pub label_fraction: f64,
    /// Whether it is no network, but says the same of every record.
    pub is_constant: bool,
    /// Its seeds: `done` of them are in the metrics. Runs, where several of a seed are averaged.
    pub seeds: Runs,
    /// Different seeds that are done.
    pub distinct_seeds: usize,
    /// Done runs that kept an epoch before their last thaw, and done runs that thaw at all.
    pub frozen_at_best: [usize; 2],
    /// Done runs without a macro AUC, of those that classify.
    pub without_auc: usize,
    /// What it is judged by ([`judge`](super::judge)): macro AUC on the test folds, or the mean absolute error of the first
    /// target, over the seeds where it is defined.
    pub judged: Option<Spread>,
    /// The metrics of the comparison, in their order.
    pub metrics: Vec<Option<Summary>>,
    /// The first metric less the baseline's.
    pub delta: Delta,
    /// The p-value of the difference, by Holm's correction for all that the comparison has.
    pub holm: Option<f64>,
}

impl Arm {
    /// `qrs from synthetic, freeze none`, or `scratch`: what it is beside architecture and labels.
    pub fn name(&self) -> String {
        ArmName::from(self).own()
    }

    /// Whether a run of its experiment is one of its seeds.
    pub fn has(&self, run: &Run) -> bool {
        self.architecture == run.architecture
            && self.label_fraction == run.label_fraction
            && self.graft == run.graft
            && self.mix == run.mix
            && self.freeze == run.freeze
            && self.variant == run.variant
            && self.fold.is_none_or(|fold| run.fold == Some(fold))
    }

    /// Whether it was trained from scratch.
    pub fn is_baseline(&self) -> bool {
        self.graft == SCRATCH
    }

    /// Whether its difference remains below [`LEVEL`] after Holm's correction.
    pub fn is_apart(&self) -> bool {
        self.holm.is_some_and(|p| p < LEVEL)
    }

    /// What it has under `key`.
    pub fn key(&self, key: Key) -> Option<String> {
        match key {
            Key::Architecture => Some(self.architecture.clone()).filter(|_| !self.is_constant),
            Key::Graft => Some(self.graft.clone()),
            Key::Mix => self.mix.clone(),
            Key::Freeze => self.freeze.clone(),
            Key::Variant => self.variant.clone(),
            Key::Fold => self.fold.map(|fold| fold.to_string()),
            Key::LabelFraction => Some(percent(self.label_fraction)),
        }
    }
}

/// How an arm differs from the baseline: from scratch, same experiment, architecture and label fraction.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Delta {
    /// The arm is the baseline.
    Baseline,
    /// The arm is no network.
    Floor,
    /// The experiment has no such baseline.
    #[default]
    NoBaseline,
    /// No seed is done, with a value of the metric, in both.
    NoPairs,
    /// Paired by seed.
    Paired(Difference),
}

impl Delta {
    /// The difference, where there is one.
    pub fn difference(&self) -> Option<&Difference> {
        match self {
            Delta::Paired(difference) => Some(difference),
            _ => None,
        }
    }
}
