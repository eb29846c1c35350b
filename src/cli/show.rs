//! `ecgraft show`

use std::fmt::Write;

use clap::Args;

use crate::Result;
use crate::plan::percent;
use crate::report::layout;
use crate::store::{ClassScore, MeasuredSource, MeasuredTarget, MixTargetDetail, RunDetail, StageDetail, Store};
use crate::terminal;

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
    if let Some(reason) = &run.allow_overlap {
        writeln!(text, "overlap       people who validate or test may have trained what is grafted: {reason}")?;
    }
    writeln!(text, "made by       ecgraft {} on {}", or_none(&run.version), or_none(&run.device))?;
    for stage in &detail.stages {
        writeln!(text)?;
        describe_stage(&mut text, stage)?;
    }
    if !detail.scores.is_empty() {
        writeln!(text, "\n{}", scores(detail))?;
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
        _ => format!("{} from {}, {labels} of the labels", run.architecture, run.graft),
    }
}

fn describe_stage(text: &mut String, stage: &StageDetail) -> std::fmt::Result {
    let what = match (&stage.target, &stage.mix) {
        (Some(target), Some(mix)) => format!("regression of {target} on {mix}"),
        (None, Some(mix)) => format!("{} on {mix}", stage.kind),
        _ => "transfer".to_owned(),
    };
    write!(text, "{what}: stage {}, seed {}, {}", stage.stage_id, stage.seed, stage.status)?;
    if let (Some(best), Some(wall)) = (stage.best_epoch, stage.wall_s) {
        write!(text, "; best epoch {best} of {}, {wall:.1} s", stage.epochs)?;
    }
    if let (Some(true), Some(last)) = (stage.frozen_at_best, stage.last_step) {
        write!(text, "; kept before its last thaw, with epoch {last}")?;
    }
    writeln!(text)?;
    if let Some(error) = &stage.error {
        writeln!(text, "  error: {error}")?;
    }
    for measured in &stage.measured {
        let unit = unit(&measured.target);
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
        for own in of_sources(stage, measured) {
            let sd = own.sd.map_or_else(String::new, |sd| format!(", SD {sd:.2} {unit}"));
            writeln!(
                text,
                "    of {}, {} records: MAE {:.2} {unit}, bias {:+.2} {unit}{sd}, RMSE {:.2} {unit}, R2 {}, r {}",
                own.source,
                own.records,
                own.mae,
                own.bias,
                own.rmse,
                optional(own.r2),
                optional(own.pearson_r)
            )?;
        }
    }
    if !stage.composition.is_empty() {
        let table = composition(stage);
        table.lines().try_for_each(|line| writeln!(text, "  {line}"))?;
    }
    for note in &stage.notes {
        writeln!(text, "  note: {note}")?;
    }
    if let Some(checkpoint) = &stage.checkpoint {
        writeln!(text, "  weights: {checkpoint}")?;
    }
    writeln!(text, "  settings: {}", stage.settings)
}

/// What was measured within each source, where there are several.
fn of_sources<'a>(stage: &'a StageDetail, measured: &MeasuredTarget) -> Vec<&'a MeasuredSource> {
    let is_own = |own: &&MeasuredSource| (&own.target, &own.split) == (&measured.target, &measured.split);
    let own: Vec<_> = stage.of_sources.iter().filter(is_own).collect();
    if own.len() > 1 { own } else { Vec::new() }
}

fn unit(target: &str) -> &'static str {
    if target == "hr" { "bpm" } else { "ms" }
}

/// The parts of a stage's mix: how many records, of whom, and their targets.
fn composition(stage: &StageDetail) -> String {
    let curriculum = stage.composition.iter().any(|part| part.from_epoch > 1 || part.until_epoch.is_some());
    let targets = stage.composition.first().map(|part| part.targets.as_slice()).unwrap_or_default();
    let targets: Vec<String> = targets.iter().map(|of| format!("{}, {}", of.target, unit(&of.target))).collect();
    let mut heads = vec!["source", "records"];
    heads.extend(curriculum.then_some("epochs"));
    heads.extend(["train", "validation", "test", "patients"]);
    heads.extend(targets.iter().map(String::as_str));
    let mut table = layout::table(&heads, &["train", "validation", "test", "patients"], false);
    for part in &stage.composition {
        let mut row = vec![part.source.clone(), part.filter.clone().unwrap_or_else(|| "all".into())];
        if curriculum {
            let from = part.from_epoch;
            row.push(part.until_epoch.map_or_else(|| format!("from {from}"), |until| format!("{from} to {until}")));
        }
        row.extend(part.records.iter().chain([&part.patients]).map(usize::to_string));
        row.extend(part.targets.iter().map(spread));
        table.add_row(row);
    }
    layout::shown(table, terminal::stdout_columns().map(|columns| columns.saturating_sub(2)))
}

