//! One stage's training, from the first step to the choice of the best epoch.

use rand::seq::SliceRandom;

use crate::Result;
use crate::error::Error;
use crate::manifest::{Augment, EarlyStopping, Freeze, GradientClipping, Optimizer as OptimizerSettings, Schedule};
use crate::nn::{Network, Pass};
use crate::ops::loss::loss;
use crate::ops::{Backend, Lend, device_error, memory};

use super::curriculum::Curriculum;
use super::examples::{Augments, Examples, Objective};
use super::gradients::{StartingPoint, clip};
use super::optimizer::Optimizer;
use super::schedule::LearningRate;
use super::supply::{Supply, predict};
use super::{EpochValue, Watch, freeze};

/// Everything that decides how a network is trained.
#[derive(Debug)]
pub(super) struct Recipe<'a> {
    pub epochs: usize,
    pub batch_size: usize,
    pub optimizer: &'a OptimizerSettings,
    pub schedule: &'a Schedule,
    pub clipping: Option<&'a GradientClipping>,
    pub early_stopping: Option<&'a EarlyStopping>,
    pub objective: Objective,
    pub freeze: &'a Freeze,
    pub curriculum: Curriculum<'a>,
    pub augment: &'a [Augment],
    pub sampling_rate: f64,
    pub seed: u64,
}

