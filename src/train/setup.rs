//! One step of training, and what does not change from step to step.

use rand::seq::SliceRandom;

use super::batch::Batch;
use super::configuration::TrainingConfiguration;
use super::curriculum;
use super::data_loader::Batches;
use super::examples::{Augments, Examples};
use super::gradients::clip;
use super::l2_sp::L2SpAnchor;
use super::state::State;
use super::timeline::Timeline;
use crate::Result;
use crate::error::{Blame, Error};
use crate::nn::{FreezeState, HIDDEN, Network};
use crate::ops::Backend;
use crate::tensor::Gradients;

/// What does not change while a network is trained.
pub(super) struct Setup<'a, D: Backend> {
    pub device: &'a D,
    pub configuration: &'a TrainingConfiguration<'a>,
    pub timeline: Timeline,
    pub examples: &'a Examples<'a>,
    /// The backbones' blocks, from the input up.
    blocks: Vec<String>,
    /// The network before the first step.
    grafted: Network<D>,
    anchor: Option<L2SpAnchor<D>>,
    /// Steps of an epoch in which all examples take part.
    most_steps: usize,
}

impl<'a, D: Backend> Setup<'a, D> {
    /// Of the training of `grafted` on `examples`.
    ///
    /// # Errors
    /// Where the device has no memory left.
    pub(super) fn new(
        device: &'a D,
        configuration: &'a TrainingConfiguration<'a>,
        examples: &'a Examples<'a>,
        grafted: Network<D>,
    ) -> Result<Self> {
        let TrainingConfiguration { epochs, batch_size, schedule, freeze, curriculum, .. } = *configuration;
        let blocks = grafted.backbones().first().map_or_else(Vec::new, |backbone| backbone.blocks().to_vec());
        let all: Vec<usize> = (0..examples.len()).collect();
        Ok(Self {
            device,
            configuration,
            timeline: Timeline::new(epochs, &freeze.thaws(&blocks), curriculum, schedule),
            examples,
            blocks,
            anchor: freeze.l2_sp.map(|strengths| L2SpAnchor::from_grafted(&grafted, strengths)).transpose()?,
            grafted,
            most_steps: batches(&all, batch_size).len(),
        })
    }

    /// One step, of the `steps` of an epoch, on the examples `batch`: what nanoGPT has in its loop.
    ///
    /// # Errors
    /// Where training diverges or the device fails.
    pub(super) fn step(
        &self,
        state: &mut State<D>,
        loaded: &mut Batches<'_, D>,
        batch: &[usize],
        steps: usize,
    ) -> Result<()> {
        let (device, configuration) = (self.device, self.configuration);
        // Forward, loss and backward; the loss, times the records, is added to the epoch's.
        let mut gradients = self.gradients(state, loaded, batch)?;
        state.counted += batch.len();
        if let Some(losses) = D::known(&state.losses) {
            self.finite(losses, state.epoch)?;
        }
        // The pull to what was grafted, then clipping, whose norm is added to the epoch's.
        if let Some(anchor) = &self.anchor {
            anchor.pull(device, &mut state.net, &mut gradients)?;
        }
        if let Some(clipping) = configuration.clipping {
            clip(device, &mut state.net, &mut gradients, clipping.norm, &mut state.norms)?;
        }
        // The update, by each block's learning rate.
        let rate = configuration.optimizer.learning_rate() * state.rate.factor(state.epoch, state.step, steps);
        let of_block = |block: &str| rate * configuration.freeze.learning_rate(block);
        state.optimizer.step(device, &mut state.net, &mut gradients, &of_block)
    }

