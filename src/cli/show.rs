//! `ecgraft show`

use std::fmt::Write;

use clap::Args;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use crate::Result;
use crate::plan::percent;
use crate::store::{RunDetail, StageDetail, Store};

/// Show one run with all that made it: stages, data, settings, metrics by class
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft show 3f2a
  ecgraft show 3f2a --manifest > as-it-was.toml")]
pub struct Options {
    /// The run's id, or the beginning of it; `ecgraft runs` lists them
    #[arg(value_name = "RUN")]
    run: String,
    /// Print the run's manifest, as it was read, and nothing else
    #[arg(long)]
    manifest: bool,
    #[command(flatten)]
    results: super::Results,
}

/// Runs the command.
///
/// # Errors
/// A user error where there is no such run.
pub fn run(options: Options) -> Result<()> {
    let detail = Store::open_read_only(&options.results.dir)?.run(&options.run)?;
    if options.manifest {
        return super::print(&detail.manifest_text);
    }
    let text = describe(&detail).map_err(|error| crate::Error::internal(error.to_string()))?;
    super::print(&text)
}

fn describe(detail: &RunDetail) -> std::result::Result<String, std::fmt::Error> {
    let run = &detail.run;
    let mut text = String::new();
    let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".into());
    writeln!(text, "run           {}", run.run_id)?;
    writeln!(text, "experiment    {}", run.experiment)?;
    writeln!(text, "arm           {}", arm(detail))?;
    writeln!(text, "seed          {}", run.seed)?;
    writeln!(
        text,
        "status        {}{}",
        run.status,
        run.error.as_ref().map_or(String::new(), |error| format!(": {error}"))
    )?;
    writeln!(text, "manifest      {} (SHA-256 {})", detail.manifest_path, run.manifest_sha256)?;
    writeln!(text, "data          {}", run.data_fingerprint)?;
    writeln!(text, "made by       ecgraft {} on {}", or_none(&run.version), or_none(&run.device))?;
    for stage in &detail.stages {
        writeln!(text)?;
        describe_stage(&mut text, stage)?;
    }
    if !detail.scores.is_empty() {
        writeln!(text, "\n{}", scores(detail, "test"))?;
        write!(text, "{}", confusion(detail))?;
    }
    Ok(text)
}

fn arm(detail: &RunDetail) -> String {
    let run = &detail.run;
    let labels = percent(run.label_fraction);
    match (&run.mix, &run.freeze) {
        (Some(mix), Some(freeze)) => {
            format!("{}, {} from {mix}, freeze {freeze}, {labels} of the labels", run.architecture, run.graft)
        }
        _ => format!("{} from scratch, {labels} of the labels", run.architecture),
    }
}

fn describe_stage(text: &mut String, stage: &StageDetail) -> std::fmt::Result {
    let what = match (&stage.target, &stage.mix) {
        (Some(target), Some(mix)) => format!("regression of {target} on {mix}"),
        _ => "transfer".to_owned(),
    };
    write!(text, "{what}: stage {}, seed {}, {}", stage.stage_id, stage.seed, stage.status)?;
    if let (Some(best), Some(wall)) = (stage.best_epoch, stage.wall_s) {
        write!(text, "; best epoch {best} of {}, {wall:.1} s", stage.epochs)?;
    }
    writeln!(text)?;
    if let Some(error) = &stage.error {
        writeln!(text, "  error: {error}")?;
    }
    for measured in &stage.measured {
        let unit = if measured.target == "hr" { "bpm" } else { "ms" };
        let optional =
            |value: Option<f64>| value.map_or_else(|| "not defined".to_owned(), |value| format!("{value:.3}"));
        writeln!(
            text,
            "  {} on {} {} records: MAE {:.2} {unit}, RMSE {:.2} {unit}, R2 {}, r {}",
            measured.target,
            measured.records,
            measured.split,
            measured.mae,
            measured.rmse,
            optional(measured.r2),
            optional(measured.pearson_r)
        )?;
    }
    for note in &stage.notes {
        writeln!(text, "  note: {note}")?;
    }
    if let Some(checkpoint) = &stage.checkpoint {
        writeln!(text, "  weights: {checkpoint}")?;
    }
    writeln!(text, "  settings: {}", stage.settings)
}

/// Metrics by class and over all.
fn scores(detail: &RunDetail, split: &str) -> Table {
    const METRICS: [&str; 5] = ["auc", "f1", "precision", "recall", "positives"];
    let mut classes: Vec<&str> = Vec::new();
    for class in detail.scores.iter().filter(|score| score.split == split).filter_map(|score| score.class.as_deref()) {
        if !classes.contains(&class) {
            classes.push(class);
        }
    }
    let find = |metric: &str, class: Option<&str>| {
        detail
            .scores
            .iter()
            .find(|score| score.split == split && score.metric == metric && score.class.as_deref() == class)
    };
    let show = |metric: &str, class: Option<&str>| match find(metric, class) {
        Some(score) => match score.value {
            Some(value) if metric == "positives" => value.to_string(),
            Some(value) => format!("{value:.4}"),
            None => "not defined".to_owned(),
        },
        None => String::new(),
    };
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(std::iter::once(split).chain(METRICS));
    for class in &classes {
        table.add_row(std::iter::once((*class).to_owned()).chain(METRICS.map(|metric| show(metric, Some(class)))));
    }
    let macros = ["macro_auc", "macro_f1", "macro_precision", "macro_recall"].map(|metric| show(metric, None));
    table.add_row(std::iter::once("macro".to_owned()).chain(macros));
    for (metric, name) in [("accuracy", "accuracy"), ("brier", "Brier score"), ("ece", "calibration error")] {
        if find(metric, None).is_some() {
            table.add_row([name.to_owned(), show(metric, None)]);
        }
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Counts of true against predicted.
fn confusion(detail: &RunDetail) -> String {
    let test = || detail.scores.iter().filter(|score| score.split == "test");
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    let count = |class: &str, metric: &str| {
        let found = test().find(|score| score.class.as_deref() == Some(class) && score.metric == metric);
        found.and_then(|score| score.value).map_or_else(String::new, |value| value.to_string())
    };
    let mut classes: Vec<&str> = Vec::new();
    for class in test().filter_map(|score| score.class.as_deref()) {
        if !classes.contains(&class) {
            classes.push(class);
        }
    }
    if test().any(|score| score.metric.starts_with("confusion:")) {
        table.set_header(std::iter::once("true \\ predicted").chain(classes.iter().copied()));
        for truth in &classes {
            let row = classes.iter().map(|predicted| count(truth, &format!("confusion:{predicted}")));
            table.add_row(std::iter::once((*truth).to_owned()).chain(row));
        }
    } else {
        table.set_header(["at 0.5", "true positive", "false positive", "false negative", "true negative"]);
        for class in &classes {
            table.add_row(
                std::iter::once((*class).to_owned()).chain(["tp", "fp", "fn", "tn"].map(|metric| count(class, metric))),
            );
        }
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{table}\n")
}
