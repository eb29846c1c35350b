//! Every combination of a manifest's lists, and the stages they need, each once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::identity::{self, Common, Id};
use super::{Fingerprints, Overlaps, Plan, Stage, StageKind, Trial, overlap};
use crate::manifest::{Donor, Exclude, Freeze, Fusion, Manifest, Trials};
use crate::{Error, Result};

/// See [`super::expand`].
pub(super) fn expand(manifests: Vec<Manifest>, fingerprints: &Fingerprints, overlaps: &Overlaps) -> Result<Plan> {
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
        expansion.manifest(experiment, manifest, fingerprints, overlaps)?;
    }
    Ok(Plan {
        experiments: manifests.into_iter().map(Arc::new).collect(),
        stages: expansion.stages,
        trials: expansion.trials,
        fingerprints: fingerprints.clone(),
        overlaps: overlaps.clone(),
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
    graft: &'a [Donor],
    backbones: usize,
    fusion: Fusion,
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
            && exclude.fusion.is_none_or(|fusion| self.backbones > 1 && self.fusion == fusion)
            && exclude.freeze.as_deref().is_none_or(|freeze| self.freeze == Some(freeze))
            && exclude.label_fraction.is_none_or(|fraction| self.label_fraction == fraction)
            && exclude.seed.is_none_or(|seed| self.seed == seed)
    }
}

