//! Arms within parts of the test records, or class by class, as tables.

use serde_json::{Value, json};

use super::format::{NONE, Row, UNMEASURABLE};
use super::sheet::{self, Cell, Head, Mean, Sheet};
use crate::compare::{Arm, Comparison, Experiment, Grouping, Subgroup, Summary};
use crate::statistics::{Difference, Unmeasurable};
use crate::words::number::{brackets, decimals};

/// The tables of an experiment, with their titles: one for each way in which the test records were parted.
pub(super) fn sheets(comparison: &Comparison, experiment: &Experiment) -> Vec<(String, Sheet)> {
    let of = |parts: &[Subgroup]| {
        let title = format!("{}: by {}", experiment.name, parts[0].grouping.name());
        (title, sheet(comparison, experiment, parts))
    };
    experiment.subgroups.chunk_by(|one, next| one.grouping == next.grouping).map(of).collect()
}

/// What is to be known of the tables, where there are any.
pub(super) fn legend(comparison: &Comparison) -> Option<String> {
    let mut all = comparison.experiments.iter().flat_map(|experiment| &experiment.subgroups);
    let parted = all.clone().any(|part| part.grouping != Grouping::Class);
    let first = all.next()?;
    let of = match parted {
        true => "Of each part of the test records",
        false => "Of each class",
    };
    Some(format!(
        "{of} the table has {}, with its 95% interval, and the difference from the baseline on the same records. Where it rests on \
         fewer than two patients on a side no number is given.",
        first.metric.short_heading()
    ))
}

fn sheet(comparison: &Comparison, experiment: &Experiment, parts: &[Subgroup]) -> Sheet {
    let head = |text: &str, right: bool| Head { text: text.to_owned(), right };
    // What all arms have in common need not be said in each row.
    let keys = |arm: &Arm| -> Vec<String> {
        comparison.keys.iter().map(|key| arm.key(*key).unwrap_or_else(|| NONE.to_owned())).collect()
    };
    let all: Vec<Vec<String>> = experiment.arms.iter().map(keys).collect();
    let differs = |place: &usize| all.iter().any(|own| own[*place] != all[0][*place]);
    let shown: Vec<usize> = (0..comparison.keys.len()).filter(differs).collect();
    let metric = match parts[0].grouping {
        Grouping::Class => parts[0].metric.classifier().map_or("metric", |metric| metric.heading()).to_owned(),
        _ => parts[0].metric.heading(),
    };
    let mut heads = vec![head(parts[0].grouping.name(), false), head("records", true), head("patients", true)];
    heads.extend(shown.iter().map(|place| head(comparison.keys[*place].heading(), false)));
    heads.extend([head("seeds", true), head(&metric, false)]);
    let difference = match parts[0].grouping {
        Grouping::Class => format!("Δ {metric} vs {}", comparison.baseline.name()),
        _ => parts[0].metric.difference_heading(&comparison.baseline.name()),
    };
    heads.extend([head(&difference, false), head("p", true)]);
    let row = |part: &Subgroup, arm: &Arm| {
        let texts = [part.name.clone(), part.records.to_string(), part.patients.to_string()];
        let mut cells: Vec<Cell> = texts.into_iter().map(Cell::Text).collect();
        let own = keys(arm);
        cells.extend(shown.iter().map(|place| Cell::Text(own[*place].clone())));
        cells.push(Cell::Text(arm.distinct_seeds.to_string()));
        cells.push(mean(part, arm));
        cells.push(match few(arm) {
            Some(_) => Cell::Text(NONE.to_owned()),
            None => sheet::difference(arm, &part.metric, None),
        });
        cells.push(Cell::Text(sheet::p(arm)));
        cells
    };
    let rows = parts.iter().flat_map(|part| part.arms.iter().map(move |arm| row(part, arm))).collect();
    Sheet { heads, rows }
}

/// Why the metric of an arm is not given: it rests on fewer than two patients on a side.
pub(super) fn few(arm: &Arm) -> Option<String> {
    match own(arm)?.interval.as_ref() {
        Err(Unmeasurable::Patients(support)) if !support.suffices() => Some(support.to_string()),
        _ => None,
    }
}

fn own(arm: &Arm) -> Option<&Summary> {
    arm.metrics.first().and_then(Option::as_ref)
}

fn mean(part: &Subgroup, arm: &Arm) -> Cell {
    if let Some(few) = few(arm) {
        return Cell::Text(format!("too few: {few}"));
    }
    let Some(summary) = own(arm) else {
        return Cell::Text(if arm.seeds.done > 0 { "not defined" } else { NONE }.to_owned());
    };
    let digits = part.metric.digits();
    let interval = summary.interval.as_ref().map_or_else(|_| UNMEASURABLE.to_owned(), |found| brackets(*found, digits));
    Cell::Mean(Mean {
        mean: decimals(summary.spread.mean, digits),
        sd: summary.spread.sd.map(|sd| decimals(sd, digits)),
        interval: Some(interval),
        best: false,
        apart: false,
    })
}

/// The same for machines: a row for each part and arm, with all digits.
pub(super) fn rows(comparison: &Comparison) -> impl Iterator<Item = Row> {
    comparison.experiments.iter().flat_map(move |experiment| {
        let of = move |part: &Subgroup| {
            part.arms.iter().map(|arm| row(comparison, experiment, part, arm)).collect::<Vec<_>>()
        };
        experiment.subgroups.iter().flat_map(of)
    })
}

fn row(comparison: &Comparison, experiment: &Experiment, part: &Subgroup, arm: &Arm) -> Row {
    let few = few(arm);
    let summary = own(arm);
    let shown = summary.filter(|_| few.is_none());
    let interval = shown.and_then(|summary| summary.interval.as_ref().ok());
    let why_not = summary.and_then(|summary| summary.interval.as_ref().err());
    let difference = arm.delta.difference();
    let measured = difference.filter(|_| few.is_none());
    let apart = measured.and_then(Difference::interval);
    let support = summary.and_then(|summary| summary.support.as_ref());
    let mut row: Vec<(&str, Value)> = vec![
        ("experiment", json!(experiment.name)),
        ("by", json!(part.grouping.name())),
        ("part", json!(part.name)),
        ("records", json!(part.records)),
        ("patients", json!(part.patients)),
    ];
    row.extend(comparison.keys.iter().map(|key| (key.name(), json!(arm.key(*key)))));
    row.extend([
        ("seeds", json!(arm.seeds.done)),
        ("metric", json!(part.metric.to_string())),
        ("mean", json!(shown.map(|summary| summary.spread.mean))),
        ("sd", json!(shown.and_then(|summary| summary.spread.sd))),
        ("low", json!(interval.map(|(low, _)| low))),
        ("high", json!(interval.map(|(_, high)| high))),
        ("fewest_patients", json!(support.map(|support| support.patients))),
        ("unmeasurable", json!(why_not.map(Unmeasurable::to_string))),
        ("delta", json!(measured.map(|difference| difference.mean))),
        ("delta_low", json!(apart.map(|(low, _)| low))),
        ("delta_high", json!(apart.map(|(_, high)| high))),
        ("delta_pairs", json!(measured.map_or(0, |difference| difference.pairs))),
        ("delta_p", json!(measured.and_then(Difference::p))),
        ("delta_p_holm", json!(arm.holm)),
        ("delta_unmeasurable", json!(difference.and_then(Difference::why_not).map(Unmeasurable::to_string))),
    ]);
    row.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
