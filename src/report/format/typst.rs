//! Typst: a `figure` with a `table` for each experiment, its caption below it.

use super::{Format, captioned};
use crate::compare::Comparison;
use crate::report::legend::Signs;
use crate::report::sheet::{Cell, Mean, Sheet, Shown};

/// Typst markup.
#[derive(Clone, Copy, Debug, Default)]
pub struct Typst;

impl Format for Typst {
    fn write(&self, comparison: &Comparison) -> String {
        let signs = Signs { best: "Bold", apart: "†" };
        let figure = |(caption, sheet): (Vec<String>, Sheet)| {
            let caption = caption.iter().map(|line| escape(line)).collect::<Vec<_>>().join("\n    ");
            format!("#figure(\n{}  caption: [\n    {caption}\n  ],\n)\n", table(sheet))
        };
        captioned(comparison, &signs).into_iter().map(figure).collect::<Vec<_>>().join("\n")
    }
}

fn table(Sheet { heads, rows }: Sheet) -> String {
    let align: Vec<&str> = heads.iter().map(|head| if head.right { "right" } else { "left" }).collect();
    let head: Vec<String> = heads.iter().map(|head| format!("[{}]", escape(&head.text))).collect();
    let row = |row: &Vec<Cell>| format!("    {},\n", row.iter().map(cell).collect::<Vec<_>>().join(", "));
    let rows: String = rows.iter().map(row).collect();
    format!(
        "  table(\n    columns: {},\n    align: ({},),\n    stroke: none,\n    table.hline(),\n    table.header({}),\n    \
         table.hline(stroke: 0.5pt),\n{rows}    table.hline(),\n  ),\n",
        heads.len(),
        align.join(", "),
        head.join(", ")
    )
}

fn cell(cell: &Cell) -> String {
    let text = match cell {
        Cell::Text(text) => escape(text),
        Cell::Mean(Mean { mean, sd, interval, best, apart }) => {
            let text = format!("{mean} ± {}", sd.as_deref().unwrap_or(super::NONE));
            let text = if *best { format!("*{text}*") } else { text };
            let interval = interval.as_ref().map_or_else(String::new, |interval| format!(" {}", escape(interval)));
            text + &interval + if *apart { " †" } else { "" }
        }
        Cell::Difference(Shown { mean, interval, pairs, best, apart }) => {
            let number = escape(mean);
            let number = if *best { format!("*{number}*") } else { number };
            let rest = [interval, pairs].into_iter().flatten().map(|part| escape(part));
            let parts: Vec<String> = std::iter::once(number).chain(rest).collect();
            parts.join(" ") + if *apart { " †" } else { "" }
        }
    };
    format!("[{text}]")
}

/// Text that Typst prints as it is.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(
            character,
            '\\' | '*' | '_' | '#' | '$' | '@' | '<' | '>' | '`' | '[' | ']' | '~' | '=' | '-' | '+' | '/' | '"' | '\''
        ) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
