//! What is asked of a comparison, and what of the store it takes to answer.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::elsewhere::elsewhere;
use super::floors::shares;
use super::last_stage::{metric_of, targets_of};
use super::pairs::has_pairs;
use super::regressions::regressions;
use super::subgroups::parts;
use super::{
    Baseline, Grouping, Key, Only, Planned, Selection, Shape, SignificanceTest, Sort, TestResults, Thresholds, select,
    usual_metrics, usual_metrics_of,
};
use crate::ecg::Measurement;
use crate::manifest::{Labels, Subset, choices};
use crate::metrics::{NamedMetric, ThresholdRule};
use crate::store::{Found, Run, StageStatus, Store, TestPredictions, TestSet};
use crate::{Error, Result};

/// Resamples of the patients, if nothing else is asked for.
pub const RESAMPLES: usize = 2000;
/// Stages whose predictions are in memory at once where they are resampled.
const CHUNK: usize = 64;

/// A question, in the user's words.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Names of experiments, or globs; all where there are none.
    pub experiments: Vec<String>,
    /// Conditions: `KEY=VALUE`.
    pub only: Vec<String>,
    /// Names of metrics; [`usual_metrics_of`] what the last stages learn where there are none.
    pub metrics: Vec<String>,
    /// What arms are known by; [`Key::usual`] where there are none.
    pub by: Vec<Key>,
    /// What the test records are parted by, for a comparison within each part.
    pub groupings: Vec<Grouping>,
    /// From which probability on classes are predicted.
    pub thresholds: ThresholdRule,
    /// What each arm is compared with, `graft=qrs,mix=simulated`; the network trained from scratch where there is nothing.
    pub baseline: Vec<String>,
    /// Compare every two arms along this key instead.
    pub against: Option<Key>,
    /// How differences are tested. Where `None`, by the bootstrap, or by t where that cannot be done of the metric or the
    /// store has no predictions: however many runs there are.
    pub test: Option<SignificanceTest>,
    /// Resamples of the patients; [`RESAMPLES`] where `None`.
    pub resamples: Option<usize>,
    /// What rows are sorted by: a metric of those shown, `difference`, `p`, or a key.
    pub sort: Option<String>,
    /// How it is shown.
    pub shape: Shape,
}

