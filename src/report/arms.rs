//! Runs into arms: what differs in seed only is one row.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::keys::{Key, Only, Sort};
use super::test::{Pairs, Test};
use super::{Metric, TestEvidence};
use crate::statistics::{Difference, Spread, Support, Unmeasurable, holm};
use crate::store::{Run, TestSet};

/// The graft of a baseline.
const SCRATCH: &str = "scratch";
/// P-values below this, corrected, are marked.
pub const LEVEL: f64 = 0.05;

/// What to compare.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Names of experiments, in the order of the tables.
    pub experiments: Vec<String>,
    /// What was tested on, by experiment, where it is known.
    pub test_sets: BTreeMap<String, TestSet>,
    /// Conditions that runs must all fulfil. Baselines that do not are still what differences are from.
    pub only: Vec<Only>,
    /// What runs of one arm have in common; over the rest they are averaged, seed by seed.
    pub by: Vec<Key>,
    /// What is shown; the difference is that of the first.
    pub metrics: Vec<Metric>,
    /// Values by stage of metrics that runs do not have with them.
    pub values: BTreeMap<Metric, HashMap<String, f64>>,
    /// How differences are tested.
    pub test: Test,
    /// Test predictions, for tests that need them.
    pub evidence: TestEvidence,
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
            by: Key::ALL.into(),
            metrics: Metric::usual(),
            values: BTreeMap::new(),
            test: Test::default(),
            evidence: TestEvidence::default(),
            sort: None,
            shape: Shape::default(),
        }
    }
}

/// How people see it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// Whether the intervals of means are shown beside their standard deviations.
    pub intervals: bool,
    /// Whether the arms' mean ranks over data sets are told below the table.
    pub ranks: bool,
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

/// What came of experiments, arm by arm.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The experiments, in the order asked for.
    pub experiments: Vec<Experiment>,
    /// The metrics of the arms.
    pub metrics: Vec<Metric>,
    /// What arms are known by.
    pub keys: Vec<Key>,
    /// How differences were tested.
    pub test: Test,
    /// Number of resamples of the patients; 0 where there were none.
    pub resamples: usize,
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
    /// The metric whose differences are shown, if it has any.
    pub fn tested(&self) -> Option<&Metric> {
        self.metrics.first().filter(|metric| !metric.is_of_grafts())
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
    /// How many of its runs are how far.
    pub runs: Runs,
    /// What was tested on, where it is known.
    pub test_set: Option<TestSet>,
    /// Whether the done runs are from different versions, devices or data, in plain sentences.
    pub notes: Vec<String>,
    /// Why people who validate or test may train what is grafted; `None` where they may not.
    pub allow_overlap: Option<String>,
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
    /// Share of the transfer training records, in (0, 1].
    pub label_fraction: f64,
    /// Its seeds: `done` of them are in the metrics. Runs, where several of a seed are averaged.
    pub seeds: Runs,
    /// Different seeds that are done.
    pub distinct_seeds: usize,
    /// Done runs that kept an epoch before their last thaw, and done runs that thaw at all.
    pub frozen_at_best: [usize; 2],
    /// Done runs without a macro AUC.
    pub without_auc: usize,
    /// Macro AUC on the test folds over the seeds where it is defined.
    pub macro_auc: Option<Spread>,
    /// Accuracy on the test folds.
    pub accuracy: Option<Spread>,
    /// Macro F1 on the test folds.
    pub macro_f1: Option<Spread>,
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
        match (&self.mix, &self.freeze) {
            (Some(mix), Some(freeze)) => format!("{} from {mix}, freeze {freeze}", self.graft),
            _ => self.graft.clone(),
        }
    }

    /// Whether a run of its experiment is one of its seeds.
    pub fn has(&self, run: &Run) -> bool {
        self.architecture == run.architecture
            && self.label_fraction == run.label_fraction
            && self.graft == run.graft
            && self.mix == run.mix
            && self.freeze == run.freeze
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
            Key::Architecture => Some(self.architecture.clone()),
            Key::Graft => Some(self.graft.clone()),
            Key::Mix => self.mix.clone(),
            Key::Freeze => self.freeze.clone(),
            Key::LabelFraction => Some(crate::plan::percent(self.label_fraction)),
        }
    }
}

/// How an arm differs from the baseline: from scratch, same experiment, architecture and label fraction.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Delta {
    /// The arm is the baseline.
    Baseline,
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

