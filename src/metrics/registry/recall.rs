//! The share of the true that is predicted.

use crate::metrics::resampled::{Counts, OfCounts};
use crate::metrics::{ClassifierMetric, Metric, Rests};

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

impl OfCounts for Recall {
    fn rests_on(&self) -> Rests {
        Rests::With
    }

    fn of_class(&self, Counts { right, missed, .. }: Counts) -> f64 {
        right / (right + missed)
    }
}
