//! One run with all that made it.

use std::fmt::Write;

use super::layout;
use crate::compare::ArmName;
use crate::data::Subset;
use crate::ecg::Measurement;
use crate::manifest::Class;
use crate::metrics::{BesideMedian, ClassifierMetric, LOSS, NamedMetric, Over};
use crate::plan::TaskKind;
use crate::store::{ClassScore, MeasuredSource, MeasuredTarget, MixTargetDetail, RunDetail, StageDetail};
use crate::words::text::wrapped;

/// Everything that made a run, and what came of it, in lines of at most `columns` characters where that is said.
pub fn describe(detail: &RunDetail, columns: Option<usize>) -> String {
    let mut text = String::new();
    // Into memory: there is nothing that can fail.
    let _ = write_run(&mut text, detail, columns);
    text
}

fn write_run(text: &mut String, detail: &RunDetail, columns: Option<usize>) -> std::fmt::Result {
    let run = &detail.run;
    let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".into());
    writeln!(text, "run           {}", run.run_id)?;
    writeln!(text, "experiment    {}", run.experiment)?;
    writeln!(text, "arm           {}", ArmName::from(run).full())?;
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
        write_stage(text, stage, columns)?;
    }
    if !detail.scores.is_empty() {
        writeln!(text, "\n{}", scores(detail, columns))?;
        write!(text, "{}", confusion(detail, columns))?;
    }
    Ok(())
}

