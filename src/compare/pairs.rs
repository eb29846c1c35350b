//! Two arms compared: all pairs along a key, and those that a manifest planned.

use super::arms::{Group, arm, by_seed, grouped, sort_by};
use super::significance::Pairs;
use super::values::value;
use super::{Arm, Delta, Key, Only, Planned, Selection, SignificanceTest};
use crate::manifest::{Against, ArmPattern, Axis, Correction, PlannedComparison, SCRATCH};
use crate::metrics::NamedMetric;
use crate::statistics::{Difference, holm};
use crate::store::Run;

/// Two arms of an experiment, compared seed by seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The name of the planned comparison that it is of.
    pub comparison: Option<String>,
    /// The metric, which is the only one that its arms have.
    pub metric: NamedMetric,
    /// The arm, with its difference from the other.
    pub arm: Arm,
    /// What it is compared with.
    pub against: Arm,
}

impl Pair {
    /// The keys in which the two differ. That one from scratch has neither mix nor freeze is no difference in these.
    pub fn differing(&self) -> Vec<Key> {
        let differ = |key: &Key| {
            let (own, other) = (self.arm.key(*key), self.against.key(*key));
            own != other && !(key.is_of_grafts() && (own.is_none() || other.is_none()))
        };
        Key::ALL.into_iter().filter(differ).collect()
    }

    /// What both have under a key in which they do not differ; that of the one that has it.
    pub fn place(&self, key: Key) -> Option<String> {
        self.arm.key(key).or_else(|| self.against.key(key))
    }

    /// The two by that in which they differ: `deepfake` and `simulated`.
    pub fn names(&self) -> [String; 2] {
        let keys = self.differing();
        [&self.arm, &self.against].map(|arm| {
            let value = |key: &Key| match key {
                Key::LabelFraction => arm.key(*key).map(|share| format!("{share} labels")),
                key => arm.key(*key),
            };
            let values: Vec<String> = keys.iter().filter_map(value).collect();
            if values.is_empty() { "none".to_owned() } else { values.join(", ") }
        })
    }
}

/// Comparisons whose p-values are corrected together, as a manifest planned them.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// `primary` or `secondary`.
    pub name: &'static str,
    /// How their p-values are corrected.
    pub correction: Correction,
    /// Number of p-values that are corrected together.
    pub size: usize,
    /// The comparisons, in the order of the manifest, each in the order of the plan.
    pub pairs: Vec<Pair>,
}

/// Every two values of `axis`, where all other keys are the same, among the `meant` runs of one experiment. The later in the
/// order of the table is compared with the earlier, so that what is grafted is with what is not.
pub(super) fn along(axis: Key, meant: &[&Run], selection: &Selection) -> Vec<Pair> {
    let keys = keys_of(meant, Some(axis));
    let groups = grouped(meant, &keys);
    let all: Vec<&Group<'_>> = groups.iter().collect();
    let Some(metric) = selection.metrics.first() else { return Vec::new() };
    let mut pairs: Vec<Pair> = every_two(&all, axis, &keys)
        .into_iter()
        .map(|two| pair(two, &keys, None, (metric, selection.test), selection))
        .collect();
    if let Some(sort) = &selection.sort {
        sort_by(&mut pairs, sort, std::slice::from_ref(metric), &|pair| &pair.arm);
    }
    pairs
}

/// Whether there are two arms of one experiment that differ in `axis` and in nothing else.
pub(super) fn has_pairs(axis: Key, runs: &[&Run]) -> bool {
    let experiments = runs.chunk_by(|one, next| one.experiment == next.experiment);
    experiments.into_iter().any(|runs| {
        let keys = keys_of(runs, Some(axis));
        let groups = grouped(runs, &keys);
        !every_two(&groups.iter().collect::<Vec<_>>(), axis, &keys).is_empty()
    })
}

/// The families of a plan, among all runs of its experiment; those without comparisons are left out.
pub(super) fn planned(planned: &Planned, runs: &[&Run], selection: &Selection) -> Vec<Family> {
    let keys = keys_of(runs, None);
    let groups = grouped(runs, &keys);
    let plan = &planned.plan;
    let families = [("primary", &plan.primary), ("secondary", &plan.secondary)];
    let family = |(name, comparisons): (&'static str, &Vec<PlannedComparison>)| {
        let mut pairs = Vec::new();
        for comparison in comparisons.iter() {
            let metric = planned.metric_of(comparison);
            let test = if planned.reads_records { SignificanceTest::default_of(&metric) } else { SignificanceTest::T };
            let two = matching(&groups, &keys, comparison);
            let of = |two| pair(two, &keys, Some(comparison.name.clone()), (&metric, test), selection);
            pairs.extend(two.into_iter().map(of));
        }
        let size = correct(pairs.iter_mut().map(|pair| &mut pair.arm), plan.correction);
        Family { name, correction: plan.correction, size, pairs }
    };
    families.into_iter().filter(|(_, comparisons)| !comparisons.is_empty()).map(family).collect()
}

