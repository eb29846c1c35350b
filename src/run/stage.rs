//! One stage: its data, its network, its checkpoint.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use crate::data::{self, Datasets, Members, MixTask, Shares, Split, Subset, Wanted};
use crate::error::Error;
use crate::manifest::{Architecture, Fusion, Manifest, Target};
use crate::nn::Network;
use crate::ops::Backend;
use crate::plan::{Stage, StageKind};
use crate::store::Weights;
use crate::train::{self, Graft, Outcome, Randomness, Saving, Trained, Training, Watch, checkpoint};
use crate::{Result, durable, stop};

use super::{Held, Shared, donors, lock};

/// Shows a stage's epochs, and stops it when the user asks to, or when another worker has taken it over.
struct Follow<'a> {
    shared: &'a Shared<'a>,
    index: usize,
    held: &'a Held,
}

/// A trained stage.
pub(super) struct Finished {
    pub outcome: Outcome,
    /// In a file of this worker's own.
    pub weights: Weights,
    /// A few words for the progress line.
    pub note: String,
}

impl Watch for Follow<'_> {
    fn epoch(&mut self, epoch: usize, of: usize, text: &str) {
        self.shared.progress.epoch_done(self.index, epoch, of, text);
    }
    fn stopped(&self) -> bool {
        stop::asked() || self.held.lost.load(Ordering::Relaxed)
    }
    fn saving(&self) -> Option<Saving> {
        let (stage, options) = (&self.shared.plan.stages[self.index], self.shared.options);
        let path = options.results.progress(&stage.id);
        Some(Saving { path, stage: stage.id.clone(), every: options.save_every })
    }
    fn tell(&mut self, sentence: &str) {
        let plan = self.shared.plan;
        self.shared.progress.message(&format!("{}: {sentence}", plan.stages[self.index].describe(plan)));
    }
}

/// Trains stage `index` of the plan, which is `held`, and saves its weights beside their place.
pub(super) fn train<D: Backend>(device: &D, shared: &Shared<'_>, index: usize, held: &Held) -> Result<Finished> {
    let stage = &shared.plan.stages[index];
    let manifest: &Manifest = &shared.plan.experiments[stage.experiment];
    let architecture = manifest
        .architectures
        .get(&stage.architecture)
        .ok_or_else(|| Error::internal(format!("no architecture {}", stage.architecture)))?;
    let mut follow = Follow { shared, index, held };
    let signal = &manifest.signal;
    let training = |randomness, split, datasets| Training { device, signal, architecture, randomness, split, datasets };
    let Trained { mut network, outcome, mut metadata } = match &stage.kind {
        StageKind::Regression { mix, targets } => {
            let targets = targets.list();
            let settings = &manifest.regression;
            let (validation, test, epochs) = (settings.validation_share, settings.test_share, settings.epochs);
            let shares = Shares { validation, test, epochs };
            let (datasets, split) = mix_data(shared, manifest, mix, Wanted::Targets(targets), shares, stage)?;
            let training = training(Randomness::regression(targets, stage.seed), &split, &datasets);
            let trained = train::regression(&training, settings, targets, &mut follow)?;
            with_members(trained, datasets, split)
        }
        StageKind::Classification { mix } => {
            let settings = &manifest.classification;
            let (validation, test, epochs) = (settings.validation_share, settings.test_share, settings.training.epochs);
            let shares = Shares { validation, test, epochs };
            let settings = &settings.training;
            let wanted = Wanted::Classes(&settings.classes, settings.labels);
            let (datasets, split) = mix_data(shared, manifest, mix, wanted, shares, stage)?;
            let scratch = Graft { donors: &[], backbones: 1, fusion: Fusion::Concat, freeze: None };
            let training = training(Randomness::classification(stage.seed), &split, &datasets);
            let mut trained = train::transfer(&training, settings, &scratch, &mut follow)?;
            trained.outcome.notes.push(note(&trained.outcome));
            with_members(trained, datasets, split)
        }
        StageKind::Transfer { grafts, backbones, fusion, freeze, label_fraction } => {
            let (datasets, split) = transfer_data(shared, manifest, *label_fraction, stage)?;
            let donors =
                grafts.iter().map(|&donor| load(device, shared, donor, architecture)).collect::<Result<Vec<_>>>()?;
            let freeze = freeze.as_ref().and_then(|name| manifest.freezes.get(name));
            let graft = Graft { donors: &donors, backbones: *backbones, fusion: *fusion, freeze };
            let training = training(Randomness::transfer(stage.seed), &split, &datasets);
            let trained = train::transfer(&training, &manifest.transfer, &graft, &mut follow)?;
            with_members(trained, datasets, split)
        }
    };
    metadata.insert(checkpoint::STAGE.into(), stage.id.clone());
    metadata.insert("ecgraft".into(), super::VERSION.into());
    metadata.insert(
        "architecture".into(),
        serde_json::to_string(architecture).map_err(|error| Error::internal(error.to_string()))?,
    );
    let path = shared.options.results.checkpoint(&stage.id);
    let unfinished = durable::unfinished(&path);
    let sha256 = checkpoint::save(&mut network, &metadata, &unfinished)?;
    let note = note(&outcome);
    Ok(Finished { outcome, weights: Weights { sha256, unfinished, path }, note })
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
    let task = MixTask { name, mix, wanted, shares, transfer: held_out };
    let mut split = data::mix_split(&task, &datasets, stage.seed)?;
    if split.held_out > 0 && !shared.plan.holds_out(stage.experiment, name) {
        let why =
            format!("mix {name} has {} records of people of the transfer that the plan did not know", split.held_out);
        return Err(Error::internal(why));
    }
    split.notes.extend(warnings(&datasets, mix.parts.iter().map(|part| &*part.source)));
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
    let mut split = data::transfer_split(&manifest.transfer, &datasets, label_fraction, stage.seed)?;
    split.notes.extend(warnings(&datasets, [&*manifest.transfer.source]));
    Ok((datasets, split))
}

/// What may be wrong with the data of `sources`, each once.
fn warnings<'a>(datasets: &Datasets, sources: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let sources: BTreeSet<&str> = sources.into_iter().collect();
    let of = |source: &str| {
        let warnings = datasets.get(source).map(|dataset| dataset.warnings.as_slice()).unwrap_or_default();
        warnings.iter().map(|warning| format!("source {source}: {warning}")).collect::<Vec<_>>()
    };
    sources.into_iter().flat_map(of).collect()
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
    let sha256 = lock(&shared.checksums).get(&index).cloned();
    donors::read(&shared.options.results, stage, sha256.as_deref())?.fill(&mut net)?;
    Ok(net)
}

/// How a stage ended, in a few words.
fn note(outcome: &Outcome) -> String {
    let last = outcome.regression.iter().rev().find(|score| score.split == Subset::Test).or(outcome.regression.first());
    if let Some(last) = last {
        let errors = outcome.regression.iter().filter(|score| score.split == last.split).map(|score| {
            let unit = if score.target == Target::HR.name() { Target::HR.unit() } else { Target::PR.unit() };
            format!("{:.1} {unit}", score.metrics.mae)
        });
        return format!("{} MAE {}", last.split, errors.collect::<Vec<_>>().join(", "));
    }
    let auc = outcome
        .scores
        .iter()
        .find(|score| score.split == Subset::Test && score.metric == "macro_auc" && score.class.is_none());
    auc.and_then(|score| score.value).map_or_else(|| "no AUC".to_owned(), |auc| format!("test macro AUC {auc:.3}"))
}
