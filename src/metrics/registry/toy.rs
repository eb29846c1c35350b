//! A metric as docs/adding/metric.md adds one; the tests take it through all that is done with metrics.

use crate::metrics::resampled::{Counts, mean_over_classes, measure_of_all_counts};
use crate::metrics::{ClassifierMetric, Metric, Over, Predictions, Rests};
use crate::statistics::bootstrap::Measure;

pub(super) const METRICS: &[&dyn ClassifierMetric] = &[&Specificity];

/// TN / (TN + FP), of a class that some record has; their mean.
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
        Rests::Both
    }

    fn compute(&self, predictions: &Predictions, classes: &[usize]) -> Option<f64> {
        mean_over_classes(predictions, classes, specificity)
    }

    fn measure(&self, predictions: &Predictions, classes: &[usize]) -> Option<Box<dyn Measure>> {
        Some(measure_of_all_counts(predictions, classes, specificity))
    }
}

fn specificity(Counts { neither, wrong, .. }: Counts) -> f64 {
    if neither + wrong == 0.0 { 0.0 } else { neither / (neither + wrong) }
}