impl Question {
    /// The runs of the store, and what is to be compared of them.
    ///
    /// # Errors
    /// A user error where there is no experiment, metric, key or baseline that is asked for, or the test does not fit the
    /// metric.
    pub fn selection(&self, store: &Store) -> Result<(Vec<Run>, Selection)> {
        let (runs, test_sets) = runs_and_test_sets(store)?;
        let experiments = select(&runs, &self.experiments)?;
        let only: Vec<Only> = self.only.iter().map(|text| text.parse()).collect::<Result<_>>()?;
        let baseline = Baseline::parse(&self.baseline)?;
        self.check(&runs, &experiments, &only, &baseline)?;
        let targets = targets_of(store, &experiments)?;
        let metrics = self.metrics(&targets)?;
        let sort = self.sort.as_deref().map(|text| sort(text, &metrics)).transpose()?;
        let (has_plan, mut planned) = self.planned(store, &experiments, &targets)?;
        let all_metrics = with_those_of_plans(&metrics, &planned);
        // Baselines are needed whatever the conditions say.
        let is_needed = |run: &&Run| {
            let is_done = run.status == StageStatus::Done && experiments.contains(&run.experiment);
            is_done && (baseline.has(run) || only.iter().all(|only| only.admits(run)))
        };
        let needed: Vec<&Run> = runs.iter().filter(is_needed).collect();
        let asked: Vec<String> = all_metrics.iter().map(NamedMetric::to_string).collect();
        let (known, stages) = (store.metrics_among(&asked)?, stages_of(&needed));
        let thresholds = Arc::new(Thresholds::choose(self.thresholds, store, &stages)?);
        self.check_thresholds(&metrics, &thresholds, stages.len())?;
        let (test, test_results) = self.test_results(store, &needed, (&metrics, &all_metrics), &thresholds)?;
        let all = || read(store, &stages, TestResults::at_thresholds(Arc::clone(&thresholds), 0), &all_metrics);
        let all = self.reads_all(&all_metrics, test, &known).then(all).transpose()?;
        let values = self.values(store, &all_metrics, (&known, all.as_ref().unwrap_or(&test_results)))?;
        planned.values_mut().for_each(|planned| planned.reads_records = test.reads_records());
        let of_numbers = metrics.iter().filter(|metric| metric.is_of_numbers());
        let medians = of_numbers.map(|metric| Ok((metric.clone(), store.metric_of_medians(metric)?)));
        let medians = medians.collect::<Result<_>>()?;
        let (by, shape) = (self.keys(&runs, &experiments), self.shape.clone());
        let of = |name: &String| Ok((name.clone(), elsewhere(store, &runs, name, &only)?));
        let elsewhere = experiments.iter().map(of).collect::<Result<_>>()?;
        let asked = experiments.iter().filter(|_| self.shape.regressions);
        let of = |name: &String| Ok((name.clone(), regressions(store, &runs, name, &only)?));
        let regressions = asked.map(of).collect::<Result<_>>()?;
        let mut selection = Selection {
            experiments,
            test_sets,
            only,
            baseline,
            against: self.against,
            has_plan,
            planned,
            targets,
            by,
            metrics,
            values,
            test,
            shares: shares(store, &needed)?,
            medians,
            test_results,
            subgroups: Vec::new(),
            is_of_part: false,
            elsewhere,
            regressions,
            sort,
            shape,
        };
        selection.has_what_is_asked()?;
        selection.subgroups = parts(&self.groupings, &selection, all.as_ref(), self.resamples.unwrap_or(RESAMPLES))?;
        Ok((runs, selection))
    }

    /// The experiments that planned comparisons, and their plans, where these are to be shown.
    fn planned(
        &self,
        store: &Store,
        experiments: &[String],
        targets: &[Measurement],
    ) -> Result<(BTreeSet<String>, BTreeMap<String, Planned>)> {
        let plans = store.planned_comparisons(experiments)?;
        let has_plan = plans.keys().cloned().collect();
        let shown = plans.into_iter().filter(|_| self.is_plain());
        let planned = |(name, plan)| (name, Planned { plan, reads_records: false, targets: targets.to_vec() });
        Ok((has_plan, shown.map(planned).collect()))
    }

    /// Whether nothing is asked but what came of experiments: what was planned is shown then.
    fn is_plain(&self) -> bool {
        let Self { only, metrics, by, groupings, baseline, against, test, shape, .. } = self;
        let is_of_all = only.is_empty() && metrics.is_empty() && by.is_empty() && groupings.is_empty();
        let is_as_usual =
            baseline.is_empty() && against.is_none() && test.is_none() && self.thresholds == ThresholdRule::Half;
        is_of_all && is_as_usual && !shape.ranks && !shape.elsewhere && shape.pivot.is_none()
    }

