//! LaTeX: a booktabs `tabular` for each experiment, its caption in comments above it.

use super::{Format, captioned};
use crate::compare::Comparison;
use crate::report::legend::Signs;
use crate::report::sheet::{Cell, Mean, Sheet, Shown};

/// LaTeX with the booktabs package.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latex;

impl Format for Latex {
    fn write(&self, comparison: &Comparison) -> String {
        let signs = Signs { best: "Bold", apart: "†" };
        let tables = captioned(comparison, &signs).into_iter().map(|(caption, sheet)| {
            let caption: String = caption.iter().map(|line| format!("% {}\n", escape(line))).collect();
            format!("% \\caption{{\n{caption}% }}\n{}", tabular(sheet))
        });
        format!("% Needs \\usepackage{{booktabs}}.\n{}", tables.collect::<Vec<_>>().join("\n"))
    }
}

fn tabular(Sheet { heads, rows }: Sheet) -> String {
    let columns: String = heads.iter().map(|head| if head.right { 'r' } else { 'l' }).collect();
    let head = line(heads.iter().map(|head| escape(&head.text)));
    let rows: String = rows.iter().map(|row| line(row.iter().map(cell))).collect();
    format!("\\begin{{tabular}}{{{columns}}}\n\\toprule\n{head}\\midrule\n{rows}\\bottomrule\n\\end{{tabular}}\n")
}

fn line(cells: impl Iterator<Item = String>) -> String {
    format!("{} \\\\\n", cells.collect::<Vec<_>>().join(" & "))
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => escape(text),
        Cell::Mean(Mean { mean, sd, interval, best, apart }) => {
            let text = match sd {
                Some(sd) if *best => format!("$\\mathbf{{{mean} \\pm {sd}}}$"),
                Some(sd) => format!("${mean} \\pm {sd}$"),
                None if *best => format!("$\\mathbf{{{mean}}} \\pm$ ---"),
                None => format!("${mean} \\pm$ ---"),
            };
            let interval = interval.as_ref().map_or_else(String::new, |interval| format!(" ${}$", in_math(interval)));
            text + &interval + if *apart { "$^\\dagger$" } else { "" }
        }
        Cell::Difference(Shown { mean, interval, pairs, best, apart }) => {
            let mut text = if *best { format!("\\mathbf{{{mean}}}") } else { mean.clone() };
            text.extend(interval.iter().map(|interval| format!("\\ {}", in_math(interval))));
            text.push_str(if *apart { "^\\dagger" } else { "" });
            let pairs = pairs.as_ref().map_or_else(String::new, |pairs| format!(" {pairs}"));
            format!("${text}${pairs}")
        }
    }
}

/// An interval between signs of mathematics.
fn in_math(interval: &str) -> String {
    interval.replace(super::UNMEASURABLE, "^\\ddagger")
}

/// Text that LaTeX prints as it is.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => escaped.extend(['\\', character]),
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' | '>' | '|' => escaped.push_str(&format!("${character}$")),
            '`' => escaped.push_str("\\textasciigrave{}"),
            '±' => escaped.push_str("$\\pm$"),
            'Δ' => escaped.push_str("$\\Delta$"),
            'χ' => escaped.push_str("$\\chi$"),
            '²' => escaped.push_str("$^2$"),
            '†' => escaped.push_str("$^\\dagger$"),
            '‡' => escaped.push_str("$^\\ddagger$"),
            '—' => escaped.push_str("---"),
            other => escaped.push(other),
        }
    }
    escaped
}
