//! How a comparison is written: one file for each format.

use serde_json::{Value, json};

use super::legend::Signs;
use super::sheet::Sheet;
use super::{elsewhere, legend, pairs, regressions, subgroups};
use crate::compare::{Arm, Comparison, Experiment, Key};
use crate::statistics::{Difference, Unmeasurable};

mod csv;
mod json;
mod latex;
mod list;
mod markdown;
mod table;
mod typst;

pub(super) use json::json;

pub use csv::Csv;
pub use json::Json;
pub use latex::Latex;
pub use list::ListFormat;
pub use markdown::Markdown;
pub use table::Table;
pub use typst::Typst;

/// A way to write a comparison.
pub trait Format {
    /// The whole text, with a line break at its end.
    fn write(&self, comparison: &Comparison) -> String;
}

/// The tables of a comparison, each with the lines of its caption; `signs` are the signs in them.
fn captioned(comparison: &Comparison, signs: &Signs) -> Vec<(Vec<String>, Sheet)> {
    let meanings = legend::signs(comparison, signs);
    let mut tables = Vec::new();
    let mut push = |title: String, lines: Vec<String>, sheet| {
        tables.push((std::iter::once(format!("{title}.")).chain(lines).collect(), sheet));
    };
    for experiment in &comparison.experiments {
        let own = || legend::experiment(comparison, experiment).into_iter().chain(meanings.iter().cloned());
        if let Some((title, sheet)) = regressions::sheet(experiment) {
            push(title, regressions::legend(comparison).into_iter().collect(), sheet);
        }
        for pairs::Titled { title, sheet, notes } in pairs::planned(comparison, experiment, signs) {
            let own = own().filter(|_| comparison.shape.planned);
            push(title, notes.into_iter().chain(own).collect(), sheet);
        }
        if comparison.shows_arms() {
            let title = legend::title(experiment);
            push(title, own().collect(), Sheet::from_experiment(comparison, experiment));
        }
        if let Some(pairs::Titled { title, sheet, .. }) = pairs::along(comparison, experiment) {
            push(title, own().collect(), sheet);
        }
        for (title, sheet) in subgroups::sheets(comparison, experiment) {
            push(title, subgroups::legend(comparison).into_iter().collect(), sheet);
        }
        for (title, sheet) in elsewhere::sheets(comparison, experiment) {
            push(title, elsewhere::legend(comparison).into_iter().collect(), sheet);
        }
    }
    tables
}

/// What people read where there is no value.
pub(super) const NONE: &str = "—";

/// What people read in place of an interval and a p-value that something cannot have; the legend says why.
pub(super) const UNMEASURABLE: &str = "‡";

/// Done seeds, of those planned where they are fewer, and whether their epochs are to be looked at.
pub(super) fn seeds(arm: &Arm) -> String {
    if arm.is_constant {
        return NONE.to_owned();
    }
    let done = arm.seeds.done;
    let all = if done == arm.seeds.planned { done.to_string() } else { format!("{done}/{}", arm.seeds.planned) };
    // Several runs of a seed are averaged.
    let text = if arm.distinct_seeds == done { all } else { format!("{} ({all} runs)", arm.distinct_seeds) };
    if arm.frozen_at_best[0] > 0 { format!("{text} {EARLY}") } else { text }
}

/// The mark of an arm some of whose runs kept an epoch before their last thaw.
pub(super) const EARLY: &str = "‡";

/// One arm for machines: the columns of the CSV and the keys of the JSON, with all digits.
pub(super) type Row = Vec<(String, Value)>;

/// Whether arms are compared within parts of the test records.
fn has_parts(comparison: &Comparison) -> bool {
    comparison.experiments.iter().any(|experiment| !experiment.subgroups.is_empty())
}

/// A row for each arm, or for each metric of a network elsewhere, where that is asked for.
fn rows(comparison: &Comparison) -> Box<dyn Iterator<Item = Row> + '_> {
    if comparison.shape.elsewhere {
        return Box::new(elsewhere::rows(comparison));
    }
    if comparison.shape.regressions {
        return Box::new(regressions::rows(comparison));
    }
    if comparison.shape.planned || comparison.against.is_some() {
        return Box::new(pairs::rows(comparison));
    }
    if has_parts(comparison) {
        return Box::new(subgroups::rows(comparison));
    }
    let arms = |experiment| std::iter::repeat(experiment);
    let all = comparison.experiments.iter().flat_map(move |experiment| arms(experiment).zip(experiment.rows()));
    Box::new(all.map(|(experiment, arm)| row(comparison, experiment, arm)))
}

