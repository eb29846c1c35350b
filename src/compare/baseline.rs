//! What arms are compared with, and how they differ from it.

use std::collections::HashMap;

use super::significance::Pairs;
use super::values::value;
use super::{ArmName, Delta, Key, Only, Selection};
use crate::manifest::SCRATCH;
use crate::store::{Run, StageStatus};
use crate::{Error, Result};

/// What each arm is compared with: the arm that fulfils some conditions and is like it in all other keys.
///
/// A key that the conditions do not name must agree where the baseline has it: one from scratch has neither mix nor freeze.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    /// None of them of the seed: pairs are made seed by seed.
    conditions: Vec<Only>,
}

impl Default for Baseline {
    /// The network trained from scratch.
    fn default() -> Self {
        Self { conditions: vec![Only::named(Key::Graft, SCRATCH)] }
    }
}

impl Baseline {
    /// The baseline that is written so: `graft=qrs,mix=simulated`, in one text or several; the one from scratch without any.
    ///
    /// # Errors
    /// A user error for what is no condition on a key.
    pub fn parse(texts: &[String]) -> Result<Self> {
        let mut pieces: Vec<String> = Vec::new();
        for piece in texts.iter().flat_map(|text| text.split(',')) {
            match pieces.last_mut() {
                // A further value of the key before it.
                Some(last) if !piece.contains('=') => last.push_str(&format!(",{piece}")),
                _ => pieces.push(piece.to_owned()),
            }
        }
        if pieces.is_empty() {
            return Ok(Self::default());
        }
        let conditions: Vec<Only> = pieces.iter().map(|piece| piece.parse()).collect::<Result<_>>()?;
        if let Some(seed) = conditions.iter().find(|only| only.key().is_none()) {
            let keys = Key::ALL.map(Key::name).join(", ");
            return Err(Error::user(format!(
                "--baseline {seed}: arms are compared seed by seed; a baseline is named by {keys}"
            )));
        }
        let named = Self { conditions };
        let scratch = Self::default();
        // Said in words, it is the default all the same.
        Ok(if named.to_string() == scratch.to_string() { scratch } else { named })
    }

    /// Whether it is the network trained from scratch.
    pub fn is_scratch(&self) -> bool {
        *self == Self::default()
    }

    /// As heads of columns have it: `scratch`, or `qrs, simulated`.
    pub fn name(&self) -> String {
        self.conditions.iter().map(Only::shown).collect::<Vec<_>>().join(", ")
    }

    /// As a sentence has it: `the network trained from scratch with the same architecture, labels and seed`; `keys` are those
    /// of the table.
    pub fn in_words(&self, keys: &[Key]) -> String {
        if self.is_scratch() {
            return "the network trained from scratch with the same architecture, labels and seed".to_owned();
        }
        let told = |key: &Key| keys.contains(key) || !matches!(key, Key::Variant | Key::Fold);
        let like: Vec<&str> = self.open().into_iter().filter(told).map(Key::heading).collect();
        format!("the arm with {self} that has the same {} and seed", like.join(", "))
    }

    /// Whether the run is one of it.
    pub(super) fn has(&self, run: &Run) -> bool {
        self.conditions.iter().all(|only| only.admits(run))
    }

    /// The keys in which it is like what is compared with it.
    fn open(&self) -> Vec<Key> {
        Key::ALL.into_iter().filter(|key| self.conditions.iter().all(|only| only.key() != Some(*key))).collect()
    }

    /// That there is such a baseline for some of the runs that are `meant`, and no more than one for each; `all` are all runs
    /// of the experiments.
    ///
    /// # Errors
    /// A user error that says what there is.
    pub(super) fn check(&self, meant: &[&Run], all: &[&Run]) -> Result<()> {
        if self.is_scratch() {
            return Ok(());
        }
        self.conditions.iter().try_for_each(|only| only.check(all, "--baseline"))?;
        let own: Vec<&Run> = all.iter().copied().filter(|run| self.has(run)).collect();
        if own.is_empty() {
            return Err(Error::user(format!("--baseline {self}: no run has all of these; leave one of them out")));
        }
        let baselines = Baselines::among(all, self);
        let mut is_compared = false;
        for run in meant.iter().filter(|run| !self.has(run)) {
            let found = baselines.like(run);
            is_compared |= !found.is_empty();
            if found.len() > 1 {
                let name = ArmName::from(*run).short();
                return Err(Error::user(format!(
                    "--baseline {self}: {} arms are that to {name}: {}; name one of them",
                    found.len(),
                    names(&found)
                )));
            }
        }
        if is_compared {
            return Ok(());
        }
        let is_there = |key: &Key| all.iter().any(|run| key.value(run).is_some());
        let like: Vec<&str> = self.open().into_iter().filter(is_there).map(Key::name).collect();
        Err(Error::user(format!(
            "--baseline {self}: no other arm has the same {} as one of these: {}; name those in which they may differ",
            like.join(", "),
            names(&own)
        )))
    }
}

