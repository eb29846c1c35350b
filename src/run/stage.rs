//! One stage: its data, its network, its checkpoint.

use std::sync::atomic::Ordering;

use crate::Result;
use crate::data::{self, Datasets, Members, Shares, Split, Wanted};
use crate::error::Error;
use crate::manifest::{Architecture, Fusion, Manifest, Target};
use crate::nn::Network;
use crate::ops::Backend;
use crate::plan::{Stage, StageKind};
use crate::train::{self, Graft, Outcome, Trained, Watch, checkpoint};

use super::{Shared, checkpoint_path};

/// Shows a stage's epochs and passes Ctrl-C on.
struct Follow<'a> {
    shared: &'a Shared<'a>,
    index: usize,
}

impl Watch for Follow<'_> {
    fn epoch(&mut self, epoch: usize, of: usize, text: &str) {
        self.shared.progress.epoch_done(self.index, epoch, of, text);
    }
    fn stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }
}

/// Trains stage `index` of the plan and saves its weights: what it found, where the weights are, and
/// a few words for the progress line.
pub(super) fn train<D: Backend>(device: &D, shared: &Shared<'_>, index: usize) -> Result<(Outcome, String, String)> {
    let stage = &shared.plan.stages[index];
    let manifest: &Manifest = &shared.plan.experiments[stage.experiment];
    let architecture = manifest
        .architectures
        .get(&stage.architecture)
        .ok_or_else(|| Error::internal(format!("no architecture {}", stage.architecture)))?;
    let mut follow = Follow { shared, index };
    let Trained { mut network, outcome, mut metadata } = match &stage.kind {
        StageKind::Regression { mix, targets } => {
            let targets = targets.list();
            let settings = &manifest.regression;
            let (validation, test, epochs) = (settings.validation_share, settings.test_share, settings.epochs);
            let shares = Shares { validation, test, epochs };
            let (datasets, split) = mix_data(shared, manifest, mix, Wanted::Targets(targets), shares, stage)?;
            let trained =
                train::regression(device, manifest, architecture, targets, stage.seed, &split, &datasets, &mut follow)?;
            with_members(trained, datasets, split)
        }
        StageKind::Classification { mix } => {
            let settings = &manifest.classification;
            let (validation, test, epochs) = (settings.validation_share, settings.test_share, settings.training.epochs);
            let shares = Shares { validation, test, epochs };
            let (settings, signal) = (&settings.training, &manifest.signal);
            let wanted = Wanted::Classes(&settings.classes, settings.labels);
            let (datasets, split) = mix_data(shared, manifest, mix, wanted, shares, stage)?;
            let scratch = Graft { donors: &[], backbones: 1, fusion: Fusion::Concat, freeze: None };
            let mut trained = train::transfer(
                device,
                signal,
                settings,
                architecture,
                &scratch,
                stage.seed,
                &split,
                &datasets,
                &mut follow,
            )?;
            trained.outcome.notes.push(note(&trained.outcome));
            with_members(trained, datasets, split)
        }
        StageKind::Transfer { grafts, backbones, fusion, freeze, label_fraction } => {
            let (datasets, split) = transfer_data(shared, manifest, *label_fraction, stage)?;
            let donors =
                grafts.iter().map(|&donor| load(device, shared, donor, architecture)).collect::<Result<Vec<_>>>()?;
            let freeze = freeze.as_ref().and_then(|name| manifest.freezes.get(name));
            let graft = Graft { donors: &donors, backbones: *backbones, fusion: *fusion, freeze };
            let (settings, signal) = (&manifest.transfer, &manifest.signal);
            let trained = train::transfer(
                device,
                signal,
                settings,
                architecture,
                &graft,
                stage.seed,
                &split,
                &datasets,
                &mut follow,
            )?;
            with_members(trained, datasets, split)
        }
    };
    metadata.insert("stage_id".into(), stage.id.clone());
    metadata.insert("ecgraft".into(), super::VERSION.into());
    metadata.insert(
        "architecture".into(),
        serde_json::to_string(architecture).map_err(|error| Error::internal(error.to_string()))?,
    );
    let place = checkpoint_path(&stage.id);
    checkpoint::save(&mut network, &metadata, &shared.options.results.join(&place))?;
    let note = note(&outcome);
    Ok((outcome, place, note))
}

