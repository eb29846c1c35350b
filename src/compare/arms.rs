//! Runs into arms: what differs in seed only is one row.

use std::collections::{BTreeMap, HashMap};

use super::baseline::Baselines;
use super::values::value;
use super::{Arm, Delta, Key, Runs, Selection, SignificanceTest, Sort, Summary, judge};
use crate::manifest::SCRATCH;
use crate::metrics::NamedMetric;
use crate::statistics::Spread;
use crate::store::{Run, StageStatus};

/// Runs that have the same under all keys.
pub(super) struct Group<'a> {
    /// What they have under each key.
    pub values: Vec<Option<String>>,
    pub runs: Vec<&'a Run>,
}

/// The arms of the `meant` runs of one experiment, in the order of its table; baselines are sought among all.
pub(super) fn arms(meant: &[&Run], all: &[&Run], selection: &Selection) -> Vec<Arm> {
    let baselines = Baselines::among(all, &selection.baseline);
    let compared = |group: &Group<'_>| {
        let seeds = by_seed(&group.runs);
        let delta = baselines.delta(&group.runs, &seeds, selection);
        Arm { delta, ..arm(&group.runs, &selection.metrics, selection.test, selection) }
    };
    grouped(meant, &selection.by).iter().map(compared).collect()
}

/// The runs by what they have under `keys`, in the order of a table.
pub(super) fn grouped<'a>(runs: &[&'a Run], keys: &[Key]) -> Vec<Group<'a>> {
    in_order(groups(runs, keys), keys)
}

/// The runs by what they have under `keys`, in the order of their first.
fn groups<'a>(runs: &[&'a Run], keys: &[Key]) -> Vec<Group<'a>> {
    let mut places: HashMap<Vec<Option<String>>, usize> = HashMap::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for &run in runs {
        let values: Vec<Option<String>> = keys.iter().map(|key| key.value(run)).collect();
        let place = *places.entry(values.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.runs.push(run),
            None => groups.push(Group { values, runs: vec![run] }),
        }
    }
    groups
}

/// By architecture, variant and share of the labels, those from scratch first, then by graft, mix and freeze.
fn in_order<'a>(groups: Vec<Group<'a>>, keys: &[Key]) -> Vec<Group<'a>> {
    // Places of first appearance, which follow the lists of the manifest.
    let mut first: Vec<HashMap<Option<String>, usize>> = vec![HashMap::new(); keys.len()];
    for (place, group) in groups.iter().enumerate() {
        for (first, value) in first.iter_mut().zip(&group.values) {
            first.entry(value.clone()).or_insert(place);
        }
    }
    let order = |group: &Group<'_>| {
        let place = |wanted: Key| {
            let found = keys.iter().position(|key| *key == wanted)?;
            first[found].get(&group.values[found]).copied()
        };
        let is_grafted = usize::from(group.runs[0].graft != SCRATCH);
        let [architecture, variant, labels, graft, mix, freeze, fold] =
            [Key::Architecture, Key::Variant, Key::LabelFraction, Key::Graft, Key::Mix, Key::Freeze, Key::Fold]
                .map(|key| place(key).unwrap_or(0));
        [architecture, variant, labels, is_grafted, graft, mix, freeze, fold]
    };
    let mut sorted = groups;
    sorted.sort_by_cached_key(order);
    sorted
}

/// The done runs of each seed.
pub(super) fn by_seed<'a>(runs: &[&'a Run]) -> Vec<Vec<&'a Run>> {
    let mut seeds: BTreeMap<u64, Vec<&Run>> = BTreeMap::new();
    for run in runs.iter().copied().filter(|run| run.status == StageStatus::Done) {
        seeds.entry(run.seed).or_default().push(run);
    }
    seeds.into_values().collect()
}

