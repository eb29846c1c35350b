//! Runs into arms: what differs in seed only is one row.

use std::collections::BTreeMap;

use crate::statistics::{Difference, Spread};
use crate::store::{Run, TestSet};

/// The graft of a baseline.
const SCRATCH: &str = "scratch";

/// What to compare.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Names of experiments, in the order of the tables.
    pub experiments: Vec<String>,
    /// What was tested on, by experiment, where it is known.
    pub test_sets: BTreeMap<String, TestSet>,
}

/// What came of experiments, arm by arm.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// The experiments, in the order asked for.
    pub experiments: Vec<Experiment>,
}

/// What came of one experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// Its name.
    pub name: String,
    /// Its arms: by architecture, label fraction, the baseline first, then graft, mix and freeze, each
    /// in the order of the plan.
    pub arms: Vec<Arm>,
    /// How many of its runs are how far.
    pub runs: Runs,
    /// What was tested on, where it is known.
    pub test_set: Option<TestSet>,
    /// Whether the done runs are from different versions, devices or data, in plain sentences.
    pub notes: Vec<String>,
}

/// Numbers of runs by status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// All that are planned.
    pub planned: usize,
    /// Those that are done.
    pub done: usize,
    /// Those in work.
    pub running: usize,
    /// Those that failed.
    pub failed: usize,
}

/// Runs that differ in seed only.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// Architecture name.
    pub architecture: String,
    /// `hr+pr+qt+qrs`, or `scratch`.
    pub graft: String,
    /// Mix name; `None` from scratch.
    pub mix: Option<String>,
    /// Freeze name; `None` from scratch.
    pub freeze: Option<String>,
    /// Share of the transfer training records, in (0, 1].
    pub label_fraction: f64,
    /// Its seeds: `done` of them are in the metrics.
    pub seeds: Runs,
    /// Macro AUC on the test folds over the seeds where it is defined.
    pub macro_auc: Option<Spread>,
    /// Accuracy on the test folds.
    pub accuracy: Option<Spread>,
    /// Macro F1 on the test folds.
    pub macro_f1: Option<Spread>,
    /// Test macro AUC less the baseline's.
    pub delta: Delta,
}

impl Arm {
    /// Whether it was trained from scratch.
    pub fn is_baseline(&self) -> bool {
        self.graft == SCRATCH
    }

    /// Done seeds without a macro AUC.
    pub fn undefined_auc(&self) -> usize {
        self.seeds.done - self.macro_auc.map_or(0, |spread| spread.n)
    }
}

/// How an arm differs from the baseline: from scratch, same experiment, architecture and label fraction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delta {
    /// The arm is the baseline.
    Baseline,
    /// The experiment has no such baseline.
    NoBaseline,
    /// No seed is done, with a macro AUC, in both.
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

/// Puts the runs of the selected experiments together by arm. Only runs that are done count.
///
/// Runs are taken in the order of the store: by experiment, and place in its plan.
pub fn compare(runs: &[Run], selection: &Selection) -> Comparison {
    let experiments = selection.experiments.iter().map(|name| {
        let runs: Vec<&Run> = runs.iter().filter(|run| run.experiment == *name).collect();
        Experiment {
            name: name.clone(),
            arms: arms(&runs),
            runs: count(&runs),
            test_set: selection.test_sets.get(name).cloned(),
            notes: notes(&runs),
        }
    });
    Comparison { experiments: experiments.collect() }
}

/// The runs of one arm.
struct Group<'a> {
    /// Any of them: what it says beside seed and results is true of all.
    key: &'a Run,
    runs: Vec<&'a Run>,
}

impl Group<'_> {
    fn has(&self, run: &Run) -> bool {
        let key = self.key;
        key.architecture == run.architecture
            && key.label_fraction == run.label_fraction
            && key.graft == run.graft
            && key.mix == run.mix
            && key.freeze == run.freeze
    }

    fn is_baseline_of(&self, other: &Group) -> bool {
        self.key.graft == SCRATCH
            && self.key.architecture == other.key.architecture
            && self.key.label_fraction == other.key.label_fraction
    }

    fn done(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().copied().filter(|run| run.status == "done")
    }

    fn spread(&self, metric: impl Fn(&Run) -> Option<f64>) -> Option<Spread> {
        Spread::of(&self.done().filter_map(metric).collect::<Vec<_>>())
    }

    /// The macro AUC of a seed.
    fn auc(&self, seed: u64) -> Option<f64> {
        self.done().find(|run| run.seed == seed).and_then(|run| run.test_macro_auc)
    }

    fn delta(&self, groups: &[Group]) -> Delta {
        if self.key.graft == SCRATCH {
            return Delta::Baseline;
        }
        let Some(baseline) = groups.iter().find(|group| group.is_baseline_of(self)) else { return Delta::NoBaseline };
        let differences = self.done().filter_map(|run| Some(run.test_macro_auc? - baseline.auc(run.seed)?));
        Difference::of(&differences.collect::<Vec<_>>()).map_or(Delta::NoPairs, Delta::Paired)
    }
}

/// The arms of the runs of one experiment, in the order of its table.
fn arms(runs: &[&Run]) -> Vec<Arm> {
    let mut groups: Vec<Group> = Vec::new();
    for &run in runs {
        match groups.iter_mut().find(|group| group.has(run)) {
            Some(group) => group.runs.push(run),
            None => groups.push(Group { key: run, runs: vec![run] }),
        }
    }
    // Places of first appearance, which follow the lists of the manifest.
    let place = |same: &dyn Fn(&Run) -> bool| runs.iter().position(|run| same(run));
    groups.sort_by_cached_key(|Group { key, .. }| {
        (
            place(&|run| run.architecture == key.architecture),
            place(&|run| run.label_fraction == key.label_fraction),
            key.graft != SCRATCH,
            place(&|run| run.graft == key.graft),
            place(&|run| run.mix == key.mix),
            place(&|run| run.freeze == key.freeze),
        )
    });
    let arm = |group: &Group| Arm {
        architecture: group.key.architecture.clone(),
        graft: group.key.graft.clone(),
        mix: group.key.mix.clone(),
        freeze: group.key.freeze.clone(),
        label_fraction: group.key.label_fraction,
        seeds: count(&group.runs),
        macro_auc: group.spread(|run| run.test_macro_auc),
        accuracy: group.spread(|run| run.test_accuracy),
        macro_f1: group.spread(|run| run.test_macro_f1),
        delta: group.delta(&groups),
    };
    groups.iter().map(arm).collect()
}

fn count(runs: &[&Run]) -> Runs {
    let with = |status: &str| runs.iter().filter(|run| run.status == status).count();
    Runs { planned: runs.len(), done: with("done"), running: with("running"), failed: with("failed") }
}

/// What makes the done runs less comparable than they look.
fn notes(runs: &[&Run]) -> Vec<String> {
    let several = |of: fn(&Run) -> Option<&str>| {
        let mut values: Vec<&str> = Vec::new();
        for value in runs.iter().filter(|run| run.status == "done").filter_map(|run| of(run)) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        (values.len() > 1).then_some(values)
    };
    let mut notes = Vec::new();
    if let Some(versions) = several(|run| run.version.as_deref()) {
        notes.push(format!("Its runs were made by different versions of ecgraft: {}.", versions.join(", ")));
    }
    if let Some(devices) = several(|run| run.device.as_deref()) {
        notes.push(format!("Its runs were made on different devices: {}.", devices.join(", ")));
    }
    if several(|run| Some(&run.data_fingerprint)).is_some() {
        notes.push("Its runs were made with different versions of the data; they are not comparable.".to_owned());
    }
    notes
}