/// `72.7 ± 13.6 (44.9 to 128.2)`
fn spread(of: &MixTargetDetail) -> String {
    let (Some(mean), Some(low), Some(high)) = (of.mean, of.lowest, of.highest) else { return "—".into() };
    let sd = of.sd.map_or(String::new(), |sd| format!(" ± {sd:.1}"));
    format!("{mean:.1}{sd} ({low:.1} to {high:.1})")
}

/// The classes, in the order of the network's outputs.
fn classes(detail: &RunDetail) -> Vec<String> {
    let transfer = detail.stages.iter().find(|stage| stage.kind == "transfer");
    let settings = transfer.and_then(|stage| serde_json::from_str::<serde_json::Value>(&stage.settings).ok());
    let classes = settings.and_then(|settings| serde_json::from_value(settings["transfer"]["classes"].clone()).ok());
    classes.unwrap_or_default()
}

/// Metrics on the test records.
fn test(detail: &RunDetail) -> impl Iterator<Item = &ClassScore> {
    detail.scores.iter().filter(|score| score.split == "test")
}

fn find<'a>(detail: &'a RunDetail, metric: &str, class: Option<&str>) -> Option<&'a ClassScore> {
    test(detail).find(|score| score.metric == metric && score.class.as_deref() == class)
}

/// Metrics by class and over all.
fn scores(detail: &RunDetail) -> String {
    const METRICS: [&str; 4] = ["auc", "f1", "precision", "recall"];
    let show = |metric: &str, class: Option<&str>| match find(detail, metric, class) {
        Some(ClassScore { value: Some(value), .. }) => format!("{value:.4}"),
        Some(_) => "not defined".to_owned(),
        None => String::new(),
    };
    let mut table =
        layout::table(&["test", "AUC", "F1", "precision", "recall"], &["AUC", "F1", "precision", "recall"], false);
    for class in classes(detail) {
        let row = METRICS.map(|metric| show(metric, Some(&class)));
        table.add_row(std::iter::once(class).chain(row));
    }
    table.add_row(
        std::iter::once("macro".to_owned()).chain(METRICS.map(|metric| show(&format!("macro_{metric}"), None))),
    );
    let overall = [("accuracy", "accuracy"), ("brier", "Brier score"), ("ece", "expected calibration error")];
    let overall = overall.map(|(metric, name)| format!("{name} {}", show(metric, None)));
    format!("{}{}\n", layout::shown(table, terminal::stdout_columns()), overall.join(", "))
}

/// Counts of true against predicted.
fn confusion(detail: &RunDetail) -> String {
    let count = |class: &str, metric: &str| {
        let value = find(detail, metric, Some(class)).and_then(|score| score.value);
        value.map_or_else(String::new, |value| value.to_string())
    };
    let classes = classes(detail);
    let (first, columns): (&str, Vec<(String, &str)>) =
        if test(detail).any(|score| score.metric.starts_with("confusion:")) {
            ("true \\ predicted", classes.iter().map(|class| (format!("confusion:{class}"), class.as_str())).collect())
        } else {
            let counts =
                [("tp", "true positive"), ("fp", "false positive"), ("fn", "false negative"), ("tn", "true negative")];
            ("at 0.5", counts.map(|(metric, name)| (metric.to_owned(), name)).to_vec())
        };
    let heads: Vec<&str> = columns.iter().map(|(_, head)| *head).collect();
    let mut table = layout::table(&[&[first][..], &heads].concat(), &heads, false);
    for class in &classes {
        let row = columns.iter().map(|(metric, _)| count(class, metric));
        table.add_row(std::iter::once(class.clone()).chain(row));
    }
    layout::shown(table, terminal::stdout_columns())
}