/// The arm of these runs, at least one, with these metrics, whose intervals are of `test`; compared with nothing yet.
pub(super) fn arm(runs: &[&Run], metrics: &[NamedMetric], test: SignificanceTest, selection: &Selection) -> Arm {
    let first = runs[0];
    let seeds = by_seed(runs);
    let (classifies, judge) = (selection.targets.is_empty(), judge(&selection.targets));
    let judged = |run: &Run| if classifies { run.test_macro_auc } else { value(run, &judge, selection) };
    Arm {
        architecture: first.architecture.clone(),
        graft: first.graft.clone(),
        is_constant: false,
        mix: first.mix.clone(),
        freeze: first.freeze.clone(),
        variant: first.variant.clone(),
        fold: first.fold.filter(|fold| runs.iter().all(|run| run.fold == Some(*fold))),
        label_fraction: first.label_fraction,
        seeds: Runs::count(runs),
        distinct_seeds: seeds.len(),
        frozen_at_best: [true, false].map(|only| {
            let thaws = seeds.iter().flatten().filter_map(|run| run.frozen_at_best);
            thaws.filter(|frozen| *frozen || !only).count()
        }),
        without_auc: seeds.iter().flatten().filter(|run| classifies && run.test_macro_auc.is_none()).count(),
        judged: Spread::from_values(&with_values(&seeds, &judged).1),
        metrics: metrics.iter().map(|metric| summary(metric, &seeds, test, selection)).collect(),
        delta: Delta::NoBaseline,
        holm: None,
    }
}

/// A metric over the seeds of an arm.
fn summary(
    metric: &NamedMetric,
    seeds: &[Vec<&Run>],
    test: SignificanceTest,
    selection: &Selection,
) -> Option<Summary> {
    let (networks, observed) = with_values(seeds, &|run| value(run, metric, selection));
    let spread = Spread::from_values(&observed)?;
    let interval = test.interval(metric, &networks, &observed, &selection.test_results);
    let stages: Vec<&str> = networks.iter().flatten().map(|run| run.stage_id.as_str()).collect();
    Some(Summary { spread, interval, support: selection.test_results.known(metric, &stages).support })
}

/// The runs of each seed that have a value, and their means.
fn with_values<'a>(seeds: &[Vec<&'a Run>], value: &dyn Fn(&Run) -> Option<f64>) -> (Vec<Vec<&'a Run>>, Vec<f64>) {
    let mut found = (Vec::new(), Vec::new());
    for runs in seeds {
        let with: Vec<&Run> = runs.iter().copied().filter(|run| value(run).is_some()).collect();
        if let Some(spread) = Spread::from_values(&with.iter().filter_map(|run| value(run)).collect::<Vec<_>>()) {
            found.0.push(with);
            found.1.push(spread.mean);
        }
    }
    found
}

/// Best first; arms without a value last.
pub(super) fn sort_arms(arms: &mut [Arm], sort: &Sort, metrics: &[NamedMetric]) {
    sort_by(arms, sort, metrics, &|arm| arm);
}

/// Sorts what has arms, by the arm that `of` gives.
pub(super) fn sort_by<T>(all: &mut [T], sort: &Sort, metrics: &[NamedMetric], of: &dyn Fn(&T) -> &Arm) {
    let rising = |metric: Option<&NamedMetric>, value: f64| {
        if metric.is_some_and(NamedMetric::is_error) { value } else { -value }
    };
    let number = |arm: &Arm| -> Option<f64> {
        match sort {
            Sort::Metric(number) => Some(rising(metrics.get(*number), arm.metrics.get(*number)?.as_ref()?.spread.mean)),
            Sort::Difference => Some(rising(metrics.first(), arm.delta.difference()?.mean)),
            Sort::P => arm.delta.difference()?.p(),
            Sort::Key(Key::LabelFraction) => Some(arm.label_fraction),
            Sort::Key(_) => None,
        }
    };
    let number = |item: &T| number(of(item)).unwrap_or(f64::INFINITY);
    match sort {
        Sort::Key(key) if *key != Key::LabelFraction => all.sort_by_cached_key(|item| of(item).key(*key)),
        _ => all.sort_by(|a, b| number(a).total_cmp(&number(b))),
    }
}
