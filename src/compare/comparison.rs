//! What came of experiments.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::arms::{arms, sort_arms};
use super::floors::floors;
use super::notes::notes;
use super::pairs::{along, correct, planned};
use super::{
    Arm, Baseline, Elsewhere, Family, Key, Pair, Regressions, Selection, Shape, SignificanceTest, Subgroup, Thresholds,
};
use crate::manifest::Correction;
use crate::metrics::NamedMetric;
use crate::store::{Run, StageStatus, TestSet};

/// What came of experiments, arm by arm.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The experiments, in the order asked for.
    pub experiments: Vec<Experiment>,
    /// The metrics of the arms.
    pub metrics: Vec<NamedMetric>,
    /// What arms are known by.
    pub keys: Vec<Key>,
    /// What arms are compared with.
    pub baseline: Baseline,
    /// The key along which every two arms are compared, in place of each with its baseline.
    pub against: Option<Key>,
    /// How differences were tested.
    pub test: SignificanceTest,
    /// Number of resamples of the patients; 0 where there were none.
    pub resamples: usize,
    /// From which probability on classes were predicted.
    pub thresholds: Arc<Thresholds>,
    /// Number of p-values that are corrected together.
    pub family: usize,
    /// How people see it.
    pub shape: Shape,
}

impl Default for Comparison {
    fn default() -> Self {
        compare(&[], &Selection::default())
    }
}

impl Comparison {
    /// The metric whose differences from the baseline are shown, if it has any.
    pub fn tested(&self) -> Option<&NamedMetric> {
        self.metrics.first().filter(|metric| self.against.is_none() && !metric.is_of_grafts())
    }

    /// The head of the column of these differences.
    pub fn difference_heading(&self) -> Option<String> {
        self.tested().map(|metric| metric.difference_heading(&self.baseline.name()))
    }

    /// Whether the table of arms is shown: not where another is asked for in its place.
    pub fn shows_arms(&self) -> bool {
        self.against.is_none() && !self.shape.elsewhere && !self.shape.planned
    }

    /// Whether planned comparisons are shown.
    pub fn shows_planned(&self) -> bool {
        self.experiments.iter().any(|experiment| !experiment.planned.is_empty())
    }
}

/// What came of one experiment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Experiment {
    /// Its name.
    pub name: String,
    /// Its arms: by architecture, label fraction, the baseline first, then graft, mix and freeze, each
    /// in the order of the plan.
    pub arms: Vec<Arm>,
    /// What is no network, but says the same of every record: one for each variant and share of the labels.
    pub floors: Vec<Arm>,
    /// Every two arms along the key that was asked for.
    pub pairs: Vec<Pair>,
    /// Whether its manifest planned what is to be compared: other differences are exploratory.
    pub has_plan: bool,
    /// The planned comparisons, where they are shown.
    pub planned: Vec<Family>,
    /// How many of its runs are how far.
    pub runs: Runs,
    /// What was tested on, where it is known.
    pub test_set: Option<TestSet>,
    /// Whether the done runs are from different versions, devices or data, in plain sentences.
    pub notes: Vec<String>,
    /// Its arms on parts of the test records, or by class.
    pub subgroups: Vec<Subgroup>,
    /// What its networks are worth on the records of other sources.
    pub elsewhere: Vec<Elsewhere>,
    /// How well what is grafted measures, where that is asked for.
    pub regressions: Vec<Regressions>,
    /// The folds that its runs were tested on in turn; none where they are not rotated.
    pub folds: BTreeSet<u8>,
    /// Why people who validate or test may train what is grafted; `None` where they may not.
    pub allow_overlap: Option<String>,
}

impl Experiment {
    /// What a table has a row for: the arms, then what is no network.
    pub fn rows(&self) -> impl Iterator<Item = &Arm> {
        self.arms.iter().chain(&self.floors)
    }
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

impl Runs {
    /// How many of `runs` are how far.
    pub(super) fn count(runs: &[&Run]) -> Self {
        let with = |status: StageStatus| runs.iter().filter(|run| run.status == status).count();
        Self {
            planned: runs.len(),
            done: with(StageStatus::Done),
            running: with(StageStatus::Running),
            failed: with(StageStatus::Failed),
        }
    }
}

/// Puts the runs of the selected experiments together by arm. Only runs that are done count.
///
/// Runs are taken in the order of the store: by experiment, and place in its plan.
pub fn compare(runs: &[Run], selection: &Selection) -> Comparison {
    let mut by_experiment: HashMap<&str, Vec<&Run>> = HashMap::new();
    for run in runs {
        by_experiment.entry(&run.experiment).or_default().push(run);
    }
    let experiment = |name: &String| {
        let all: Vec<&Run> = by_experiment.get(name.as_str()).cloned().unwrap_or_default();
        let meant: Vec<&Run> =
            all.iter().copied().filter(|run| selection.only.iter().all(|only| only.admits(run))).collect();
        let mut arms = arms(&meant, &all, selection);
        if let Some(sort) = &selection.sort {
            sort_arms(&mut arms, sort, &selection.metrics);
        }
        let plan = selection.planned.get(name);
        Experiment {
            name: name.clone(),
            arms,
            floors: floors(&meant, &all, selection),
            subgroups: selection.subgroups.iter().filter_map(|part| part.compared(&meant, &all)).collect(),
            pairs: selection.against.map_or_else(Vec::new, |axis| along(axis, &meant, selection)),
            has_plan: selection.has_plan.contains(name),
            planned: plan.map_or_else(Vec::new, |plan| planned(plan, &all, selection)),
            runs: Runs::count(&meant),
            test_set: selection.test_sets.get(name).cloned(),
            notes: notes(&meant, selection),
            elsewhere: selection.elsewhere.get(name).cloned().unwrap_or_default(),
            regressions: selection.regressions.get(name).cloned().unwrap_or_default(),
            folds: meant.iter().filter_map(|run| run.fold).collect(),
            allow_overlap: all.iter().find_map(|run| run.allow_overlap.clone()),
        }
    };
    let mut experiments: Vec<Experiment> = selection.experiments.iter().map(experiment).collect();
    let is_against = selection.against.is_some();
    let shown = experiments.iter_mut().flat_map(|experiment| {
        let parts = experiment.subgroups.iter_mut().flat_map(|part| &mut part.arms);
        let arms = experiment.arms.iter_mut().chain(parts).filter(|_| !is_against);
        arms.chain(experiment.pairs.iter_mut().map(|pair| &mut pair.arm))
    });
    let family = correct(shown, Correction::Holm);
    Comparison {
        experiments,
        metrics: selection.metrics.clone(),
        keys: selection.by.clone(),
        baseline: selection.baseline.clone(),
        against: selection.against,
        test: selection.test,
        resamples: selection.test_results.resamples,
        thresholds: Arc::clone(&selection.test_results.thresholds),
        family,
        shape: selection.shape.clone(),
    }
}
