//! The harmonic mean of precision and recall in which recall counts more, or less.

use crate::manifest::Labels;
use crate::metrics::resampled::{Counts, mean_over_classes, measure_of_counts};
use crate::metrics::{ClassifierMetric, Metric, Over, Predictions, Rests};
use crate::statistics::bootstrap::Measure;

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

impl FBeta {
    fn of_counts(self) -> impl Fn(Counts) -> f64 + Send + Sync + 'static {
        let square = self.beta * self.beta;
        move |Counts { right, missed, wrong, .. }: Counts| {
            (1.0 + square) * right / ((1.0 + square) * right + square * missed + wrong)
        }
    }
}

impl ClassifierMetric for FBeta {
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
        mean_over_classes(predictions, classes, self.of_counts())
    }

    fn measure(&self, predictions: &Predictions, classes: &[usize]) -> Option<Box<dyn Measure>> {
        Some(measure_of_counts(predictions, classes, self.of_counts()))
    }
}
