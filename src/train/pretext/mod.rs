//! What networks learn from signals alone: what a batch of records is made into, and how its outputs are measured.
//!
//! A batch is made on the host, record by record: what goes into the network, and the loss that its outputs are measured
//! by. What is drawn for a record in training is of its epoch; what is drawn for one that validates or tests is always the
//! same, so that epochs can be compared.

mod contrastive;
mod masked;

pub(super) use contrastive::ContrastivePretext;
pub(super) use masked::MaskedPretext;

use std::fmt::Debug;

use super::examples::{Augments, Examples, Prepared};
use crate::Result;
use crate::ops::step::loss::Loss;
use crate::train::curves::{Curve, ValidationMetrics};

/// What is learned where it is not labels.
pub(super) trait Pretext: Debug + Sync {
    /// What `rows` are made into: in training with the random changes of an epoch, else always the same.
    ///
    /// # Errors
    /// Where a record cannot be read.
    fn prepared(&self, examples: &Examples<'_>, rows: &[usize], augments: Option<&Augments<'_>>) -> Result<Prepared>;

    /// How many rows are looked at together where nothing is trained; `usual` where it makes no difference.
    fn batch(&self, usual: usize) -> usize {
        usual
    }

    /// What the outputs of `rows` rows are worth, each in a few numbers that may be added up: (rows, numbers).
    fn worth(&self, rows: usize, outputs: &[f32], loss: &Loss) -> Vec<f32>;

    /// What [`Pretext::worth`] comes to over all rows.
    fn metrics(&self, worth: &[f32]) -> ValidationMetrics;

    /// How good a network is on its test records, in a sentence.
    fn in_words(&self, values: &[(Curve, f64)]) -> String;
}

/// A value by its name, in words.
fn in_words(values: &[(Curve, f64)], name: &str) -> String {
    let found = values.iter().find(|(curve, _)| curve.name() == name).map(|(_, value)| *value);
    found.map_or_else(|| "not defined".to_owned(), |value| format!("{value:.3}"))
}

/// The sum of each of so many columns.
fn sums<const COLUMNS: usize>(worth: &[f32]) -> [f64; COLUMNS] {
    let mut sums = [0.0; COLUMNS];
    for row in worth.chunks_exact(COLUMNS) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    sums
}
