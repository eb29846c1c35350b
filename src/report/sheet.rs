//! A comparison as a grid of cells, for every format that people read.

use super::format::{NONE, UNMEASURABLE, seeds};
use crate::compare::{Arm, Comparison, Delta, Experiment, Key, Pivot};
use crate::metrics::NamedMetric;
use crate::statistics::{Difference, Spread};
use crate::words::number::{brackets, decimals, signed};

/// One table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sheet {
    pub heads: Vec<Head>,
    pub rows: Vec<Vec<Cell>>,
}

/// The head of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Head {
    pub text: String,
    /// Whether the column is set to the right.
    pub right: bool,
}

/// What a cell has.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Text(String),
    Mean(Mean),
    Difference(Shown),
}

/// A mean as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mean {
    pub mean: String,
    /// `None` for a single seed.
    pub sd: Option<String>,
    /// [`UNMEASURABLE`] where it has none.
    pub interval: Option<String>,
    /// Whether it is the best of its column.
    pub best: bool,
    /// Whether its difference from the baseline is marked here, there being no column for it.
    pub apart: bool,
}

/// A difference as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shown {
    pub mean: String,
    /// [`UNMEASURABLE`] where it has none, and no p-value.
    pub interval: Option<String>,
    /// `(2 pairs)`, where they are fewer than the seeds.
    pub pairs: Option<String>,
    pub best: bool,
    pub apart: bool,
}

impl Sheet {
    /// The table of an experiment.
    pub fn from_experiment(comparison: &Comparison, experiment: &Experiment) -> Self {
        match &comparison.shape.pivot {
            Some(pivot) => Self::pivoted(comparison, experiment, pivot),
            None => Self::by_arms(comparison, experiment),
        }
    }

    /// A row for each arm.
    fn by_arms(comparison: &Comparison, experiment: &Experiment) -> Self {
        let left = |text: String| Head { text, right: false };
        let right = |text: &str| Head { text: text.to_owned(), right: true };
        let key =
            |key: &Key| if *key == Key::LabelFraction { right(key.heading()) } else { left(key.heading().into()) };
        let mut heads: Vec<Head> = comparison.keys.iter().map(key).collect();
        heads.push(right("seeds"));
        heads.extend(comparison.metrics.iter().map(|metric| left(metric.heading())));
        heads.extend(comparison.difference_heading().map(left));
        let tested = has_p(experiment);
        heads.extend(tested.then(|| right("p")));
        let best = best(comparison, experiment);
        let row = |arm: &Arm| {
            let mut cells: Vec<Cell> = keys(comparison, arm).into_iter().map(Cell::Text).collect();
            cells.extend(best.iter().enumerate().map(|(number, best)| mean(comparison, arm, number, *best, false)));
            cells.extend(comparison.tested().map(|metric| difference(arm, metric, None)));
            cells.extend(tested.then(|| Cell::Text(p(arm))));
            cells
        };
        Self { heads, rows: experiment.rows().map(row).collect() }
    }

    /// The first metric, or its difference, by keys.
    fn pivoted(comparison: &Comparison, experiment: &Experiment, pivot: &Pivot) -> Self {
        let Some(metric) = comparison.metrics.first() else { return Self { heads: Vec::new(), rows: Vec::new() } };
        let of = |arm: &Arm, keys: &[Key]| -> Vec<String> {
            keys.iter().map(|key| arm.key(*key).unwrap_or_else(|| NONE.to_owned())).collect()
        };
        let mut rows: Vec<Vec<String>> = Vec::new();
        let mut columns: Vec<Vec<String>> = Vec::new();
        for arm in &experiment.arms {
            for (known, found) in [(&mut rows, of(arm, &pivot.rows)), (&mut columns, of(arm, &pivot.columns))] {
                if !known.contains(&found) {
                    known.push(found);
                }
            }
        }
        let heading = |column: &Vec<String>| {
            let name = |(key, value): (&Key, &String)| format!("{} {value}", key.heading());
            pivot.columns.iter().zip(column).map(name).collect::<Vec<_>>().join(", ")
        };
        let mut heads: Vec<Head> =
            pivot.rows.iter().map(|key| Head { text: key.heading().to_owned(), right: false }).collect();
        heads.extend(columns.iter().map(|column| Head { text: heading(column), right: false }));
        let number = |arm: &Arm| match pivot.differences {
            true => arm.delta.difference().map(|difference| difference.mean),
            false => arm.metrics[0].as_ref().map(|summary| summary.spread.mean),
        };
        let at = |row: &Vec<String>, column: &Vec<String>| {
            experiment.arms.iter().find(|arm| of(arm, &pivot.rows) == *row && of(arm, &pivot.columns) == *column)
        };
        let best: Vec<Option<f64>> = columns
            .iter()
            .map(|column| best_of(metric, rows.iter().filter_map(|row| number(at(row, column)?)).collect()))
            .collect();
        let cell = |row: &Vec<String>, (place, column): (usize, &Vec<String>)| match at(row, column) {
            None => Cell::Text(String::new()),
            Some(arm) if pivot.differences => difference(arm, metric, best[place]),
            Some(arm) => mean(comparison, arm, 0, best[place], arm.is_apart()),
        };
        let rows = rows.iter().map(|row| {
            let keys = row.iter().cloned().map(Cell::Text);
            keys.chain(columns.iter().enumerate().map(|column| cell(row, column))).collect()
        });
        Self { heads, rows: rows.collect() }
    }
}

