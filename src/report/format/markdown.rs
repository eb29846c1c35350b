//! Markdown: a pipe table for each experiment, as GitHub shows it, and what the signs mean.

use super::Format;
use crate::compare::Comparison;
use crate::report::legend::{self, Signs};
use crate::report::pairs::Titled;
use crate::report::sheet::{Cell, Head, Mean, Sheet, Shown};
use crate::report::{elsewhere, pairs, regressions, subgroups};

/// GitHub's Markdown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Markdown;

impl Format for Markdown {
    fn write(&self, comparison: &Comparison) -> String {
        let mut text = String::new();
        let signs = Signs { best: "**Bold**", apart: "†" };
        let mut push = |title: &str, sheet, lines: Vec<String>| {
            text.push_str(&format!("### {}\n\n{}\n", escape(title), table(sheet)));
            text.extend(lines.iter().map(|line| format!("{}\n\n", escape(line))));
        };
        for experiment in &comparison.experiments {
            let own = || legend::experiment(comparison, experiment);
            if let Some((title, sheet)) = regressions::sheet(experiment) {
                push(&title, sheet, Vec::new());
            }
            for Titled { title, sheet, mut notes } in pairs::planned(comparison, experiment, &signs) {
                notes.extend(own().into_iter().filter(|_| comparison.shape.planned));
                push(&title, sheet, notes);
            }
            if comparison.shows_arms() {
                push(&legend::title(experiment), Sheet::from_experiment(comparison, experiment), own());
            }
            if let Some(Titled { title, sheet, .. }) = pairs::along(comparison, experiment) {
                push(&title, sheet, own());
            }
            let parts = subgroups::sheets(comparison, experiment).into_iter();
            for (title, sheet) in parts.chain(elsewhere::sheets(comparison, experiment)) {
                push(&title, sheet, Vec::new());
            }
        }
        let lines = legend::signs(comparison, &signs);
        text.push_str(&lines.iter().map(|line| format!("- {line}\n")).collect::<String>());
        text
    }
}

fn table(Sheet { heads, rows }: Sheet) -> String {
    let rule: Vec<&str> = heads.iter().map(|head| if head.right { "---:" } else { "---" }).collect();
    let head = |Head { text, .. }: &Head| escape(text);
    let mut text = line(heads.iter().map(head)) + &format!("|{}|\n", rule.join("|"));
    text.extend(rows.iter().map(|row| line(row.iter().map(cell))));
    text
}

fn line(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => escape(text),
        Cell::Mean(Mean { mean, sd, interval, best, apart }) => {
            let mut text = format!("{mean} ± {}", sd.as_deref().unwrap_or(super::NONE));
            if *best {
                text = format!("**{text}**");
            }
            text.extend(interval.iter().map(|interval| format!(" {interval}")));
            text + if *apart { " †" } else { "" }
        }
        Cell::Difference(Shown { mean, interval, pairs, best, apart }) => {
            let mean = if *best { format!("**{mean}**") } else { mean.clone() };
            let parts = [interval, pairs].into_iter().filter_map(Option::as_deref);
            let parts: Vec<&str> = std::iter::once(mean.as_str()).chain(parts).collect();
            parts.join(" ") + if *apart { " †" } else { "" }
        }
    }
}

/// Names as they are: none of their characters is Markdown's.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '\\' | '|' | '*' | '_' | '<' | '[' | ']' | '~') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
