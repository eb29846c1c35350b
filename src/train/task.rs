//! What a stage learns, and what is the same whatever it is.

use std::collections::BTreeMap;

use super::configuration::TrainingConfiguration;
use super::curves::ValidationMetrics;
use super::examples::{Examples, Scaling};
use super::fit::Fit;
use super::labels::{ExampleLabels, picks};
use super::pretext::Pretext;
use super::{Outcome, Score, Trained, Training, Watch};
use crate::Result;
use crate::data::Subset;
use crate::metrics::LOSS;
use crate::nn::Network;
use crate::ops::Backend;

/// What a network is to learn: numbers, or classes.
pub(super) trait Task {
    /// What the records of a part of the split are measured against.
    fn labels(&self, subset: Subset) -> &ExampleLabels;

    /// What is learned where it is not the labels; these say nothing then.
    fn pretext(&self) -> Option<&dyn Pretext> {
        None
    }

    /// How good `outputs` (records, outputs) on the validation records are; `loss` is their loss by the labels, NaN
    /// where what is learned is not these.
    ///
    /// # Errors
    /// Where a metric cannot be computed.
    fn evaluate(&self, loss: f64, outputs: &[f32]) -> Result<ValidationMetrics>;

    /// Adds to `outcome` what `outputs` (records, outputs), or what they are worth, of the best epoch on a part of the split are worth.
    ///
    /// # Errors
    /// As [`Task::evaluate`].
    fn score(&self, subset: Subset, outputs: &[f32], outcome: &mut Outcome) -> Result<()>;

    /// What a reader of the weights must know to understand the outputs.
    fn metadata(&self) -> BTreeMap<String, String>;
}

/// Trains `network` for `task`, and scores its best epoch once on the validation, the test and the training records, where
/// there are any: the latter as they are, without random changes, and in the windows in which records are tested.
///
/// # Errors
/// Where training fails or diverges, or the watch says stop.
pub(super) fn train_task<D: Backend>(
    training: &Training<'_, D>,
    task: &dyn Task,
    configuration: &TrainingConfiguration<'_>,
    network: Network<D>,
    watch: &mut dyn Watch,
) -> Result<Trained<D>> {
    let Training { device, signal, split, datasets, .. } = *training;
    let scaling = Scaling::from_training_records(signal, datasets, &split.train)?;
    let examples =
        |subset| Examples::new(signal, datasets, picks(split, subset), scaling.as_ref(), task.labels(subset));
    let examples = |subset| examples(subset).taught_by(task.pretext());
    let [trained, validation, test] = Subset::ALL.map(examples);
    let train = examples(Subset::Train).trained_on(signal);

    let mut fit = Fit::new(device, network, configuration, [&train, &validation], watch)?;
    fit.run(task, watch)?;

    let mut outcome = Outcome { composition: split.composition.clone(), ..Outcome::default() };
    if validation.len() > 0 {
        let outputs = fit.predict_validation(watch)?; // (records, outputs)
        task.score(Subset::Validation, &outputs, &mut outcome)?;
    }
    if test.len() > 0 {
        let outputs = fit.predict(&test, watch)?; // (records, outputs)
        task.score(Subset::Test, &outputs, &mut outcome)?;
    }

    score_training(&mut fit, task, &trained, &mut outcome, watch)?;

    let fitted = fit.finish()?;
    // What is to be said of the records, of the training, and of the scores.
    outcome.notes = split.notes.iter().cloned().chain(fitted.notes).chain(outcome.notes).collect();
    (outcome.epochs, outcome.wall_s) = (fitted.epochs, fitted.seconds);
    (outcome.best_epoch, outcome.last_step) = (fitted.best_epoch, fitted.last_step);
    let mut metadata = task.metadata();
    scaling.iter().for_each(|scaling| scaling.describe(&mut metadata));
    Ok(Trained { network: fitted.network, outcome, metadata })
}

/// Scores the best epoch on the records that trained it. What it says of them chose nothing and ends nothing: where it is not
/// of finite numbers, that is noted.
fn score_training<D: Backend>(
    fit: &mut Fit<'_, D>,
    task: &dyn Task,
    trained: &Examples<'_>,
    outcome: &mut Outcome,
    watch: &mut dyn Watch,
) -> Result<()> {
    if trained.pretext().is_some() {
        return Ok(());
    }
    let outputs = fit.predict_training(trained, watch)?; // (records, outputs)
    if outputs.iter().any(|output| !output.is_finite()) {
        outcome.notes.push("train metrics are not known: an output on a training record is not a finite number".into());
        return Ok(());
    }
    if !outcome.scores.is_empty() {
        let loss = fit.loss(trained, &outputs)?;
        outcome.scores.push(Score { split: Subset::Train, metric: LOSS.into(), class: None, value: Some(loss) });
    }
    task.score(Subset::Train, &outputs, outcome)
}
