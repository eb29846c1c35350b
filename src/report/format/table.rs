//! A table for the terminal, as wide as there is room for.

use comfy_table::presets::UTF8_FULL;
use comfy_table::{CellAlignment, ContentArrangement, TableStyle};

use super::{Format, KEYS, NONE, difference_and_interval, keys, mean_and_sd, no_difference};
use crate::report::legend::{self, Best, Signs};
use crate::report::statistics::Spread;
use crate::report::{Arm, Comparison, Experiment};

/// No line of text is longer, however wide the terminal.
const TEXT_COLUMNS: usize = 100;
/// Below this a table is of no use; lines that are too long for a screen may wrap.
const NARROWEST: usize = 40;

/// Box-drawing characters, no colours.
#[derive(Clone, Copy, Debug, Default)]
pub struct Table {
    /// Characters in a line; each table as wide as it needs where `None`.
    pub columns: Option<usize>,
}

impl Table {
    /// A table for standard output: as wide as the terminal, if it is one.
    pub fn for_stdout() -> Self {
        Self { columns: crate::terminal::stdout_columns() }
    }
}

impl Format for Table {
    fn write(&self, comparison: &Comparison) -> String {
        let columns = self.columns.map(|columns| columns.max(NARROWEST));
        let mut text = String::new();
        for experiment in &comparison.experiments {
            text.push_str(&fitting(experiment, columns));
            for line in legend::of_experiment(experiment) {
                text.push_str(&wrapped(&line, columns));
            }
            text.push('\n');
        }
        for line in legend::of_signs(comparison, &Signs { best: "*", apart: "†" }) {
            text.push_str(&wrapped(&line, columns));
        }
        let end = text.trim_end().len();
        text.truncate(end);
        text + "\n"
    }
}

/// How much room a table takes; each tighter than the one before.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Tightness {
    /// Every column, one line for each arm.
    Wide,
    /// What is the same for all arms goes into the title.
    Factored,
    /// Intervals go under their differences.
    TwoLines,
    /// Standard deviations go under their means too.
    Stacked,
}

/// The widest table that fits, with its title.
fn fitting(experiment: &Experiment, columns: Option<usize>) -> String {
    use Tightness::{Factored, Stacked, TwoLines, Wide};
    for tightness in [Wide, Factored, TwoLines, Stacked] {
        let (title, mut table) = built(experiment, tightness);
        let fits = columns.is_none_or(|columns| table.lines().all(|line| line.chars().count() <= columns));
        if !fits && tightness == Stacked {
            let columns = columns.and_then(|columns| u16::try_from(columns).ok()).unwrap_or(u16::MAX);
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
        }
        if fits || tightness == Stacked {
            return format!("{}{}\n", wrapped(&title, columns), table.trim_fmt());
        }
    }
    String::new()
}

fn built(experiment: &Experiment, tightness: Tightness) -> (String, comfy_table::Table) {
    let stacked = tightness >= Tightness::Stacked;
    let keys: Vec<[String; 6]> = experiment.arms.iter().map(keys).collect();
    let mut title = experiment.name.clone();
    let mut shown = [true; 6];
    if tightness >= Tightness::Factored {
        let mut said = Vec::new();
        for (index, head) in KEYS.into_iter().enumerate() {
            if let Some(same) = common(&keys, &experiment.arms, index) {
                shown[index] = false;
                said.push(format!("{head} {same}"));
            }
        }
        if !said.is_empty() {
            title = format!("{title} ({})", said.join(", "));
        }
    }
    let metrics = if stacked {
        ["test\nmacro AUC", "accuracy", "macro F1", "Δ AUC\nvs scratch"]
    } else {
        ["test macro AUC", "accuracy", "macro F1", "Δ AUC vs scratch"]
    };
    let heads: Vec<&str> = KEYS.into_iter().zip(shown).filter(|(_, shown)| *shown).map(|(head, _)| head).collect();
    let rule = tightness >= Tightness::TwoLines;
    let mut table = styled(rule);
    table.set_header(heads.iter().copied().chain(metrics));
    for (index, head) in heads.iter().enumerate() {
        if let (true, Some(column)) = (["labels", "seeds"].contains(head), table.column_mut(index)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let best = Best::of(experiment);
    for (arm, keys) in experiment.arms.iter().zip(keys) {
        let cells = keys.into_iter().zip(shown).filter(|(_, shown)| *shown).map(|(key, _)| key);
        table.add_row(cells.chain([
            metric(arm.macro_auc.as_ref(), best.macro_auc, stacked),
            metric(arm.accuracy.as_ref(), best.accuracy, stacked),
            metric(arm.macro_f1.as_ref(), best.macro_f1, stacked),
            delta(arm, rule),
        ]));
    }
    (title, table)
}

/// A table in the house's style, with a line between rows or not.
pub(in crate::report) fn styled(rule: bool) -> comfy_table::Table {
    let mut style: TableStyle = UTF8_FULL.with_rounded_corners();
    if !rule {
        style = style.row_separator(comfy_table::LineStyle::none());
    }
    let mut table = comfy_table::Table::new();
    table.force_no_tty().load_style(style).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// What all arms have under key `index`; baselines have no mix and no freeze, which does not count.
fn common<'a>(keys: &'a [[String; 6]], arms: &[Arm], index: usize) -> Option<&'a str> {
    let grafted_only = matches!(KEYS[index], "mix" | "freeze");
    let mut values = keys.iter().zip(arms).filter(|(_, arm)| !(grafted_only && arm.is_baseline()));
    let first = values.next()?.0[index].as_str();
    values.all(|(keys, _)| keys[index] == first).then_some(first)
}

fn metric(spread: Option<&Spread>, best: Option<f64>, stacked: bool) -> String {
    let Some(spread) = spread else { return NONE.to_owned() };
    let [mean, sd] = mean_and_sd(spread);
    let mark = if best == Some(spread.mean) { " *" } else { "" };
    if stacked { format!("{mean}{mark}\n{sd}") } else { format!("{mean} {sd}{mark}") }
}

fn delta(arm: &Arm, two_lines: bool) -> String {
    let Some(difference) = arm.delta.difference() else { return no_difference(&arm.delta).to_owned() };
    let [mean, interval] = difference_and_interval(difference, arm);
    let mark = if difference.excludes_zero() { " †" } else { "" };
    let text = if two_lines { format!("{mean}{mark}\n{interval}") } else { format!("{mean} {interval}{mark}") };
    text.trim_end().to_owned()
}

/// The text in lines of at most `columns` characters, and of what reads well.
pub(in crate::report) fn wrapped(text: &str, columns: Option<usize>) -> String {
    let columns = columns.map_or(TEXT_COLUMNS, |columns| columns.min(TEXT_COLUMNS));
    let mut lines = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let letters = word.chars().count();
        if length > 0 && length + 1 + letters > columns {
            lines.push('\n');
            length = 0;
        }
        if length > 0 {
            lines.push(' ');
            length += 1;
        }
        lines.push_str(word);
        length += letters;
    }
    lines + "\n"
}
