//! Stage 1: a network that measures one target.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::Result;
use crate::data::{Datasets, Pick, Split};
use crate::error::Error;
use crate::manifest::{Architecture, Freeze, Manifest, RegressionLoss, Target};
use crate::nn::Network;
use crate::ops::Backend;

use super::examples::{Examples, Objective, Scaling, Truth};
use super::fit::{Judgement, Recipe, fit, predict};
use super::{Outcome, RegressionScore, Trained, Watch, metrics};

/// Trains a fresh network of `architecture` to measure `target` on the records of `split`.
///
/// The network sees standardised targets (mean 0 and standard deviation 1 over the training
/// records); every metric is in bpm or ms.
///
/// # Errors
/// Where training fails or diverges, or the watch says stop.
#[allow(clippy::too_many_arguments)]
pub fn regression<D: Backend>(
    device: &D,
    manifest: &Manifest,
    architecture: &Architecture,
    target: Target,
    seed: u64,
    split: &Split,
    datasets: &Datasets,
    watch: &mut dyn Watch,
) -> Result<Trained<D>> {
    let started = Instant::now();
    let (signal, settings) = (&manifest.signal, &manifest.regression);
    let truths = |picks: &[Pick]| picks.iter().map(|pick| truth(datasets, pick, target)).collect::<Result<Vec<f64>>>();
    let train_truth = truths(&split.train)?;
    let mean = train_truth.iter().sum::<f64>() / train_truth.len() as f64;
    let variance = train_truth.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / train_truth.len() as f64;
    let sd = if variance > 0.0 { variance.sqrt() } else { 1.0 };

    let scaling = Scaling::of(signal, datasets, &split.train)?;
    let examples = |picks| -> Result<Examples<'_>> {
        let numbers = truths(picks)?.iter().map(|value| ((value - mean) / sd) as f32).collect();
        Ok(Examples::new(signal, datasets, picks, scaling.as_ref(), Truth::Numbers(numbers)))
    };
    let (train, validation, test) = (examples(&split.train)?, examples(&split.validation)?, examples(&split.test)?);
    let validation_truth = truths(&split.validation)?;
    let in_units = |outputs: &[f32]| -> Vec<f64> { outputs.iter().map(|y| f64::from(*y) * sd + mean).collect() };

    let objective = match settings.loss {
        RegressionLoss::Mae => Objective::Mae,
        RegressionLoss::Mse => Objective::Mse,
        RegressionLoss::Huber { delta } => Objective::Huber(delta),
    };
    let nothing_frozen = Freeze::default();
    let recipe = Recipe {
        epochs: settings.epochs,
        batch_size: settings.batch_size,
        optimizer: &settings.optimizer,
        schedule: &settings.schedule,
        clipping: settings.gradient_clipping.as_ref(),
        early_stopping: settings.early_stopping.as_ref(),
        objective: objective.clone(),
        freeze: &nothing_frozen,
        augment: &settings.augment,
        sampling_rate: signal.sampling_rate,
        seed,
    };
    let every: Vec<usize> = (0..validation.len()).collect();
    let mut judge = |outputs: &[f32]| {
        let (loss, _) = objective.loss(&validation.truth, &every)?.of(outputs);
        let measured = metrics::regression(&validation_truth, &in_units(outputs)).map_err(Error::user)?;
        let values = vec![("loss", loss), ("mae", measured.mae), ("rmse", measured.rmse)];
        Ok(Judgement { score: -loss, values, text: format!("MAE {:.1} {}", measured.mae, target.unit()) })
    };
    let net = Network::new(
        device,
        architecture,
        signal.leads.len(),
        1,
        1,
        &mut crate::seed::stream(seed, "regression weights", 0),
    )?;
    let mut fitted = fit(device, net, &recipe, &train, &validation, &mut judge, watch)?;

    let mut scores = Vec::new();
    for (name, picks, examples) in [("validation", &split.validation, &validation), ("test", &split.test, &test)] {
        if picks.is_empty() {
            continue;
        }
        let outputs = predict(device, &mut fitted.network, examples, None, watch)?;
        let metrics = metrics::regression(&truths(picks)?, &in_units(&outputs)).map_err(Error::user)?;
        scores.push(RegressionScore { target: target.name(), split: name, records: picks.len(), metrics });
    }

    let mut metadata = BTreeMap::from([
        ("target".to_owned(), target.name().to_owned()),
        ("unit".to_owned(), target.unit().to_owned()),
        ("target_mean".to_owned(), mean.to_string()),
        ("target_sd".to_owned(), sd.to_string()),
    ]);
    if let Some(scaling) = &scaling {
        scaling.describe(&mut metadata);
    }
    let outcome = Outcome {
        epochs: fitted.epochs,
        best_epoch: fitted.best_epoch,
        regression: scores,
        notes: split.notes.clone(),
        wall_s: started.elapsed().as_secs_f64(),
        ..Outcome::default()
    };
    Ok(Trained { network: fitted.network, outcome, metadata })
}

fn truth(datasets: &Datasets, pick: &Pick, target: Target) -> Result<f64> {
    let record = datasets.get(&*pick.source).and_then(|dataset| dataset.records.get(pick.record));
    let value = record.and_then(|record| record.target(target));
    value
        .map(f64::from)
        .ok_or_else(|| Error::internal(format!("record {} of {} has no {}", pick.record, pick.source, target.name())))
}
