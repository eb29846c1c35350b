//! One stage: its data, its network, its checkpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use crate::data::{self, Datasets, Members, MixTask, Shares, Split, Subset, Wanted};
use crate::error::{Blame, Error};
use crate::manifest::{Architecture, Fusion, Manifest, Pretraining, Regression};
use crate::metrics::registry::Auc;
use crate::metrics::{BesideMedian, NamedMetric};
use crate::nn::Network;
use crate::ops::Backend;
use crate::plan::{Stage, StageKind};
use crate::store::Weights;
use crate::train::checkpoint::{self, Checkpoint};
use crate::train::{self, EpochValue, Features, Graft, Outcome, Randomness, Saving, Trained, Training, Watch};
use crate::{Result, durable, stop};

use super::epochs::Epochs;
use super::{Device, Held, Shared, donors, lock, weights};

/// Shows a stage's epochs, and stops it when the user asks to, or when another worker has taken it over.
struct Follow<'a> {
    shared: &'a Shared<'a>,
    index: usize,
    held: &'a Held,
    epochs: Epochs,
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

    fn curves(&mut self, curves: &[EpochValue], of: usize) {
        self.epochs.tell(curves, of);
    }

    fn features(&self) -> Option<(&Features, &str)> {
        // Those on a GPU stay there.
        let on_cpu = self.shared.options.device == Device::Cpu;
        on_cpu.then(|| (&self.shared.features, &*self.shared.memory[self.index].sizes))
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

/// So many times a stage begins anew as records are damaged: each of its sources may be, but no disk is mended by patience.
const DAMAGED_AT_MOST: usize = 5;

/// Trains stage `index` of the plan, which is `held`, and saves its weights beside their place. Where prepared records turn out
/// to be damaged they are made again, and the stage goes on from what was saved of it.
pub(super) fn train<D: Backend>(device: &D, shared: &Shared<'_>, index: usize, held: &Held) -> Result<Finished> {
    unless_damaged(shared, || train_once(device, shared, index, held))
}

/// What `work` gives. Where prepared records turn out to be damaged they are made again, and it is tried again.
pub(super) fn unless_damaged<T>(shared: &Shared<'_>, work: impl Fn() -> Result<T>) -> Result<T> {
    for _ in 0..DAMAGED_AT_MOST {
        match work() {
            Err(error) if error.blame == Blame::Damaged => {
                shared.progress.message(&error.message);
                shared.sources.forget_damaged();
            }
            other => return other,
        }
    }
    work()
}

fn train_once<D: Backend>(device: &D, shared: &Shared<'_>, index: usize, held: &Held) -> Result<Finished> {
    let stage = &shared.plan.stages[index];
    let manifest = &shared.plan.experiments[stage.experiment];
    let architecture = architecture_of(manifest, stage)?;

    let randomness = match &stage.kind {
        StageKind::Regression { targets, .. } => Randomness::regression(targets.list(), stage.seed),
        StageKind::Classification { .. } => Randomness::classification(stage.seed),
        StageKind::Masked { .. } => Randomness::masked(stage.seed),
        StageKind::Contrastive { .. } => Randomness::contrastive(stage.seed),
        StageKind::Weights { name, hidden } => return weights::bring(device, shared, stage, (name, *hidden)),
        StageKind::Transfer { .. } => Randomness::transfer(stage.seed),
    };
    let (datasets, split) = data(shared, manifest, stage)?;
    let epochs = Epochs::of(&shared.options.results, stage);
    let (signal, mut follow) = (&manifest.signal, Follow { shared, index, held, epochs });
    let training = Training { device, signal, architecture, randomness, split: &split, datasets: &datasets };
    let Trained { mut network, mut outcome, metadata } = match &stage.kind {
        StageKind::Regression { targets, .. } => {
            train::regression(&training, &manifest.regression, targets.list(), &mut follow)?
        }
        StageKind::Classification { .. } => {
            let scratch = Graft { donors: &[], backbones: 1, fusion: Fusion::Concat, freeze: None };
            let mut trained = train::transfer(&training, &manifest.classification.training, &scratch, &mut follow)?;
            trained.outcome.notes.push(note(&trained.outcome));
            trained
        }
        StageKind::Masked { .. } => train::masked(&training, &manifest.masked, &mut follow)?,
        StageKind::Contrastive { .. } => train::contrastive(&training, &manifest.contrastive, &mut follow)?,
        StageKind::Weights { .. } => return Err(Error::internal("weights from elsewhere are not trained")),
        StageKind::Transfer { grafts, backbones, fusion, freeze, .. } => {
            let donor = |&donor: &usize| {
                let sha256 = lock(&shared.checksums).get(&donor).cloned();
                trained(device, shared, donor, sha256.as_deref()).map(|(network, _)| network)
            };
            let donors = grafts.iter().map(donor).collect::<Result<Vec<_>>>()?;
            let freeze = freeze.and_then(|name| manifest.freezes.get(name));
            let freeze = freeze.map(|freeze| if grafts.is_empty() { freeze.of_fresh() } else { freeze.clone() });
            let graft = Graft { donors: &donors, backbones: *backbones, fusion: *fusion, freeze: freeze.as_ref() };
            train::transfer(&training, &manifest.transfer, &graft, &mut follow)?
        }
    };
    outcome.members = Some(Members { datasets, picks: [split.train, split.validation, split.test] });
    let note = note(&outcome);
    let weights = saved(shared, stage, &mut network, metadata)?;
    Ok(Finished { outcome, weights, note })
}

/// Saves the weights of `stage` beside their place.
pub(super) fn saved<D: Backend>(
    shared: &Shared<'_>,
    stage: &Stage,
    network: &mut Network<D>,
    mut metadata: BTreeMap<String, String>,
) -> Result<Weights> {
    let architecture = architecture_of(&shared.plan.experiments[stage.experiment], stage)?;
    let architecture = serde_json::to_string(architecture).map_err(|error| Error::internal(error.to_string()))?;
    metadata.insert(checkpoint::STAGE.into(), stage.id.clone());
    metadata.insert("ecgraft".into(), super::VERSION.into());
    metadata.insert("architecture".into(), architecture);
    let path = shared.options.results.checkpoint(&stage.id);
    let unfinished = durable::unfinished(&path);
    let sha256 = checkpoint::save(network, &metadata, &unfinished)?;
    Ok(Weights { sha256, unfinished, path })
}

/// The records that a stage trains on, is validated and tested on.
fn data(shared: &Shared<'_>, manifest: &Manifest, stage: &Stage) -> Result<(Datasets, Split)> {
    match &stage.kind {
        StageKind::Regression { mix, targets } => {
            mix_data(shared, stage, mix, Wanted::Targets(targets.list()), shares(&manifest.regression))
        }
        StageKind::Classification { mix } => {
            let Pretraining { training, validation_share, test_share } = &manifest.classification;
            let shares = Shares { validation: *validation_share, test: *test_share, epochs: training.epochs };
            mix_data(shared, stage, mix, Wanted::Classes(&training.classes, training.labels), shares)
        }
        StageKind::Masked { mix } => mix_data(shared, stage, mix, Wanted::Signals, shares(&manifest.masked.training)),
        StageKind::Contrastive { mix } => {
            mix_data(shared, stage, mix, Wanted::Signals, shares(&manifest.contrastive.training))
        }
        StageKind::Weights { .. } => Err(Error::internal("weights from elsewhere have no records")),
        StageKind::Transfer { label_fraction, .. } => transfer_data(shared, manifest, *label_fraction, stage),
    }
}

/// What is held back of a mix where a network is trained by these settings.
fn shares(training: &Regression) -> Shares {
    let &Regression { validation_share, test_share, epochs, .. } = training;
    Shares { validation: validation_share, test: test_share, epochs }
}

/// The records of the mix called `name`.
fn mix_data(
    shared: &Shared<'_>,
    stage: &Stage,
    name: &str,
    wanted: Wanted<'_>,
    shares: Shares,
) -> Result<(Datasets, Split)> {
    let manifest = &shared.plan.experiments[stage.experiment];
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
    if manifest.is_candidate {
        split.test.clear();
    }
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

/// The trained network of stage `index`, whose weights have this checksum, and what they were read from.
pub(super) fn trained<D: Backend>(
    device: &D,
    shared: &Shared<'_>,
    index: usize,
    sha256: Option<&str>,
) -> Result<(Network<D>, Checkpoint)> {
    let stage = &shared.plan.stages[index];
    let manifest = &shared.plan.experiments[stage.experiment];
    let one = (1, Fusion::Concat);
    let (architecture, signal) = (architecture_of(manifest, stage)?, manifest.signal.shape());
    let random = &mut crate::seed::stream(0, "overwritten", 0);
    let (outputs, backbones) = match &stage.kind {
        StageKind::Regression { targets, .. } => (targets.list().len(), one),
        StageKind::Classification { .. } => (manifest.classification.training.classes.len(), one),
        StageKind::Contrastive { .. } => (manifest.contrastive.views.projection, one),
        // See `weights::bring`; the decoder is of no use to others.
        StageKind::Weights { .. } | StageKind::Masked { .. } => (1, one),
        StageKind::Transfer { backbones, fusion, .. } => (manifest.transfer.outputs(), (*backbones, *fusion)),
    };
    let mut network = match &stage.kind {
        StageKind::Masked { .. } => Network::reconstructing(device, architecture, signal, random)?,
        _ => Network::new(device, architecture, signal, backbones, outputs, random)?,
    };
    let checkpoint = donors::read(&shared.options.results, stage, sha256)?;
    checkpoint.fill(&mut network)?;
    Ok((network, checkpoint))
}

/// The architecture of a stage that `manifest` asked for first.
pub(super) fn architecture_of<'m>(manifest: &'m Manifest, stage: &Stage) -> Result<&'m Architecture> {
    let found = manifest.architectures.get(stage.architecture);
    found.ok_or_else(|| Error::internal(format!("no architecture {}", stage.architecture)))
}

