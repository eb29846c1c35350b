//! That there are trials for what is planned to be compared.

use std::collections::BTreeSet;

use super::checks::Checks;
use super::*;
use crate::declare::{Places, Problem, hint};

/// An arm of the trials: what tables know it by, key by key; a network from scratch has neither mix nor freeze.
type TrialArm = Vec<(&'static str, Option<String>)>;

/// All problems of the planned comparisons.
pub(super) fn all(manifest: &Manifest, places: &Places) -> Vec<Problem> {
    let mut checks = Checks { manifest, places, problems: Vec::new() };
    let sound = ["trials", "mixes", "architectures", "freezes"].iter().all(|table| places.is_sound(&[table]));
    if manifest.comparisons.is_empty() || !sound {
        return checks.problems;
    }
    let arms = arms(manifest);
    for (family, comparisons) in manifest.comparisons.families() {
        for (index, comparison) in comparisons.iter().enumerate() {
            let step = index.to_string();
            let at = ["comparisons", family, &step];
            if places.is_sound(&at) {
                checks.comparison(&at, comparison, &arms);
            }
        }
    }
    checks.problems
}

impl Checks<'_> {
    fn comparison(&mut self, at: &[&str], comparison: &PlannedComparison, arms: &[TrialArm]) {
        let before = self.problems.len();
        let own = self.agreeing(&[at, &["arm"]].concat(), &comparison.arm, arms);
        let against = [at, &["against"]].concat();
        let (bases, named) = match &comparison.against {
            Against::Arm(pattern) if pattern.named().is_empty() => {
                let message = "this names no arm; name one key or more, or write \"scratch\" or a key to compare along";
                return self.problem(&against, message.into());
            }
            Against::Arm(pattern) => {
                let named = pattern.named().into_iter().map(|(key, _)| key).collect();
                (self.agreeing(&against, pattern, arms), named)
            }
            Against::Axis(Axis::Scratch) => {
                let scratch = ArmPattern { graft: Some(SCRATCH.into()), ..ArmPattern::default() };
                (self.agreeing(&against, &scratch, arms), vec!["graft"])
            }
            Against::Axis(axis) => (own.clone(), vec![axis.name()]),
        };
        let compared = |own: &TrialArm| bases.iter().any(|base| base != &own && are_alike(own, base, &named));
        if self.problems.len() == before && !own.iter().any(|own| compared(own)) {
            let what = match &comparison.against {
                Against::Axis(Axis::Scratch) => "no network from scratch has the same in all other keys".to_owned(),
                Against::Axis(axis) => {
                    format!("no two of its arms differ in their {} and in nothing else", axis.name())
                }
                Against::Arm(_) => {
                    let keys = own.iter().flat_map(|arm| arm.iter()).map(|(key, _)| *key);
                    let keys = keys.filter(|key| !named.contains(key));
                    let keys: Vec<&str> = keys.collect::<BTreeSet<_>>().into_iter().collect();
                    format!("none has the same {} as the arm; name what may differ", keys.join(", "))
                }
            };
            self.problem(&against, format!("there is nothing to compare with: {what}"));
        }
    }

    /// The arms that agree with a pattern; that there are none is a problem.
    fn agreeing<'a>(&mut self, at: &[&str], pattern: &ArmPattern, arms: &'a [TrialArm]) -> Vec<&'a TrialArm> {
        let named = pattern.named();
        let mut is_told = false;
        for (key, value) in &named {
            let known: BTreeSet<&str> = arms.iter().filter_map(|arm| value_of(arm, key)).collect();
            if !known.contains(value.as_str()) {
                let message = format!("no trial has the {key} `{value}`{}", hint(value, known));
                self.problem(&[at, &[key]].concat(), message);
                is_told = true;
            }
        }
        let agrees = |arm: &&TrialArm| named.iter().all(|(key, value)| value_of(arm, key) == Some(value.as_str()));
        let found: Vec<&TrialArm> = arms.iter().filter(agrees).collect();
        if found.is_empty() && !is_told {
            self.problem(at, format!("no trial has all of {pattern}{}", nearest(&named, arms)));
        }
        found
    }
}