/// Puts the runs of the selected experiments together by arm. Only runs that are done count.
///
/// Runs are taken in the order of the store: by experiment, and place in its plan.
pub fn compare(runs: &[Run], selection: &Selection) -> Comparison {
    let mut of: HashMap<&str, Vec<&Run>> = HashMap::new();
    for run in runs {
        of.entry(&run.experiment).or_default().push(run);
    }
    let experiment = |name: &String| {
        let all: Vec<&Run> = of.get(name.as_str()).cloned().unwrap_or_default();
        let meant: Vec<&Run> =
            all.iter().copied().filter(|run| selection.only.iter().all(|only| only.admits(run))).collect();
        let mut arms = arms(&meant, &all, selection);
        if let Some(sort) = &selection.sort {
            sorted(&mut arms, sort, selection);
        }
        Experiment {
            name: name.clone(),
            arms,
            runs: count(&meant),
            test_set: selection.test_sets.get(name).cloned(),
            notes: notes(&meant, selection),
            allow_overlap: all.iter().find_map(|run| run.allow_overlap.clone()),
        }
    };
    let mut experiments: Vec<Experiment> = selection.experiments.iter().map(experiment).collect();
    let mut tested: Vec<(&mut Option<f64>, f64)> = Vec::new();
    for arm in experiments.iter_mut().flat_map(|experiment| &mut experiment.arms) {
        if let Some(p) = arm.delta.difference().and_then(Difference::p) {
            tested.push((&mut arm.holm, p));
        }
    }
    let family = tested.len();
    let corrected = holm(&tested.iter().map(|(_, p)| *p).collect::<Vec<_>>());
    tested.into_iter().zip(corrected).for_each(|((place, _), p)| *place = Some(p));
    Comparison {
        experiments,
        metrics: selection.metrics.clone(),
        keys: selection.by.clone(),
        test: selection.test,
        resamples: selection.evidence.resamples,
        family,
        shape: selection.shape.clone(),
    }
}

/// Architecture, share of the labels and seed: what a run has in common with its baseline.
type Place<'a> = (&'a str, u64, u64);

fn place(run: &Run) -> Place<'_> {
    (&run.architecture, run.label_fraction.to_bits(), run.seed)
}

/// The arms of the `meant` runs of one experiment, in the order of its table; baselines are sought among all.
fn arms(meant: &[&Run], all: &[&Run], selection: &Selection) -> Vec<Arm> {
    let mut places: HashMap<Vec<Option<String>>, usize> = HashMap::new();
    let mut groups: Vec<(Vec<Option<String>>, Vec<&Run>)> = Vec::new();
    for &run in meant {
        let key: Vec<Option<String>> = selection.by.iter().map(|key| key.of(run)).collect();
        let place = *places.entry(key.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, runs)) => runs.push(run),
            None => groups.push((key, vec![run])),
        }
    }
    // Places of first appearance, which follow the lists of the manifest.
    let mut first: Vec<HashMap<Option<&str>, usize>> = vec![HashMap::new(); selection.by.len()];
    for (place, (key, _)) in groups.iter().enumerate() {
        for (first, value) in first.iter_mut().zip(key) {
            first.entry(value.as_deref()).or_insert(place);
        }
    }
    let order: Vec<Vec<usize>> = groups
        .iter()
        .map(|(key, runs)| {
            let at = |wanted: Key| {
                let found = selection.by.iter().position(|key| *key == wanted)?;
                first[found].get(&key[found].as_deref()).copied()
            };
            let of = |wanted: Key| at(wanted).unwrap_or(0);
            let grafted = usize::from(runs[0].graft != SCRATCH);
            vec![of(Key::Architecture), of(Key::LabelFraction), grafted, of(Key::Graft), of(Key::Mix), of(Key::Freeze)]
        })
        .collect();
    let mut sorted: Vec<usize> = (0..groups.len()).collect();
    sorted.sort_by(|&a, &b| order[a].cmp(&order[b]));

    let mut baselines: HashMap<Place<'_>, &Run> = HashMap::new();
    let mut planned: HashSet<(&str, u64)> = HashSet::new();
    for run in all.iter().filter(|run| run.graft == SCRATCH) {
        planned.insert((&run.architecture, run.label_fraction.to_bits()));
        if run.status == "done" {
            baselines.insert(place(run), run);
        }
    }
    let arm = |group: usize| {
        let runs = &groups[group].1;
        let key = runs[0];
        let mut seeds: BTreeMap<u64, Vec<&Run>> = BTreeMap::new();
        for run in runs.iter().copied().filter(|run| run.status == "done") {
            seeds.entry(run.seed).or_default().push(run);
        }
        let seeds: Vec<Vec<&Run>> = seeds.into_values().collect();
        let spread = |of: fn(&Run) -> Option<f64>| Spread::of(&by_seed(&seeds, &of).1);
        let summary = |(number, metric): (usize, &Metric)| {
            let (networks, observed) = by_seed(&seeds, &|run| value(run, metric, selection));
            let spread = Spread::of(&observed)?;
            let of = (number, metric);
            let interval = selection.test.interval(of, &networks, &spread, &observed, &selection.evidence);
            let stages: Vec<&str> = networks.iter().flatten().map(|run| run.stage_id.as_str()).collect();
            Some(Summary { spread, interval, support: selection.evidence.known(metric, &stages).support })
        };
        Arm {
            architecture: key.architecture.clone(),
            graft: key.graft.clone(),
            mix: key.mix.clone(),
            freeze: key.freeze.clone(),
            label_fraction: key.label_fraction,
            seeds: count(runs),
            distinct_seeds: seeds.len(),
            frozen_at_best: [true, false].map(|only| {
                let thaws = seeds.iter().flatten().filter_map(|run| run.frozen_at_best);
                thaws.filter(|frozen| *frozen || !only).count()
            }),
            without_auc: seeds.iter().flatten().filter(|run| run.test_macro_auc.is_none()).count(),
            macro_auc: spread(|run| run.test_macro_auc),
            accuracy: spread(|run| run.test_accuracy),
            macro_f1: spread(|run| run.test_macro_f1),
            metrics: selection.metrics.iter().enumerate().map(summary).collect(),
            delta: delta(runs, &seeds, &baselines, &planned, selection),
            holm: None,
        }
    };
    sorted.into_iter().map(arm).collect()
}