fn write_stage(text: &mut String, detail: &StageDetail, columns: Option<usize>) -> std::fmt::Result {
    let stage = &detail.row;
    let what = match (&stage.target, &stage.mix) {
        (Some(target), Some(mix)) => format!("regression of {target} on {mix}"),
        (None, Some(mix)) => format!("{} on {mix}", stage.kind),
        _ => stage.kind.to_string(),
    };
    write!(text, "{what}: stage {}, seed {}, {}", stage.stage_id, stage.seed, stage.status)?;
    if let (Some(best), Some(wall)) = (stage.best_epoch, stage.wall_s) {
        write!(text, "; best epoch {best} of {}, {wall:.1} s", detail.epochs)?;
    }
    if let (Some(true), Some(last)) = (stage.frozen_at_best, stage.last_step) {
        write!(text, "; kept before its last thaw, with epoch {last}")?;
    }
    writeln!(text)?;
    if let Some(error) = &stage.error {
        writeln!(text, "  error: {error}")?;
    }
    write_measured(text, detail)?;
    if !detail.composition.is_empty() {
        let table = composition(detail, columns);
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

fn write_measured(text: &mut String, stage: &StageDetail) -> std::fmt::Result {
    let optional = |value: Option<f64>| value.map_or_else(|| "not defined".to_owned(), |value| format!("{value:.3}"));
    for measured in &stage.measured {
        let unit = measured.measurement().unit();
        writeln!(
            text,
            "  {} on {} {} records: MAE {:.2} {unit}{}, RMSE {:.2} {unit}, R2 {}, r {}{}",
            measured.target,
            measured.records,
            measured.split,
            measured.mae,
            bias(stage, measured),
            measured.rmse,
            optional(measured.r2),
            optional(measured.pearson_r),
            beside_median(measured)
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
    Ok(())
}

/// `; the median (96 ms) 8.01 ms, 95% interval of the gain 3.12 to 4.20 ms`, and whether it is no better; nothing of a stage
/// that was trained before it was kept.
fn beside_median(measured: &MeasuredTarget) -> String {
    let (Some(median), Some(mae)) = (measured.median, measured.median_mae) else { return String::new() };
    let unit = measured.measurement().unit();
    let gain = measured.gain_low.zip(measured.gain_high).map_or_else(String::new, |(low, high)| {
        format!(", gain {:.2} {unit} (95% interval {low:.2} to {high:.2})", mae - measured.mae)
    });
    let told = measured.beside_median().and_then(BesideMedian::told);
    let told = told.map_or_else(String::new, |told| format!(": {told}"));
    format!("; the training records' median, {median:.1} {unit}, has MAE {mae:.2} {unit}{gain}{told}")
}

/// The bias, where all records are of one source: of several it is that of each.
fn bias(stage: &StageDetail, measured: &MeasuredTarget) -> String {
    let is_own = |own: &&MeasuredSource| (&own.target, &own.split) == (&measured.target, &measured.split);
    match stage.of_sources.iter().filter(is_own).collect::<Vec<_>>()[..] {
        [only] => format!(", bias {:+.2} {}", only.bias, measured.measurement().unit()),
        _ => String::new(),
    }
}

/// What was measured within each source, where there are several.
fn of_sources<'a>(stage: &'a StageDetail, measured: &MeasuredTarget) -> Vec<&'a MeasuredSource> {
    let is_own = |own: &&MeasuredSource| (&own.target, &own.split) == (&measured.target, &measured.split);
    let own: Vec<_> = stage.of_sources.iter().filter(is_own).collect();
    if own.len() > 1 { own } else { Vec::new() }
}

/// A target with its unit, as far as it is known.
fn with_unit(stage: &StageDetail, target: &str) -> String {
    let measured = stage.measured.iter().find(|own| own.target == target).map(MeasuredTarget::measurement);
    match measured.unwrap_or_else(|| Measurement::named(target, "")).unit() {
        "" => target.to_owned(),
        unit => format!("{target}, {unit}"),
    }
}

/// The parts of a stage's mix: how many records, of whom, and their targets.
fn composition(stage: &StageDetail, columns: Option<usize>) -> String {
    let curriculum = stage.composition.iter().any(|part| part.from_epoch > 1 || part.until_epoch.is_some());
    let targets = stage.composition.first().map(|part| part.targets.as_slice()).unwrap_or_default();
    let targets: Vec<String> = targets.iter().map(|of| with_unit(stage, &of.target)).collect();
    let subsets = Subset::ALL.map(Subset::name);
    let counts = [&subsets[..], &["patients"]].concat();
    let mut heads = vec!["source", "records"];
    heads.extend(curriculum.then_some("epochs"));
    heads.extend(&counts);
    heads.extend(targets.iter().map(String::as_str));
    let mut table = layout::table(&heads, &counts, false);
    for part in &stage.composition {
        let mut row = vec![part.source.clone(), part.filter.clone().unwrap_or_else(|| "all".into())];
        if curriculum {
            let from = part.from_epoch;
            row.push(part.until_epoch.map_or_else(|| format!("from {from}"), |until| format!("{from} to {until}")));
        }
        row.extend([part.train, part.validation, part.test, part.patients].map(|count| count.to_string()));
        row.extend(part.targets.iter().map(spread));
        table.add_row(row);
    }
    layout::shown(table, columns.map(|columns| columns.saturating_sub(2)))
}

/// `72.7 ± 13.6 (44.9 to 128.2)`
fn spread(of: &MixTargetDetail) -> String {
    let (Some(mean), Some(low), Some(high)) = (of.mean, of.lowest, of.highest) else { return "—".into() };
    let sd = of.sd.map_or(String::new(), |sd| format!(" ± {sd:.1}"));
    format!("{mean:.1}{sd} ({low:.1} to {high:.1})")
}

/// The classes, in the order of the network's outputs.
pub(super) fn classes(detail: &RunDetail) -> Vec<String> {
    let transfer = detail.stages.iter().find(|stage| stage.row.kind == TaskKind::Transfer);
    let settings = transfer.and_then(|stage| serde_json::from_str::<serde_json::Value>(&stage.row.settings).ok());
    let classes: Option<Vec<Class>> =
        settings.and_then(|settings| serde_json::from_value(settings["transfer"]["classes"].clone()).ok());
    classes.unwrap_or_default().iter().map(|class| class.name().to_owned()).collect()
}

/// Metrics on the test records.
fn test(detail: &RunDetail) -> impl Iterator<Item = &ClassScore> {
    detail.scores.iter().filter(|score| score.split == Subset::Test)
}

fn find<'a>(detail: &'a RunDetail, metric: &str, class: Option<&str>) -> Option<&'a ClassScore> {
    test(detail).find(|score| score.metric == metric && score.class.as_deref() == class)
}

