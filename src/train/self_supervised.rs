//! Stage 1 without labels: masked reconstruction, and contrastive learning.

use std::collections::BTreeMap;

use super::curves::ValidationMetrics;
use super::labels::ExampleLabels;
use super::pretext::{ContrastivePretext, MaskedPretext, Pretext};
use super::regression::configuration;
use super::task::{Task, train_task};
use super::{Outcome, Score, Trained, Training, Watch};
use crate::Result;
use crate::data::Subset;
use crate::manifest::{Contrastive, Freeze, Masked};
use crate::nn::Network;
use crate::ops::Backend;

/// Trains a fresh network to give what is masked of records, as `settings` say.
///
/// The best epoch has the lowest validation loss. The scores of validation and test records are the loss, `mae` and `rmse`
/// in units of normalised signals, and `r2`: 1 less the squared error over that of the mean of what is masked of each
/// record's lead.
///
/// # Errors
/// Where training fails or diverges, or the watch says stop.
pub fn masked<D: Backend>(training: &Training<'_, D>, settings: &Masked, watch: &mut dyn Watch) -> Result<Trained<D>> {
    let Training { device, signal, architecture, randomness, .. } = training;
    let network = Network::reconstructing(*device, architecture, signal.shape(), &mut randomness.weights())?;
    let pieces = network.pieces().unwrap_or_default();
    let pretext = MaskedPretext::new(&settings.masking, signal, pieces, randomness);
    let nothing_frozen = Freeze::default();
    let configuration = configuration(training, &settings.training, &nothing_frozen);
    train_task(training, &SelfSupervised::new(pretext), &configuration, network, watch)
}

/// Trains a fresh network to tell two views of a record from those of all others of a batch, as `settings` say.
///
/// The best epoch has the lowest validation loss. The scores are the loss, `top1`, the share of views to which that of the
/// same record is the nearest, and `top1_by_chance`, what that would be of a network that knows nothing.
///
/// # Errors
/// As [`masked`].
pub fn contrastive<D: Backend>(
    training: &Training<'_, D>,
    settings: &Contrastive,
    watch: &mut dyn Watch,
) -> Result<Trained<D>> {
    let Training { device, signal, architecture, randomness, .. } = training;
    let (random, outputs) = (&mut randomness.weights(), settings.views.projection);
    let network = Network::projecting(*device, architecture, signal.shape(), outputs, random)?;
    let (_, length) = signal.shape();
    let pretext = ContrastivePretext {
        temperature: settings.views.temperature,
        view: settings.views.samples(signal.sampling_rate, length),
        alone: architecture.takes_any_length(),
        batch: settings.training.batch_size,
        randomness: [0, 1].map(|number| randomness.of_view(number)),
    };
    let nothing_frozen = Freeze::default();
    let configuration = configuration(training, &settings.training, &nothing_frozen);
    train_task(training, &SelfSupervised::new(pretext), &configuration, network, watch)
}

/// To learn from signals alone.
struct SelfSupervised {
    pretext: Box<dyn Pretext>,
    no_labels: ExampleLabels,
}

impl SelfSupervised {
    fn new(pretext: impl Pretext + 'static) -> Self {
        Self { pretext: Box::new(pretext), no_labels: ExampleLabels::Numbers(Vec::new(), 0) }
    }
}

impl Task for SelfSupervised {
    fn labels(&self, _subset: Subset) -> &ExampleLabels {
        &self.no_labels
    }

    fn pretext(&self) -> Option<&dyn Pretext> {
        Some(&*self.pretext)
    }

    fn evaluate(&self, _loss: f64, outputs: &[f32]) -> Result<ValidationMetrics> {
        Ok(self.pretext.metrics(outputs))
    }

    fn score(&self, subset: Subset, outputs: &[f32], outcome: &mut Outcome) -> Result<()> {
        let ValidationMetrics { values, .. } = self.pretext.metrics(outputs);
        if subset == Subset::Test {
            outcome.notes.push(self.pretext.in_words(&values));
        }
        let score = |(curve, value): (super::curves::Curve, f64)| Score {
            split: subset,
            metric: curve.name().into_owned().into(),
            class: None,
            value: Some(value),
        };
        outcome.scores.extend(values.into_iter().map(score));
        Ok(())
    }

    fn metadata(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
}
