//! The share of what is predicted that is true.

use crate::manifest::Labels;
use crate::metrics::resampled::{Counts, mean_over_classes, measure_of_counts};
use crate::metrics::{ClassifierMetric, Metric, Over, Predictions, Rests};
use crate::statistics::bootstrap::Measure;

pub(super) const METRICS: &[&dyn ClassifierMetric] = &[&Precision];

/// TP / (TP + FP), of a class that some record has; 0 where it was never predicted. Their mean.
#[derive(Clone, Copy, Debug)]
pub struct Precision;

impl Metric for Precision {
    fn name(&self) -> &'static str {
        "precision"
    }

    fn heading(&self) -> &'static str {
        "precision"
    }
}

impl ClassifierMetric for Precision {
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
        mean_over_classes(predictions, classes, precision)
    }

    fn measure(&self, predictions: &Predictions, classes: &[usize]) -> Option<Box<dyn Measure>> {
        Some(measure_of_counts(predictions, classes, precision))
    }
}

fn precision(Counts { right, wrong, .. }: Counts) -> f64 {
    if right + wrong == 0.0 { 0.0 } else { right / (right + wrong) }
}
