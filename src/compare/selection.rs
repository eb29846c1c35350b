//! What is to be compared, and how people see it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::floors::Shares;
use super::subgroups::Part;
use super::{Baseline, Elsewhere, Key, Only, Planned, Regressions, SignificanceTest, Sort, TestResults, usual_metrics};
use crate::ecg::Measurement;
use crate::manifest::{choices, glob_matches};
use crate::metrics::NamedMetric;
use crate::store::{Run, Store, TestSet};
use crate::{Error, Result};

/// What to compare.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Names of experiments, in the order of the tables.
    pub experiments: Vec<String>,
    /// What was tested on, by experiment, where it is known.
    pub test_sets: BTreeMap<String, TestSet>,
    /// Conditions that runs must all fulfil. Baselines that do not are still what differences are from.
    pub only: Vec<Only>,
    /// What each arm is compared with.
    pub baseline: Baseline,
    /// Compare every two arms along this key in place of each with its baseline.
    pub against: Option<Key>,
    /// The experiments whose manifests planned comparisons.
    pub has_plan: BTreeSet<String>,
    /// Their plans, by experiment, where these are to be shown.
    pub planned: BTreeMap<String, Planned>,
    /// What runs of one arm have in common; over the rest they are averaged, seed by seed.
    pub by: Vec<Key>,
    /// What the last stages measure; nothing where they classify.
    pub targets: Vec<Measurement>,
    /// What is shown; the difference is that of the first.
    pub metrics: Vec<NamedMetric>,
    /// Values by stage of metrics that runs do not have with them.
    pub values: BTreeMap<NamedMetric, HashMap<String, f64>>,
    /// How differences are tested.
    pub test: SignificanceTest,
    /// Shares of the classes among the training records, by stage: of one stage for all that have the same.
    pub shares: Shares,
    /// Of metrics of grafted regressions, what the median of the target has, by stage.
    pub medians: BTreeMap<NamedMetric, HashMap<String, f64>>,
    /// Test predictions, for tests that need them.
    pub test_results: TestResults,
    /// Parts of the test records, or classes, that the arms are compared on besides.
    pub subgroups: Vec<Part>,
    /// Whether it is of a part of the test records, so that what runs have with them is of others.
    pub is_of_part: bool,
    /// What networks are worth on the records of other sources, by experiment.
    pub elsewhere: BTreeMap<String, Vec<Elsewhere>>,
    /// How well what is grafted measures, by experiment, where that is asked for.
    pub regressions: BTreeMap<String, Vec<Regressions>>,
    /// The order of the arms; that of the plan where `None`.
    pub sort: Option<Sort>,
    /// What is done with the arms in formats for people.
    pub shape: Shape,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            experiments: Vec::new(),
            test_sets: BTreeMap::new(),
            only: Vec::new(),
            baseline: Baseline::default(),
            against: None,
            has_plan: BTreeSet::new(),
            planned: BTreeMap::new(),
            by: Key::usual(std::iter::empty()),
            targets: Vec::new(),
            metrics: usual_metrics(),
            values: BTreeMap::new(),
            test: SignificanceTest::default(),
            shares: Shares::new(),
            medians: BTreeMap::new(),
            test_results: TestResults::default(),
            subgroups: Vec::new(),
            is_of_part: false,
            elsewhere: BTreeMap::new(),
            regressions: BTreeMap::new(),
            sort: None,
            shape: Shape::default(),
        }
    }
}

impl Selection {
    /// That there is something elsewhere, or a plan, where it is asked for.
    ///
    /// # Errors
    /// A user error that says how to have it.
    pub(super) fn has_what_is_asked(&self) -> Result<()> {
        if self.shape.planned && self.planned.is_empty() {
            return Err(Error::user(
                "no comparison was planned; write [comparisons] in the manifest and run it again: nothing is trained anew",
            ));
        }
        if self.shape.regressions && self.regressions.values().all(Vec::is_empty) {
            return Err(Error::user(
                "no regression that is grafted into these runs is done: there is nothing that was measured",
            ));
        }
        if !self.shape.elsewhere || self.elsewhere.values().any(|found| !found.is_empty()) {
            return Ok(());
        }
        Err(Error::user(
            "no network was evaluated on another source; name sources in regression.evaluate_on or transfer.evaluate_on \
             and run the manifest again: nothing is trained anew",
        ))
    }
}

/// How people see it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// Whether the intervals of means are shown beside their standard deviations.
    pub intervals: bool,
    /// Whether the arms' mean ranks over data sets are told below the table.
    pub ranks: bool,
    /// Whether the tables are of what networks are worth elsewhere, and of nothing else.
    pub elsewhere: bool,
    /// Whether how well the grafted networks measure is told first; for machines, in place of the arms.
    pub regressions: bool,
    /// Whether the tables are of the planned comparisons, and of nothing else.
    pub planned: bool,
    /// One row for each value of some keys, one column for each of others.
    pub pivot: Option<Pivot>,
}

/// A table of the first metric by two sets of keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Pivot {
    /// What rows are.
    pub rows: Vec<Key>,
    /// What columns are.
    pub columns: Vec<Key>,
    /// Whether cells have differences from the baseline, rather than means.
    pub differences: bool,
}

impl Pivot {
    /// A table of these keys.
    ///
    /// # Errors
    /// A user error where a key is to be rows and columns.
    pub fn new(rows: Vec<Key>, columns: Vec<Key>, differences: bool) -> Result<Self> {
        if let Some(key) = rows.iter().find(|key| columns.contains(key)) {
            return Err(Error::user(format!("{} cannot be in --rows and in --columns", key.name())));
        }
        Ok(Self { rows, columns, differences })
    }
}

/// Names of the experiments of `runs` that `globs` stand for: in the order of the globs, and of the
/// store within a glob; all of them where there is no glob.
///
/// # Errors
/// A user error, with the names there are, for a glob that stands for none.
pub fn select(runs: &[Run], globs: &[String]) -> Result<Vec<String>> {
    let mut names: Vec<&str> = Vec::new();
    for run in runs {
        // Runs come experiment by experiment.
        if names.last() != Some(&&*run.experiment) && !names.contains(&run.experiment.as_str()) {
            names.push(&run.experiment);
        }
    }
    select_names(names, globs)
}

/// As [`select`], of the current runs of a store.
///
/// # Errors
/// As [`select`], and where the store cannot be read.
pub fn experiments(store: &Store, globs: &[String]) -> Result<Vec<String>> {
    let names = store.experiments()?;
    select_names(names.iter().map(String::as_str).collect(), globs)
}

fn select_names(names: Vec<&str>, globs: &[String]) -> Result<Vec<String>> {
    if names.is_empty() {
        return Err(Error::user("no experiment has runs yet; `ecgraft run` makes them"));
    }
    if globs.is_empty() {
        return Ok(names.into_iter().map(str::to_owned).collect());
    }
    let mut selected: Vec<String> = Vec::new();
    for glob in globs {
        let found: Vec<&str> = names.iter().copied().filter(|name| glob_matches(glob, name)).collect();
        if found.is_empty() {
            return Err(Error::user(format!("no experiment is called `{glob}`{}", choices(glob, names))));
        }
        for name in found {
            if !selected.iter().any(|known| known == name) {
                selected.push(name.to_owned());
            }
        }
    }
    Ok(selected)
}
