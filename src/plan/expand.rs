//! Every combination of a manifest's lists, and the stages they need, each once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::identity::{self, Common, Id};
use super::{Fingerprints, Overlaps, Plan, Stage, StageKind, Trial, overlap};
use serde_json::Value;

use crate::manifest::{Donor, Exclude, Freeze, Fusion, Manifest, Trials};
use crate::{Error, Result};

/// See [`super::expand`].
pub(super) fn expand(manifests: Vec<Manifest>, fingerprints: &Fingerprints, overlaps: &Overlaps) -> Result<Plan> {
    let mut expansion = Expansion::default();
    let (mut scopes, mut files) = (HashSet::new(), HashMap::new());
    for (experiment, manifest) in manifests.iter().enumerate() {
        let file = files.entry(&manifest.name).or_insert(&manifest.path);
        if *file != &manifest.path || !scopes.insert(manifest.scope()) {
            return Err(Error::user(format!(
                "{}: the experiment name {:?} is taken by another manifest; give each its own name",
                manifest.path.display(),
                manifest.name
            )));
        }
        expansion.manifest(&Experiment::new(experiment, manifest, fingerprints, overlaps)?)?;
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

/// A manifest with what all ids of its stages are made of.
struct Experiment<'a> {
    number: usize,
    manifest: &'a Manifest,
    fingerprints: &'a Fingerprints,
    overlaps: &'a Overlaps,
    common: Common,
    regression: Value,
    pretraining: Value,
    /// Of each of the trials' freezes.
    freezes: Vec<[u8; 32]>,
    /// Of each of the trials' architectures.
    classifiers: Vec<Common>,
}

impl<'a> Experiment<'a> {
    fn new(
        number: usize,
        manifest: &'a Manifest,
        fingerprints: &'a Fingerprints,
        overlaps: &'a Overlaps,
    ) -> Result<Self> {
        let trials = &manifest.trials;
        let common = Common::of(manifest)?;
        let mut transfer = manifest.transfer.clone();
        transfer.source = identity::fingerprint(manifest, &transfer.source, fingerprints)?.to_owned();
        transfer.evaluate_on.clear();
        let people = overlap::on_transfer(manifest, fingerprints, overlaps)?;
        let freeze =
            |name: &String| identity::freeze_digest(defined(manifest.freezes.get(name), "freeze", name, manifest)?);
        let classifier = |name: &String| {
            let settings = defined(manifest.architectures.get(name), "architecture", name, manifest)?;
            Ok(common.clone().and(settings)?.and(&transfer)?.and_some(&people)?.untested(manifest.is_candidate))
        };
        Ok(Self {
            freezes: trials.freeze.iter().map(freeze).collect::<Result<_>>()?,
            classifiers: trials.architecture.iter().map(classifier).collect::<Result<_>>()?,
            regression: identity::regression_settings(manifest)?,
            pretraining: identity::pretraining_settings(&manifest.classification)?,
            number,
            manifest,
            fingerprints,
            overlaps,
            common,
        })
    }

    /// What the ids of the stages before the transfer are made of, of a mix: regressors and classifiers, by architecture.
    fn donors(&self, mix_name: &str) -> Result<Vec<[Common; 2]>> {
        let (manifest, known) = (self.manifest, self.fingerprints);
        let mix = defined(manifest.mixes.get(mix_name), "mix", mix_name, manifest)?;
        let people = overlap::on_mix(manifest, mix_name, mix, known, self.overlaps)?;
        let of_epochs = |epochs| identity::anonymous_mix(manifest, mix, epochs, known);
        let measured = of_epochs(manifest.regression.epochs)?;
        let classified = of_epochs(manifest.classification.training.epochs)?;
        let of_architecture = |name| {
            let base = self.common.clone().and(&manifest.architectures[name])?;
            let regressor = base.clone().and(&measured)?.and(&self.regression)?.and_some(&people)?;
            Ok([regressor, base.and(&classified)?.and(&self.pretraining)?.and_some(&people)?])
        };
        manifest.trials.architecture.iter().map(of_architecture).collect()
    }

    /// Whether an entry of `exclude` leaves the trial out.
    fn excludes(&self, arm: &Arm<'_>) -> bool {
        let manifest = self.manifest;
        let is_here = |exclude: &&Exclude| {
            exclude.variant.as_ref().is_none_or(|variant| manifest.variant.as_ref() == Some(variant))
                && exclude.fold.is_none_or(|fold| manifest.fold == Some(fold))
        };
        manifest.trials.exclude.iter().filter(is_here).any(|exclude| arm.agrees(exclude))
    }
}

impl Expansion {
    /// The trials of a manifest: those of its grafts, mix by mix and architecture by architecture, then the baselines.
    fn manifest(&mut self, experiment: &Experiment<'_>) -> Result<()> {
        let trials = &experiment.manifest.trials;
        for mix in &trials.mix {
            let donors = experiment.donors(mix)?;
            for (number, donors) in donors.iter().enumerate() {
                self.grafts(experiment, mix, number, donors);
            }
        }
        for (backbones, fusion) in baselines(experiment.manifest) {
            self.baselines(experiment, (backbones, fusion), None)?;
        }
        for (freeze, shape) in random_probes(experiment.manifest) {
            self.baselines(experiment, shape, Some(freeze))?;
        }
        Ok(())
    }

    /// The trials of an architecture, by its number, that graft networks trained on a mix.
    fn grafts(&mut self, experiment: &Experiment<'_>, mix: &str, number: usize, donors: &[Common; 2]) {
        let trials = &experiment.manifest.trials;
        // Index of the stage of each donor and seed, once it is needed.
        let mut grafted: Vec<BTreeMap<&Donor, usize>> = vec![BTreeMap::new(); trials.seed.len()];
        let several = &trials.fusion[..];
        for graft in &trials.from {
            let fusions = if graft.len() > 1 { several } else { &[Fusion::Concat] };
            let freezes = || trials.freeze.iter().zip(&experiment.freezes);
            let schedules = fusions.iter().flat_map(|fusion| freezes().map(move |freeze| (*fusion, freeze)));
            let settings =
                schedules.flat_map(|schedule| trials.label_fraction.iter().map(move |fraction| (schedule, *fraction)));
            for ((fusion, (freeze_name, freeze)), label_fraction) in settings {
                for (&seed, grafted) in trials.seed.iter().zip(&mut grafted) {
                    let arm = Arm {
                        experiment: experiment.number,
                        architecture: &trials.architecture[number],
                        mix: Some(mix),
                        graft,
                        backbones: graft.len(),
                        fusion,
                        freeze: Some(freeze_name),
                        label_fraction,
                        seed,
                    };
                    if experiment.excludes(&arm) {
                        continue;
                    }
                    let input = |donor| *grafted.entry(donor).or_insert_with(|| self.donor(donor, donors, mix, &arm));
                    let inputs = graft.iter().map(input).collect();
                    self.trial(experiment.manifest, arm, inputs, &experiment.classifiers[number], *freeze);
                }
            }
        }
    }

    /// The stage that a graft comes out of.
    fn donor(&mut self, donor: &Donor, [regressor, pretrained]: &[Common; 2], mix: &str, arm: &Arm<'_>) -> usize {
        let mix = mix.to_owned();
        match donor {
            Donor::Regression(targets) => {
                let kind = || StageKind::Regression { mix, targets: targets.clone() };
                self.stage(regressor.regression(targets, arm.seed), arm, kind)
            }
            Donor::Classification(_) => {
                self.stage(pretrained.classification(arm.seed), arm, || StageKind::Classification { mix })
            }
        }
    }

    /// The trials of so many fresh backbones, which are trained, or hold still by the `freeze` of this name.
    fn baselines(
        &mut self,
        experiment: &Experiment<'_>,
        (backbones, fusion): (usize, Fusion),
        freeze: Option<&str>,
    ) -> Result<()> {
        let trials = &experiment.manifest.trials;
        let fresh = match freeze.and_then(|name| experiment.manifest.freezes.get(name)) {
            Some(freeze) => freeze.of_fresh(),
            None => Freeze::default(),
        };
        let digest = identity::freeze_digest(&fresh)?;
        for (architecture, classifier) in trials.architecture.iter().zip(&experiment.classifiers) {
            if (backbones > 1 || freeze.is_some()) && !has_graft(trials, architecture, (backbones, fusion), freeze) {
                continue;
            }
            let settings =
                trials.label_fraction.iter().flat_map(|fraction| trials.seed.iter().map(move |seed| (fraction, seed)));
            for (&label_fraction, &seed) in settings {
                let arm = Arm {
                    experiment: experiment.number,
                    architecture,
                    mix: None,
                    graft: &[],
                    backbones,
                    fusion,
                    freeze,
                    label_fraction,
                    seed,
                };
                if !experiment.excludes(&arm) {
                    self.trial(experiment.manifest, arm, Vec::new(), classifier, digest);
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
        let run_id = identity::run_id(&manifest.name, manifest.variant.as_deref(), manifest.fold, id);
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
            variant: manifest.variant.clone(),
            fold: manifest.fold,
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

/// The freezes that hold all backbones still to the end, each with numbers of backbones and how they are joined.
fn random_probes(manifest: &Manifest) -> Vec<(&str, (usize, Fusion))> {
    let trials = &manifest.trials;
    if !trials.random_probe || trials.mix.is_empty() {
        return Vec::new();
    }
    let sizes: BTreeSet<usize> = trials.from.iter().map(Vec::len).collect();
    let shapes = |size: usize| {
        let fusions = if size > 1 { &trials.fusion[..] } else { &[Fusion::Concat] };
        fusions.iter().map(move |fusion| (size, *fusion))
    };
    let holds = |name: &&String| manifest.freezes.get(*name).is_some_and(Freeze::freezes_all);
    let probes = trials.freeze.iter().filter(holds);
    probes
        .flat_map(|name| sizes.iter().flat_map(move |size| shapes(*size)).map(move |shape| (&**name, shape)))
        .collect()
}

/// Whether the architecture has grafts of so many networks, under this freeze if it is said, that are not left out
/// altogether.
fn has_graft(trials: &Trials, architecture: &str, (networks, fusion): (usize, Fusion), freeze: Option<&str>) -> bool {
    let is_left_out = |graft: &Vec<Donor>| {
        let (architecture, from) = (Some(architecture.to_owned()), Some(graft.clone()));
        let (fusion, freeze) = ((networks > 1).then_some(fusion), freeze.map(str::to_owned));
        trials.leave_out(&Exclude { architecture, from, fusion, freeze, ..Exclude::default() })
    };
    trials.from.iter().any(|graft| graft.len() == networks && !is_left_out(graft))
}

fn defined<'a, T>(found: Option<&'a T>, what: &str, name: &str, manifest: &Manifest) -> Result<&'a T> {
    found.ok_or_else(|| {
        Error::user(format!("{}: the trials name the {what} {name:?}, which is not defined", manifest.path.display()))
    })
}
