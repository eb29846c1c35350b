//! How far a decision can be believed: the share of those said to have a class that have it, and of those said not to
//! have it that have it not.

use crate::metrics::resampled::{Counts, OfCounts, quotient};
use crate::metrics::{ClassifierMetric, Metric, Rests};

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

impl OfCounts for PositivePredictiveValue {
    fn rests_on(&self) -> Rests {
        Rests::Both
    }

    fn of_class(&self, Counts { right, wrong, .. }: Counts) -> f64 {
        quotient(right, right + wrong)
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

impl OfCounts for NegativePredictiveValue {
    const OF_ALL: bool = true;

    fn rests_on(&self) -> Rests {
        Rests::Both
    }

    fn of_class(&self, Counts { neither, missed, .. }: Counts) -> f64 {
        quotient(neither, neither + missed)
    }
}
