//! The harmonic mean of precision and recall.

use crate::metrics::resampled::{Counts, OfCounts};
use crate::metrics::{ClassifierMetric, Metric, Rests};

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

impl OfCounts for F1 {
    fn rests_on(&self) -> Rests {
        Rests::Both
    }

    fn of_class(&self, Counts { right, missed, wrong, .. }: Counts) -> f64 {
        2.0 * right / (2.0 * right + wrong + missed)
    }
}