/// The groups that a planned comparison is of, two by two: the arm, and what it is compared with.
fn matching<'g, 'r>(
    groups: &'g [Group<'r>],
    keys: &[Key],
    PlannedComparison { arm, against, .. }: &PlannedComparison,
) -> Vec<(&'g Group<'r>, &'g Group<'r>)> {
    let have = |conditions: &[Only]| -> Vec<&'g Group<'r>> {
        let has = |group: &&Group<'_>| conditions.iter().all(|only| only.admits(group.runs[0]));
        groups.iter().filter(has).collect()
    };
    let own = have(&conditions(arm));
    let other = match against {
        Against::Axis(Axis::Scratch) => vec![Only::named(Key::Graft, SCRATCH)],
        Against::Axis(axis) => {
            return axis.name().parse().map_or_else(|_| Vec::new(), |key| every_two(&own, key, keys));
        }
        Against::Arm(pattern) => conditions(pattern),
    };
    let named: Vec<Key> = other.iter().filter_map(Only::key).collect();
    let bases = have(&other);
    let mut found = Vec::new();
    for group in own {
        let like = |base: &&&Group<'_>| !std::ptr::eq(**base, group) && are_alike(group, base, keys, &named);
        found.extend(bases.iter().filter(like).map(|base| (group, *base)));
    }
    found
}

/// What a pattern of a manifest asks of runs.
fn conditions(pattern: &ArmPattern) -> Vec<Only> {
    let named = |(key, value): (&str, String)| Some(Only::named(key.parse().ok()?, &value));
    pattern.named().into_iter().filter_map(named).collect()
}

/// Every two groups that differ in `axis` and in nothing else: the later, and the earlier.
fn every_two<'g, 'r>(groups: &[&'g Group<'r>], axis: Key, keys: &[Key]) -> Vec<(&'g Group<'r>, &'g Group<'r>)> {
    let mut pairs = Vec::new();
    for (place, later) in groups.iter().enumerate() {
        let differ = |earlier: &&&Group<'_>| {
            axis.value(earlier.runs[0]) != axis.value(later.runs[0]) && are_alike(earlier, later, keys, &[axis])
        };
        pairs.extend(groups[..place].iter().filter(differ).map(|earlier| (*later, *earlier)));
    }
    pairs
}

/// What arms of pairs are known by: as in tables, so that folds are pooled unless they are what is compared.
fn keys_of(runs: &[&Run], axis: Option<Key>) -> Vec<Key> {
    let usual = Key::usual(runs.iter().copied());
    Key::ALL.into_iter().filter(|key| usual.contains(key) || Some(*key) == axis).collect()
}

/// Whether two groups, known by `keys`, agree in all of them but those `named`, as far as both have them.
fn are_alike(one: &Group<'_>, other: &Group<'_>, keys: &[Key], named: &[Key]) -> bool {
    keys.iter().zip(one.values.iter().zip(&other.values)).all(|(key, (own, other))| {
        named.contains(key) || own == other || key.is_of_grafts() && (own.is_none() || other.is_none())
    })
}

/// Two groups, known by `keys`, compared: seed by seed, and within a seed what is pooled, as test folds are, each with its own.
fn pair(
    (own, base): (&Group<'_>, &Group<'_>),
    keys: &[Key],
    comparison: Option<String>,
    (metric, test): (&NamedMetric, SignificanceTest),
    selection: &Selection,
) -> Pair {
    let bases = by_seed(&base.runs);
    let pooled: Vec<Key> = Key::ALL.into_iter().filter(|key| !keys.contains(key)).collect();
    let is_its =
        |run: &Run, base: &Run| run.seed == base.seed && pooled.iter().all(|key| key.value(run) == key.value(base));
    let its = |run: &Run| bases.iter().flatten().copied().find(|base| is_its(run, base));
    let pairs: Pairs<'_> = by_seed(&own.runs)
        .iter()
        .map(|runs| runs.iter().copied().filter_map(|run| Some((run, its(run)?))).collect())
        .collect();
    let value_of = |run: &Run| value(run, metric, selection);
    let found = test.difference(metric, &pairs, &value_of, &selection.test_results);
    let of = |group: &Group<'_>| arm(&group.runs, std::slice::from_ref(metric), test, selection);
    let delta = found.map_or(Delta::NoPairs, Delta::Paired);
    Pair { comparison, metric: metric.clone(), arm: Arm { delta, ..of(own) }, against: of(base) }
}

/// Corrects the p-values of all differences together: how many they are.
pub(super) fn correct<'a>(arms: impl Iterator<Item = &'a mut Arm>, correction: Correction) -> usize {
    let mut tested: Vec<(&mut Option<f64>, f64)> = Vec::new();
    for arm in arms {
        if let Some(p) = arm.delta.difference().and_then(Difference::p) {
            tested.push((&mut arm.holm, p));
        }
    }
    let family = tested.len();
    let observed: Vec<f64> = tested.iter().map(|(_, p)| *p).collect();
    let corrected = match correction {
        Correction::Holm => holm(&observed),
        Correction::None => observed,
    };
    tested.into_iter().zip(corrected).for_each(|((place, _), p)| *place = Some(p));
    family
}