/// Metrics by class and over all.
fn scores(detail: &RunDetail, columns: Option<usize>) -> String {
    let show = |metric: &str, class: Option<&str>| match find(detail, metric, class) {
        Some(ClassScore { value: Some(value), .. }) => format!("{value:.4}"),
        Some(_) => "not defined".to_owned(),
        None => String::new(),
    };
    // A run of another version may lack some.
    let stored = NamedMetric::of_classifiers().into_iter();
    let stored = stored.filter(|(named, _)| named.of.is_none() && find(detail, &named.name, None).is_some());
    let (by_class, mut overall): (Vec<_>, Vec<_>) = stored.partition(|(_, metric)| metric.over().has_classes());
    // A number of each class and one of all, which is no mean of these.
    overall.extend(by_class.iter().filter(|(_, metric)| metric.over() == Over::RecordsAndClasses).cloned());
    let heads: Vec<&str> = by_class.iter().map(|(_, metric)| metric.heading()).collect();
    let mut table = layout::table(&[&[Subset::Test.name()], &heads[..]].concat(), &heads, false);
    for class in classes(detail) {
        let row = by_class.iter().map(|(_, metric)| show(metric.name(), Some(&class)));
        table.add_row(std::iter::once(class.clone()).chain(row));
    }
    let mean = |(mean, metric): &(NamedMetric, &'static dyn ClassifierMetric)| match metric.over() {
        Over::Classes => show(&mean.name, None),
        _ => String::new(),
    };
    let means = by_class.iter().map(mean);
    table.add_row(std::iter::once("macro".to_owned()).chain(means));
    let overall = overall.into_iter().filter(|(_, metric)| metric.is_in_summaries());
    let overall = overall.map(|(named, metric)| format!("{} {}", metric.full_name(), show(&named.name, None)));
    let mut text = wrapped(&overall.collect::<Vec<_>>().join(", "), columns);
    text.extend([Subset::Train, Subset::Validation].into_iter().filter_map(|split| others(detail, split, columns)));
    format!("{}{text}", layout::shown(table, columns))
}

/// Metrics of all classes on the records that trained or validated the kept epoch, in a sentence; `None` where they are not
/// stored.
fn others(detail: &RunDetail, split: Subset, columns: Option<usize>) -> Option<String> {
    let all = NamedMetric::of_classifiers()
        .into_iter()
        .filter(|(named, metric)| named.of.is_none() && metric.is_in_summaries());
    let names = all.map(|(named, _)| (named.short_heading(), named.name));
    let told = std::iter::once((LOSS.to_owned(), LOSS.to_owned())).chain(names).filter_map(|(heading, name)| {
        let is_it = |score: &&ClassScore| score.split == split && score.metric == name && score.class.is_none();
        let value = detail.scores.iter().find(is_it)?.value?;
        Some(format!("{heading} {value:.4}"))
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| wrapped(&format!("on {split} records: {}", told.join(", ")), columns))
}

/// Counts of true against predicted.
fn confusion(detail: &RunDetail, columns: Option<usize>) -> String {
    let count = |class: &str, metric: &str| {
        let value = find(detail, metric, Some(class)).and_then(|score| score.value);
        value.map_or_else(String::new, |value| value.to_string())
    };
    let classes = classes(detail);
    let (first, counts): (&str, Vec<(String, &str)>) =
        if test(detail).any(|score| score.metric.starts_with("confusion:")) {
            ("true \\ predicted", classes.iter().map(|class| (format!("confusion:{class}"), class.as_str())).collect())
        } else {
            let table =
                [("tp", "true positive"), ("fp", "false positive"), ("fn", "false negative"), ("tn", "true negative")];
            ("at 0.5", table.map(|(metric, name)| (metric.to_owned(), name)).to_vec())
        };
    let heads: Vec<&str> = counts.iter().map(|(_, head)| *head).collect();
    let mut table = layout::table(&[&[first][..], &heads].concat(), &heads, false);
    for class in &classes {
        let row = counts.iter().map(|(metric, _)| count(class, metric));
        table.add_row(std::iter::once(class.clone()).chain(row));
    }
    layout::shown(table, columns)
}
