//! What networks learn from signals alone: what a batch of records is made into, and how its outputs are measured.
//!
//! A batch is made on the host, record by record: what goes into the network, and the loss that its outputs are measured
//! by. What is drawn for a record in training is of its epoch; what is drawn for one that validates or tests is always the
//! same, so that epochs can be compared.

mod contrastive;
mod masked;

pub(super) use contrastive::ContrastivePretext;
pub(super) use masked::MaskedPretext;

use super::examples::{Augments, Examples, Prepared};
use crate::Result;
use crate::ops::step::loss::Loss;
use crate::train::curves::{Curve, ValidationMetrics};

/// What is learned.
#[derive(Debug)]
pub(super) enum Pretext {
    Masked(MaskedPretext),
    Contrastive(ContrastivePretext),
}

impl Pretext {
    /// What `rows` are made into: in training with the random changes of an epoch, else always the same.
    ///
    /// # Errors
    /// Where a record cannot be read.
    pub(super) fn prepared(
        &self,
        examples: &Examples<'_>,
        rows: &[usize],
        augments: Option<&Augments<'_>>,
    ) -> Result<Prepared> {
        match self {
            Pretext::Masked(masked) => masked.prepared(examples, rows, augments),
            Pretext::Contrastive(contrastive) => contrastive.prepared(examples, rows, augments),
        }
    }

    /// How many rows are looked at together where nothing is trained; `usual` where it makes no difference.
    pub(super) fn batch(&self, usual: usize) -> usize {
        match self {
            Pretext::Masked(_) => usual,
            Pretext::Contrastive(contrastive) => contrastive.batch,
        }
    }

    /// What the outputs of `rows` rows are worth, each in a few numbers that may be added up: (rows, numbers).
    pub(super) fn worth(&self, rows: usize, outputs: &[f32], loss: &Loss) -> Vec<f32> {
        match self {
            Pretext::Masked(masked) => masked.worth(rows, outputs, loss),
            Pretext::Contrastive(_) => contrastive::worth(outputs, loss),
        }
    }

    /// What [`Pretext::worth`] comes to over all rows.
    pub(super) fn metrics(&self, worth: &[f32]) -> ValidationMetrics {
        match self {
            Pretext::Masked(masked) => masked.metrics(worth),
            Pretext::Contrastive(_) => contrastive::metrics(worth),
        }
    }
}

impl Pretext {
    /// How good a network is on its test records, in a sentence.
    pub(super) fn in_words(&self, values: &[(Curve, f64)]) -> String {
        let value = |name: &str| {
            let found = values.iter().find(|(curve, _)| curve.name() == name).map(|(_, value)| *value);
            found.map_or_else(|| "not defined".to_owned(), |value| format!("{value:.3}"))
        };
        match self {
            Pretext::Masked(_) => format!(
                "what is masked of test records is given with MAE {}, RMSE {}, R2 {}, in units of normalised signals; who knows \
                 but the mean of what is masked has an R2 of 0",
                value("mae"),
                value("rmse"),
                value("r2")
            ),
            Pretext::Contrastive(_) => format!(
                "of the views of test records the share {} is nearest to the other view of its record, among those of a batch; \
                 by chance it would be {}",
                value("top1"),
                value("top1_by_chance")
            ),
        }
    }
}

/// The sum of each of so many columns.
fn sums<const COLUMNS: usize>(worth: &[f32]) -> [f64; COLUMNS] {
    let mut sums = [0.0; COLUMNS];
    for row in worth.chunks_exact(COLUMNS) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    sums
}
