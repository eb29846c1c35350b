//! The difference of an arm from its baseline.

use std::collections::{HashMap, HashSet};

use super::significance::{Chosen, Pairs};
use super::values::value;
use super::{Delta, Selection};
use crate::manifest::SCRATCH;
use crate::store::{Run, StageStatus};

/// Architecture, share of the labels, variant and test fold.
type Place<'a> = (&'a str, u64, Option<&'a str>, Option<u8>);

/// The runs from scratch of one experiment.
pub(super) struct Baselines<'a> {
    /// Those that are done, by place and seed.
    done: HashMap<(Place<'a>, u64), &'a Run>,
    /// Where there are any, done or not.
    planned: HashSet<Place<'a>>,
}

fn place(run: &Run) -> Place<'_> {
    (&run.architecture, run.label_fraction.to_bits(), run.variant.as_deref(), run.fold)
}

impl<'a> Baselines<'a> {
    /// Those among `runs`.
    pub fn among(runs: &[&'a Run]) -> Self {
        let mut baselines = Self { done: HashMap::new(), planned: HashSet::new() };
        for run in runs.iter().filter(|run| run.graft == SCRATCH) {
            baselines.planned.insert(place(run));
            if run.status == StageStatus::Done {
                baselines.done.insert((place(run), run.seed), run);
            }
        }
        baselines
    }

    /// The difference of the arm of these `runs`, of which `seeds` has those that are done, seed by seed.
    pub fn delta(&self, runs: &[&Run], seeds: &[Vec<&Run>], selection: &Selection) -> Delta {
        if runs.iter().all(|run| run.graft == SCRATCH) {
            return Delta::Baseline;
        }
        if !runs.iter().any(|run| self.planned.contains(&place(run))) {
            return Delta::NoBaseline;
        }
        let mut pairs: Pairs<'_> = Vec::new();
        for seed in seeds {
            let grafted = seed.iter().copied().filter(|run| run.graft != SCRATCH);
            pairs.push(grafted.filter_map(|run| Some((run, *self.done.get(&(place(run), run.seed))?))).collect());
        }
        let Some(metric) = selection.metrics.first() else { return Delta::NoPairs };
        let value_of = |run: &Run| value(run, metric, selection);
        let chosen = Chosen { number: 0, metric };
        let found = selection.test.difference(chosen, &pairs, &value_of, &selection.test_results);
        found.map_or(Delta::NoPairs, Delta::Paired)
    }
}
