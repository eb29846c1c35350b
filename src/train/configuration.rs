//! The training configuration: what both tasks are trained with.

use super::objective::Objective;
use super::{Randomness, curriculum};
use crate::manifest::{Augment, EarlyStopping, Freeze, GradientClipping, Optimizer, Schedule};

/// Everything that decides how a network is trained, beside its records.
#[derive(Debug)]
pub(super) struct TrainingConfiguration<'a> {
    pub epochs: usize,
    pub batch_size: usize,
    pub optimizer: &'a Optimizer,
    pub schedule: &'a Schedule,
    pub clipping: Option<&'a GradientClipping>,
    pub early_stopping: Option<&'a EarlyStopping>,
    pub objective: Objective,
    pub freeze: &'a Freeze,
    pub curriculum: &'a curriculum::Epochs,
    pub augment: &'a [Augment],
    /// In Hz; of what `augment` says in seconds.
    pub sampling_rate: f64,
    pub randomness: &'a Randomness,
}