/// What validation says of an epoch.
#[derive(Debug)]
pub(super) struct Judgement {
    /// The watched metric, higher is better.
    pub score: f64,
    /// For the learning curves.
    pub values: Vec<(&'static str, f64)>,
    /// For the progress line.
    pub text: String,
}

/// The best epoch's network and how it came about.
pub(super) struct Fitted<D: Lend> {
    pub network: Network<D>,
    pub best_epoch: usize,
    pub epochs: Vec<EpochValue>,
}

/// Trains `net`; after each epoch `judge` gets the outputs on the validation examples, (examples,
/// outputs). The network of the epoch with the best score is returned, a copy taken at that epoch.
pub(super) fn fit<D: Backend>(
    device: &D,
    net: Network<D>,
    recipe: &Recipe<'_>,
    train: &Examples<'_>,
    validation: &Examples<'_>,
    judge: &mut dyn FnMut(&[f32]) -> Result<Judgement>,
    watch: &mut dyn Watch,
) -> Result<Fitted<D>> {
    // What was grafted may be in other hands too.
    let mut net = net.copied()?;
    let mut optimizer = Optimizer::new(recipe.optimizer);
    let start = recipe.freeze.l2_sp.map(|strengths| StartingPoint::of(&net, strengths)).transpose()?;
    let mut rate = LearningRate::new(recipe.schedule, recipe.epochs);
    let mut curves = Vec::new();
    let mut best: Option<(f64, usize, Network<D>)> = None;
    let mut phase = None;
    let (mut train_supply, mut validation_supply) = (Supply::new(train), Supply::new(validation));
    let all: Vec<usize> = (0..train.len()).collect();
    let most_steps = batches(&all, recipe.batch_size).len();

    for epoch in 0..recipe.epochs {
        let now = Some(freeze::phase(recipe.freeze, epoch));
        if phase != now {
            phase = now;
            net.hold(|block| freeze::hold(recipe.freeze, epoch, block));
            // A backbone that is a fixed function of its input is run once, not once an epoch.
            let fixed = net.is_probe() && recipe.augment.is_empty();
            for supply in [&mut train_supply, &mut validation_supply] {
                supply.ready(device, &mut net, fixed)?;
            }
        }

        let mut order = recipe.curriculum.examples(train.len(), epoch);
        order.shuffle(&mut crate::seed::stream(recipe.seed, "shuffle", epoch as u64));
        let batches = batches(&order, recipe.batch_size);
        let augments = Augments { list: recipe.augment, sampling_rate: recipe.sampling_rate, seed: recipe.seed, epoch };
        let mut sum = device.sum().map_err(device_error)?;
        let mut norms = device.sum().map_err(device_error)?;
        std::thread::scope(|scope| {
            let mut source = train_supply.source(scope, &batches, Some(&augments));
            for (step, batch) in batches.iter().enumerate() {
                if watch.stopped() {
                    return Err(Error::interrupted());
                }
                let number = (epoch * most_steps + step) as u64;
                let mut pass = Pass::training(crate::seed::stream(recipe.seed, "dropout", number));
                let output = source.outputs(device, &mut net, batch, &mut pass)?;
                let target = recipe.objective.loss(&train.truth, batch)?;
                let scalar = loss(&mut pass.trace, &output, &target, 1.0, batch.len() as f64, &mut sum)?;
                if let Some(sum) = D::known(&sum) {
                    finite(sum, epoch)?;
                }
                let mut gradients = pass.trace.backward(scalar)?;
                if let Some(start) = &start {
                    start.pull(device, &mut net, &mut gradients)?;
                }
                if let Some(clipping) = recipe.clipping {
                    clip(device, &mut net, &mut gradients, clipping.norm, &mut norms)?;
                }
                let factor = rate.factor(epoch, step, batches.len());
                optimizer.step(device, &mut net, &mut gradients, factor, &|block| recipe.freeze.scale(block))?;
            }
            Ok(())
        })?;
        let sum = finite(device.total(&sum).map_err(device_error)?, epoch)?;

        let outputs = predict(device, &mut net, &validation_supply, watch)?;
        if outputs.iter().any(|output| !output.is_finite()) {
            return Err(diverged("a validation output is not a finite number", epoch));
        }
        let judgement = judge(&outputs)?;
        let mut note = |split, metric, value| curves.push(EpochValue { epoch: epoch + 1, split, metric, value });
        note("train", "loss", sum / order.len() as f64);
        note("train", "learning_rate", recipe.optimizer.learning_rate() * rate.factor(epoch, 0, batches.len()));
        if recipe.clipping.is_some() {
            let norms = device.total(&norms).map_err(device_error)?;
            note("train", "gradient_norm", norms / batches.len() as f64);
        }
        for (metric, value) in &judgement.values {
            note("validation", metric, *value);
        }
        watch.epoch(epoch + 1, recipe.epochs, &judgement.text);

        let improved =
            judgement.score.is_finite() && best.as_ref().is_none_or(|(score, _, _)| judgement.score > *score);
        if improved {
            best = Some((judgement.score, epoch, net.copied()?));
        }
        // Other examples may bring the improvement that these did not.
        rate.epoch_done(improved || recipe.curriculum.changes_at(epoch + 1));
        let waited = recipe.curriculum.waited(epoch, best.as_ref().map(|(_, best, _)| *best));
        if recipe.early_stopping.is_some_and(|stopping| waited >= stopping.patience) {
            break;
        }
    }
    memory::release();
    let (_, epoch, network) =
        best.ok_or_else(|| Error::user("no epoch gave a finite validation score; lower optimizer.learning_rate"))?;
    Ok(Fitted { network, best_epoch: epoch + 1, epochs: curves })
}

/// The sum of an epoch's losses, if training has not diverged.
fn finite(sum: f64, epoch: usize) -> Result<f64> {
    if sum.is_finite() { Ok(sum) } else { Err(diverged(&format!("the training loss became {sum}"), epoch)) }
}

/// What to say where numbers left all bounds in `epoch` (from 0).
fn diverged(what: &str, epoch: usize) -> Error {
    let advice = "lower optimizer.learning_rate, or look for extreme values in the data";
    Error::user(format!("training diverged: {what} in epoch {}; {advice}", epoch + 1))
}

/// Batches of `size` in the order given. A last one of a single example, on which batch norm is
/// not defined, joins the one before it.
fn batches(order: &[usize], size: usize) -> Vec<&[usize]> {
    let mut batches: Vec<&[usize]> = order.chunks(size).collect();
    if batches.len() > 1 && batches.last().is_some_and(|batch| batch.len() == 1) {
        batches.truncate(batches.len() - 2);
        batches.push(&order[batches.len() * size..]);
    }
    batches
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_last_batch_of_one_joins_the_one_before() {
        let order: Vec<usize> = (0..9).collect();
        let sizes = |count: usize, size: usize| {
            super::batches(&order[..count], size).iter().map(|b| b.len()).collect::<Vec<_>>()
        };
        assert_eq!(sizes(9, 4), [4, 5]);
        assert_eq!(sizes(8, 4), [4, 4]);
        assert_eq!(sizes(7, 4), [4, 3]);
        assert_eq!(sizes(1, 4), [1]);
        assert_eq!(super::batches(&order, 4).concat(), order);
    }
}
