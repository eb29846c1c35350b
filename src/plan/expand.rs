//! Every combination of a manifest's lists, and the stages they need, each once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::identity::{self, Common, Id};
use super::{Fingerprints, Plan, Stage, StageKind, Trial};
use crate::manifest::{Exclude, Freeze, Manifest, Target};
use crate::{Error, Result};

/// See [`super::expand`].
pub(super) fn expand(manifests: Vec<Manifest>, fingerprints: &Fingerprints) -> Result<Plan> {
    let mut expansion = Expansion::default();
    let mut names = HashSet::new();
    for (experiment, manifest) in manifests.iter().enumerate() {
        if !names.insert(&manifest.name) {
            return Err(Error::user(format!(
                "{}: the experiment name {:?} is taken by another manifest; give each its own name",
                manifest.path.display(),
                manifest.name
            )));
        }
        expansion.manifest(experiment, manifest, fingerprints)?;
    }
    Ok(Plan {
        experiments: manifests.into_iter().map(Arc::new).collect(),
        stages: expansion.stages,
        trials: expansion.trials,
        fingerprints: fingerprints.clone(),
    })
}

#[derive(Default)]
struct Expansion {
    stages: Vec<Stage>,
    /// Ids of `stages`, index by index.
    ids: Vec<Id>,
    by_id: HashMap<Id, usize>,
    trials: Vec<Trial>,
    run_ids: HashSet<Id>,
}

/// What one trial is made of, borrowed from its manifest.
struct Arm<'a> {
    experiment: usize,
    architecture: &'a str,
    mix: Option<&'a str>,
    graft: &'a [Target],
    freeze: Option<&'a str>,
    label_fraction: f64,
    seed: u64,
}

impl Arm<'_> {
    /// Whether the trial agrees with all the keys given. A baseline has neither mix, graft nor freeze,
    /// so that an entry that names one of them never means it.
    fn agrees(&self, exclude: &Exclude) -> bool {
        exclude.mix.as_deref().is_none_or(|mix| self.mix == Some(mix))
            && exclude.architecture.as_deref().is_none_or(|name| self.architecture == name)
            && exclude.from.as_deref().is_none_or(|from| !self.graft.is_empty() && self.graft == from)
            && exclude.freeze.as_deref().is_none_or(|freeze| self.freeze == Some(freeze))
            && exclude.label_fraction.is_none_or(|fraction| self.label_fraction == fraction)
            && exclude.seed.is_none_or(|seed| self.seed == seed)
    }
}

