//! The share of the true that is predicted.

use crate::manifest::Labels;
use crate::metrics::resampled::{Counts, mean_over_classes, measure_of_counts};
use crate::metrics::{ClassifierMetric, Metric, Over, Predictions, Rests};
use crate::statistics::bootstrap::Measure;

pub(super) const METRICS: &[&dyn ClassifierMetric] = &[&Recall];

/// TP / (TP + FN), the sensitivity, of a class that some record has; their mean.
#[derive(Clone, Copy, Debug)]
pub struct Recall;

impl Metric for Recall {
    fn name(&self) -> &'static str {
        "recall"
    }

    fn heading(&self) -> &'static str {
        "recall"
    }
}

impl ClassifierMetric for Recall {
    fn over(&self) -> Over {
        Over::Classes
    }

    fn rests(&self) -> Rests {
        Rests::With
    }

    fn is_of_decisions(&self, _labels: Labels) -> bool {
        true
    }

    fn compute(&self, predictions: &Predictions, classes: &[usize]) -> Option<f64> {
        mean_over_classes(predictions, classes, recall)
    }

    fn measure(&self, predictions: &Predictions, classes: &[usize]) -> Option<Box<dyn Measure>> {
        Some(measure_of_counts(predictions, classes, recall))
    }
}

fn recall(Counts { right, missed, .. }: Counts) -> f64 {
    right / (right + missed)
}
