//! What there is of each experiment, a line each.

use super::html::Html;
use crate::compare::{Comparison, Experiment};
use crate::report::figure::ExperimentResults;
use crate::report::format::NONE;
use crate::report::legend::{self, Signs};
use crate::words::number::{decimals, percent};

/// The summary of all experiments.
pub(super) fn summary(html: &mut Html, comparison: &Comparison, found: &[ExperimentResults<'_>]) {
    html.heading(2, "summary", "Summary");
    let heads = [
        "experiment",
        "runs done",
        "test records",
        "baselines, test macro AUC",
        "highest arm",
        "differences beyond chance",
    ];
    let rows: Vec<(&str, Vec<String>)> = found.iter().map(|found| ("", summary_row(found))).collect();
    html.table("Summary of the experiments", &heads, heads.len(), &rows);
    html.paragraph(
        "The highest arm is the one with the highest mean over its seeds. It was found with the same test records that its \
         number is of, so that the number flatters it.",
    );
    for line in legend::signs(comparison, &Signs { best: "*", apart: "†" }) {
        html.paragraph(&line);
    }
}

fn summary_row(found: &ExperimentResults<'_>) -> Vec<String> {
    let Experiment { name, arms, runs, test_set, .. } = found.experiment;
    let baselines = arms.iter().filter(|arm| arm.is_baseline()).filter_map(|arm| Some((arm, arm.macro_auc?)));
    let baselines = baselines
        .map(|(arm, auc)| format!("{} ({}, {})", decimals(auc.mean, 3), arm.architecture, percent(arm.label_fraction)));
    let differences = || arms.iter().filter_map(|arm| arm.delta.difference());
    let apart = |up: bool| {
        arms.iter()
            .filter(|arm| arm.is_apart())
            .filter_map(|arm| arm.delta.difference())
            .filter(|of| (of.mean > 0.0) == up)
            .count()
    };
    let tested = differences().filter(|of| of.p().is_some()).count();
    let highest = found.shown.as_ref().and_then(|shown| Some((shown.name(), shown.arm.macro_auc?)));
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
        highest.map_or_else(|| NONE.to_owned(), |(name, auc)| format!("{} ({name})", decimals(auc.mean, 3))),
        format!("{} higher, {} lower, of {tested}", apart(true), apart(false)),
    ]
}

/// The first few of a list.
fn some_of(all: &[String]) -> String {
    match all {
        [] => NONE.to_owned(),
        all if all.len() <= 3 => all.join("; "),
        all => format!("{}; and {} more", all[..2].join("; "), all.len() - 2),
    }
}