/// What an arm is, and its seeds.
pub(super) fn keys(comparison: &Comparison, arm: &Arm) -> Vec<String> {
    let key = |key: &Key| arm.key(*key).unwrap_or_else(|| NONE.to_owned());
    comparison.keys.iter().map(key).chain([seeds(arm)]).collect()
}

/// Whether any difference has a p-value.
pub(super) fn has_p(experiment: &Experiment) -> bool {
    experiment.arms.iter().any(|arm| arm.holm.is_some())
}

/// The corrected p-value.
pub(super) fn p(arm: &Arm) -> String {
    match arm.holm {
        None => String::new(),
        Some(p) if p < 0.0005 => "<0.001".to_owned(),
        Some(p) => format!("{p:.3}"),
    }
}

/// The best means of the metrics; `None` where fewer than two arms have one.
pub(super) fn best(comparison: &Comparison, experiment: &Experiment) -> Vec<Option<f64>> {
    let of = |(number, metric): (usize, &NamedMetric)| {
        let means = experiment.arms.iter().filter_map(|arm| Some(arm.metrics.get(number)?.as_ref()?.spread.mean));
        best_of(metric, means.collect())
    };
    comparison.metrics.iter().enumerate().map(of).collect()
}

fn best_of(metric: &NamedMetric, values: Vec<f64>) -> Option<f64> {
    (values.len() > 1).then(|| values.into_iter().reduce(|a, b| metric.better(a, b)))?
}

/// Metric number `number` of an arm.
pub(super) fn mean(comparison: &Comparison, arm: &Arm, number: usize, best: Option<f64>, apart: bool) -> Cell {
    match comparison.metrics.get(number) {
        Some(metric) => mean_of(comparison, arm, (number, metric), best, apart),
        None => Cell::Text(NONE.to_owned()),
    }
}

/// A metric of an arm, and which of its metrics it is.
pub(super) fn mean_of(
    comparison: &Comparison,
    arm: &Arm,
    (number, metric): (usize, &NamedMetric),
    best: Option<f64>,
    apart: bool,
) -> Cell {
    let summary = arm.metrics.get(number).and_then(Option::as_ref);
    let Some(summary) = summary else { return Cell::Text(NONE.to_owned()) };
    let Spread { mean, sd, .. } = summary.spread;
    if arm.is_constant {
        return Cell::Text(decimals(mean, metric.digits()));
    }
    let interval = comparison.shape.intervals.then(|| match &summary.interval {
        Ok(interval) => brackets(*interval, metric.digits()),
        Err(_) => UNMEASURABLE.to_owned(),
    });
    Cell::Mean(Mean {
        mean: decimals(mean, metric.digits()),
        sd: sd.map(|sd| decimals(sd, metric.digits())),
        interval,
        best: best == Some(mean),
        apart,
    })
}

/// The difference of an arm.
pub(super) fn difference(arm: &Arm, metric: &NamedMetric, best: Option<f64>) -> Cell {
    let Some(difference) = arm.delta.difference() else {
        let text = match arm.delta {
            Delta::Baseline => "baseline",
            Delta::Floor => "no network",
            _ => NONE,
        };
        return Cell::Text(text.to_owned());
    };
    let Difference { pairs, mean, ref tested, .. } = *difference;
    let interval = match tested {
        Ok(tested) => tested.interval.map(|interval| brackets(interval, metric.digits())),
        Err(_) => Some(UNMEASURABLE.to_owned()),
    };
    let few = pairs < arm.distinct_seeds;
    Cell::Difference(Shown {
        mean: signed(mean, metric.digits()),
        interval,
        pairs: few.then(|| if pairs == 1 { "(1 pair)".to_owned() } else { format!("({pairs} pairs)") }),
        best: best == Some(mean),
        apart: arm.is_apart(),
    })
}
