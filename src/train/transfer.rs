//! The last stage: a network on grafted or fresh backbones that tells classes, or measures targets.

use super::classification::ClassificationTask;
use super::configuration::TrainingConfiguration;
use super::objective::Objective;
use super::regression::{Measuring, RegressionTask};
use super::task::{Task, train_task};
use super::{Trained, Training, Watch};
use crate::Result;
use crate::manifest::{Freeze, Fusion, GraftedPart, RegressionLoss, StoppingMetric, Transfer};
use crate::nn::Network;
use crate::ops::Backend;

/// What a network of the last stage starts from.
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

impl<D: Backend> Graft<'_, D> {
    /// Puts what `part` says of the donors into `network`.
    fn into(&self, network: &mut Network<D>, part: GraftedPart) -> Result<()> {
        for (number, donor) in self.donors.iter().enumerate() {
            network.graft(number, donor);
        }
        match (part, self.donors) {
            (GraftedPart::Hidden, [donor]) => network.graft_hidden(donor),
            _ => Ok(()),
        }
    }
}

/// Trains a network as `settings` say, a classifier or one that measures their targets, and tests the best epoch once, unless
/// there is nobody to test it on.
///
/// # Errors
/// Where no epoch could be chosen on the validation records, no training record knows a target, training fails or diverges, or
/// the watch says stop.
pub fn transfer<D: Backend>(
    training: &Training<'_, D>,
    settings: &Transfer,
    graft: &Graft<'_, D>,
    watch: &mut dyn Watch,
) -> Result<Trained<D>> {
    let (split, datasets) = (training.split, training.datasets);
    if settings.targets.is_empty() {
        let task = ClassificationTask::new(split, datasets, settings)?;
        let what = (&task as &dyn Task, task.objective(), settings.classes.len());
        return train_grafted(training, settings, graft, what, watch);
    }
    let watched = settings.early_stopping.as_ref().map_or(StoppingMetric::Mae, |stopping| stopping.metric);
    let by_mae = watched != StoppingMetric::Loss;
    let measuring = Measuring { targets: &settings.targets, key: "transfer.targets", by_mae };
    let task = RegressionTask::new(split, datasets, &measuring)?;
    let objective = Objective::of_numbers(settings.loss.of_numbers().unwrap_or(RegressionLoss::Mae));
    train_grafted(training, settings, graft, (&task, objective, settings.targets.len()), watch)
}

/// Trains a network for a task, with an objective, of so many outputs.
fn train_grafted<D: Backend>(
    training: &Training<'_, D>,
    settings: &Transfer,
    graft: &Graft<'_, D>,
    (task, objective, outputs): (&dyn Task, Objective, usize),
    watch: &mut dyn Watch,
) -> Result<Trained<D>> {
    let Training { device, signal, architecture, randomness, split, .. } = training;
    let no_freeze = Freeze::default();
    let configuration = TrainingConfiguration {
        epochs: settings.epochs,
        batch_size: settings.batch_size,
        optimizer: &settings.optimizer,
        schedule: &settings.schedule,
        clipping: settings.gradient_clipping.as_ref(),
        early_stopping: settings.early_stopping.as_ref(),
        objective,
        freeze: graft.freeze.unwrap_or(&no_freeze),
        curriculum: &split.epochs,
        augment: &settings.augment,
        sampling_rate: signal.sampling_rate,
        randomness,
    };
    let backbones = (graft.backbones, graft.fusion);
    let random = &mut randomness.weights();
    let mut network = Network::new(*device, architecture, signal.shape(), backbones, outputs, random)?;
    graft.into(&mut network, settings.graft)?;
    train_task(training, task, &configuration, network, watch)
}
