//! `ecgraft query`

use clap::Args;
use serde_json::{Map, Value};

use super::ListFormat;
use crate::Result;
use crate::error::Error;
use crate::report::layout;
use crate::store::{Cell, Rows, Store};
use crate::terminal;
use crate::words::csv;

/// Ask the store in SQL (reading only)
#[derive(Debug, Args)]
#[command(after_help = help())]
pub struct Options {
    /// One query
    #[arg(value_name = "SQL")]
    sql: String,
    /// How to print the answer
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    format: ListFormat,
    #[command(flatten)]
    results: super::Results,
}

fn help() -> String {
    format!(
        "\
Examples:
  ecgraft query 'SELECT \"freeze\", avg(test_macro_auc) AS auc FROM runs WHERE current = 1 GROUP BY \"freeze\"'
  ecgraft query \"SELECT * FROM predictions WHERE run_id = '...'\" --format csv > predictions.csv
  ecgraft query \"SELECT name, sql FROM sqlite_schema WHERE type = 'view'\"

Views: {}.",
        Store::VIEWS.join(", ")
    )
}

/// Runs the command.
///
/// # Errors
/// A user error where there is no store or the query is wrong.
pub fn run(options: Options) -> Result<()> {
    let rows = Store::open_read_only(&options.results.dir)?.query(&options.sql)?;
    super::print(&match options.format {
        ListFormat::Table => table(&rows),
        ListFormat::Csv => csv::table(&rows.columns, rows.rows.iter().map(|row| row.iter().map(Cell::to_string))),
        ListFormat::Json => json(&rows)?,
    })
}

fn table(rows: &Rows) -> String {
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
    format!("{}{count} {}\n", layout::shown(table, terminal::stdout_columns()), if count == 1 { "row" } else { "rows" })
}

/// Six significant digits; csv and json give all.
fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    rounded.to_string()
}

fn json(rows: &Rows) -> Result<String> {
    let value = |cell: &Cell| match cell {
        Cell::Null => Value::Null,
        Cell::Integer(value) => Value::from(*value),
        Cell::Real(value) => Value::from(*value),
        other => Value::from(other.to_string()),
    };
    let objects: Vec<Value> = rows
        .rows
        .iter()
        .map(|row| Value::Object(rows.columns.iter().cloned().zip(row.iter().map(value)).collect::<Map<_, _>>()))
        .collect();
    let text = serde_json::to_string_pretty(&objects).map_err(|error| Error::internal(error.to_string()))?;
    Ok(format!("{text}\n"))
}