    /// How differences are tested, and what of the test records that takes; `needed` are the runs that are compared, and
    /// `resampled` the metrics of which more than the value is needed.
    fn test_results(
        &self,
        store: &Store,
        needed: &[&Run],
        (metrics, resampled): (&[NamedMetric], &[NamedMetric]),
        thresholds: &Arc<Thresholds>,
    ) -> Result<(SignificanceTest, TestResults)> {
        let first = metrics.first();
        let usual = first.map_or(SignificanceTest::Bootstrap, SignificanceTest::default_of);
        let test = self.test.unwrap_or(usual);
        first.map_or(Ok(()), |metric| test.check(metric))?;
        let one_set = matches!(test, SignificanceTest::DeLong | SignificanceTest::McNemar);
        if one_set && !self.keys_have(Key::Fold) && needed.iter().any(|run| run.fold.is_some()) {
            return Err(Error::user(format!(
                "--test {} is of networks that were tested on the same records, and here are those of several folds; \
                 choose --test bootstrap, or tell the folds apart with --by fold",
                test.name()
            )));
        }
        if !test.reads_records() {
            return Ok((test, records_of(store, needed)?));
        }
        let is_bootstrap = test == SignificanceTest::Bootstrap;
        let resamples = if is_bootstrap { self.resamples.unwrap_or(RESAMPLES) } else { 0 };
        let results = TestResults::at_thresholds(Arc::clone(thresholds), resamples);
        let results = read(store, &stages_of(needed), results, resampled)?;
        if results.is_empty() && self.test.is_none() {
            return Ok((SignificanceTest::T, TestResults::default()));
        }
        if results.is_of_several_labels() {
            check_several(test, metrics)?;
        }
        Ok((test, results))
    }

    /// Whether all predictions are to be had besides what the `test` needs of them: for parts of the test records, and for
    /// metrics that are computed, which a test that reads records has read them for.
    fn reads_all(&self, metrics: &[NamedMetric], test: SignificanceTest, known: &Known) -> bool {
        let any_computed = || metrics.iter().any(|metric| self.is_computed(metric, known));
        !self.groupings.is_empty() || !test.reads_records() && any_computed()
    }

    /// Whether a metric is computed from predictions: one that is of decisions at other thresholds, and one that is not
    /// stored, of a name with a parameter or of a newer version.
    fn is_computed(&self, metric: &NamedMetric, known: &Known) -> bool {
        let at_thresholds = self.thresholds != ThresholdRule::Half && metric.is_of_decisions(Labels::Multi);
        let is_of_predictions = metric.split == Subset::Test && metric.classifier().is_some();
        is_of_predictions && (at_thresholds || !known.contains_key(&metric.to_string()))
    }

    /// Values by stage of the metrics that runs do not have with them.
    fn values(
        &self,
        store: &Store,
        metrics: &[NamedMetric],
        (known, results): (&Known, &TestResults),
    ) -> Result<BTreeMap<NamedMetric, HashMap<String, f64>>> {
        let usual = usual_metrics();
        let mut values = BTreeMap::new();
        for metric in metrics {
            if metric.of_last {
                values.insert(metric.clone(), store.last_errors(metric)?);
                continue;
            }
            let found = match known.get(&metric.to_string()) {
                _ if self.is_computed(metric, known) => results.values(metric),
                Some(_) if usual.contains(metric) => continue,
                Some(&found) => store.metric(found, metric)?,
                None => HashMap::new(),
            };
            let is_unknown = found.is_empty() && !known.contains_key(&metric.to_string());
            if is_unknown && !usual.contains(metric) {
                let names = choices(&metric.to_string(), known.keys().map(String::as_str));
                return Err(Error::user(format!("no metric is called `{metric}`{names}")));
            }
            values.insert(metric.clone(), found);
        }
        Ok(values)
    }

    /// That there is something for thresholds to change, and that they are known.
    fn check_thresholds(&self, metrics: &[NamedMetric], thresholds: &Thresholds, stages: usize) -> Result<()> {
        if self.thresholds == ThresholdRule::Half {
            return Ok(());
        }
        let option = format!("--thresholds {}", self.thresholds.name());
        if self.test == Some(SignificanceTest::McNemar) {
            return Err(Error::user(format!(
                "{option}: --test mcnemar is of the networks' mean probabilities, which have no threshold; choose another test"
            )));
        }
        if !metrics.iter().any(|metric| metric.is_of_decisions(Labels::Multi)) {
            return Err(Error::user(format!(
                "{option}: none of the metrics is of decisions, which thresholds change; add one with --metric, such as \
                 macro_f1, specificity:CLASS or ppv:CLASS"
            )));
        }
        if stages > 0 && thresholds.without == stages {
            return Err(Error::user(format!(
                "{option}: the store has no predictions on validation records, as all of these runs were trained before they \
                 were kept"
            )));
        }
        Ok(())
    }