/// How a stage ended, in a few words.
fn note(outcome: &Outcome) -> String {
    let test = Subset::Test;
    let last = outcome.regression.iter().rev().find(|score| score.split == test).or(outcome.regression.first());
    if let Some(last) = last {
        let errors = outcome.regression.iter().filter(|score| score.split == last.split).map(|score| {
            let train::RegressionScore { unit, metrics, of_median, .. } = score;
            let beside = BesideMedian::of(metrics.mae, of_median.mae, of_median.gain);
            let told = beside.told().map_or_else(String::new, |told| format!(" ({told}: {:.1})", of_median.mae));
            format!("{:.1} {unit}{told}", metrics.mae)
        });
        return format!("{} MAE {}", last.split, errors.collect::<Vec<_>>().join(", "));
    }
    let of_test =
        |metric: &str| outcome.scores.iter().find(|score| score.split == test && score.metric == metric)?.value;
    if let Some(r2) = of_test("r2") {
        return format!("test R2 of what was masked {r2:.3}");
    }
    if let Some(top1) = of_test("top1") {
        return format!("{:.0}% of the test records' views found", 100.0 * top1);
    }
    let macro_auc = NamedMetric::overall(&Auc).name;
    let of = |split: Subset| {
        let is_it = |score: &&train::Score| score.split == split && score.metric == macro_auc && score.class.is_none();
        outcome.scores.iter().find(is_it)
    };
    // Candidates of a search are not tested.
    let (split, found) = of(test).map_or((Subset::Validation, of(Subset::Validation)), |found| (test, Some(found)));
    found.and_then(|score| score.value).map_or_else(|| "no AUC".to_owned(), |auc| format!("{split} macro AUC {auc:.3}"))
}
