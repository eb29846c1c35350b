//! Every combination of a manifest's lists, and the stages they need, each once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::identity::{self, Common, Id};
use super::{Fingerprints, Overlaps, Plan, Stage, StageKind, TaskKind, Trial, overlap};
use serde_json::Value;

use crate::ecg::intern;
use crate::manifest::{Donor, Exclude, Freeze, Fusion, GraftedPart, Manifest, Transfer, Trials};
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
        expansion.variant = manifest.variant.as_deref().map(intern);
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
    by_id: HashMap<Id, u32, BuildHasherDefault<OfId>>,
    trials: Vec<Trial>,
    /// Of the manifest in work.
    variant: Option<&'static str>,
    /// Room for the ids of a trial's inputs, and the inputs of a trial without any.
    input_ids: Vec<Id>,
    no_inputs: Arc<[usize]>,
    /// Of each of `stages` the number, from 1, of the last manifest with a trial of it.
    met: Vec<u32>,
}

/// An id is a hash already.
#[derive(Default)]
struct OfId(u64);

impl Hasher for OfId {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some((first, _)) = bytes.split_first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    /// The length of an id, which is always the same.
    fn write_usize(&mut self, _: usize) {}
}

/// What one trial is made of.
#[derive(Clone, Copy)]
struct Arm<'a> {
    experiment: usize,
    architecture: &'static str,
    mix: Option<&'static str>,
    graft: &'a Arc<[Donor]>,
    backbones: usize,
    fusion: Fusion,
    freeze: Option<&'static str>,
    label_fraction: f64,
    seed: u64,
}

