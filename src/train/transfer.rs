//! Classifiers: stage 2, on grafted or fresh backbones, and those that are to be grafted.

use std::collections::BTreeMap;

use crate::Result;
use crate::data::{Datasets, Pick, Record, Subset};
use crate::ecg::Label;
use crate::error::Error;
use crate::manifest::{ClassWeights, Freeze, Fusion, Labels, StoppingMetric, Transfer, TransferLoss};
use crate::metrics::registry::{Accuracy, Auc, F1};
use crate::metrics::{ClassifierMetric, Predictions};
use crate::nn::Network;
use crate::ops::Backend;
use crate::ops::step::loss::Form;

use super::examples::{Examples, Objective, Scaling, Truth};
use super::fit::{Fit, Judgement, Recipe};
use super::{Outcome, Prediction, Score, Trained, Training, Watch};

/// What a classifier starts from.
#[derive(Debug)]
pub struct Graft<'a, D: Backend> {
    /// The networks whose backbones are grafted; none from scratch.
    pub donors: &'a [Network<D>],
    /// Backbones: as many as donors, or any number of fresh ones.
    pub backbones: usize,
    /// How the features of several are joined.
    pub fusion: Fusion,
    /// Which blocks hold still; `None` from scratch.
    pub freeze: Option<&'a Freeze>,
}

/// Trains a classifier as `settings` say, and tests the best epoch once, unless there is nobody to test it on.
///
/// # Errors
/// Where no epoch could be chosen on the validation records, training fails or diverges, or the watch says stop.
pub fn transfer<D: Backend>(
    training: &Training<'_, D>,
    settings: &Transfer,
    graft: &Graft<'_, D>,
    watch: &mut dyn Watch,
) -> Result<Trained<D>> {
    let Training { device, signal, split, datasets, .. } = training;
    let classes = &settings.classes;
    let scaling = Scaling::of(signal, datasets, &split.train)?;
    let examples = |picks| -> Result<Examples<'_>> {
        Ok(Examples::new(signal, datasets, picks, scaling.as_ref(), truth(datasets, picks, classes, settings.labels)?))
    };
    let (train, validation, test) = (examples(&split.train)?, examples(&split.validation)?, examples(&split.test)?);
    an_epoch_can_be_chosen(settings, &validation.truth)?;

    let no_freeze = Freeze::default();
    let recipe = recipe(training, settings, graft.freeze.unwrap_or(&no_freeze), &train.truth);
    let mut judge = |outputs: &[f32]| judgement(outputs, settings, &recipe.objective, &validation);
    let net = grafted(training, graft, classes.len())?;
    let mut fit = Fit::new(*device, net, &recipe, &train, &validation, watch)?;
    fit.run(&mut judge, watch)?;

    let names: Vec<&'static str> = classes.iter().map(|class| class.name()).collect();
    let (mut scores, mut predictions, mut absent) = (Vec::new(), Vec::new(), Vec::new());
    for (name, picks, examples) in
        [(Subset::Validation, &split.validation, &validation), (Subset::Test, &split.test, &test)]
    {
        if picks.is_empty() {
            continue;
        }
        let outputs = fit.evaluate(examples, watch)?;
        let probabilities = probabilities(&outputs, classes.len(), settings.labels);
        let measured = measure(&probabilities, &examples.truth, classes.len(), settings.labels)?;
        scores.extend(measured.scores(&names).into_iter().map(|score| {
            let class = score.class.map(|class| names[class]);
            Score { split: name, metric: score.metric, class, value: score.value }
        }));
        if name == Subset::Test {
            absent = without_auc(&measured, &names);
            predictions = listed(datasets, picks, classes, &probabilities)?;
        }
    }
    let fitted = fit.finish()?;
    let mut metadata = BTreeMap::from([("classes".to_owned(), names.join(","))]);
    scaling.iter().for_each(|scaling| scaling.describe(&mut metadata));
    let outcome = Outcome {
        epochs: fitted.epochs,
        best_epoch: fitted.best_epoch,
        last_step: fitted.last_step,
        composition: split.composition.clone(),
        scores,
        predictions,
        notes: split.notes.iter().cloned().chain(fitted.notes).chain(absent).collect(),
        wall_s: fitted.seconds,
        ..Outcome::default()
    };
    Ok(Trained { network: fitted.network, outcome, metadata })
}

