//! The list of runs.

use serde::Serialize;

use super::format::table::{styled, wrapped};
use super::format::{NONE, csv, decimals, json};
use crate::manifest::glob_matches;
use crate::plan::percent;
use crate::progress::duration;
use crate::store::Run;
use crate::{Error, Result};

/// Letters of a run's id that are shown.
const SHORT_ID: usize = 8;

/// Which runs.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only experiments whose name this glob stands for.
    pub experiment: Option<String>,
    /// Only runs with this status.
    pub status: Option<String>,
}

impl Filter {
    /// The runs that are meant, in their order.
    ///
    /// # Errors
    /// A user error, with the names there are, where no experiment has such a name.
    pub fn apply<'a>(&self, runs: &'a [Run]) -> Result<Vec<&'a Run>> {
        if let Some(glob) = &self.experiment {
            super::select(runs, std::slice::from_ref(glob))?;
        } else if runs.is_empty() {
            return Err(Error::user("there are no runs yet; `ecgraft run` makes them"));
        }
        let meant = |run: &&Run| {
            self.experiment.as_deref().is_none_or(|glob| glob_matches(glob, &run.experiment))
                && self.status.as_deref().is_none_or(|status| run.status == status)
        };
        Ok(runs.iter().filter(meant).collect())
    }
}

/// How a list of runs is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFormat {
    /// A table for the terminal.
    Table {
        /// Characters in a line; as wide as it needs where `None`.
        columns: Option<usize>,
    },
    /// One header row, one row for each run, all that the store knows of it.
    Csv,
    /// An array with one object for each run, under the names of the CSV's columns.
    Json,
}

impl ListFormat {
    /// The whole text, with a line break at its end.
    pub fn write(self, runs: &[&Run]) -> String {
        let rows = || runs.iter().map(|run| Row::of(run));
        match self {
            ListFormat::Table { columns } => table(runs, columns),
            ListFormat::Csv => csv(&Row::default(), rows()),
            ListFormat::Json => json(&rows().collect::<Vec<_>>()),
        }
    }
}

/// What the list leaves out where there is no room.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Tightness {
    Wide,
    /// The experiment, if it is one, goes into a line above.
    OneExperiment,
    /// No wall time and no time of the end.
    NoTimes,
    /// Cells wrap.
    Wrapped,
}

fn table(runs: &[&Run], columns: Option<usize>) -> String {
    use Tightness::{NoTimes, OneExperiment, Wide, Wrapped};
    if runs.is_empty() {
        return "no such runs\n".to_owned();
    }
    let mut text = String::new();
    for tightness in [Wide, OneExperiment, NoTimes, Wrapped] {
        let (title, mut table) = built(runs, tightness);
        let fits = columns.is_none_or(|columns| table.lines().all(|line| line.chars().count() <= columns));
        if !fits && tightness == Wrapped {
            let columns = columns.and_then(|columns| u16::try_from(columns).ok()).unwrap_or(u16::MAX);
            table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic).set_width(columns);
        }
        if fits || tightness == Wrapped {
            text = format!("{title}{}\n", table.trim_fmt());
            break;
        }
    }
    let failed = runs.iter().filter(|run| run.status == "failed");
    let errors = failed.filter_map(|run| Some((run, run.error.as_deref()?)));
    for (run, error) in errors {
        text.push('\n');
        text.push_str(&wrapped(
            &format!("{} {}, {}, seed {}:", short(run), run.experiment, arm(run), run.seed),
            columns,
        ));
        let indented = wrapped(error, columns.map(|columns| columns.saturating_sub(2).max(20)));
        text.extend(indented.lines().map(|line| format!("  {line}\n")));
    }
    text
}

fn built(runs: &[&Run], tightness: Tightness) -> (String, comfy_table::Table) {
    let mut title = String::new();
    let mut heads = vec!["run", "experiment", "arm", "seed", "status", "macro AUC", "time", "finished (UTC)"];
    let one = runs.iter().all(|run| run.experiment == runs[0].experiment);
    let experiment = tightness == Tightness::Wide || !one;
    if !experiment {
        title = format!("{}\n", runs[0].experiment);
        heads.retain(|head| *head != "experiment");
    }
    let times = tightness < Tightness::NoTimes;
    if !times {
        heads.retain(|head| !["time", "finished (UTC)"].contains(head));
    }
    let mut table = styled(tightness == Tightness::Wrapped);
    table.set_header(&heads);
    for head in ["seed", "macro AUC", "time"] {
        if let Some(column) = heads.iter().position(|name| *name == head).and_then(|index| table.column_mut(index)) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }
    for run in runs {
        let none = || NONE.to_owned();
        let mut cells = vec![short(run).to_owned()];
        if experiment {
            cells.push(run.experiment.clone());
        }
        cells.extend([arm(run), run.seed.to_string(), run.status.clone()]);
        cells.push(run.test_macro_auc.map_or_else(none, decimals));
        if times {
            let time = run.wall_s.and_then(|wall| std::time::Duration::try_from_secs_f64(wall).ok());
            cells.push(time.map_or_else(none, duration));
            cells.push(run.finished_at.as_deref().map_or_else(none, minute));
        }
        table.add_row(cells);
    }
    (title, table)
}

/// `cnn, hr+qrs from synthetic, freeze probe, 10% labels`
fn arm(run: &Run) -> String {
    let labels = percent(run.label_fraction);
    let architecture = &run.architecture;
    match (&run.mix, &run.freeze) {
        (Some(mix), Some(freeze)) => {
            format!("{architecture}, {} from {mix}, freeze {freeze}, {labels} labels", run.graft)
        }
        _ => format!("{architecture} from scratch, {labels} labels"),
    }
}

fn short(run: &Run) -> &str {
    run.run_id.get(..SHORT_ID).unwrap_or(&run.run_id)
}

/// RFC 3339 to the minute: `2026-05-04 13:37`.
fn minute(time: &str) -> String {
    time.get(..16).unwrap_or(time).replace('T', " ")
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
}

impl<'a> Row<'a> {
    fn of(run: &'a Run) -> Self {
        Self {
            run_id: &run.run_id,
            experiment: &run.experiment,
            architecture: &run.architecture,
            graft: &run.graft,
            mix: run.mix.as_deref(),
            freeze: run.freeze.as_deref(),
            label_fraction: run.label_fraction,
            seed: run.seed,
            status: &run.status,
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
        }
    }
}
