//! What a manifest planned to compare, as the store kept it.

use super::usual_metrics;
use crate::manifest::{Comparisons, PlannedComparison};
use crate::metrics::NamedMetric;

/// The planned comparisons of an experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// What the manifest says.
    pub plan: Comparisons,
    /// Whether there are predictions of test records, so that differences are tested by the bootstrap.
    pub reads_records: bool,
}

impl Planned {
    /// The metrics of all comparisons, each once.
    pub(super) fn metrics(&self) -> Vec<NamedMetric> {
        let mut metrics: Vec<NamedMetric> = Vec::new();
        for metric in self.plan.primary.iter().chain(&self.plan.secondary).map(metric_of) {
            if !metrics.contains(&metric) {
                metrics.push(metric);
            }
        }
        metrics
    }
}

/// The metric of a planned comparison: the first of the usual ones where it names none.
pub(super) fn metric_of(comparison: &PlannedComparison) -> NamedMetric {
    match &comparison.metric {
        Some(name) => NamedMetric::parse(name),
        None => usual_metrics().remove(0),
    }
}
