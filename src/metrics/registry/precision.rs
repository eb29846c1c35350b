//! The share of what is predicted that is true.

use crate::metrics::resampled::{Counts, OfCounts};
use crate::metrics::{ClassifierMetric, Metric, Rests};

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

impl OfCounts for Precision {
    fn rests_on(&self) -> Rests {
        Rests::Both
    }

    fn of_class(&self, Counts { right, wrong, .. }: Counts) -> f64 {
        if right + wrong == 0.0 { 0.0 } else { right / (right + wrong) }
    }
}
