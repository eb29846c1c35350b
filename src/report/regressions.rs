//! How well the networks that are grafted measure, as a table.

use serde_json::{Value, json};

use super::format::{NONE, Row};
use super::sheet::{Cell, Head, Mean, Sheet};
use crate::compare::{Comparison, Experiment, Regressions};
use crate::data::Subset;
use crate::metrics::BesideMedian;
use crate::statistics::Spread;
use crate::store::MeasuredTarget;
use crate::words::number::decimals;

/// The numbers of a row: their columns, in which split, and how they are had.
type Number = (&'static str, Subset, fn(&MeasuredTarget) -> Option<f64>);

/// In the order of the columns.
const NUMBERS: [Number; 6] = [
    ("train MAE", Subset::Train, |of| Some(of.mae)),
    ("validation MAE", Subset::Validation, |of| Some(of.mae)),
    ("test MAE", Subset::Test, |of| Some(of.mae)),
    ("test RMSE", Subset::Test, |of| Some(of.rmse)),
    ("test R2", Subset::Test, |of| of.r2),
    ("median MAE", Subset::Test, |of| of.median_mae),
];

/// The table of an experiment, with its title, where it is asked for and there are regressions.
pub(super) fn sheet(experiment: &Experiment) -> Option<(String, Sheet)> {
    if experiment.regressions.is_empty() {
        return None;
    }
    let head = |text: &str, right: bool| Head { text: text.to_owned(), right };
    let mut heads = ["target", "network", "taught by"].map(|text| head(text, false)).to_vec();
    heads.extend(["seeds", "test records"].map(|text| head(text, true)));
    heads.extend(NUMBERS.map(|(text, ..)| head(text, true)));
    heads.push(head("beside the median", false));
    let rows = experiment.regressions.iter().map(row).collect();
    let title = format!("{}: what the networks that are grafted measure", experiment.name);
    Some((title, Sheet { heads, rows }))
}

/// What the columns are, where the table is shown.
pub(super) fn legend(comparison: &Comparison) -> Option<String> {
    let shown = comparison.experiments.iter().any(|experiment| !experiment.regressions.is_empty());
    shown.then(|| {
        "Errors of regressions are means ± standard deviations over seeds, in the target's unit, on the mix's own records. \
         The median is that of the training records, said of every test record: a network is better where the 95% interval, \
         over patients, of how much lower its MAE is lies above 0, not told from it where it does not, and no better where \
         its MAE is no lower."
            .to_owned()
    })
}

fn row(of: &Regressions) -> Vec<Cell> {
    let network = match of.what == of.target.name() {
        true => of.architecture.clone(),
        false => format!("{} ({})", of.architecture, of.what),
    };
    let records = of.over_seeds(Subset::Test, |one| Some(one.records as f64));
    let mut cells = vec![
        Cell::Text(of.target.with_unit()),
        Cell::Text(network),
        Cell::Text(of.mix.clone().unwrap_or_else(|| NONE.to_owned())),
        Cell::Text(of.seeds.len().to_string()),
        Cell::Text(records.map_or_else(|| "0".to_owned(), |records| decimals(records.mean, 0))),
    ];
    cells.extend(NUMBERS.map(|(name, split, number)| {
        let digits = if name.ends_with("R2") { 3 } else { 1 };
        mean(of.over_seeds(split, number), digits)
    }));
    cells.push(Cell::Text(beside_median(&of.beside_median())));
    cells
}

fn mean(spread: Option<Spread>, digits: usize) -> Cell {
    let Some(Spread { mean, sd, .. }) = spread else { return Cell::Text(NONE.to_owned()) };
    let sd = sd.map(|sd| decimals(sd, digits));
    Cell::Mean(Mean { mean: decimals(mean, digits), sd, interval: None, best: false, apart: false })
}

/// `better`, or in how many of the seeds it is not.
pub(super) fn beside_median(seeds: &[BesideMedian]) -> String {
    let told = [BesideMedian::NoBetter, BesideMedian::NotTold].into_iter().filter_map(|wanted| {
        let count = seeds.iter().filter(|own| **own == wanted).count();
        let word = wanted.in_short();
        match count {
            0 => None,
            all if all == seeds.len() => Some(word.to_owned()),
            some => Some(format!("{word} in {some} of {}", seeds.len())),
        }
    });
    let told: Vec<String> = told.collect();
    match (seeds.is_empty(), told.is_empty()) {
        (true, _) => NONE.to_owned(),
        (_, true) => BesideMedian::Better.in_short().to_owned(),
        _ => told.join(", "),
    }
}

/// The same for machines: a row for each regression and target, with all digits.
pub(super) fn rows(comparison: &Comparison) -> impl Iterator<Item = Row> {
    let of = |experiment: &Experiment, one: &Regressions| {
        let mut row: Vec<(String, Value)> = vec![
            ("experiment".into(), json!(experiment.name)),
            ("target".into(), json!(one.target.name())),
            ("unit".into(), json!(one.target.unit())),
            ("architecture".into(), json!(one.architecture)),
            ("network".into(), json!(one.what)),
            ("mix".into(), json!(one.mix)),
            ("seeds".into(), json!(one.seeds.len())),
        ];
        for (name, split, number) in NUMBERS {
            let spread = one.over_seeds(split, number);
            let name = name.replace(' ', "_").to_lowercase();
            row.push((format!("{name}_mean"), json!(spread.map(|spread| spread.mean))));
            row.push((format!("{name}_sd"), json!(spread.and_then(|spread| spread.sd))));
        }
        let beside = one.beside_median();
        let count = |wanted: BesideMedian| beside.iter().filter(|own| **own == wanted).count();
        row.push(("seeds_better_than_median".into(), json!(count(BesideMedian::Better))));
        row.push(("seeds_not_told_from_median".into(), json!(count(BesideMedian::NotTold))));
        row.push(("seeds_no_better_than_median".into(), json!(count(BesideMedian::NoBetter))));
        row
    };
    let experiments = comparison.experiments.iter();
    experiments.flat_map(move |experiment| experiment.regressions.iter().map(move |one| of(experiment, one)))
}