fn recipe<'a, D>(
    training: &'a Training<'_, D>,
    settings: &'a Transfer,
    freeze: &'a Freeze,
    train: &Truth,
) -> Recipe<'a> {
    Recipe {
        epochs: settings.epochs,
        batch_size: settings.batch_size,
        optimizer: &settings.optimizer,
        schedule: &settings.schedule,
        clipping: settings.gradient_clipping.as_ref(),
        early_stopping: settings.early_stopping.as_ref(),
        objective: objective(train, settings),
        freeze,
        curriculum: &training.split.epochs,
        augment: &settings.augment,
        sampling_rate: training.signal.sampling_rate,
        randomness: &training.randomness,
    }
}

/// What the epoch is chosen by.
fn watched(settings: &Transfer) -> StoppingMetric {
    settings.early_stopping.as_ref().map_or(StoppingMetric::MacroAuc, |stopping| stopping.metric)
}

/// Whether the metric that is watched can be measured on the validation records at all: no network has an AUC where
/// all of them have the same classes.
fn an_epoch_can_be_chosen(settings: &Transfer, validation: &Truth) -> Result<()> {
    let hot = one_hot(validation, settings.classes.len());
    let mut rows = hot.chunks_exact(settings.classes.len());
    let Some(first) = rows.next() else { return Ok(()) };
    if watched(settings) != StoppingMetric::MacroAuc || rows.any(|row| row != first) {
        return Ok(());
    }
    let had = settings.classes.iter().zip(first).filter(|(_, has)| **has).map(|(class, _)| class.name());
    let folds: Vec<String> = settings.validation_folds.iter().map(u8::to_string).collect();
    let count = hot.len() / settings.classes.len();
    Err(Error::user(format!(
        "no epoch can be chosen by macro_auc: all {count} validation records have the same classes, {} (folds that \
         validate a transfer: {}); validate on others, or set early_stopping = {{ metric = \"loss\" }}, with a patience \
         as long as the training if it is not to stop early",
        had.collect::<Vec<_>>().join(" and "),
        folds.join(", ")
    )))
}

/// How good `outputs` are on the validation records.
fn judgement(
    outputs: &[f32],
    settings: &Transfer,
    objective: &Objective,
    validation: &Examples<'_>,
) -> Result<Judgement> {
    let every: Vec<usize> = (0..validation.len()).collect();
    let (loss, _) = objective.loss(&validation.truth, &every)?.evaluate(outputs);
    let (classes, labels) = (settings.classes.len(), settings.labels);
    let measured = measure(&probabilities(outputs, classes, labels), &validation.truth, classes, labels)?;
    let value = |metric: &dyn ClassifierMetric| measured.value(metric, None);
    let (auc, accuracy, f1) = (value(&Auc), value(&Accuracy), value(&F1));
    let mut values = vec![("loss", loss)];
    values.extend(accuracy.map(|accuracy| ("accuracy", accuracy)));
    values.extend(auc.map(|auc| ("macro_auc", auc)));
    values.extend(f1.map(|f1| ("macro_f1", f1)));
    let score = match watched(settings) {
        StoppingMetric::Loss => -loss,
        StoppingMetric::MacroAuc => auc.unwrap_or(f64::NAN),
        StoppingMetric::Accuracy => accuracy.unwrap_or(f64::NAN),
        StoppingMetric::MacroF1 => f1.unwrap_or(f64::NAN),
    };
    let text = auc.map_or_else(|| format!("loss {loss:.3}"), |auc| format!("AUC {auc:.3}"));
    Ok(Judgement { score, values, text })
}

/// A network of `outputs` outputs before its first step.
fn grafted<D: Backend>(training: &Training<'_, D>, graft: &Graft<'_, D>, outputs: usize) -> Result<Network<D>> {
    let Training { device, signal, architecture, randomness, .. } = training;
    let backbones = (graft.backbones, graft.fusion);
    let random = &mut randomness.weights();
    let mut net = Network::new(*device, architecture, signal.shape(), backbones, outputs, random)?;
    for (number, donor) in graft.donors.iter().enumerate() {
        net.graft(number, donor);
    }
    Ok(net)
}

/// The classes called `names` that cannot be told from the others on the test records, one sentence each.
fn without_auc(measured: &Predictions, names: &[&str]) -> Vec<String> {
    let absent = names.iter().enumerate().filter(|(class, _)| measured.value(&Auc, Some(*class)).is_none());
    let sentence = |(class, name): (usize, &&str)| {
        format!(
            "class {name} has no AUC on the test records: {} of {} have it; macro AUC leaves it out",
            measured.positives(class),
            measured.records()
        )
    };
    absent.map(sentence).collect()
}