impl Expansion {
    fn manifest(
        &mut self,
        experiment: usize,
        manifest: &Manifest,
        fingerprints: &Fingerprints,
        overlaps: &Overlaps,
    ) -> Result<()> {
        let trials = &manifest.trials;
        let common = Common::of(manifest)?;
        let regression = identity::regression_settings(manifest)?;
        let pretraining = identity::pretraining_settings(&manifest.classification)?;
        let mut transfer = manifest.transfer.clone();
        transfer.source = identity::fingerprint(manifest, &transfer.source, fingerprints)?.to_owned();

        let people = overlap::on_transfer(manifest, fingerprints, overlaps)?;

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
                common.clone().and(settings)?.and(&transfer)?.and_some(&people)
            })
            .collect::<Result<Vec<_>>>()?;

        for mix_name in &trials.mix {
            let mix = defined(manifest.mixes.get(mix_name), "mix", mix_name, manifest)?;
            let people = overlap::on_mix(manifest, mix_name, mix, fingerprints, overlaps)?;
            let of_epochs = |epochs| identity::anonymous_mix(manifest, mix, epochs, fingerprints);
            let measured = of_epochs(manifest.regression.epochs)?;
            let classified = of_epochs(manifest.classification.training.epochs)?;
            for (architecture, classifier) in trials.architecture.iter().zip(&classifiers) {
                let settings = &manifest.architectures[architecture];
                let base = common.clone().and(settings)?;
                let regressor = base.clone().and(&measured)?.and(&regression)?.and_some(&people)?;
                let pretrained = base.and(&classified)?.and(&pretraining)?.and_some(&people)?;
                // Index of the stage of each donor and seed, once it is needed.
                let mut grafted: Vec<BTreeMap<&Donor, usize>> = vec![BTreeMap::new(); trials.seed.len()];
                let several = &trials.fusion[..];
                for graft in &trials.from {
                    let fusions = if graft.len() > 1 { several } else { &[Fusion::Concat] };
                    let freezes = || trials.freeze.iter().zip(&freezes);
                    let schedules = fusions.iter().flat_map(|fusion| freezes().map(move |freeze| (*fusion, freeze)));
                    let settings = schedules
                        .flat_map(|schedule| trials.label_fraction.iter().map(move |fraction| (schedule, *fraction)));
                    for ((fusion, (freeze_name, freeze)), label_fraction) in settings {
                        for (&seed, grafted) in trials.seed.iter().zip(&mut grafted) {
                            let arm = Arm {
                                experiment,
                                architecture,
                                mix: Some(mix_name),
                                graft,
                                backbones: graft.len(),
                                fusion,
                                freeze: Some(freeze_name),
                                label_fraction,
                                seed,
                            };
                            if trials.exclude.iter().any(|exclude| arm.agrees(exclude)) {
                                continue;
                            }
                            let input = |donor| {
                                *grafted.entry(donor).or_insert_with(|| {
                                    let mix = mix_name.clone();
                                    match donor {
                                        Donor::Regression(targets) => {
                                            let kind = || StageKind::Regression { mix, targets: targets.clone() };
                                            self.stage(regressor.regression(targets, seed), &arm, kind)
                                        }
                                        Donor::Classification(_) => {
                                            let kind = || StageKind::Classification { mix };
                                            self.stage(pretrained.classification(seed), &arm, kind)
                                        }
                                    }
                                })
                            };
                            let inputs = graft.iter().map(input).collect();
                            self.trial(manifest, arm, inputs, classifier, *freeze);
                        }
                    }
                }
            }
        }

        for (backbones, fusion) in baselines(manifest) {
            for (architecture, classifier) in trials.architecture.iter().zip(&classifiers) {
                if backbones > 1 && !has_graft(trials, architecture, backbones, fusion) {
                    continue;
                }
                for &label_fraction in &trials.label_fraction {
                    for &seed in &trials.seed {
                        let arm = Arm {
                            experiment,
                            architecture,
                            mix: None,
                            graft: &[],
                            backbones,
                            fusion,
                            freeze: None,
                            label_fraction,
                            seed,
                        };
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
        let shape = (arm.backbones, arm.fusion);
        let id = classifier.transfer(&input_ids, shape, freeze, arm.label_fraction, arm.seed);
        let run_id = identity::run_id(&manifest.name, id);
        if !self.run_ids.insert(run_id) {
            return;
        }
        let stage = self.stage(id, &arm, || StageKind::Transfer {
            grafts: inputs,
            backbones: arm.backbones,
            fusion: arm.fusion,
            freeze: arm.freeze.map(str::to_owned),
            label_fraction: arm.label_fraction,
        });
        self.trials.push(Trial {
            run_id: identity::written(run_id),
            experiment: arm.experiment,
            architecture: arm.architecture.to_owned(),
            mix: arm.mix.map(str::to_owned),
            graft: arm.graft.to_vec(),
            backbones: arm.backbones,
            fusion: arm.fusion,
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

/// Backbones of the baselines and how they are joined: one, then as many as each graft has.
fn baselines(manifest: &Manifest) -> Vec<(usize, Fusion)> {
    let trials = &manifest.trials;
    let mut all = Vec::new();
    if trials.scratch {
        all.push((1, Fusion::Concat));
    }
    if trials.matched_scratch && !trials.mix.is_empty() {
        let sizes: BTreeSet<usize> = trials.from.iter().map(Vec::len).filter(|size| *size > 1).collect();
        all.extend(sizes.into_iter().flat_map(|size| trials.fusion.iter().map(move |fusion| (size, *fusion))));
    }
    all
}

/// Whether the architecture has grafts of so many networks that are not left out altogether.
fn has_graft(trials: &Trials, architecture: &str, networks: usize, fusion: Fusion) -> bool {
    let is_left_out = |graft: &Vec<Donor>| {
        let (architecture, from) = (Some(architecture.to_owned()), Some(graft.clone()));
        trials.leave_out(&Exclude { architecture, from, fusion: Some(fusion), ..Exclude::default() })
    };
    trials.from.iter().any(|graft| graft.len() == networks && !is_left_out(graft))
}

fn defined<'a, T>(found: Option<&'a T>, what: &str, name: &str, manifest: &Manifest) -> Result<&'a T> {
    found.ok_or_else(|| {
        Error::user(format!("{}: the trials name the {what} {name:?}, which is not defined", manifest.path.display()))
    })
}
