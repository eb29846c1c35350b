//! The harmonic mean of precision and recall in which recall counts more, or less.

use crate::metrics::resampled::{Counts, OfCounts};
use crate::metrics::{ClassifierMetric, Metric, Rests};

pub(super) const METRICS: &[&dyn ClassifierMetric] = &[&FBeta { beta: 2.0, name: "f2", heading: "F2" }];

/// (1 + b²) TP / ((1 + b²) TP + b² FN + FP), of a class that some record has; their mean (van Rijsbergen 1979). Recall
/// counts b times as much as precision.
#[derive(Clone, Copy, Debug)]
pub struct FBeta {
    beta: f64,
    name: &'static str,
    heading: &'static str,
}

/// `f0.5`, `f3`: the metric with any b above 0.
pub(super) fn with_parameter(name: &str) -> Option<Box<dyn ClassifierMetric>> {
    let beta: f64 = super::parameter(name.strip_prefix('f')?)?;
    (beta > 0.0 && beta <= 1000.0).then(|| {
        let heading = super::lasting(format!("F{beta}"));
        Box::new(FBeta { beta, name: super::lasting(name.to_owned()), heading }) as Box<dyn ClassifierMetric>
    })
}

impl Metric for FBeta {
    fn name(&self) -> &'static str {
        self.name
    }

    fn heading(&self) -> &'static str {
        self.heading
    }
}

impl OfCounts for FBeta {
    fn rests_on(&self) -> Rests {
        Rests::Both
    }

    fn of_class(&self, Counts { right, missed, wrong, .. }: Counts) -> f64 {
        let square = self.beta * self.beta;
        (1.0 + square) * right / ((1.0 + square) * right + square * missed + wrong)
    }
}