impl std::fmt::Display for Baseline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.conditions.iter().map(Only::to_string).collect::<Vec<_>>().join(", "))
    }
}

/// The arms of some runs, each once, the first of many.
fn names(runs: &[&Run]) -> String {
    const SHOWN: usize = 8;
    let mut names: Vec<String> = Vec::new();
    for name in runs.iter().map(|run| ArmName::from(*run).short()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    names.join("; ") + &if more > 0 { format!("; and {more} more") } else { String::new() }
}

/// What runs have under keys, with their seed.
type Place = (String, u64, Vec<Option<String>>);

/// Runs of a baseline by these keys, which they have, seed and experiment.
type ByPlace<'a> = (Vec<Key>, HashMap<Place, Vec<&'a Run>>);

/// The runs of a baseline.
pub(super) struct Baselines<'a> {
    baseline: &'a Baseline,
    /// By experiment, seed and what they have under the keys that must agree, which are those that they have: networks from
    /// scratch have fewer.
    tables: Vec<ByPlace<'a>>,
}

fn place(run: &Run, keys: &[Key]) -> Place {
    (run.experiment.clone(), run.seed, keys.iter().map(|key| key.value(run)).collect())
}

impl<'a> Baselines<'a> {
    /// Those among `runs`.
    pub fn among(runs: &[&'a Run], baseline: &'a Baseline) -> Self {
        let open = baseline.open();
        let mut tables: Vec<ByPlace<'a>> = Vec::new();
        for run in runs.iter().copied().filter(|run| baseline.has(run)) {
            let keys: Vec<Key> =
                open.iter().copied().filter(|key| !key.is_of_grafts() || key.value(run).is_some()).collect();
            let found = tables.iter().position(|(known, _)| *known == keys).unwrap_or_else(|| {
                tables.push((keys.clone(), HashMap::new()));
                tables.len() - 1
            });
            tables[found].1.entry(place(run, &keys)).or_default().push(run);
        }
        Self { baseline, tables }
    }

    /// Those that a run is compared with, done or not: one, where it is clear which is meant.
    pub fn like(&self, run: &Run) -> Vec<&'a Run> {
        let of = |(keys, runs): &ByPlace<'a>| runs.get(&place(run, keys)).cloned().unwrap_or_default();
        self.tables.iter().flat_map(of).collect()
    }

    /// The one that a run is compared with, if it is done.
    fn of(&self, run: &Run) -> Option<&'a Run> {
        match self.like(run)[..] {
            [one] if one.status == StageStatus::Done => Some(one),
            _ => None,
        }
    }

    /// The difference of the arm of these `runs`, of which `seeds` has those that are done, seed by seed.
    pub fn delta(&self, runs: &[&Run], seeds: &[Vec<&Run>], selection: &Selection) -> Delta {
        if runs.iter().all(|run| self.baseline.has(run)) {
            return Delta::Baseline;
        }
        if !runs.iter().any(|run| !self.like(run).is_empty()) {
            return Delta::NoBaseline;
        }
        let mut pairs: Pairs<'_> = Vec::new();
        for seed in seeds {
            let others = seed.iter().copied().filter(|run| !self.baseline.has(run));
            pairs.push(others.filter_map(|run| Some((run, self.of(run)?))).collect());
        }
        let Some(metric) = selection.metrics.first() else { return Delta::NoPairs };
        let value_of = |run: &Run| value(run, metric, selection);
        let found = selection.test.difference(metric, &pairs, &value_of, &selection.test_results);
        found.map_or(Delta::NoPairs, Delta::Paired)
    }
}
