//! What there is of each experiment, a line each.

use super::experiment::SIGNS;
use super::html::Html;
use crate::compare::{Arm, Comparison, Experiment};
use crate::report::figure::ExperimentResults;
use crate::report::format::NONE;
use crate::report::legend;
use crate::words::number::{decimals, percent};

/// The summary of all experiments.
pub(super) fn summary(html: &mut Html, comparisons: &[&Comparison], found: &[ExperimentResults<'_>]) {
    html.heading(2, "summary", "Summary");
    let measures = |comparison: &&&Comparison| !comparison.targets.is_empty();
    let (baselines, best) = match comparisons.iter().filter(measures).count() {
        0 => ("baselines, test macro AUC", "highest arm"),
        some if some == comparisons.len() => ("baselines, test MAE", "best arm"),
        _ => ("baselines, test macro AUC or MAE", "best arm"),
    };
    let heads = ["experiment", "runs done", "test records", baselines, best, "differences beyond chance"];
    let rows: Vec<(&str, Vec<String>)> = found.iter().map(|found| ("", summary_row(found))).collect();
    html.table("Summary of the experiments", &heads, heads.len(), &rows);
    let highest = if best == "best arm" { "best" } else { "highest" };
    html.paragraph(&format!(
        "The {best} is the one with the {highest} mean over its seeds. It was found with the same test records that its \
         number is of, so that the number flatters it."
    ));
    for line in comparisons.iter().flat_map(|comparison| legend::signs(comparison, &SIGNS)) {
        html.paragraph(&line);
    }
}

fn summary_row(found: &ExperimentResults<'_>) -> Vec<String> {
    let Experiment { name, arms, pairs, planned, runs, test_set, .. } = found.experiment;
    let baselines = arms.iter().filter(|arm| arm.is_baseline()).filter_map(|arm| Some((arm, arm.judged?)));
    let judge = found.comparison.judge();
    let number = |mean: f64| match judge.unit() {
        Some(unit) => format!("{} {unit}", decimals(mean, judge.digits())),
        None => decimals(mean, judge.digits()),
    };
    let baselines = baselines
        .map(|(arm, auc)| format!("{} ({}, {})", number(auc.mean), arm.architecture, percent(arm.label_fraction)));
    let own: Vec<&Arm> = arms.iter().chain(pairs.iter().map(|pair| &pair.arm)).collect();
    let highest = found.shown.as_ref().and_then(|shown| Some((shown.name(), shown.arm.judged?)));
    vec![
        name.clone(),
        format!(
            "{} of {}{}",
            runs.done,
            runs.planned,
            if runs.failed > 0 { format!(", {} failed", runs.failed) } else { String::new() }
        ),
        test_set.as_ref().map_or_else(|| NONE.to_owned(), |test| test.records.to_string()),
        some_of(&baselines.collect::<Vec<_>>()),
        highest.map_or_else(|| NONE.to_owned(), |(name, auc)| format!("{} ({name})", number(auc.mean))),
        if planned.is_empty() {
            beyond_chance(&own)
        } else {
            let planned = planned.iter().map(|family| {
                let arms: Vec<&Arm> = family.pairs.iter().map(|pair| &pair.arm).collect();
                format!("{}: {}", family.name, beyond_chance(&arms))
            });
            planned.chain([format!("exploratory: {}", beyond_chance(&own))]).collect::<Vec<_>>().join("; ")
        },
    ]
}

/// How many differences remain after correction.
fn beyond_chance(arms: &[&Arm]) -> String {
    let tested = arms.iter().filter(|arm| arm.holm.is_some()).count();
    let apart = |up: bool| {
        let apart = arms.iter().filter(|arm| arm.is_apart()).filter_map(|arm| arm.delta.difference());
        apart.filter(|of| (of.mean > 0.0) == up).count()
    };
    format!("{} higher, {} lower, of {tested}", apart(true), apart(false))
}

/// The first few of a list.
fn some_of(all: &[String]) -> String {
    match all {
        [] => NONE.to_owned(),
        all if all.len() <= 3 => all.join("; "),
        all => format!("{}; and {} more", all[..2].join("; "), all.len() - 2),
    }
}