/// The runs of each seed that have a value, and their means.
fn by_seed<'a>(seeds: &[Vec<&'a Run>], of: &dyn Fn(&Run) -> Option<f64>) -> (Vec<Vec<&'a Run>>, Vec<f64>) {
    let mut found = (Vec::new(), Vec::new());
    for runs in seeds {
        let with: Vec<&Run> = runs.iter().copied().filter(|run| of(run).is_some()).collect();
        if let Some(spread) = Spread::of(&with.iter().filter_map(|run| of(run)).collect::<Vec<_>>()) {
            found.0.push(with);
            found.1.push(spread.mean);
        }
    }
    found
}

/// What a run has of a metric.
fn value(run: &Run, metric: &Metric, selection: &Selection) -> Option<f64> {
    match (metric.name.as_str(), &metric.of) {
        ("macro_auc", None) => run.test_macro_auc,
        ("accuracy", None) => run.test_accuracy,
        ("macro_f1", None) => run.test_macro_f1,
        _ => selection.values.get(metric)?.get(&run.stage_id).copied(),
    }
}

fn delta(
    runs: &[&Run],
    seeds: &[Vec<&Run>],
    baselines: &HashMap<Place<'_>, &Run>,
    planned: &HashSet<(&str, u64)>,
    selection: &Selection,
) -> Delta {
    if runs.iter().all(|run| run.graft == SCRATCH) {
        return Delta::Baseline;
    }
    if !runs.iter().any(|run| planned.contains(&(run.architecture.as_str(), run.label_fraction.to_bits()))) {
        return Delta::NoBaseline;
    }
    let mut pairs: Pairs<'_> = Vec::new();
    for seed in seeds {
        let grafted = seed.iter().copied().filter(|run| run.graft != SCRATCH);
        pairs.push(grafted.filter_map(|run| Some((run, *baselines.get(&place(run))?))).collect());
    }
    let Some(metric) = selection.metrics.first() else { return Delta::NoPairs };
    let of = |run: &Run| value(run, metric, selection);
    let found = selection.test.difference((0, metric), &pairs, &of, &selection.evidence);
    found.map_or(Delta::NoPairs, Delta::Paired)
}

/// Best first; arms without a value last.
fn sorted(arms: &mut [Arm], sort: &Sort, selection: &Selection) {
    let rising =
        |metric: Option<&Metric>, value: f64| if metric.is_some_and(Metric::is_error) { value } else { -value };
    let first = selection.metrics.first();
    let number = |arm: &Arm| -> Option<f64> {
        match sort {
            Sort::Metric(number) => {
                Some(rising(selection.metrics.get(*number), arm.metrics.get(*number)?.as_ref()?.spread.mean))
            }
            Sort::Difference => Some(rising(first, arm.delta.difference()?.mean)),
            Sort::P => arm.delta.difference()?.p(),
            Sort::Key(Key::LabelFraction) => Some(arm.label_fraction),
            Sort::Key(_) => None,
        }
    };
    match sort {
        Sort::Key(key) if *key != Key::LabelFraction => arms.sort_by_cached_key(|arm| arm.key(*key)),
        _ => arms.sort_by(|a, b| number(a).unwrap_or(f64::INFINITY).total_cmp(&number(b).unwrap_or(f64::INFINITY))),
    }
}

fn count(runs: &[&Run]) -> Runs {
    let with = |status: &str| runs.iter().filter(|run| run.status == status).count();
    Runs { planned: runs.len(), done: with("done"), running: with("running"), failed: with("failed") }
}

/// What makes the done runs less comparable than they look, and what is not known of their records.
fn notes(runs: &[&Run], selection: &Selection) -> Vec<String> {
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
    if selection.test.reads_records() {
        let done = || runs.iter().filter(|run| run.status == "done");
        let known = done().find_map(|run| selection.evidence.patients(&run.stage_id));
        match known {
            Some((_, records, false)) => notes.push(format!(
                "Whose its {records} test records are is not in the store, as its runs were made before that was kept: each \
                 counts as a patient of its own."
            )),
            Some((patients, records, true)) if patients < records => {
                notes.push(format!("The test records are of {patients} patients."));
            }
            Some(_) => {}
            None if done().next().is_some() => {
                notes.push(
                    "The store has no predictions of its test records, so that its intervals and p-values are those of the t \
                     test over seeds."
                        .to_owned(),
                );
            }
            None => {}
        }
    }
    notes
}
