//! What networks are worth on the records of other sources, as tables.

use serde_json::{Value, json};

use super::format::{NONE, Row};
use super::sheet::{Cell, Head, Mean, Sheet};
use crate::compare::{Comparison, Elsewhere, Experiment, Key};
use crate::manifest::Target;
use crate::metrics::registry::agreement::PearsonR;
use crate::metrics::registry::error::MeanAbsoluteError;
use crate::metrics::{BesideMedian, GAIN_HIGH, GAIN_LOW, MEDIAN_MAE, Metric as _, NamedMetric};
use crate::plan::TaskKind;
use crate::statistics::Spread;
use crate::words::number::{decimals, signed};

/// The number of records that know a target, and that of all that were looked at.
const RECORDS: &str = "records";
const EVALUATED: &str = "evaluated_records";

/// The tables of an experiment, with their titles: of regressions, and of last stages; those that have rows.
pub(super) fn sheets(comparison: &Comparison, experiment: &Experiment) -> Vec<(String, Sheet)> {
    if !is_shown(comparison) {
        return Vec::new();
    }
    let what = if comparison.targets.is_empty() { "classifiers" } else { "last stages" };
    let all = [("regressions", regressions(experiment)), (what, last_stages(comparison, experiment))];
    let titled = |(what, sheet)| (format!("{}: {what} on records that taught them nothing", experiment.name), sheet);
    all.map(titled).into_iter().filter(|(_, sheet)| !sheet.rows.is_empty()).collect()
}

/// Whether they are: not where tables of pairs alone are asked for.
fn is_shown(comparison: &Comparison) -> bool {
    comparison.shape.elsewhere || comparison.shows_arms()
}

/// What the tables are, where there are any.
pub(super) fn legend(comparison: &Comparison) -> Option<String> {
    if !is_shown(comparison) {
        return None;
    }
    let all = || comparison.experiments.iter().flat_map(|experiment| &experiment.elsewhere);
    let of = |kind: TaskKind| all().any(|one| one.network.kind == kind);
    all().next()?;
    let measured = match of(TaskKind::Regression) {
        true => {
            " Bias is the mean of measured less known values, SD their standard deviation, r Pearson's correlation. \
             The median is that of the records that taught the network; better: the 95% interval, over patients, of what the \
             network gains on it lies above 0."
        }
        false => "",
    };
    Some(format!(
        "Tested on: all records of the source of which is known what is asked, without people and recordings that trained or \
         validated the network or what is grafted in it.{measured} ± is the standard deviation over seeds."
    ))
}

fn of_kind(experiment: &Experiment, kind: TaskKind) -> impl Iterator<Item = &Elsewhere> {
    experiment.elsewhere.iter().filter(move |one| one.network.kind == kind)
}

fn left(text: &str) -> Head {
    Head { text: text.to_owned(), right: false }
}

fn right(text: &str) -> Head {
    Head { text: text.to_owned(), right: true }
}

/// A row for each target, network and source.
fn regressions(experiment: &Experiment) -> Sheet {
    let mut heads = ["target", "network", "taught by", "tested on"].map(left).to_vec();
    heads.extend(["seeds", "records", "MAE", "bias", "SD", "r"].map(right));
    let has_medians = of_kind(experiment, TaskKind::Regression)
        .any(|one| one.subjects().iter().any(|target| one.metric(Some(target), MEDIAN_MAE).is_some()));
    if has_medians {
        heads.extend(["median MAE", "beside it"].map(right));
    }
    let mut rows: Vec<(&str, Vec<Cell>)> = Vec::new();
    for one in of_kind(experiment, TaskKind::Regression) {
        for target in one.subjects() {
            let network = &one.network;
            let name = if network.what == target {
                network.architecture.clone()
            } else {
                format!("{} ({})", network.architecture, network.what)
            };
            let value = |metric: &str| one.metric(Some(target), metric);
            let mut cells: Vec<Cell> = vec![
                Cell::Text(Target::named(target, "").with_unit()),
                Cell::Text(name),
                Cell::Text(network.mix.clone().unwrap_or_else(|| NONE.to_owned())),
                Cell::Text(one.source.clone()),
            ];
            cells.extend([Cell::Text(one.seeds.len().to_string()), Cell::Text(records(value(RECORDS)))]);
            cells.push(mean(value(MeanAbsoluteError.name()), |value| decimals(value, 1)));
            cells.push(mean(value("bias"), |value| signed(value, 1)));
            cells.push(mean(value("sd"), |value| decimals(value, 1)));
            cells.push(mean(value(PearsonR.name()), |value| decimals(value, 2)));
            if has_medians {
                cells.push(mean(value(MEDIAN_MAE), |value| decimals(value, 1)));
                cells.push(Cell::Text(beside_median(one, target)));
            }
            rows.push((target, cells));
        }
    }
    // Target by target, each in the order of the plan.
    let order: Vec<&str> = rows.iter().map(|(target, _)| *target).collect();
    rows.sort_by_key(|(target, _)| order.iter().position(|other| other == target));
    Sheet { heads, rows: rows.into_iter().map(|(_, cells)| cells).collect() }
}

