//! One candidate of a search.

use std::collections::HashSet;
use std::path::Path;

use serde_json::Value;

use crate::error::Error;
use crate::manifest::{Comparisons, Manifest, Search, SearchMethod, parse_candidate};
use crate::{Result, seed};

/// What is said otherwise: ways of keys, and values.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidate {
    number: usize,
    pub settings: Vec<(String, Value)>,
}

/// The candidates of a search, no two the same: as many as it asks for, or as there are.
pub(super) fn drawn(search: &Search) -> Vec<Candidate> {
    let counts: Option<Vec<usize>> = search.over.values().map(|choices| choices.count()).collect();
    let all = counts.map_or(usize::MAX, |counts| counts.into_iter().fold(1, usize::saturating_mul));
    let wanted = search.trials.min(all);
    let (mut candidates, mut known) = (Vec::new(), HashSet::new());
    let mut draw = 0;
    // Of few combinations the last ones are long in coming, but they come.
    while candidates.len() < wanted && draw < 1000 * wanted as u64 {
        let mut random = seed::stream(search.seed, "search", draw);
        draw += 1;
        let settings: Vec<(String, Value)> =
            search.over.iter().map(|(key, choices)| (key.clone(), choices.draw(&mut random))).collect();
        if known.insert(serde_json::json!(settings).to_string()) {
            candidates.push(Candidate { number: candidates.len() + 1, settings });
        }
    }
    candidates
}

impl Candidate {
    /// The manifest that trains it for so many epochs, of which `base` is the one as it stands.
    ///
    /// # Errors
    /// A user error where a value does not fit its key.
    pub fn manifest(&self, path: &Path, base: &Manifest, search: &Search, epochs: usize) -> Result<Manifest> {
        let mut name = format!("candidate {}", self.number);
        if search.method == SearchMethod::Halving {
            name.push_str(&format!(", {epochs} epoch{}", if epochs == 1 { "" } else { "s" }));
        }
        let env = |name: &str| std::env::var(name).ok();
        let parsed = parse_candidate((path, &base.text), &env, &name, &self.settings);
        let mut manifest = parsed.map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Error::user(problems.join("\n\n"))
        })?;
        manifest.name = format!("{} search", base.name);
        if search.method == SearchMethod::Halving {
            manifest.transfer.epochs = epochs;
        }
        one_trial(&mut manifest, search);
        Ok(manifest)
    }
}

/// Leaves the manifest one trial of each of the search's seeds.
fn one_trial(manifest: &mut Manifest, search: &Search) {
    fn first<T: Clone>(own: &Option<T>, list: &[T]) -> Vec<T> {
        own.as_ref().or(list.first()).cloned().into_iter().collect()
    }
    let trials = &mut manifest.trials;
    let from_scratch = search.from.as_ref().is_some_and(Vec::is_empty) || trials.from.is_empty();
    trials.architecture = first(&search.architecture, &trials.architecture);
    trials.label_fraction = first(&search.label_fraction, &trials.label_fraction);
    trials.mix = if from_scratch { Vec::new() } else { first(&search.mix, &trials.mix) };
    trials.from = if from_scratch { Vec::new() } else { first(&search.from, &trials.from) };
    trials.freeze = first(&search.freeze, &trials.freeze);
    trials.fusion.truncate(1);
    trials.seed = search.seeds.clone();
    (trials.scratch, trials.matched_scratch, trials.random_probe) = (from_scratch, false, false);
    trials.exclude.clear();
    trials.variant.clear();
    trials.fold.clear();
    manifest.comparisons = Comparisons::default();
    manifest.regression.evaluate_on.clear();
    manifest.transfer.evaluate_on.clear();
    manifest.freezes.entry("none".into()).or_default();
}
