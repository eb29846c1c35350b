//! How a comparison is written: one file for each format.

use serde::Serialize;

use super::{Arm, Comparison, Delta};
use crate::plan::percent;
use crate::statistics::{Difference, Spread};

mod csv;
mod json;
mod latex;
mod markdown;
mod table;

pub(super) use csv::csv;
pub(super) use json::json;

pub use csv::Csv;
pub use json::Json;
pub use latex::Latex;
pub use markdown::Markdown;
pub use table::Table;

/// A way to write a comparison.
pub trait Format {
    /// The whole text, with a line break at its end.
    fn write(&self, comparison: &Comparison) -> String;
}

/// What people read where there is no value.
pub(super) const NONE: &str = "—";

/// Headings of the columns that say what an arm is.
const KEYS: [&str; 6] = ["architecture", "graft", "mix", "freeze", "labels", "seeds"];

/// What an arm is, under [`KEYS`].
fn keys(arm: &Arm) -> [String; 6] {
    let name = |name: &Option<String>| name.clone().unwrap_or_else(|| NONE.to_owned());
    let seeds = if arm.seeds.done == arm.seeds.planned {
        arm.seeds.done.to_string()
    } else {
        format!("{}/{}", arm.seeds.done, arm.seeds.planned)
    };
    [arm.architecture.clone(), arm.graft.clone(), name(&arm.mix), name(&arm.freeze), percent(arm.label_fraction), seeds]
}

/// Three decimals: the fourth of an AUC is below the spread of any study.
pub(super) fn decimals(value: f64) -> String {
    format!("{value:.3}")
}

/// Three decimals with the sign.
fn signed(value: f64) -> String {
    if value == 0.0 { decimals(0.0) } else { format!("{value:+.3}") }
}

/// `[0.002, 0.031]`; what rounds to 0 from below keeps its sign, as it tells on which side of 0 the interval ends.
fn brackets((low, high): (f64, f64)) -> String {
    format!("[{}, {}]", decimals(low), decimals(high))
}

/// Mean, and standard deviation after ±; both `—` where there are none.
fn mean_and_sd(spread: &Spread) -> [String; 2] {
    [decimals(spread.mean), format!("± {}", spread.sd.map_or_else(|| NONE.to_owned(), decimals))]
}

/// Mean difference and its interval, which is empty where there is none. Fewer pairs than done seeds are said.
fn difference_and_interval(difference: &Difference, arm: &Arm) -> [String; 2] {
    let interval = difference.interval.map(brackets);
    let pairs = match difference.pairs {
        pairs if pairs == arm.seeds.done => None,
        1 => Some("(1 pair)".to_owned()),
        pairs => Some(format!("({pairs} pairs)")),
    };
    let rest: Vec<String> = interval.into_iter().chain(pairs).collect();
    [signed(difference.mean), rest.join(" ")]
}

/// What stands in the column of differences where there is none.
fn no_difference(delta: &Delta) -> &'static str {
    match delta {
        Delta::Baseline => "baseline",
        _ => NONE,
    }
}

/// One arm for machines: the columns of the CSV and the keys of the JSON, with all digits.
#[derive(Debug, Default, Serialize)]
struct Row<'a> {
    experiment: &'a str,
    architecture: &'a str,
    graft: &'a str,
    mix: Option<&'a str>,
    freeze: Option<&'a str>,
    label_fraction: f64,
    /// Done runs, which the metrics are of.
    seeds: usize,
    seeds_planned: usize,
    seeds_failed: usize,
    test_macro_auc_mean: Option<f64>,
    test_macro_auc_sd: Option<f64>,
    /// Done runs whose macro AUC is defined.
    test_macro_auc_seeds: usize,
    test_accuracy_mean: Option<f64>,
    test_accuracy_sd: Option<f64>,
    test_macro_f1_mean: Option<f64>,
    test_macro_f1_sd: Option<f64>,
    delta_macro_auc: Option<f64>,
    delta_low: Option<f64>,
    delta_high: Option<f64>,
    delta_pairs: usize,
}

fn rows(comparison: &Comparison) -> impl Iterator<Item = Row<'_>> {
    comparison.experiments.iter().flat_map(|experiment| experiment.arms.iter().map(|arm| row(&experiment.name, arm)))
}

fn row<'a>(experiment: &'a str, arm: &'a Arm) -> Row<'a> {
    let mean = |spread: Option<Spread>| spread.map(|spread| spread.mean);
    let sd = |spread: Option<Spread>| spread.and_then(|spread| spread.sd);
    let difference = arm.delta.difference();
    let interval = difference.and_then(|difference| difference.interval);
    Row {
        experiment,
        architecture: &arm.architecture,
        graft: &arm.graft,
        mix: arm.mix.as_deref(),
        freeze: arm.freeze.as_deref(),
        label_fraction: arm.label_fraction,
        seeds: arm.seeds.done,
        seeds_planned: arm.seeds.planned,
        seeds_failed: arm.seeds.failed,
        test_macro_auc_mean: mean(arm.macro_auc),
        test_macro_auc_sd: sd(arm.macro_auc),
        test_macro_auc_seeds: arm.macro_auc.map_or(0, |spread| spread.n),
        test_accuracy_mean: mean(arm.accuracy),
        test_accuracy_sd: sd(arm.accuracy),
        test_macro_f1_mean: mean(arm.macro_f1),
        test_macro_f1_sd: sd(arm.macro_f1),
        delta_macro_auc: difference.map(|difference| difference.mean),
        delta_low: interval.map(|(low, _)| low),
        delta_high: interval.map(|(_, high)| high),
        delta_pairs: difference.map_or(0, |difference| difference.pairs),
    }
}
