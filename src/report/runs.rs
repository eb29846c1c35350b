//! The list of runs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ListFormat;
use super::format::{NONE, json};
use super::layout::{self, fitting, squeezed};
use crate::compare::{ArmName, select};
use crate::ecg::Measurement;
use crate::manifest::glob_matches;
use crate::store::{Run, StageStatus};
use crate::words::csv;
use crate::words::number::decimals;
use crate::words::text::{indented, wrapped};
use crate::words::time::{duration, minute};
use crate::{Error, Result};

/// Letters of a run's id that are shown.
const SHORT_ID: usize = 8;

/// Which runs.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only experiments whose name this glob stands for.
    pub experiment: Option<String>,
    /// Only runs with this status.
    pub status: Option<StageStatus>,
}

impl Filter {
    /// The runs that are meant, in their order.
    ///
    /// # Errors
    /// A user error, with the names there are, where no experiment has such a name.
    pub fn apply<'a>(&self, runs: &'a [Run]) -> Result<Vec<&'a Run>> {
        if let Some(glob) = &self.experiment {
            select(runs, std::slice::from_ref(glob))?;
        } else if runs.is_empty() {
            return Err(Error::user("there are no runs yet; `ecgraft run` makes them"));
        }
        let meant = |run: &&Run| {
            self.experiment.as_deref().is_none_or(|glob| glob_matches(glob, &run.experiment))
                && self.status.is_none_or(|status| run.status == status)
        };
        Ok(runs.iter().filter(meant).collect())
    }

    /// Where none of `runs` was found, that it is so, and where they stand.
    pub(super) fn nothing(&self, runs: &[Run], found: &[&Run]) -> Option<String> {
        let status = self.status.filter(|_| found.is_empty())?;
        let of = |run: &&Run| self.experiment.as_deref().is_none_or(|glob| glob_matches(glob, &run.experiment));
        Some(format!("no run is {status}; there are {}", counted(runs.iter().filter(of))))
    }
}

/// `6 done, 2 failed`
fn counted<'a>(runs: impl Iterator<Item = &'a Run>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    runs.for_each(|run| *counts.entry(run.status.name()).or_default() += 1);
    counts.iter().map(|(status, count)| format!("{count} {status}")).collect::<Vec<_>>().join(", ")
}

/// The whole text, with a line break at its end.
pub fn write(runs: &[&Run], format: ListFormat) -> String {
    let rows = || runs.iter().map(|run| Row::from(*run));
    match format {
        ListFormat::Table { columns } => table(runs, columns),
        ListFormat::Csv => csv::records(&Row::default(), rows()),
        ListFormat::Json => json(&rows().collect::<Vec<_>>()),
    }
}

fn table(runs: &[&Run], columns: Option<usize>) -> String {
    let Some(first) = runs.first() else { return "no such runs\n".to_owned() };
    let one = runs.iter().all(|run| run.experiment == first.experiment);
    // The first that fits: all; an experiment that is the same for all above the table; no times; the
    // arms on several lines; no table.
    let layouts = [(true, true), (!one, true), (!one, false)];
    let wide = layouts.into_iter().find_map(|(experiment, times)| {
        let table = fitting(&built(runs, experiment, times), columns)?;
        Some(if experiment { table } else { format!("{}\n{table}", first.experiment) })
    });
    let narrow = || {
        let squeeze = || squeezed(built(runs, false, false), 1, columns.filter(|_| one)?);
        squeeze().map(|table| format!("{}\n{table}", first.experiment))
    };
    let list = || runs.iter().map(|run| item(run, columns)).collect();
    wide.or_else(narrow).unwrap_or_else(list) + &errors(runs, columns)
}