impl Expansion {
    fn manifest(&mut self, experiment: usize, manifest: &Manifest, fingerprints: &Fingerprints) -> Result<()> {
        let trials = &manifest.trials;
        let common = Common::of(manifest)?;
        let mut regression = serde_json::to_value(&manifest.regression)
            .map_err(|error| Error::internal(format!("regression settings cannot be written as JSON: {error}")))?;
        if let Some(settings) = regression.as_object_mut() {
            settings.remove("targets");
        }
        let mut transfer = manifest.transfer.clone();
        transfer.source = identity::fingerprint(manifest, &transfer.source, fingerprints)?.to_owned();

        let freezes = trials
            .freeze
            .iter()
            .map(|name| identity::freeze_digest(defined(manifest.freezes.get(name), "freeze", name, manifest)?))
            .collect::<Result<Vec<_>>>()?;
        let fine_tune = identity::freeze_digest(&Freeze::default())?;
        let classifiers = trials
            .architecture
            .iter()
            .map(|name| {
                let settings = defined(manifest.architectures.get(name), "architecture", name, manifest)?;
                common.clone().and(settings)?.and(&transfer)
            })
            .collect::<Result<Vec<_>>>()?;

        for mix_name in &trials.mix {
            let mix = defined(manifest.mixes.get(mix_name), "mix", mix_name, manifest)?;
            let held_out = identity::held_out(manifest, mix, fingerprints)?;
            let mix = identity::anonymous_mix(manifest, mix, fingerprints)?;
            for (architecture, classifier) in trials.architecture.iter().zip(&classifiers) {
                let settings = &manifest.architectures[architecture];
                let regressor = common.clone().and(settings)?.and(&mix)?.and(&regression)?.and(&held_out)?;
                // Index of the stage of each target and seed, once it is needed.
                let mut grafted = vec![[None; Target::ALL.len()]; trials.seed.len()];
                for graft in &trials.from {
                    for (freeze_name, freeze) in trials.freeze.iter().zip(&freezes) {
                        for &label_fraction in &trials.label_fraction {
                            for (&seed, grafted) in trials.seed.iter().zip(&mut grafted) {
                                let arm = Arm {
                                    experiment,
                                    architecture,
                                    mix: Some(mix_name),
                                    graft,
                                    freeze: Some(freeze_name),
                                    label_fraction,
                                    seed,
                                };
                                if trials.exclude.iter().any(|exclude| arm.agrees(exclude)) {
                                    continue;
                                }
                                let mut inputs = Vec::with_capacity(graft.len());
                                for &target in graft {
                                    let slot = &mut grafted[target as usize];
                                    inputs.push(*slot.get_or_insert_with(|| {
                                        let id = regressor.regression(target, seed);
                                        self.stage(id, &arm, || StageKind::Regression { mix: mix_name.clone(), target })
                                    }));
                                }
                                self.trial(manifest, arm, inputs, classifier, *freeze);
                            }
                        }
                    }
                }
            }
        }

        if trials.scratch {
            for (architecture, classifier) in trials.architecture.iter().zip(&classifiers) {
                for &label_fraction in &trials.label_fraction {
                    for &seed in &trials.seed {
                        let arm =
                            Arm { experiment, architecture, mix: None, graft: &[], freeze: None, label_fraction, seed };
                        if !trials.exclude.iter().any(|exclude| arm.agrees(exclude)) {
                            self.trial(manifest, arm, Vec::new(), classifier, fine_tune);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds a trial and its transfer stage, each unless it is there already.
    fn trial(&mut self, manifest: &Manifest, arm: Arm, inputs: Vec<usize>, classifier: &Common, freeze: [u8; 32]) {
        let input_ids: Vec<Id> = inputs.iter().map(|&index| self.ids[index]).collect();
        let id = classifier.transfer(&input_ids, freeze, arm.label_fraction, arm.seed);
        let run_id = identity::run_id(&manifest.name, id);
        if !self.run_ids.insert(run_id) {
            return;
        }
        let stage = self.stage(id, &arm, || StageKind::Transfer {
            grafts: inputs,
            freeze: arm.freeze.map(str::to_owned),
            label_fraction: arm.label_fraction,
        });
        self.trials.push(Trial {
            run_id: identity::written(run_id),
            experiment: arm.experiment,
            architecture: arm.architecture.to_owned(),
            mix: arm.mix.map(str::to_owned),
            graft: arm.graft.to_vec(),
            freeze: arm.freeze.map(str::to_owned),
            label_fraction: arm.label_fraction,
            seed: arm.seed,
            stage,
        });
    }

    /// The index of the stage with this id, which is added where it is new.
    fn stage(&mut self, id: Id, arm: &Arm, kind: impl FnOnce() -> StageKind) -> usize {
        let (stages, ids) = (&mut self.stages, &mut self.ids);
        *self.by_id.entry(id).or_insert_with(|| {
            ids.push(id);
            stages.push(Stage {
                id: identity::written(id),
                experiment: arm.experiment,
                architecture: arm.architecture.to_owned(),
                seed: arm.seed,
                kind: kind(),
            });
            stages.len() - 1
        })
    }
}

fn defined<'a, T>(found: Option<&'a T>, what: &str, name: &str, manifest: &Manifest) -> Result<&'a T> {
    found.ok_or_else(|| {
        Error::user(format!("{}: the trials name the {what} {name:?}, which is not defined", manifest.path.display()))
    })
}
