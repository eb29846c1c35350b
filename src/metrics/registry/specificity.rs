//! The share of those without a class that are not said to have it.

use crate::metrics::resampled::{Counts, OfCounts, quotient};
use crate::metrics::{ClassifierMetric, Metric, Rests};

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

impl OfCounts for Specificity {
    const OF_ALL: bool = true;

    fn rests_on(&self) -> Rests {
        Rests::Without
    }

    fn of_class(&self, Counts { neither, wrong, .. }: Counts) -> f64 {
        quotient(neither, neither + wrong)
    }
}
