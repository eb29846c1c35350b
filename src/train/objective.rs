//! How outputs are measured against labels in training.

use super::labels::ExampleLabels;
use crate::Result;
use crate::error::Error;
use crate::manifest::RegressionLoss;
use crate::ops::step::loss::{Form, Loss};

/// A loss before it knows its examples.
#[derive(Clone, Debug)]
pub(super) enum Objective {
    Mae,
    Mse,
    /// With its delta.
    Huber(f64),
    /// Softmax, weights by class.
    Softmax(Vec<f32>, Form),
    /// A sigmoid per class, weights of positives by class.
    Sigmoid(Vec<f32>, Form),
}

impl Objective {
    /// Of measured numbers.
    pub(super) fn of_numbers(loss: RegressionLoss) -> Self {
        match loss {
            RegressionLoss::Mae => Objective::Mae,
            RegressionLoss::Mse => Objective::Mse,
            RegressionLoss::Huber { delta } => Objective::Huber(delta),
        }
    }

    /// The loss of the examples `indices`.
    ///
    /// # Errors
    /// An internal one where labels are not such as it measures.
    pub(super) fn loss(&self, labels: &ExampleLabels, indices: &[usize]) -> Result<Loss> {
        Ok(match (self, labels) {
            (Objective::Mae, ExampleLabels::Numbers(t, width)) => Loss::Mae(rows(t, *width, indices)),
            (Objective::Mse, ExampleLabels::Numbers(t, width)) => Loss::Mse(rows(t, *width, indices)),
            (Objective::Huber(delta), ExampleLabels::Numbers(t, width)) => {
                Loss::Huber { truth: rows(t, *width, indices), delta: *delta }
            }
            (Objective::Softmax(weights, form), ExampleLabels::OneClass(t)) => {
                let classes = indices.iter().map(|&i| t[i]).collect();
                Loss::CrossEntropy { classes, weights: weights.clone(), form: *form }
            }
            (Objective::Sigmoid(weights, form), ExampleLabels::AnyClasses(t)) => {
                let labels = rows(t, weights.len(), indices);
                Loss::BinaryCrossEntropy { labels, weights: weights.clone(), form: *form }
            }
            _ => return Err(Error::internal("the objective does not fit the labels")),
        })
    }
}

/// The rows `indices` of a table of `width` columns, one after another.
fn rows<T: Copy>(table: &[T], width: usize, indices: &[usize]) -> Vec<T> {
    indices.iter().flat_map(|&i| &table[i * width..][..width]).copied().collect()
}