fn built(runs: &[&Run], experiment: bool, times: bool) -> comfy_table::Table {
    let measures = |run: &&&Run| !run.test_errors.is_empty();
    let judged = match runs.iter().filter(measures).count() {
        0 => "macro AUC",
        all if all == runs.iter().filter(|run| run.judged().is_some()).count() => "MAE",
        _ => "macro AUC or MAE",
    };
    let heads = [
        ("run", true),
        ("experiment", experiment),
        ("arm", true),
        ("seed", true),
        ("status", true),
        (judged, true),
        ("time", times),
        ("finished (UTC)", times),
    ];
    let chosen = |(head, shown): (&'static str, bool)| shown.then_some(head);
    let chosen: Vec<&str> = heads.into_iter().filter_map(chosen).collect();
    let mut table = layout::table(&chosen, &["seed", judged, "time"], false);
    for run in runs {
        let none = || NONE.to_owned();
        let time = run.wall_s.and_then(|wall| std::time::Duration::try_from_secs_f64(wall).ok());
        let cells = [
            short(run).to_owned(),
            run.experiment.clone(),
            ArmName::from(*run).short(),
            run.seed.to_string(),
            run.status.to_string(),
            judged_by(run).unwrap_or_else(none),
            time.map_or_else(none, duration),
            run.finished_at.as_deref().map_or_else(none, minute),
        ];
        table.add_row(cells.into_iter().zip(heads).filter_map(|(cell, (_, shown))| shown.then_some(cell)));
    }
    table
}

/// What a run is judged by: `0.912`, its macro AUC, or `12.3 ms`, its errors.
pub(crate) fn judged_by(run: &Run) -> Option<String> {
    let error = |(target, mae): &(Measurement, f64)| {
        let name = if run.test_errors.len() > 1 { format!("{} ", target.name()) } else { String::new() };
        format!("{name}{} {}", decimals(*mae, 1), target.unit()).trim_end().to_owned()
    };
    let errors: Vec<String> = run.test_errors.iter().map(error).collect();
    run.test_macro_auc.map(|auc| decimals(auc, 3)).or_else(|| (!errors.is_empty()).then(|| errors.join(", ")))
}

/// A run in a line or two.
fn item(run: &Run, columns: Option<usize>) -> String {
    let what = if run.test_macro_auc.is_some() { "macro AUC" } else { "MAE" };
    let auc = judged_by(run).map(|value| format!(", {what} {value}")).unwrap_or_default();
    let text = format!("{}, {}, seed {}", run.experiment, ArmName::from(run).short(), run.seed);
    format!("{} {}{auc}\n{}", short(run), run.status, indented(&text, columns))
}

/// Each message with the runs that failed for it: many do where a regression stage they share has.
fn errors(runs: &[&Run], columns: Option<usize>) -> String {
    let mut messages: Vec<(&str, Vec<&str>)> = Vec::new();
    for run in runs.iter().filter(|run| run.status == StageStatus::Failed) {
        let message = run.error.as_deref().unwrap_or("no reason is known");
        match messages.iter_mut().find(|(known, _)| *known == message) {
            Some((_, ids)) => ids.push(short(run)),
            None => messages.push((message, vec![short(run)])),
        }
    }
    let lines = messages.iter().map(|(message, ids)| {
        let message: String = message.lines().map(|line| indented(line, columns)).collect();
        format!("\n{}{message}", wrapped(&format!("{} failed:", ids.join(", ")), columns))
    });
    lines.collect()
}

/// The beginning of its id.
pub(super) fn short(run: &Run) -> &str {
    run.run_id.get(..SHORT_ID).unwrap_or(&run.run_id)
}

/// One run for machines.
#[derive(Default, Serialize)]
struct Row<'a> {
    run_id: &'a str,
    experiment: &'a str,
    architecture: &'a str,
    graft: &'a str,
    mix: Option<&'a str>,
    freeze: Option<&'a str>,
    label_fraction: f64,
    seed: u64,
    status: &'a str,
    test_macro_auc: Option<f64>,
    test_accuracy: Option<f64>,
    test_macro_f1: Option<f64>,
    wall_s: Option<f64>,
    started_at: Option<&'a str>,
    finished_at: Option<&'a str>,
    device: Option<&'a str>,
    version: Option<&'a str>,
    error: Option<&'a str>,
    stage_id: &'a str,
    manifest_sha256: &'a str,
    data_fingerprint: &'a str,
    frozen_at_best: Option<bool>,
    /// Of the first target that its last stage measures.
    test_mae: Option<f64>,
}

impl<'a> From<&'a Run> for Row<'a> {
    fn from(run: &'a Run) -> Self {
        Self {
            run_id: &run.run_id,
            experiment: &run.experiment,
            architecture: &run.architecture,
            graft: &run.graft,
            mix: run.mix.as_deref(),
            freeze: run.freeze.as_deref(),
            label_fraction: run.label_fraction,
            seed: run.seed,
            status: run.status.name(),
            test_macro_auc: run.test_macro_auc,
            test_accuracy: run.test_accuracy,
            test_macro_f1: run.test_macro_f1,
            wall_s: run.wall_s,
            started_at: run.started_at.as_deref(),
            finished_at: run.finished_at.as_deref(),
            device: run.device.as_deref(),
            version: run.version.as_deref(),
            error: run.error.as_deref(),
            stage_id: &run.stage_id,
            manifest_sha256: &run.manifest_sha256,
            data_fingerprint: &run.data_fingerprint,
            frozen_at_best: run.frozen_at_best,
            test_mae: run.test_errors.first().map(|(_, mae)| *mae),
        }
    }
}
