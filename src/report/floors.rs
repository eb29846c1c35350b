//! What is said of the rows that are no networks, and of networks that are no better.

use crate::compare::{Arm, Comparison, Experiment, MAJORITY, MEDIAN};
use crate::words::number::percent;

/// What these rows are, and who is no better than they.
pub(super) fn legend(comparison: &Comparison, experiment: &Experiment) -> Vec<String> {
    let mut lines = Vec::new();
    let has = |floor: &str| experiment.floors.iter().any(|arm| arm.graft == floor);
    if has(MAJORITY) {
        lines.push(format!(
            "{MAJORITY}: no network, but how common each class is among the training records, said of every test record."
        ));
    }
    if has(MEDIAN) {
        let trained =
            if comparison.targets.is_empty() { "trained the regressions of the mix" } else { "train the last stage" };
        lines
            .push(format!("{MEDIAN}: no network, but the median of the records that {trained}, said of every record."));
    }
    lines.extend(no_better(comparison, experiment));
    lines
}

/// Which regressions err no less than the median of their mix does, on average.
fn no_better(comparison: &Comparison, experiment: &Experiment) -> Option<String> {
    let mean = |arm: &Arm, number: usize| Some(arm.metrics.get(number)?.as_ref()?.spread.mean);
    let mut found: Vec<String> = Vec::new();
    for (number, metric) in comparison.metrics.iter().enumerate().filter(|(_, metric)| metric.name == "mae") {
        for floor in experiment.floors.iter().filter(|floor| floor.graft == MEDIAN) {
            let is_of = |arm: &&Arm| {
                let of_mix = metric.of_last || arm.mix == floor.mix;
                of_mix && (&arm.variant, arm.label_fraction) == (&floor.variant, floor.label_fraction)
            };
            let is_worse = |arm: &&Arm| mean(arm, number) >= mean(floor, number) && mean(arm, number).is_some();
            for arm in experiment.arms.iter().filter(is_of).filter(is_worse) {
                let of = metric.of.as_deref().unwrap_or_default();
                let on = arm.mix.as_ref().map_or_else(String::new, |mix| format!(" on {mix}"));
                let name = match metric.of_last {
                    true => format!(
                        "{of}, {} labels, by {} ({})",
                        percent(arm.label_fraction),
                        arm.name(),
                        arm.architecture
                    ),
                    false => format!("{of}{on} in {} ({})", arm.graft, arm.architecture),
                };
                if !found.contains(&name) {
                    found.push(name);
                }
            }
        }
    }
    (!found.is_empty()).then(|| format!("No better than the median: {}.", found.join("; ")))
}