fn record<'a>(datasets: &'a Datasets, pick: &Pick) -> Result<&'a Record> {
    let record = datasets.get(&*pick.source).and_then(|dataset| dataset.records.get(pick.record));
    record.ok_or_else(|| Error::internal(format!("record {} of {} is not loaded", pick.record, pick.source)))
}

fn truth(datasets: &Datasets, picks: &[Pick], classes: &[Label], labels: Labels) -> Result<Truth> {
    let mut several = Vec::with_capacity(picks.len() * classes.len());
    for pick in picks {
        let record = record(datasets, pick)?;
        several.extend(classes.iter().map(|class| record.has(*class)));
    }
    Ok(match labels {
        Labels::Multi => Truth::Several(several),
        Labels::Single => {
            let first = |row: &[bool]| {
                row.iter().position(|has| *has).ok_or_else(|| Error::internal("a record without a class was picked"))
            };
            Truth::Classes(several.chunks_exact(classes.len()).map(first).collect::<Result<_>>()?)
        }
    })
}

/// The loss, with class weights from the training records: for softmax records / (classes x records
/// of the class), as scikit-learn's "balanced"; for sigmoids negatives / positives of the class.
fn objective(truth: &Truth, settings: &Transfer) -> Objective {
    let (classes, labels) = (settings.classes.len(), settings.labels);
    let hot = one_hot(truth, classes);
    let records = hot.len() / classes;
    let positives: Vec<usize> =
        (0..classes).map(|class| hot.iter().skip(class).step_by(classes).filter(|has| **has).count()).collect();
    let weight = |positives: usize| match (settings.class_weights, labels) {
        (ClassWeights::None, _) => 1.0,
        (ClassWeights::Balanced, _) if positives == 0 => 1.0,
        (ClassWeights::Balanced, Labels::Single) => records as f32 / (classes * positives) as f32,
        (ClassWeights::Balanced, Labels::Multi) => {
            ((records - positives) as f32 / positives as f32).max(f32::MIN_POSITIVE)
        }
    };
    let weights = positives.into_iter().map(weight).collect();
    let form = match settings.loss {
        TransferLoss::Focal { gamma } => Form::Focal(gamma),
        TransferLoss::CrossEntropy if settings.label_smoothing > 0.0 => Form::Smoothed(settings.label_smoothing),
        TransferLoss::CrossEntropy => Form::Plain,
    };
    match labels {
        Labels::Single => Objective::Softmax(weights, form),
        Labels::Multi => Objective::Sigmoid(weights, form),
    }
}

fn one_hot(truth: &Truth, classes: usize) -> Vec<bool> {
    match truth {
        Truth::Several(several) => several.clone(),
        Truth::Classes(of) => of.iter().flat_map(|&class| (0..classes).map(move |k| k == class)).collect(),
        Truth::Numbers(..) => Vec::new(),
    }
}

/// Softmax over the classes, or a sigmoid each.
fn probabilities(outputs: &[f32], classes: usize, labels: Labels) -> Vec<f32> {
    match labels {
        Labels::Multi => outputs.iter().map(|&z| (1.0 / (1.0 + (-f64::from(z)).exp())) as f32).collect(),
        Labels::Single => outputs
            .chunks_exact(classes)
            .flat_map(|row| {
                let top = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
                let powers: Vec<f64> = row.iter().map(|&z| (f64::from(z) - top).exp()).collect();
                let total: f64 = powers.iter().sum();
                powers.into_iter().map(move |power| (power / total) as f32)
            })
            .collect(),
    }
}

fn measure(probabilities: &[f32], truth: &Truth, classes: usize, labels: Labels) -> Result<Predictions> {
    Predictions::of_network(labels, classes, probabilities, &one_hot(truth, classes)).map_err(Error::user)
}

fn listed(datasets: &Datasets, picks: &[Pick], classes: &[Label], probabilities: &[f32]) -> Result<Vec<Prediction>> {
    let mut list = Vec::with_capacity(probabilities.len());
    for (pick, row) in picks.iter().zip(probabilities.chunks_exact(classes.len())) {
        let record = record(datasets, pick)?;
        for (class, &probability) in classes.iter().zip(row) {
            list.push(Prediction {
                record_id: record.id.clone(),
                patient: record.patient.clone(),
                class: class.name(),
                probability,
                label: record.has(*class),
            });
        }
    }
    Ok(list)
}
