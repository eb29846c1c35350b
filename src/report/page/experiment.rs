//! One experiment, section by section.

use std::path::Path;

use super::grafted::grafted;
use super::html::Html;
use crate::compare::{Arm, Comparison, Delta, Experiment};
use crate::report::elsewhere;
use crate::report::figure::{ExperimentResults, Figure, Input, Scope, Section, examples, names_of};
use crate::report::format::NONE;
use crate::report::legend::{self, Signs};
use crate::report::pairs::{self, Titled};
use crate::report::sheet::{Cell, Sheet};
use crate::store::Store;

/// Writes what is under a heading; ids begin with the text.
type Write = fn(&mut Html, &str, &Origin<'_>, &ExperimentResults<'_>);

/// A heading of an experiment: what its id ends with, its words, and what is under it.
type Heading = (&'static str, &'static str, Write);

/// All headings, in order.
const HEADINGS: [Heading; 8] = [
    (PLANNED, "Planned comparisons", planned),
    (PAIRS, "Every two arms", pairs_along),
    ("arms", "Arms", arms),
    ("labels", "Label efficiency", |html, id, _, found| figures(html, id, Section::LabelEfficiency, &found.input())),
    (FOREST, "Differences from the baseline", |html, id, _, found| {
        figures(html, id, Section::Differences, &found.input());
    }),
    ("detail", "One arm in detail", detail),
    ("curves", "Learning curves", by_epoch),
    ("examples", "Example ECGs", example_records),
];

/// The signs in tables.
pub(super) const SIGNS: Signs = Signs { best: "*", apart: "†" };

const PLANNED: &str = "planned";
const PAIRS: &str = "pairs";
const FOREST: &str = "forest";

/// The headings that an experiment has: those of planned comparisons where there are any, and those of every two arms along a
/// key in place of differences from baselines where that is asked for.
pub(super) fn headings(comparison: &Comparison, experiment: &Experiment) -> impl Iterator<Item = Heading> {
    let (is_planned, is_against) = (!experiment.planned.is_empty(), comparison.against.is_some());
    HEADINGS.into_iter().filter(move |(id, ..)| match *id {
        PLANNED => is_planned,
        PAIRS => is_against,
        FOREST => !is_against,
        _ => true,
    })
}

/// Where the page comes from.
pub(super) struct Origin<'a> {
    /// The folder of results.
    pub results: &'a Path,
    pub store: &'a Store,
    pub comparison: &'a Comparison,
}

/// All of one experiment; ids of its parts begin with `id`.
pub(super) fn experiment(html: &mut Html, id: &str, origin: &Origin<'_>, found: &ExperimentResults<'_>) {
    html.heading(2, id, &found.experiment.name);
    for (end, title, write) in headings(origin.comparison, found.experiment) {
        html.heading(3, &format!("{id}-{end}"), title);
        write(html, id, origin, found);
    }
}

/// The figures of a section, each or why there is none.
pub(super) fn figures(html: &mut Html, id: &str, section: Section, input: &Input<'_>) {
    for figure in section.figures() {
        match figure.draw(input) {
            Ok(drawing) => html.figure(&format!("{id}-{}", figure.anchor()), &drawing),
            Err(why) => html.paragraph(&format!("{}: {why}", input.results.experiment.name)),
        }
    }
}

/// The tables of what was planned, and the differences drawn.
fn planned(html: &mut Html, id: &str, origin: &Origin<'_>, found: &ExperimentResults<'_>) {
    for titled in pairs::planned(origin.comparison, found.experiment, &SIGNS) {
        table_of_pairs(html, titled);
    }
    figures(html, id, Section::Planned, &found.input());
}

/// The table of every two arms along a key, and the differences drawn.
fn pairs_along(html: &mut Html, id: &str, origin: &Origin<'_>, found: &ExperimentResults<'_>) {
    if let Some(titled) = pairs::along(origin.comparison, found.experiment) {
        table_of_pairs(html, titled);
    }
    figures(html, id, Section::Differences, &found.input());
}

/// A table with its title above and its notes below.
pub(super) fn table_of_pairs(html: &mut Html, Titled { title, sheet, notes }: Titled) {
    html.paragraph(&format!("{title}:"));
    plain_table(html, &title, sheet);
    notes.iter().for_each(|note| html.paragraph(note));
}

/// A table whose numbers begin with the seeds.
fn plain_table(html: &mut Html, title: &str, Sheet { heads, rows }: Sheet) {
    let first = heads.iter().position(|head| head.text == "seeds").unwrap_or(heads.len());
    let texts: Vec<&str> = heads.iter().map(|head| head.text.as_str()).collect();
    let rows: Vec<_> = rows.into_iter().map(|row| ("", row.into_iter().map(cell).collect())).collect();
    html.table(title, &texts, first, &rows);
}

/// The comparison table and its legend.
fn arms(html: &mut Html, _: &str, origin: &Origin<'_>, found: &ExperimentResults<'_>) {
    table(html, origin.comparison, found.experiment);
    legend::experiment(origin.comparison, found.experiment).iter().for_each(|line| html.paragraph(line));
    for (title, sheet) in elsewhere::sheets(origin.comparison, found.experiment) {
        html.paragraph(&format!("{title}:"));
        plain_table(html, &title, sheet);
    }
}