    /// What arms are known by.
    fn keys(&self, runs: &[Run], experiments: &[String]) -> Vec<Key> {
        match &self.shape.pivot {
            Some(pivot) => {
                Key::ALL.into_iter().filter(|key| pivot.rows.contains(key) || pivot.columns.contains(key)).collect()
            }
            None if self.by.is_empty() => Key::usual(runs.iter().filter(|run| experiments.contains(&run.experiment))),
            None => self.by.clone(),
        }
    }

    /// Whether arms are known by `key` because that is asked for.
    fn keys_have(&self, key: Key) -> bool {
        let pivot = self.shape.pivot.as_ref();
        self.by.contains(&key) || pivot.is_some_and(|pivot| pivot.rows.contains(&key) || pivot.columns.contains(&key))
    }

    /// That the conditions are of runs there are, done or not: each for itself, and all together; and so the baseline.
    fn check(&self, runs: &[Run], experiments: &[String], only: &[Only], baseline: &Baseline) -> Result<()> {
        let runs: Vec<&Run> = runs.iter().filter(|run| experiments.contains(&run.experiment)).collect();
        only.iter().try_for_each(|only| only.check(&runs, "--only"))?;
        let meant: Vec<&Run> = runs.iter().copied().filter(|run| only.iter().all(|only| only.admits(run))).collect();
        if meant.is_empty() {
            return Err(Error::user(format!("no run has all of {}; leave one of them out", self.only.join(", "))));
        }
        match self.against {
            Some(axis) => check_axis(axis, &meant),
            None => baseline.check(&meant, &runs),
        }
    }

    /// The metrics, of last stages that measure these targets, or classify.
    fn metrics(&self, targets: &[Measurement]) -> Result<Vec<NamedMetric>> {
        if self.metrics.is_empty() {
            return Ok(usual_metrics_of(targets));
        }
        self.metrics.iter().map(|name| metric_of(name, targets)).collect()
    }
}

/// The metrics that are stored, by name.
type Known = BTreeMap<String, Found>;

/// These metrics, and those of planned comparisons, each once.
fn with_those_of_plans(metrics: &[NamedMetric], planned: &BTreeMap<String, Planned>) -> Vec<NamedMetric> {
    let mut all = metrics.to_vec();
    for metric in planned.values().flat_map(Planned::metrics) {
        if !all.contains(&metric) {
            all.push(metric);
        }
    }
    all
}

/// All runs, and what experiments were tested on, each read by a thread of its own.
fn runs_and_test_sets(store: &Store) -> Result<(Vec<Run>, BTreeMap<String, TestSet>)> {
    let beside = store.beside()?;
    std::thread::scope(|scope| {
        let sets = scope.spawn(move || beside.test_sets());
        let runs = store.runs()?;
        let sets = sets.join().map_err(|_| Error::internal("the reading of test sets stopped by a fault of ours"))?;
        Ok((runs, sets?))
    })
}

/// The stages of runs, each once.
fn stages_of(runs: &[&Run]) -> Vec<String> {
    let mut stages: Vec<String> = runs.iter().map(|run| run.stage_id.clone()).collect();
    stages.sort();
    stages.dedup();
    stages
}

/// Adds what these stages predicted to `results`, some at a time.
fn read(store: &Store, stages: &[String], mut results: TestResults, metrics: &[NamedMetric]) -> Result<TestResults> {
    std::thread::scope(|scope| {
        // While some are resampled the next are read.
        let (sender, receiver) = std::sync::mpsc::sync_channel::<Vec<TestPredictions>>(1);
        let resampling = scope.spawn(move || {
            receiver.into_iter().for_each(|predictions| results.extend(predictions, metrics));
            results
        });
        for stages in stages.chunks(CHUNK) {
            // Who does not listen any more has panicked, which is told below.
            if sender.send(store.predictions(stages)?).is_err() {
                break;
            }
        }
        drop(sender);
        resampling.join().map_err(|_| Error::internal("the resampling of test predictions stopped by a fault of ours"))
    })
}

