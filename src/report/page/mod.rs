//! One HTML file that has everything: no network, no fonts of its own, and no need of its script.

use std::collections::BTreeMap;
use std::path::Path;

use html::Html;

use super::evidence::{Evidence, Kind, stage_name};
use super::examples;
use super::figure::style;
use super::figure::svg::escaped;
use super::format::NONE;
use super::legend::{self, Signs};
use super::sheet::{Cell, Sheet};
use crate::Result;
use crate::compare::{Comparison, Experiment, Question, compare};
use crate::statistics::Spread;
use crate::store::{Store, StoredManifest, TestError};
use crate::words::number::{decimals, percent};

mod html;
mod runs;

const CSS: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What pages have beside the colours of figures, for the light page and the dark.
const LIGHT: &str = "--link: #0b5cad; --muted: #5a5a5a; --shade: #f3f4f6;";
const DARK: &str = "--link: #7cb8f2; --muted: #a8a8a8; --shade: #222428;";

/// The report of experiments in the store of `results`, as HTML: summary, figures, runs, manifests.
///
/// `experiments` are names, or globs; all experiments where there are none. `made_at` is written at its head.
///
/// # Errors
/// A user error where there is no store, or no experiment has such a name.
pub fn page(results: &Path, experiments: &[String], made_at: &str) -> Result<String> {
    let store = Store::open_read_only(results)?;
    let question = Question { experiments: experiments.to_vec(), ..Question::default() };
    let (runs, selection) = question.selection(&store).map_err(|error| error.at(results.display()))?;
    let comparison = compare(&runs, &selection);
    let evidence = comparison
        .experiments
        .iter()
        .map(|experiment| Evidence::of(&store, &comparison, experiment, &runs, None))
        .collect::<Result<Vec<_>>>()?;
    let mut manifests: BTreeMap<&str, StoredManifest> = BTreeMap::new();
    for run in evidence.iter().flat_map(|evidence| &evidence.runs) {
        if !manifests.contains_key(run.manifest_sha256.as_str()) {
            manifests.insert(&run.manifest_sha256, store.manifest(&run.manifest_sha256)?);
        }
    }

    let names: Vec<&str> = comparison.experiments.iter().map(|experiment| experiment.name.as_str()).collect();
    let mut html = Html::default();
    head(&mut html, &names.join(", "));
    html.push(format_args!("<h1>Report on {}</h1>", escaped(&names.join(", "))));
    html.push(format_args!(
        "<p class=\"faint\">Made by ecgraft {} at {} (UTC). For research only: nothing here is for diagnosis or for any \
         decision about a patient.</p>",
        env!("CARGO_PKG_VERSION"),
        escaped(made_at)
    ));
    contents(&mut html, &names);
    html.push(format_args!("<main id=\"main\">"));
    summary(&mut html, &comparison, &evidence);
    for (number, evidence) in (1..).zip(&evidence) {
        experiment(&mut html, &format!("e{number}"), &comparison, evidence, results, &store);
    }
    runs::list(&mut html, &evidence);
    html.heading(2, "manifests", "Manifests");
    html.paragraph("As they were read for the runs above.");
    for manifest in manifests.values() {
        let StoredManifest { sha256, path, text, first_seen_at } = manifest;
        html.push(format_args!(
            "<details class=\"more\" id=\"manifest-{}\"><summary>{}</summary>\n<p>SHA-256 <code>{}</code>, first read at {}.</p>\n\
             <pre tabindex=\"0\">{}</pre></details>",
            escaped(sha256),
            escaped(path),
            escaped(sha256),
            escaped(first_seen_at),
            escaped(text)
        ));
    }
    html.push(format_args!("</main></div>\n<script>\n{SCRIPT}</script>\n</body></html>"));
    Ok(html.0)
}

fn head(html: &mut Html, names: &str) {
    let (light, dark, figures) = (style::variables(false), style::variables(true), style::inline());
    html.push(format_args!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src \
         'unsafe-inline'; img-src data:\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>ecgraft: {}</title>\n<style>\n:root {{ {light} {LIGHT} }}\n\
         @media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} {DARK} }} }}\n{CSS}{figures}</style></head>\n\
         <body><a class=\"skip\" href=\"#main\">To the content</a><div class=\"layout\">",
        escaped(names)
    ));
}

fn contents(html: &mut Html, names: &[&str]) {
    html.push(format_args!("<nav aria-label=\"Contents\"><ul><li><a href=\"#summary\">Summary</a></li>"));
    for (number, name) in (1..).zip(names) {
        html.push(format_args!("<li><a href=\"#e{number}\">{}</a><ul>", escaped(name)));
        for (id, title) in SECTIONS {
            html.push(format_args!("<li><a href=\"#e{number}-{id}\">{title}</a></li>"));
        }
        html.push(format_args!("</ul></li>"));
    }
    html.push(format_args!(
        "<li><a href=\"#runs\">Runs</a></li><li><a href=\"#manifests\">Manifests</a></li></ul></nav>"
    ));
}