/// The same with who took part.
fn with_members<D: Backend>(mut trained: Trained<D>, datasets: Datasets, split: Split) -> Trained<D> {
    let picks = [split.train, split.validation, split.test];
    trained.outcome.members = Some(Members { datasets, picks });
    trained
}

/// The records of the mix called `name`.
fn mix_data(
    shared: &Shared<'_>,
    manifest: &Manifest,
    name: &str,
    wanted: Wanted<'_>,
    shares: Shares,
    stage: &Stage,
) -> Result<(Datasets, Split)> {
    let mix = manifest.mixes.get(name).ok_or_else(|| Error::internal(format!("no mix {name}")))?;
    // The transfer source comes along: whoever it validates or tests on never takes part, whatever they are called here.
    let mut names: Vec<String> = mix.parts.iter().map(|part| part.source.clone()).collect();
    names.push(manifest.transfer.source.clone());
    names.extend_from_slice(shared.plan.linked_through(stage.experiment, Some(name)));
    let datasets = shared.sources.load(manifest, &names, &shared.plan.fingerprints, shared.progress)?;
    let held_out = manifest.allow_overlap.is_none().then_some(&manifest.transfer);
    let split = data::mix_split(name, mix, wanted, shares, held_out, &datasets, stage.seed)?;
    if split.held_out > 0 && !shared.plan.holds_out(stage.experiment, name) {
        let why =
            format!("mix {name} has {} records of people of the transfer that the plan did not know", split.held_out);
        return Err(Error::internal(why));
    }
    Ok((datasets, split))
}

fn transfer_data(
    shared: &Shared<'_>,
    manifest: &Manifest,
    label_fraction: f64,
    stage: &Stage,
) -> Result<(Datasets, Split)> {
    let mut names = vec![manifest.transfer.source.clone()];
    names.extend_from_slice(shared.plan.linked_through(stage.experiment, None));
    let datasets = shared.sources.load(manifest, &names, &shared.plan.fingerprints, shared.progress)?;
    let split = data::transfer_split(&manifest.transfer, &datasets, label_fraction, stage.seed)?;
    Ok((datasets, split))
}

/// The trained network of stage `index`, which is to be grafted.
fn load<D: Backend>(device: &D, shared: &Shared<'_>, index: usize, architecture: &Architecture) -> Result<Network<D>> {
    let stage = &shared.plan.stages[index];
    let manifest = &shared.plan.experiments[stage.experiment];
    let outputs = match &stage.kind {
        StageKind::Regression { targets, .. } => targets.list().len(),
        StageKind::Classification { .. } => manifest.classification.training.classes.len(),
        StageKind::Transfer { .. } => manifest.transfer.classes.len(),
    };
    let (signal, one) = (manifest.signal.shape(), (1, Fusion::Concat));
    let mut random = crate::seed::stream(0, "overwritten", 0);
    let mut net = Network::new(device, architecture, signal, one, outputs, &mut random)?;
    checkpoint::load(&mut net, &shared.options.results.join(checkpoint_path(&stage.id)))?;
    Ok(net)
}

/// How a stage ended, in a few words.
fn note(outcome: &Outcome) -> String {
    let last = outcome.regression.iter().rev().find(|score| score.split == "test").or(outcome.regression.first());
    if let Some(last) = last {
        let errors = outcome.regression.iter().filter(|score| score.split == last.split).map(|score| {
            let unit = if score.target == Target::Hr.name() { Target::Hr.unit() } else { Target::Pr.unit() };
            format!("{:.1} {unit}", score.metrics.mae)
        });
        return format!("{} MAE {}", last.split, errors.collect::<Vec<_>>().join(", "));
    }
    let auc = outcome
        .scores
        .iter()
        .find(|score| score.split == "test" && score.metric == "macro_auc" && score.class.is_none());
    auc.and_then(|score| score.value).map_or_else(|| "no AUC".to_owned(), |auc| format!("test macro AUC {auc:.3}"))
}
