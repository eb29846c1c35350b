//! The harmonic mean of precision and recall.

use crate::manifest::Labels;
use crate::metrics::resampled::{Counts, mean_over_classes, measure_of_counts};
use crate::metrics::{ClassifierMetric, Metric, Over, Predictions, Rests};
use crate::statistics::bootstrap::Measure;

pub(super) const METRICS: &[&dyn ClassifierMetric] = &[&F1];

/// 2 TP / (2 TP + FP + FN), of a class that some record has; their mean.
#[derive(Clone, Copy, Debug)]
pub struct F1;

impl Metric for F1 {
    fn name(&self) -> &'static str {
        "f1"
    }

    fn heading(&self) -> &'static str {
        "F1"
    }
}

impl ClassifierMetric for F1 {
    fn over(&self) -> Over {
        Over::Classes
    }

    fn rests(&self) -> Rests {
        Rests::Both
    }

    fn is_of_decisions(&self, _labels: Labels) -> bool {
        true
    }

    fn compute(&self, predictions: &Predictions, classes: &[usize]) -> Option<f64> {
        mean_over_classes(predictions, classes, f1)
    }

    fn measure(&self, predictions: &Predictions, classes: &[usize]) -> Option<Box<dyn Measure>> {
        Some(measure_of_counts(predictions, classes, f1))
    }
}

fn f1(Counts { right, missed, wrong, .. }: Counts) -> f64 {
    2.0 * right / (2.0 * right + wrong + missed)
}