impl Arm<'_> {
    /// Whether the trial agrees with all the keys given. A baseline has neither mix, graft nor freeze,
    /// so that an entry that names one of them never means it.
    fn agrees(&self, exclude: &Exclude) -> bool {
        exclude.mix.as_deref().is_none_or(|mix| self.mix == Some(mix))
            && exclude.architecture.as_deref().is_none_or(|name| self.architecture == name)
            && exclude.from.as_deref().is_none_or(|from| !self.graft.is_empty() && **self.graft == *from)
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
    masked: Value,
    contrastive: Value,
    /// Of each of the trials' freezes, with its name.
    freezes: Vec<(&'static str, [u8; 32])>,
    /// Of each of the trials' architectures.
    architectures: Vec<&'static str>,
    /// Of the trials.
    grafts: Vec<Arc<[Donor]>>,
    /// Of each of the trials' architectures: where something is grafted, and from scratch.
    classifiers: Vec<[Common; 2]>,
}

/// The mix that networks are trained on, with what their ids are made of; none of weights from elsewhere.
type Mixed<'a> = Option<(&'static str, &'a Donors)>;

/// What the ids of the stages before the transfer are made of, of a mix and an architecture.
struct Donors {
    regressor: Common,
    classifier: Common,
    masked: Common,
    contrastive: Common,
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
        let source = identity::fingerprint(manifest, &manifest.transfer.source, fingerprints)?.to_owned();
        let transfer = |grafted| {
            let own = identity::transfer_settings(&manifest.transfer, grafted);
            Transfer { source: source.clone(), ..own }
        };
        let transfer = [true, false].map(transfer);
        let people = overlap::on_transfer(manifest, fingerprints, overlaps)?;
        let freeze = |name: &String| {
            let freeze = defined(manifest.freezes.get(name), "freeze", name, manifest)?;
            Ok((intern(name), identity::freeze_digest(freeze)?))
        };
        let classifier = |name: &String| {
            let settings = defined(manifest.architectures.get(name), "architecture", name, manifest)?;
            let [grafted, scratch] = transfer.each_ref().map(|transfer| -> Result<Common> {
                let common = common.clone().and(settings)?.and(transfer)?.and_some(&people)?;
                Ok(common.untested(manifest.is_candidate))
            });
            Ok([grafted?, scratch?])
        };
        Ok(Self {
            freezes: trials.freeze.iter().map(freeze).collect::<Result<_>>()?,
            architectures: trials.architecture.iter().map(|name| intern(name)).collect(),
            grafts: trials.from.iter().map(|graft| graft.as_slice().into()).collect(),
            classifiers: trials.architecture.iter().map(classifier).collect::<Result<_>>()?,
            regression: identity::regression_settings(manifest)?,
            pretraining: identity::pretraining_settings(&manifest.classification)?,
            masked: identity::masked_settings(&manifest.masked)?,
            contrastive: identity::contrastive_settings(&manifest.contrastive)?,
            number,
            manifest,
            fingerprints,
            overlaps,
            common,
        })
    }

    /// What the ids of the stages before the transfer are made of, of a mix, by architecture.
    fn donors(&self, mix_name: &str) -> Result<Vec<Donors>> {
        let (manifest, known) = (self.manifest, self.fingerprints);
        let mix = defined(manifest.mixes.get(mix_name), "mix", mix_name, manifest)?;
        let people = overlap::on_mix(manifest, mix_name, mix, known, self.overlaps)?;
        let of_epochs = |epochs| identity::anonymous_mix(manifest, mix, epochs, known);
        let of_architecture = |name| {
            let base = self.common.clone().and(&manifest.architectures[name])?;
            let stage = |epochs, settings| base.clone().and(&of_epochs(epochs)?)?.and(settings)?.and_some(&people);
            Ok(Donors {
                regressor: stage(manifest.regression.epochs, &self.regression)?,
                classifier: stage(manifest.classification.training.epochs, &self.pretraining)?,
                masked: stage(manifest.masked.training.epochs, &self.masked)?,
                contrastive: stage(manifest.contrastive.training.epochs, &self.contrastive)?,
            })
        };
        manifest.trials.architecture.iter().map(of_architecture).collect()
    }

    /// The id of weights from elsewhere, and what their stage is.
    fn weights(&self, name: &str) -> Result<(Id, StageKind)> {
        let manifest = self.manifest;
        let weights = defined(manifest.weights.get(name), "weights", name, manifest)?;
        let label = Donor::Weights(name.to_owned()).label();
        let print = identity::fingerprint(manifest, &label, self.fingerprints)?;
        let hidden = manifest.transfer.graft == GraftedPart::Hidden;
        let settings = identity::weights_settings(weights, print, hidden);
        let architecture = defined(manifest.architectures.get(&weights.architecture), "architecture", name, manifest)?;
        let id = self.common.clone().and(architecture)?.value(&settings).weights();
        Ok((id, StageKind::Weights { name: name.to_owned(), hidden }))
    }

    /// Whether all weights from elsewhere of a graft are of this architecture.
    fn fits(&self, graft: &[Donor], architecture: &str) -> bool {
        let is_of = |name: &String| self.manifest.weights.get(name).is_some_and(|own| own.architecture == architecture);
        graft.iter().all(|donor| !matches!(donor, Donor::Weights(name) if !is_of(name)))
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
                self.grafts(experiment, Some((intern(mix), donors)), number)?;
            }
        }
        for number in 0..trials.architecture.len() {
            self.grafts(experiment, None, number)?;
        }
        for (backbones, fusion, freeze) in experiment.manifest.fresh_networks() {
            self.baselines(experiment, (backbones, fusion), freeze)?;
        }
        Ok(())
    }

    /// The trials of an architecture, by its number, that graft networks trained on a mix; or those that graft none but
    /// weights from elsewhere.
    fn grafts(&mut self, experiment: &Experiment<'_>, of: Mixed<'_>, number: usize) -> Result<()> {
        let architecture = experiment.architectures[number];
        let trials = &experiment.manifest.trials;
        // Index of the stage of each donor and seed, once it is needed.
        let mut grafted: Vec<BTreeMap<&Donor, usize>> = vec![BTreeMap::new(); trials.seed.len()];
        let is_own = |graft: &&Arc<[Donor]>| graft.iter().any(Donor::is_of_mix) == of.is_some();
        for graft in experiment.grafts.iter().filter(is_own).filter(|graft| experiment.fits(graft, architecture)) {
            // The stages of all donors, by seed, once they are needed: all trials of the graft share them.
            let mut inputs: Vec<Option<Arc<[usize]>>> = vec![None; trials.seed.len()];
            let fusions = if graft.len() > 1 { &trials.fusion[..] } else { &[Fusion::Concat] };
            let schedules = fusions.iter().flat_map(|&fusion| experiment.freezes.iter().map(move |of| (fusion, *of)));
            let settings =
                schedules.flat_map(|schedule| trials.label_fraction.iter().map(move |fraction| (schedule, *fraction)));
            for ((fusion, (freeze_name, freeze)), label_fraction) in settings {
                for ((&seed, grafted), inputs) in trials.seed.iter().zip(&mut grafted).zip(&mut inputs) {
                    let arm = Arm {
                        experiment: experiment.number,
                        architecture,
                        mix: of.map(|(mix, _)| mix),
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
                    let inputs = match inputs {
                        Some(inputs) => inputs,
                        None => inputs.insert(self.inputs(experiment, of, &arm, grafted)?),
                    };
                    self.trial(experiment.manifest, arm, inputs, &experiment.classifiers[number][0], freeze)?;
                }
            }
        }
        Ok(())
    }

    /// The stages that the grafts of an arm come out of, of which those `grafted` are there.
    fn inputs<'a>(
        &mut self,
        experiment: &Experiment<'_>,
        of: Mixed<'_>,
        arm: &Arm<'a>,
        grafted: &mut BTreeMap<&'a Donor, usize>,
    ) -> Result<Arc<[usize]>> {
        let mut inputs = Vec::with_capacity(arm.graft.len());
        for donor in arm.graft.iter() {
            let known = grafted.get(donor).copied();
            let stage = known.map_or_else(|| self.donor(donor, experiment, of, arm), Ok)?;
            grafted.insert(donor, stage);
            inputs.push(stage);
        }
        Ok(inputs.into())
    }

    /// The stage that a graft comes out of.
    fn donor(&mut self, donor: &Donor, experiment: &Experiment<'_>, of: Mixed<'_>, arm: &Arm<'_>) -> Result<usize> {
        if let Donor::Weights(name) = donor {
            let (id, kind) = experiment.weights(name)?;
            return self.stage(id, &Arm { seed: 0, ..*arm }, || kind);
        }
        let (mix, donors) = of.ok_or_else(|| Error::internal("a network of a mix was asked for without one"))?;
        let (mix, seed) = (mix.to_owned(), arm.seed);
        match donor {
            Donor::Regression(targets) => {
                let kind = || StageKind::Regression { mix, targets: targets.clone() };
                self.stage(donors.regressor.regression(targets, seed), arm, kind)
            }
            Donor::Masked => {
                let id = donors.masked.self_supervised(TaskKind::Masked, seed);
                self.stage(id, arm, || StageKind::Masked { mix })
            }
            Donor::Contrastive => {
                let id = donors.contrastive.self_supervised(TaskKind::Contrastive, seed);
                self.stage(id, arm, || StageKind::Contrastive { mix })
            }
            Donor::Classification | Donor::Weights(_) => {
                self.stage(donors.classifier.classification(seed), arm, || StageKind::Classification { mix })
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
        let (freeze, none): (_, Arc<[Donor]>) = (freeze.map(intern), Arc::new([]));
        for (&architecture, [_, classifier]) in experiment.architectures.iter().zip(&experiment.classifiers) {
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
                    graft: &none,
                    backbones,
                    fusion,
                    freeze,
                    label_fraction,
                    seed,
                };
                if !experiment.excludes(&arm) {
                    self.trial(experiment.manifest, arm, &self.no_inputs.clone(), classifier, digest)?;
                }
            }
        }
        Ok(())
    }

    /// Adds a trial and its transfer stage, each unless it is there already.
    fn trial(
        &mut self,
        manifest: &Manifest,
        arm: Arm<'_>,
        inputs: &Arc<[usize]>,
        classifier: &Common,
        freeze: [u8; 32],
    ) -> Result<()> {
        self.input_ids.clear();
        self.input_ids.extend(inputs.iter().map(|&index| self.ids[index]));
        let shape = (arm.backbones, arm.fusion);
        let id = classifier.transfer(&self.input_ids, shape, freeze, arm.label_fraction, arm.seed);
        let stage = self.stage(id, &arm, || StageKind::Transfer {
            grafts: inputs.clone(),
            backbones: arm.backbones,
            fusion: arm.fusion,
            freeze: arm.freeze,
            label_fraction: arm.label_fraction,
        })?;
        // No two manifests have one name, variant and fold: a second trial of a stage is of the same manifest.
        let number = arm.experiment as u32 + 1;
        if std::mem::replace(&mut self.met[stage], number) == number {
            return Ok(());
        }
        let run_id = identity::run_id(&manifest.name, manifest.variant.as_deref(), manifest.fold, id);
        self.trials.push(Trial {
            run_id: identity::written(run_id),
            experiment: arm.experiment,
            architecture: arm.architecture,
            mix: arm.mix,
            graft: arm.graft.clone(),
            backbones: arm.backbones,
            fusion: arm.fusion,
            freeze: arm.freeze,
            label_fraction: arm.label_fraction,
            variant: self.variant,
            fold: manifest.fold,
            seed: arm.seed,
            stage,
            position: self.trials.len(),
        });
        Ok(())
    }

    /// The index of the stage with this id, which is added where it is new.
    fn stage(&mut self, id: Id, arm: &Arm<'_>, kind: impl FnOnce() -> StageKind) -> Result<usize> {
        let next = u32::try_from(self.stages.len())
            .map_err(|_| Error::user("the manifests ask for more than 4 billion stages; ask for fewer at once"))?;
        let index = *self.by_id.entry(id).or_insert(next);
        if index == next {
            self.ids.push(id);
            self.met.push(0);
            self.stages.push(Stage {
                id: identity::written(id),
                experiment: arm.experiment,
                architecture: arm.architecture,
                seed: arm.seed,
                kind: kind(),
            });
        }
        Ok(index as usize)
    }
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
