//! Arms ranked over data sets.

use std::collections::BTreeMap;

use super::{Arm, Comparison};
use crate::statistics::ranks::{Friedman, friedman};

/// Arms ranked over data sets: a data set is an experiment, an architecture and a share of the labels; what is ranked are
/// graft, mix and freeze, as far as all data sets have them.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranks {
    /// What is ranked.
    pub names: Vec<String>,
    /// Number of data sets.
    pub data_sets: usize,
    /// Friedman's test that all are equal, its ranks in the order of the names; `None` where there are fewer than two data
    /// sets, or they have fewer than two arms in common.
    pub friedman: Option<Friedman>,
}

/// Ranks the arms by the mean of the first metric.
pub fn rank(comparison: &Comparison) -> Ranks {
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
    let is_error = comparison.metrics.first().is_some_and(|metric| metric.is_error());
    let better = |value: f64| if is_error { -value } else { value };
    let rows: Vec<Vec<f64>> =
        blocks.values().map(|block| names.iter().map(|name| better(block[name])).collect()).collect();
    Ranks { names, data_sets: blocks.len(), friedman: friedman(&rows) }
}

fn name(arm: &Arm) -> String {
    let parts = [Some(&arm.graft), arm.mix.as_ref(), arm.freeze.as_ref()];
    parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
}