/// The names of the columns.
fn columns(comparison: &Comparison) -> Vec<String> {
    if comparison.shape.elsewhere || comparison.shape.regressions || has_parts(comparison) {
        let first = rows(comparison).next();
        return first.into_iter().flatten().map(|(name, _)| name).collect();
    }
    if comparison.shape.planned || comparison.against.is_some() {
        return pairs::columns();
    }
    let empty = Arm { metrics: vec![None; comparison.metrics.len()], ..Arm::default() };
    row(comparison, &Experiment::default(), &empty).into_iter().map(|(name, _)| name).collect()
}

fn row(comparison: &Comparison, experiment: &Experiment, arm: &Arm) -> Row {
    let mut row: Row = vec![("experiment".into(), json!(experiment.name))];
    for key in &comparison.keys {
        let value = match key {
            Key::LabelFraction => json!(arm.label_fraction),
            key => json!(arm.key(*key)),
        };
        row.push((key.name().into(), value));
    }
    row.push(("seeds".into(), json!(arm.seeds.done)));
    row.push(("seeds_planned".into(), json!(arm.seeds.planned)));
    row.push(("seeds_failed".into(), json!(arm.seeds.failed)));
    let [frozen, thawing] = arm.frozen_at_best;
    row.push(("frozen_at_best".into(), json!((thawing > 0).then_some(frozen))));
    for (metric, summary) in comparison.metrics.iter().zip(&arm.metrics) {
        let spread = summary.as_ref().map(|summary| summary.spread);
        let interval = summary.as_ref().and_then(|summary| summary.interval.as_ref().ok());
        let why_not = summary.as_ref().filter(|_| !arm.is_constant).and_then(|summary| summary.interval.as_ref().err());
        let seeds = spread.filter(|_| !arm.is_constant).map_or(0, |spread| spread.n);
        let name = metric.full_column();
        row.push((format!("{name}_mean"), json!(spread.map(|spread| spread.mean))));
        row.push((format!("{name}_sd"), json!(spread.and_then(|spread| spread.sd))));
        row.push((format!("{name}_seeds"), json!(seeds)));
        row.push((format!("{name}_low"), json!(interval.map(|(low, _)| low))));
        row.push((format!("{name}_high"), json!(interval.map(|(_, high)| high))));
        row.push((format!("{name}_unmeasurable"), json!(why_not.map(Unmeasurable::to_string))));
    }
    let difference = arm.delta.difference();
    let interval = difference.and_then(Difference::interval);
    if let Some(metric) = comparison.metrics.first() {
        row.push((format!("delta_{}", metric.column()), json!(difference.map(|difference| difference.mean))));
    }
    row.push(("delta_low".into(), json!(interval.map(|(low, _)| low))));
    row.push(("delta_high".into(), json!(interval.map(|(_, high)| high))));
    row.push(("delta_pairs".into(), json!(difference.map_or(0, |difference| difference.pairs))));
    row.push(("delta_p".into(), json!(difference.and_then(Difference::p))));
    row.push(("delta_p_holm".into(), json!(arm.holm)));
    let support = difference.and_then(|difference| difference.support.as_ref());
    row.push(("delta_fewest_patients".into(), json!(support.map(|support| support.patients))));
    let why_not = difference.and_then(Difference::why_not);
    row.push(("delta_unmeasurable".into(), json!(why_not.map(Unmeasurable::to_string))));
    // Columns that tables without them have not: what they say must not be overlooked.
    if !comparison.baseline.is_scratch() {
        row.push(("baseline".into(), json!(comparison.baseline.to_string())));
    }
    if comparison.experiments.iter().any(|experiment| experiment.has_plan) {
        row.push(("exploratory".into(), json!(experiment.has_plan)));
    }
    if comparison.experiments.iter().any(|experiment| experiment.allow_overlap.is_some()) {
        row.push(("allow_overlap".into(), json!(experiment.allow_overlap)));
    }
    row
}