/// Refuses McNemar's test of what is right in part where a record has several labels.
fn check_several(test: SignificanceTest, metrics: &[NamedMetric]) -> Result<()> {
    let fits = |labels| move |metric: &NamedMetric| test.is_among(metric.tests(labels));
    let is_of_one = |metric: &&NamedMetric| fits(None)(metric) && !fits(Some(Labels::Multi))(metric);
    if test != SignificanceTest::McNemar || !metrics.iter().any(|metric| is_of_one(&metric)) {
        return Ok(());
    }
    let of_several = NamedMetric::of_classifiers().into_iter().filter(|(metric, _)| fits(Some(Labels::Multi))(metric));
    let names = of_several.map(|(metric, _)| metric.to_string()).collect::<Vec<_>>().join(" or ");
    Err(Error::user(format!(
        "--test mcnemar asks which records are right; where a record has several labels, that is --metric {names}"
    )))
}

/// That some two of the runs differ in `axis`, and are alike in all else.
fn check_axis(axis: Key, runs: &[&Run]) -> Result<()> {
    if has_pairs(axis, runs) {
        return Ok(());
    }
    let mut known: Vec<String> = Vec::new();
    for value in runs.iter().filter_map(|run| axis.value(run)) {
        if !known.contains(&value) {
            known.push(value);
        }
    }
    let name = axis.name();
    Err(Error::user(match &known[..] {
        [] => format!("--against {name}: no run has a {name}"),
        [one] => format!("--against {name}: there is one {name} alone, {one}"),
        several => format!(
            "--against {name}: no two arms of an experiment differ in their {name} ({}) and in nothing else",
            several.join(", ")
        ),
    }))
}

/// What is known of the test records, for tests that do not read what was predicted of them: of one stage for all that were
/// tested on the same, which are those of its experiment that had the same data and differ only in how they were trained.
fn records_of(store: &Store, needed: &[&Run]) -> Result<TestResults> {
    const TRAINING: [Key; 5] = [Key::Architecture, Key::Graft, Key::Mix, Key::Freeze, Key::LabelFraction];
    let others: Vec<Key> = Key::ALL.into_iter().filter(|key| !TRAINING.contains(key)).collect();
    type SameRecords<'a> = (&'a str, &'a str, Vec<Option<String>>);
    let mut groups: BTreeMap<SameRecords<'_>, Vec<&str>> = BTreeMap::new();
    for run in needed {
        let tested = others.iter().map(|key| key.value(run)).collect();
        groups.entry((&run.experiment, &run.data_fingerprint, tested)).or_default().push(&run.stage_id);
    }
    let first = |stages: &Vec<&str>| stages.first().map(|stage| (*stage).to_owned());
    let stages: Vec<String> = groups.values().filter_map(first).collect();
    let mut results = TestResults::new(store.predictions(&stages)?, &[], 0);
    for stages in groups.values() {
        if let Some((one, others)) = stages.split_first() {
            results.speaks_for(one, others.iter().copied());
        }
    }
    Ok(results)
}

fn sort(text: &str, metrics: &[NamedMetric]) -> Result<Sort> {
    match text {
        "difference" => return Ok(Sort::Difference),
        "p" => return Ok(Sort::P),
        _ => {}
    }
    if let Some(place) = metrics.iter().position(|metric| metric.to_string() == text) {
        return Ok(Sort::Metric(place));
    }
    text.parse().map(Sort::Key).map_err(|_| {
        let shown: Vec<String> = metrics.iter().map(NamedMetric::to_string).collect();
        let fixed = ["difference", "p"].into_iter().chain(Key::ALL.map(Key::name));
        let known = choices(text, shown.iter().map(String::as_str).chain(fixed));
        Error::user(format!("there is nothing called `{text}` that rows are sorted by{known}"))
    })
}