/// Whether the networks are better than the median, by the means of seeds.
fn beside_median(one: &Elsewhere, target: &str) -> String {
    let value = |metric: &str| one.metric(Some(target), metric).map(|spread| spread.mean);
    let (Some(mae), Some(median)) = (value(MeanAbsoluteError.name()), value(MEDIAN_MAE)) else {
        return NONE.to_owned();
    };
    BesideMedian::of(mae, median, value(GAIN_LOW).zip(value(GAIN_HIGH))).in_short().to_owned()
}

/// A row for each arm and source.
fn last_stages(comparison: &Comparison, experiment: &Experiment) -> Sheet {
    let is_of_last = |metric: &&NamedMetric| !metric.is_of_grafts();
    let metrics: Vec<&NamedMetric> = comparison.metrics.iter().filter(is_of_last).collect();
    let variants = of_kind(experiment, TaskKind::Transfer).any(|one| one.network.variant.is_some());
    let mut heads: Vec<Head> = Key::usual(std::iter::empty()).iter().map(|key| left(key.heading())).collect();
    if variants {
        heads.insert(4, left(Key::Variant.heading()));
    }
    heads.push(left("tested on"));
    heads.extend(["seeds", "records"].map(right));
    heads.extend(metrics.iter().map(|metric| left(metric.heading().trim_start_matches("test "))));
    let row = |one: &Elsewhere| {
        let network = &one.network;
        let keys = [
            Some(&network.architecture),
            Some(&network.what),
            network.mix.as_ref(),
            network.freeze.as_ref(),
            network.labels.as_ref(),
        ];
        let text = |key: Option<&String>| Cell::Text(key.cloned().unwrap_or_else(|| NONE.to_owned()));
        let mut cells: Vec<Cell> = keys.into_iter().map(text).collect();
        if variants {
            cells.insert(4, text(network.variant.as_ref()));
        }
        cells.push(Cell::Text(one.source.clone()));
        cells.push(Cell::Text(one.seeds.len().to_string()));
        cells.push(Cell::Text(records(one.metric(None, EVALUATED))));
        let of = |metric: &&NamedMetric| {
            mean(one.metric(metric.of.as_deref(), &metric.name), |value| decimals(value, metric.digits()))
        };
        cells.extend(metrics.iter().map(of));
        cells
    };
    Sheet { heads, rows: of_kind(experiment, TaskKind::Transfer).map(row).collect() }
}

fn mean(spread: Option<Spread>, text: impl Fn(f64) -> String) -> Cell {
    let Some(Spread { mean, sd, .. }) = spread else { return Cell::Text(NONE.to_owned()) };
    let sd = sd.map(|sd| text(sd).trim_start_matches('+').to_owned());
    Cell::Mean(Mean { mean: text(mean), sd, interval: None, best: false, apart: false })
}

/// A number of records; their mean where seeds differ in whom they were taught by.
fn records(spread: Option<Spread>) -> String {
    match spread {
        None => "0".to_owned(),
        Some(Spread { mean, sd, .. }) if sd.is_none_or(|sd| sd == 0.0) => decimals(mean, 0),
        Some(Spread { mean, .. }) => format!("~{}", decimals(mean, 0)),
    }
}

/// The same for machines: a row for each metric, with all digits.
pub(super) fn rows(comparison: &Comparison) -> impl Iterator<Item = Row> {
    let of = |experiment: &Experiment, one: &Elsewhere| {
        let network = &one.network;
        let first = [
            ("experiment", json!(experiment.name)),
            ("kind", json!(network.kind.name())),
            ("architecture", json!(network.architecture)),
            ("network", json!(network.what)),
            ("mix", json!(network.mix)),
            ("freeze", json!(network.freeze)),
            ("labels", json!(network.labels)),
            ("tested_on", json!(one.source)),
            ("seeds", json!(one.seeds.len())),
        ];
        let rows: Vec<Row> = one
            .metrics
            .iter()
            .map(|((subject, metric), spread)| {
                let last = [
                    ("of", json!(subject)),
                    ("metric", json!(metric)),
                    ("mean", json!(spread.mean)),
                    ("sd", json!(spread.sd)),
                    ("measured_seeds", json!(spread.n)),
                ];
                first
                    .clone()
                    .into_iter()
                    .chain(last)
                    .map(|(name, value): (&str, Value)| (name.to_owned(), value))
                    .collect()
            })
            .collect();
        rows
    };
    comparison
        .experiments
        .iter()
        .flat_map(move |experiment| experiment.elsewhere.iter().flat_map(move |one| of(experiment, one)))
}
