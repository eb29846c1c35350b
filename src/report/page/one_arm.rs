//! One arm in detail: its scores by class or target, over its seeds, and its figures.

use super::Html;
use crate::data::Subset;
use crate::metrics::{NamedMetric, Over};
use crate::report::figure::{ExperimentResults, Section};
use crate::report::format::NONE;
use crate::report::show::classes;
use crate::statistics::Spread;
use crate::store::{MeasuredTarget, RunDetail, StageDetail};
use crate::words::number::decimals;

/// Test metrics by class, mean ± standard deviation over the runs; nothing where there are none.
pub(crate) fn class_scores(html: &mut Html, runs: &[RunDetail]) {
    let Some(classes) = runs.first().map(classes).filter(|classes| !classes.is_empty()) else { return };
    let spread = |metric: &str, class: Option<&str>| {
        let values = runs.iter().filter_map(|run| value(run, metric, class)).collect::<Vec<_>>();
        shown(&values, 3)
    };
    let has = |named: &NamedMetric| runs.iter().any(|run| value(run, &named.name, None).is_some());
    let metrics = NamedMetric::of_classifiers()
        .into_iter()
        .filter(|(named, metric)| named.of.is_none() && metric.over().has_classes() && has(named));
    let metrics: Vec<_> = metrics.collect();
    let heads: Vec<&str> = std::iter::once("class").chain(metrics.iter().map(|(_, metric)| metric.heading())).collect();
    let of_class = |class: &String| {
        let cells = metrics.iter().map(|(_, metric)| spread(metric.name(), Some(class)));
        ("", std::iter::once(class.clone()).chain(cells).collect::<Vec<String>>())
    };
    let mut rows: Vec<_> = classes.iter().map(of_class).collect();
    let overall = metrics.iter().map(|(named, metric)| match metric.over() {
        Over::Classes => spread(&named.name, None),
        _ => String::new(),
    });
    rows.push(("base", std::iter::once("macro".to_owned()).chain(overall).collect()));
    html.table("Test metrics by class", &heads, 1, &rows);
}

/// A test metric of a run, of a class or of all.
fn value(run: &RunDetail, metric: &str, class: Option<&str>) -> Option<f64> {
    let is_it = |score: &&crate::store::ClassScore| {
        score.split == Subset::Test && score.metric == metric && score.class.as_deref() == class
    };
    run.scores.iter().find(is_it)?.value
}

/// `0.912 ± 0.004`
fn shown(values: &[f64], digits: usize) -> String {
    let Some(of) = Spread::from_values(values) else { return NONE.to_owned() };
    let sd = of.sd.map_or_else(String::new, |sd| format!(" ± {}", decimals(sd, digits)));
    format!("{}{sd}", decimals(of.mean, digits))
}

/// How well `stages`, which differ in seed only, measure their test records, target by target; nothing where none is measured.
pub(crate) fn measured_targets(html: &mut Html, stages: &[&StageDetail]) {
    let of_test = || stages.iter().flat_map(|stage| &stage.measured).filter(|of| of.split == Subset::Test);
    let mut targets: Vec<&str> = Vec::new();
    for of in of_test() {
        if !targets.contains(&of.target.as_str()) {
            targets.push(&of.target);
        }
    }
    let row = |target: &&str| {
        let all: Vec<&MeasuredTarget> = of_test().filter(|of| of.target == **target).collect();
        let spread = |value: &dyn Fn(&MeasuredTarget) -> Option<f64>, digits| {
            shown(&all.iter().filter_map(|of| value(of)).collect::<Vec<_>>(), digits)
        };
        let name = all.first().map_or_else(String::new, |of| of.measurement().with_unit());
        let records = all.iter().map(|of| of.records).min().unwrap_or(0);
        let cells = vec![
            name,
            records.to_string(),
            spread(&|of| Some(of.mae), 2),
            spread(&|of| Some(of.rmse), 2),
            spread(&|of| of.r2, 3),
            spread(&|of| of.median_mae, 2),
        ];
        ("", cells)
    };
    let rows: Vec<_> = targets.iter().map(row).collect();
    if !rows.is_empty() {
        let heads = ["target", "test records", "MAE", "RMSE", "R2", "MAE of the median"];
        html.table("How well test records are measured", &heads, 1, &rows);
    }
}

/// The figures of the arm in detail and of its best run, or why there are none.
pub(crate) fn figures_of_arm(html: &mut Html, found: &ExperimentResults<'_>) {
    let is_of_classes = found.comparison.targets.is_empty();
    let section = if is_of_classes { Section::Detail } else { Section::Measurements };
    for figure in section.figures() {
        match figure.draw(&found.input()) {
            Ok(drawing) => html.figure_of_sheet(figure.anchor(), &drawing),
            Err(why) => html.paragraph(&format!("{}: {why}.", figure.name())),
        }
    }
}
