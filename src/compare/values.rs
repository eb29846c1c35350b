//! What runs have of metrics.

use super::Selection;
use crate::manifest::Labels;
use crate::metrics::{Metric, NamedMetric, ThresholdRule, regression_metrics};
use crate::store::Run;

/// Where a run has a metric with it.
type Column = fn(&Run) -> Option<f64>;

/// The metrics that runs have with them.
const COLUMNS: [(&str, Column); 3] = [
    ("macro_auc", |run| run.test_macro_auc),
    ("accuracy", |run| run.test_accuracy),
    ("macro_f1", |run| run.test_macro_f1),
];

/// What a comparison shows if nothing else is asked for: the difference is that of the first.
pub fn usual_metrics() -> Vec<NamedMetric> {
    COLUMNS.map(|(name, _)| NamedMetric::parse(name)).into()
}

/// Which metrics there are and how they are written, in words: `macro_auc, accuracy; auc of a class, as auc:MI; mae of the
/// grafted networks, as mae:hr`.
pub fn metrics_in_words() -> String {
    let names = |is_of_class: bool| {
        let metrics =
            NamedMetric::of_classifiers().into_iter().filter(|(metric, _)| metric.of.is_some() == is_of_class);
        metrics.map(|(metric, _)| metric.name).collect::<Vec<_>>()
    };
    let (of_classes, of_grafts) = (names(true), regression_metrics().map(Metric::name).collect::<Vec<_>>());
    format!(
        "{}; {} of a class, as {}:MI; {} of the grafted networks, as {}:hr",
        names(false).join(", "),
        of_classes.join(", "),
        of_classes.first().map_or("NAME", String::as_str),
        of_grafts.join(", "),
        of_grafts.first().unwrap_or(&"NAME")
    )
}

/// What a run has of a metric.
pub(super) fn value(run: &Run, metric: &NamedMetric, selection: &Selection) -> Option<f64> {
    let usual = COLUMNS.iter().zip(usual_metrics()).find(|(_, usual)| usual == metric);
    let rule = selection.test_results.thresholds.rule;
    let as_trained = rule == ThresholdRule::Half || !metric.is_of_decisions(Labels::Multi);
    match usual {
        Some(((_, column), _)) if as_trained && !selection.is_of_part => column(run),
        _ => selection.values.get(metric)?.get(&run.stage_id).copied(),
    }
}