/// The sections of an experiment.
const SECTIONS: [(&str, &str); 6] = [
    ("arms", "Arms"),
    ("labels", "Label efficiency"),
    ("forest", "Differences from the baseline"),
    ("detail", "One arm in detail"),
    ("curves", "Learning curves"),
    ("examples", "Example ECGs"),
];

fn summary(html: &mut Html, comparison: &Comparison, evidence: &[Evidence<'_>]) {
    html.heading(2, "summary", "Summary");
    let heads = [
        "experiment",
        "runs done",
        "test records",
        "baselines, test macro AUC",
        "highest arm",
        "differences beyond chance",
    ];
    let rows: Vec<(&str, Vec<String>)> = evidence.iter().map(|evidence| ("", summary_row(evidence))).collect();
    html.table("Summary of the experiments", &heads, heads.len(), &rows);
    html.paragraph(
        "The highest arm is the one with the highest mean over its seeds. It was found with the same test records that its \
         number is of, so that the number flatters it.",
    );
    for line in legend::signs(comparison, &Signs { best: "*", apart: "†" }) {
        html.paragraph(&line);
    }
}

fn summary_row(evidence: &Evidence<'_>) -> Vec<String> {
    let Experiment { name, arms, runs, test_set, .. } = evidence.experiment;
    let baselines = arms.iter().filter(|arm| arm.is_baseline()).filter_map(|arm| Some((arm, arm.macro_auc?)));
    let baselines = baselines
        .map(|(arm, auc)| format!("{} ({}, {})", decimals(auc.mean, 3), arm.architecture, percent(arm.label_fraction)));
    let differences = || arms.iter().filter_map(|arm| arm.delta.difference());
    let apart = |up: bool| {
        arms.iter()
            .filter(|arm| arm.is_apart())
            .filter_map(|arm| arm.delta.difference())
            .filter(|of| (of.mean > 0.0) == up)
            .count()
    };
    let tested = differences().filter(|of| of.p().is_some()).count();
    let highest = evidence.shown.as_ref().and_then(|shown| Some((shown.name(), shown.arm.macro_auc?)));
    vec![
        name.clone(),
        format!(
            "{} of {}{}",
            runs.done,
            runs.planned,
            if runs.failed > 0 { format!(", {} failed", runs.failed) } else { String::new() }
        ),
        test_set.as_ref().map_or_else(|| NONE.to_owned(), |test| test.records.to_string()),
        some_of(&baselines.collect::<Vec<_>>()),
        highest.map_or_else(|| NONE.to_owned(), |(name, auc)| format!("{} ({name})", decimals(auc.mean, 3))),
        format!("{} higher, {} lower, of {tested}", apart(true), apart(false)),
    ]
}

/// The first few of a list.
fn some_of(all: &[String]) -> String {
    match all {
        [] => NONE.to_owned(),
        all if all.len() <= 3 => all.join("; "),
        all => format!("{}; and {} more", all[..2].join("; "), all.len() - 2),
    }
}

fn experiment(
    html: &mut Html,
    id: &str,
    comparison: &Comparison,
    evidence: &Evidence<'_>,
    results: &Path,
    store: &Store,
) {
    let experiment = evidence.experiment;
    html.heading(2, id, &experiment.name);
    let title = |number: usize| SECTIONS[number].1;
    let place = |number: usize| format!("{id}-{}", SECTIONS[number].0);

    html.heading(3, &place(0), title(0));
    arms(html, comparison, experiment);
    for line in legend::experiment(comparison, experiment) {
        html.paragraph(&line);
    }
    html.heading(3, &place(1), title(1));
    one(html, &format!("{id}-label-efficiency"), evidence, Kind::LabelEfficiency);
    html.heading(3, &place(2), title(2));
    one(html, &format!("{id}-differences"), evidence, Kind::Forest);

    html.heading(3, &place(3), title(3));
    if let Some(shown) = &evidence.shown {
        let seed = shown.best().map_or_else(String::new, |(run, _)| {
            format!(" Calibration and confusion are of its run with the highest test macro AUC, seed {}.", run.seed)
        });
        html.paragraph(&format!(
            "Shown is the arm with the highest mean test macro AUC: {}.{seed} Having been chosen by the test records, it looks \
             better here than it would on new ones. `ecgraft plot roc --run RUN` draws another.",
            shown.name()
        ));
    }
    for (name, kind) in [("roc", Kind::Roc), ("calibration", Kind::Calibration), ("confusion", Kind::Confusion)] {
        one(html, &format!("{id}-{name}"), evidence, kind);
    }

    html.heading(3, &place(4), title(4));
    curves(html, id, evidence);
    html.heading(3, &place(5), title(5));
    match examples::examples(results, store, evidence, None) {
        Ok(found) => {
            html.paragraph(&found.note);
            for (number, figure) in (1..).zip(&found.figures) {
                html.figure(&format!("{id}-ecg{number}"), figure);
            }
        }
        Err(why) => html.paragraph(&format!("There are none: {why}.")),
    }
}

/// A figure, or why there is none.
fn one(html: &mut Html, id: &str, evidence: &Evidence<'_>, kind: Kind) {
    match evidence.figure(kind) {
        Ok(figure) => html.figure(id, &figure),
        Err(error) => html.paragraph(&error.message),
    }
}

/// The comparison table.
fn arms(html: &mut Html, comparison: &Comparison, experiment: &Experiment) {
    let Sheet { heads, rows } = Sheet::from_experiment(comparison, experiment);
    let cell = |cell: Cell| match cell {
        Cell::Text(text) => text,
        Cell::Mean(of) => {
            let sd = of.sd.map_or_else(|| NONE.to_owned(), |sd| sd.trim_start_matches("± ").to_owned());
            format!("{} ± {sd}{}", of.mean, if of.best { " *" } else { "" })
        }
        Cell::Difference(of) => {
            let parts = [Some(of.mean), of.interval, of.pairs, of.apart.then(|| "†".to_owned())];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
    };
    let first = heads.iter().position(|head| head.text == "labels").unwrap_or(heads.len());
    let texts: Vec<&str> = heads.iter().map(|head| head.text.as_str()).collect();
    let rows: Vec<_> = rows
        .into_iter()
        .zip(&experiment.arms)
        .map(|(row, arm)| (if arm.is_baseline() { "base" } else { "" }, row.into_iter().map(cell).collect()))
        .collect();
    html.table(&format!("Arms of {}", experiment.name), &texts, first, &rows);
}

/// Learning curves, folded away beyond the first, and how well the networks that are grafted measure.
fn curves(html: &mut Html, id: &str, evidence: &Evidence<'_>) {
    let mut drawn = 0;
    for (number, (name, arms)) in (1..).zip(evidence.groups()) {
        let figures = [evidence.macro_auc_of(&arms, &name), evidence.loss_of(&arms, &name)];
        if figures.iter().all(Option::is_none) {
            continue;
        }
        html.fold("figures", &name);
        for (what, figure) in ["auc", "loss"].iter().zip(figures) {
            if let Some(figure) = figure {
                html.figure(&format!("{id}-learning{number}-{what}"), &figure);
            }
        }
        html.end_fold();
        drawn += 1;
    }
    if drawn == 0 {
        html.paragraph("No run is done yet.");
    }
    if let Some(figure) = evidence.regression_loss() {
        html.fold("figures", "The networks that are grafted");
        html.figure(&format!("{id}-regression"), &figure);
        measured(html, id, evidence);
        html.end_fold();
    }
}

/// Test errors of the regressions, over seeds, and of one what it measured record by record.
fn measured(html: &mut Html, id: &str, evidence: &Evidence<'_>) {
    let mut groups: Vec<([String; 3], Vec<&TestError>)> = Vec::new();
    for stage in evidence.grafted() {
        for error in &stage.measured {
            let key = [stage.architecture.clone(), stage_name(stage), error.target.clone()];
            match groups.iter_mut().find(|(known, _)| *known == key) {
                Some((_, errors)) => errors.push(error),
                None => groups.push((key, vec![error])),
            }
        }
    }
    if groups.is_empty() {
        return;
    }
    html.paragraph(
        "Errors on the test records of the mixes, mean ± standard deviation over seeds (bpm for hr, ms for others).",
    );
    let spread = |values: Vec<f64>| {
        let of = Spread::from_values(&values)?;
        Some(format!("{:.1} ± {}", of.mean, of.sd.map_or_else(|| NONE.to_owned(), |sd| format!("{sd:.1}"))))
    };
    let rows: Vec<(&str, Vec<String>)> = groups
        .into_iter()
        .map(|(key, errors)| {
            let records = errors.iter().map(|of| of.records).min().unwrap_or(0);
            let mut cells = key.to_vec();
            cells.extend([errors.len().to_string(), records.to_string()]);
            cells.push(spread(errors.iter().map(|of| of.mae).collect()).unwrap_or_default());
            cells.push(spread(errors.iter().map(|of| of.rmse).collect()).unwrap_or_default());
            ("", cells)
        })
        .collect();
    let heads = ["architecture", "network", "target", "seeds", "test records", "MAE", "RMSE"];
    html.table("Test errors of the networks that are grafted", &heads, 3, &rows);
    html.paragraph(
        "Record by record, of one network for each target: those that are grafted into the run that is shown in detail, or \
         those of the lowest seed.",
    );
    for (name, kind) in [("regression-scatter", Kind::RegressionScatter), ("bland-altman", Kind::BlandAltman)] {
        one(html, &format!("{id}-{name}"), evidence, kind);
    }
}