    /// The gradients of a batch, worked on in as many micro-batches as it takes for the device to have room.
    fn gradients(&self, state: &mut State<D>, loaded: &mut Batches<'_, D>, batch: &[usize]) -> Result<Gradients<D>> {
        let State { epoch, step, .. } = *state;
        let number = (epoch * self.most_steps + step) as u64;
        let (x, target) = loaded.next(self.device, batch)?; // (batch, length, leads) or (batch, 1, features)
        let target = match target {
            Some(target) => target,
            None => self.configuration.objective.loss(self.examples.labels, batch)?,
        };
        let random = |micro_batch: usize| self.configuration.randomness.dropout(number, micro_batch);
        let records = batch.len();
        let task = Batch { x: &x, records, of_features: loaded.gives_features(), target: &target, random: &random };
        loop {
            match task.gradients(self.device, &mut state.net, state.micro_batches, &mut state.losses) {
                Err(error) if error.blame == Blame::Memory => {
                    state.micro_batches = more_micro_batches(state.micro_batches, batch.len(), &mut state.net, &error)?;
                    // The step may have gone as far as its loss, and as the head's running statistics.
                    state.forget_losses(self.device)?;
                    if number == 0 {
                        state.net = self.grafted.copied()?;
                        self.freeze(&mut state.net, epoch);
                    }
                }
                other => break other,
            }
        }
    }

    /// Which blocks hold still in `epoch` (from 0), and how, from the input up.
    pub(super) fn freeze_states(&self, epoch: usize) -> Vec<FreezeState> {
        let hidden = self.grafted.has_hidden().then_some(HIDDEN);
        let blocks = self.blocks.iter().map(String::as_str).chain(hidden);
        blocks.map(|block| self.freeze_state(epoch, block)).collect()
    }

    /// Holds the blocks of `net` as the freeze does in `epoch`.
    pub(super) fn freeze(&self, net: &mut Network<D>, epoch: usize) {
        net.freeze(|block| self.freeze_state(epoch, block));
    }

    fn freeze_state(&self, epoch: usize, block: &str) -> FreezeState {
        let freeze = self.configuration.freeze;
        FreezeState { frozen: freeze.freezes(epoch, block, &self.blocks), batch_norm: freeze.batch_norm }
    }

    /// Whether nothing holds still once all is thawed that ever is.
    pub(super) fn ends_thawed(&self) -> bool {
        self.freeze_states(usize::MAX).iter().all(|state| !state.frozen)
    }

    /// The examples of `epoch`, shuffled.
    pub(super) fn order(&self, epoch: usize) -> Vec<usize> {
        let mut order = curriculum::examples(self.configuration.curriculum, self.examples.len(), epoch);
        order.shuffle(&mut self.configuration.randomness.order(epoch));
        order
    }

    /// The random changes to the examples of `epoch`.
    pub(super) fn augments(&self, epoch: usize) -> Augments<'a> {
        let TrainingConfiguration { augment: list, sampling_rate, randomness, .. } = *self.configuration;
        Augments { list, sampling_rate, randomness, epoch }
    }

    /// The sum of an epoch's losses, if training has not diverged.
    pub(super) fn finite(&self, sum: f64, epoch: usize) -> Result<f64> {
        if sum.is_finite() { Ok(sum) } else { Err(self.diverged(&format!("the training loss became {sum}"), epoch)) }
    }

    /// What to say where numbers left all bounds in `epoch` (from 0).
    pub(super) fn diverged(&self, what: &str, epoch: usize) -> Error {
        let added = if self.configuration.augment.is_empty() { "" } else { " and in what `augment` adds to them" };
        Error::user(format!(
            "training diverged: {what} in epoch {}; lower optimizer.learning_rate, or look for extreme values in the \
             data{added}",
            epoch + 1
        ))
    }
}

/// How many micro-batches to work on a batch of `batch` records in, where `count` need too much memory.
fn more_micro_batches<D: Backend>(count: usize, batch: usize, net: &mut Network<D>, error: &Error) -> Result<usize> {
    if net.pieces().is_some() {
        let what = format!(
            "a batch of {batch} records: {}; masked reconstruction does not work on parts of it",
            error.message
        );
        return Err(Error::memory(format!("{what}: lower masked.batch_size")));
    }
    if !net.knows_no_batch() {
        return Err(Error::memory(format!(
            "a batch of {batch} records: {}; it cannot be worked on in parts, because batch norms use the statistics \
             of all of it",
            error.message
        )));
    }
    match count < batch {
        true => Ok(2 * count),
        false => Err(error.clone()),
    }
}

/// Batches of `size` in the order given. A last one of a single example, on which batch norm is
/// not defined, joins the one before it.
pub(super) fn batches(order: &[usize], size: usize) -> Vec<&[usize]> {
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
