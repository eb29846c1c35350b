//! What a manifest planned to compare, as the store kept it.

use super::judge;
use super::last_stage::metric_of;
use crate::ecg::Measurement;
use crate::manifest::{Comparisons, PlannedComparison};
use crate::metrics::NamedMetric;

/// The planned comparisons of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// What the manifest says.
    pub plan: Comparisons,
    /// Whether there are predictions of test records, so that differences are tested by the bootstrap.
    pub reads_records: bool,
    /// What the last stages measure; nothing where they classify.
    pub targets: Vec<Measurement>,
}

impl Planned {
    /// The metrics of all comparisons, each once.
    pub(super) fn metrics(&self) -> Vec<NamedMetric> {
        let mut metrics: Vec<NamedMetric> = Vec::new();
        for metric in self.plan.primary.iter().chain(&self.plan.secondary).map(|of| self.metric_of(of)) {
            if !metrics.contains(&metric) {
                metrics.push(metric);
            }
        }
        metrics
    }

    /// The metric of a comparison: what networks are judged by where it names none.
    pub(super) fn metric_of(&self, comparison: &PlannedComparison) -> NamedMetric {
        let named = comparison.metric.as_deref();
        // That there is such a metric was looked at when the manifest was read.
        named.map_or_else(
            || judge(&self.targets),
            |name| metric_of(name, &self.targets).unwrap_or_else(|_| NamedMetric::parse(name)),
        )
    }
}
