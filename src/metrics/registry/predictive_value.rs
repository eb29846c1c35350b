//! How far a decision can be believed: the share of those said to have a class that have it, and of those said not to
//! have it that have it not.

use crate::manifest::Labels;
use crate::metrics::resampled::{Counts, mean_over_classes, measure_of_all_counts, measure_of_counts, quotient};
use crate::metrics::{ClassifierMetric, Metric, Over, Predictions, Rests};
use crate::statistics::bootstrap::Measure;

pub(super) const METRICS: &[&dyn ClassifierMetric] = &[&PositivePredictiveValue, &NegativePredictiveValue];

/// TP / (TP + FP), of a class that some record has; their mean. It is the precision, but for a class that was never
/// predicted: there it is not defined, where the precision is 0.
#[derive(Clone, Copy, Debug)]
pub struct PositivePredictiveValue;

impl Metric for PositivePredictiveValue {
    fn name(&self) -> &'static str {
        "ppv"
    }

    fn heading(&self) -> &'static str {
        "PPV"
    }

    fn full_name(&self) -> &'static str {
        "positive predictive value"
    }
}

impl ClassifierMetric for PositivePredictiveValue {
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
        mean_over_classes(predictions, classes, positive)
    }

    fn measure(&self, predictions: &Predictions, classes: &[usize]) -> Option<Box<dyn Measure>> {
        Some(measure_of_counts(predictions, classes, positive))
    }
}

/// TN / (TN + FN), of a class that some record has; their mean. Not defined of a class that was predicted of all records.
#[derive(Clone, Copy, Debug)]
pub struct NegativePredictiveValue;

impl Metric for NegativePredictiveValue {
    fn name(&self) -> &'static str {
        "npv"
    }

    fn heading(&self) -> &'static str {
        "NPV"
    }

    fn full_name(&self) -> &'static str {
        "negative predictive value"
    }
}

impl ClassifierMetric for NegativePredictiveValue {
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
        mean_over_classes(predictions, classes, negative)
    }

    fn measure(&self, predictions: &Predictions, classes: &[usize]) -> Option<Box<dyn Measure>> {
        Some(measure_of_all_counts(predictions, classes, negative))
    }
}

fn positive(Counts { right, wrong, .. }: Counts) -> f64 {
    quotient(right, right + wrong)
}

fn negative(Counts { neither, missed, .. }: Counts) -> f64 {
    quotient(neither, neither + missed)
}
