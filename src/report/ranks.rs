//! Arms ranked over data sets.

use std::collections::BTreeMap;

use super::arms::{Arm, Comparison};
use crate::statistics::ranks::friedman;

/// Friedman's test of the arms over data sets, and Nemenyi's critical difference, in a few sentences.
///
/// A data set is an experiment, an architecture and a share of the labels; what is ranked are graft, mix and freeze, as
/// far as all data sets have them, by the mean of the first metric.
pub(super) fn in_words(comparison: &Comparison) -> String {
    let Some(metric) = comparison.metrics.first() else { return String::new() };
    let name = |arm: &Arm| {
        let parts = [Some(&arm.graft), arm.mix.as_ref(), arm.freeze.as_ref()];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
    };
    let mut blocks: BTreeMap<(&str, &str, u64), BTreeMap<String, f64>> = BTreeMap::new();
    let mut names: Vec<String> = Vec::new();
    for experiment in &comparison.experiments {
        for arm in &experiment.arms {
            let Some(Some(summary)) = arm.metrics.first() else { continue };
            let block = (&*experiment.name, &*arm.architecture, arm.label_fraction.to_bits());
            blocks.entry(block).or_default().insert(name(arm), summary.spread.mean);
            if !names.contains(&name(arm)) {
                names.push(name(arm));
            }
        }
    }
    names.retain(|name| blocks.values().all(|block| block.contains_key(name)));
    let better = |value: f64| if metric.is_error() { -value } else { value };
    let rows: Vec<Vec<f64>> =
        blocks.values().map(|block| names.iter().map(|name| better(block[name])).collect()).collect();
    let Some(found) = friedman(&rows) else {
        return format!(
            "There are no ranks: they take two data sets (experiment, architecture and labels) that have two arms in common; \
             there are {} with {} in common.",
            blocks.len(),
            names.len()
        );
    };
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|&a, &b| found.ranks[a].total_cmp(&found.ranks[b]));
    let ranked: Vec<String> = order.iter().map(|&at| format!("{} {:.2}", names[at], found.ranks[at])).collect();
    format!(
        "Mean ranks by {} over {} data sets (experiment, architecture and labels), 1 the best: {}. Friedman's test that all are \
         equal: chi-squared {:.2}, p {:.3}. Ranks that differ by at least {:.2} differ at 5% (Nemenyi).",
        metric.in_text(),
        found.blocks,
        ranked.join(", "),
        found.statistic,
        found.p,
        found.critical_difference
    )
}
