//! The share of those without a class that are not said to have it.

use crate::manifest::Labels;
use crate::metrics::resampled::{Counts, mean_over_classes, measure_of_all_counts, quotient};
use crate::metrics::{ClassifierMetric, Metric, Over, Predictions, Rests};
use crate::statistics::bootstrap::Measure;

pub(super) const METRICS: &[&dyn ClassifierMetric] = &[&Specificity];

/// TN / (TN + FP), of a class that some record has; their mean. Not defined of a class that all records have.
#[derive(Clone, Copy, Debug)]
pub struct Specificity;

impl Metric for Specificity {
    fn name(&self) -> &'static str {
        "specificity"
    }

    fn heading(&self) -> &'static str {
        "specificity"
    }
}

impl ClassifierMetric for Specificity {
    fn over(&self) -> Over {
        Over::Classes
    }

    fn rests(&self) -> Rests {
        Rests::Without
    }

    fn is_of_decisions(&self, _labels: Labels) -> bool {
        true
    }

    fn compute(&self, predictions: &Predictions, classes: &[usize]) -> Option<f64> {
        mean_over_classes(predictions, classes, specificity)
    }

    fn measure(&self, predictions: &Predictions, classes: &[usize]) -> Option<Box<dyn Measure>> {
        Some(measure_of_all_counts(predictions, classes, specificity))
    }
}

fn specificity(Counts { neither, wrong, .. }: Counts) -> f64 {
    quotient(neither, neither + wrong)
}
