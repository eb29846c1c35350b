//! Answers to queries in SQL, as people and machines read them.

use serde_json::{Map, Value};

use super::{ListFormat, format, layout};
use crate::store::{Cell, Rows};
use crate::words::csv;

/// The whole text, with a line break at its end.
pub fn write(rows: &Rows, format: ListFormat) -> String {
    match format {
        ListFormat::Table { columns } => table(rows, columns),
        ListFormat::Csv => csv::table(&rows.columns, rows.rows.iter().map(|row| row.iter().map(Cell::to_string))),
        ListFormat::Json => json(rows),
    }
}

fn table(rows: &Rows, columns: Option<usize>) -> String {
    let is_number = |index: usize| {
        let mut cells =
            rows.rows.iter().filter_map(|row| row.get(index)).filter(|cell| **cell != Cell::Null).peekable();
        cells.peek().is_some() && cells.all(|cell| matches!(cell, Cell::Integer(_) | Cell::Real(_)))
    };
    let heads: Vec<&str> = rows.columns.iter().map(String::as_str).collect();
    let numbers: Vec<&str> = (0..heads.len()).filter(|&index| is_number(index)).map(|index| heads[index]).collect();
    let mut table = layout::table(&heads, &numbers, false);
    for row in &rows.rows {
        table.add_row(row.iter().map(|cell| match cell {
            Cell::Real(value) => short(*value),
            cell => cell.to_string(),
        }));
    }
    let count = rows.rows.len();
    format!("{}{count} {}\n", layout::shown(table, columns), if count == 1 { "row" } else { "rows" })
}

/// Six significant digits; csv and json give all.
fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    rounded.to_string()
}

fn json(rows: &Rows) -> String {
    let value = |cell: &Cell| match cell {
        Cell::Null => Value::Null,
        Cell::Integer(value) => Value::from(*value),
        Cell::Real(value) => Value::from(*value),
        other => Value::from(other.to_string()),
    };
    let object =
        |row: &Vec<Cell>| rows.columns.iter().cloned().zip(row.iter().map(value)).collect::<Map<String, Value>>();
    format::json(&rows.rows.iter().map(object).collect::<Vec<_>>())
}