/// The arm that agrees with most of what is named.
fn nearest(named: &[(&'static str, String)], arms: &[TrialArm]) -> String {
    let agreeing = |arm: &&TrialArm| named.iter().filter(|(key, value)| value_of(arm, key) == Some(value)).count();
    let Some(near) = arms.iter().rev().max_by_key(agreeing) else { return String::new() };
    let value = |(key, _): &(&'static str, String)| format!("{key} = {}", value_of(near, key).unwrap_or("none"));
    format!("; the nearest has {}", named.iter().map(value).collect::<Vec<_>>().join(", "))
}

fn value_of<'a>(arm: &'a TrialArm, key: &str) -> Option<&'a str> {
    arm.iter().find(|(known, _)| *known == key)?.1.as_deref()
}

/// Whether two arms agree in all keys but those `named`, as far as both have them.
fn are_alike(own: &TrialArm, other: &TrialArm, named: &[&str]) -> bool {
    own.iter().zip(other).all(|((key, own), (_, other))| {
        let is_lacking = matches!(*key, "mix" | "freeze") && (own.is_none() || other.is_none());
        named.contains(key) || own == other || is_lacking
    })
}

/// The arms of the trials, each once.
fn arms(manifest: &Manifest) -> Vec<TrialArm> {
    let trials = &manifest.trials;
    let variants: Vec<Option<&String>> =
        if trials.variant.is_empty() { vec![None] } else { trials.variant.iter().map(Some).collect() };
    let mut arms = Vec::new();
    for (architecture, share) in
        trials.architecture.iter().flat_map(|name| trials.label_fraction.iter().map(move |share| (name, share)))
    {
        for (graft, pattern) in grafts(manifest) {
            for variant in &variants {
                let pattern = Exclude {
                    architecture: Some(architecture.clone()),
                    label_fraction: Some(*share),
                    variant: variant.cloned(),
                    ..pattern.clone()
                };
                if is_left_out(trials, &pattern) {
                    continue;
                }
                arms.push(vec![
                    ("architecture", pattern.architecture),
                    ("graft", Some(graft.clone())),
                    ("mix", pattern.mix),
                    ("freeze", pattern.freeze),
                    ("variant", pattern.variant),
                    ("label_fraction", Some(share.to_string())),
                ]);
            }
        }
    }
    arms
}

/// Whether no seed and no fold of an arm is left.
fn is_left_out(trials: &Trials, pattern: &Exclude) -> bool {
    let folds: Vec<Option<u8>> =
        if trials.fold.is_empty() { vec![None] } else { trials.fold.iter().copied().map(Some).collect() };
    trials.seed.iter().all(|seed| {
        folds.iter().all(|fold| trials.leave_out(&Exclude { seed: Some(*seed), fold: *fold, ..pattern.clone() }))
    })
}

/// What is grafted, or not, as tables have it, with the keys by which `exclude` knows it.
fn grafts(manifest: &Manifest) -> Vec<(String, Exclude)> {
    let trials = &manifest.trials;
    let mut all = Vec::new();
    for (backbones, fusion, freeze) in manifest.fresh_networks() {
        let pattern = Exclude {
            fusion: (backbones > 1).then_some(fusion),
            freeze: freeze.map(str::to_owned),
            ..Exclude::default()
        };
        all.push((graft_label(&[], backbones, fusion, freeze), pattern));
    }
    for (mix, graft) in trials.mix.iter().flat_map(|mix| trials.from.iter().map(move |graft| (mix, graft))) {
        let fusions = if graft.len() > 1 { &trials.fusion[..] } else { &[Fusion::Concat] };
        for (fusion, freeze) in fusions.iter().flat_map(|fusion| trials.freeze.iter().map(move |name| (fusion, name))) {
            let pattern = Exclude {
                mix: Some(mix.clone()),
                from: Some(graft.clone()),
                fusion: (graft.len() > 1).then_some(*fusion),
                freeze: Some(freeze.clone()),
                ..Exclude::default()
            };
            all.push((graft_label(graft, graft.len(), *fusion, Some(freeze)), pattern));
        }
    }
    all
}
