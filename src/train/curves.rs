//! What learning curves are of.

use std::borrow::Cow;

use super::EpochValue;
use crate::data::Subset;
use crate::manifest::StoppingMetric;
use crate::metrics::{ClassifierMetric, Metric, NamedMetric};

/// What a learning curve is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    /// The mean loss.
    Loss,
    /// The learning rate at the end of the epoch, before any block's factor.
    LearningRate,
    /// The mean norm of the gradients before they were clipped.
    GradientNorm,
    /// Something that learning from signals alone is measured by.
    Own(&'static str),
    /// A metric of all classes, or of all that is measured or one target of several.
    Metric(NamedMetric),
}

impl Curve {
    /// Of a metric of class probabilities.
    pub(super) fn of_classifier(metric: &dyn ClassifierMetric) -> Self {
        Curve::Metric(NamedMetric::overall(metric))
    }

    /// Of a metric of measured numbers; of `target` where a network measures several.
    pub(super) fn of_measured(metric: &dyn Metric, target: Option<&str>) -> Self {
        let (name, of) = (metric.name().to_owned(), target.map(str::to_owned));
        Curve::Metric(NamedMetric { split: Subset::Test, name, of, of_last: false })
    }

    /// As the store has it: `loss`, `macro_auc`, `mae_hr`.
    pub(super) fn name(&self) -> Cow<'static, str> {
        match self {
            Curve::Loss => StoppingMetric::Loss.name().into(),
            Curve::LearningRate => "learning_rate".into(),
            Curve::GradientNorm => "gradient_norm".into(),
            Curve::Own(name) => (*name).into(),
            Curve::Metric(metric) => metric.column().into(),
        }
    }

    /// Its value in `epoch` (from 0).
    pub(super) fn value(&self, subset: Subset, epoch: usize, value: f64) -> EpochValue {
        EpochValue { epoch: epoch + 1, split: subset, metric: self.name(), value }
    }
}

/// What validation says of an epoch.
#[derive(Debug)]
pub(super) struct ValidationMetrics {
    /// The watched metric, higher is better.
    pub score: f64,
    /// For the learning curves.
    pub values: Vec<(Curve, f64)>,
    /// For the progress line.
    pub text: String,
}