/// A cell in one line.
pub(super) fn cell(cell: Cell) -> String {
    match cell {
        Cell::Text(text) => text,
        Cell::Mean(of) => {
            let sd = of.sd.map_or_else(|| NONE.to_owned(), |sd| sd.trim_start_matches("± ").to_owned());
            format!("{} ± {sd}{}", of.mean, if of.best { " *" } else { "" })
        }
        Cell::Difference(of) => {
            let parts = [Some(of.mean), of.interval, of.pairs, of.apart.then(|| "†".to_owned())];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
    }
}

/// Whether others are compared with it.
pub(super) fn is_base(arm: &Arm) -> bool {
    arm.delta == Delta::Baseline
}

fn table(html: &mut Html, comparison: &Comparison, experiment: &Experiment) {
    let Sheet { heads, rows } = Sheet::from_experiment(comparison, experiment);
    let first = heads.iter().position(|head| head.text == "labels").unwrap_or(heads.len());
    let texts: Vec<&str> = heads.iter().map(|head| head.text.as_str()).collect();
    let rows: Vec<_> = rows
        .into_iter()
        .zip(experiment.rows())
        .map(|(row, arm)| (if is_base(arm) { "base" } else { "" }, row.into_iter().map(cell).collect()))
        .collect();
    if experiment.has_plan {
        html.paragraph(&format!("{}:", legend::title(experiment)));
    }
    html.table(&format!("Arms of {}", experiment.name), &texts, first, &rows);
}

/// Which arm and which run are shown, and their figures.
fn detail(html: &mut Html, id: &str, _: &Origin<'_>, found: &ExperimentResults<'_>) {
    let judge = found.comparison.judge();
    let (best, what) = (if judge.is_error() { "lowest" } else { "highest" }, judge.in_text());
    if let Some(shown) = &found.shown {
        let is_of_run = |figure: &dyn Figure| figure.scope() == Scope::Run && figure.section() == Some(Section::Detail);
        let seed = shown.best().map_or_else(String::new, |(run, _)| {
            let names = match &*found.comparison.targets {
                [] => capitalised(&names_of(is_of_run)),
                _ => "Values record by record".to_owned(),
            };
            format!(" {names} are of its run with the {best} {what}, seed {}.", run.seed)
        });
        html.paragraph(&format!(
            "Shown is the arm with the {best} mean {what}: {}.{seed} Having been chosen by the test records, it looks \
             better here than it would on new ones. `ecgraft plot {} --run RUN` draws another.",
            shown.name(),
            if found.comparison.targets.is_empty() { "roc" } else { "regression-scatter" }
        ));
    }
    let is_of_classes = found.comparison.targets.is_empty();
    figures(html, id, if is_of_classes { Section::Detail } else { Section::Measurements }, &found.input());
}

fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Learning curves, and those of the networks that are grafted.
fn by_epoch(html: &mut Html, id: &str, _: &Origin<'_>, found: &ExperimentResults<'_>) {
    learning_curves(html, id, found);
    grafted(html, id, found);
}

/// Learning curves, folded away, of the arms of each architecture and share of the labels.
fn learning_curves(html: &mut Html, id: &str, found: &ExperimentResults<'_>) {
    let mut drawn = 0;
    for (number, (name, arms)) in (1..).zip(found.groups()) {
        let input = Input { name: &name, arms, ..found.input() };
        let figures = Section::LearningCurves.figures();
        let figures: Vec<_> = figures.filter_map(|figure| Some((figure.anchor(), figure.draw(&input).ok()?))).collect();
        if figures.is_empty() {
            continue;
        }
        html.fold("figures", &name);
        for (end, drawing) in &figures {
            html.figure(&format!("{id}-learning{number}-{end}"), drawing);
        }
        html.end_fold();
        drawn += 1;
    }
    if drawn == 0 {
        html.paragraph("No run is done yet.");
    }
}

/// Test records, one after the other, or why there are none.
fn example_records(html: &mut Html, id: &str, origin: &Origin<'_>, found: &ExperimentResults<'_>) {
    let examples = match examples(origin.results, origin.store, found, None) {
        Ok(examples) => examples,
        Err(why) => return html.paragraph(&format!("There are none: {why}.")),
    };
    html.paragraph(&examples.note);
    for (number, example) in (1..).zip(&examples.records) {
        let input = Input { example: Some(example), ..found.input() };
        for figure in Section::Examples.figures() {
            if let Ok(drawing) = figure.draw(&input) {
                html.figure(&format!("{id}-{}{number}", figure.anchor()), &drawing);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figure::FIGURES;

    /// Ids of a page are there once: those of figures are no heading's, and no other figure's.
    #[test]
    fn ids_differ() {
        let shown = || FIGURES.iter().filter(|figure| figure.section().is_some()).map(|figure| figure.anchor());
        for anchor in shown() {
            assert!(HEADINGS.iter().all(|(id, ..)| *id != anchor), "{anchor} is a heading's");
            assert_eq!(shown().filter(|other| *other == anchor).count(), 1, "{anchor} is there twice");
        }
    }
}
