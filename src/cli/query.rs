//! `ecgraft query`

use clap::Args;

use super::ListFormat;
use crate::Result;
use crate::report::answer;
use crate::store::Store;

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
    super::print(&answer::write(&rows, options.format.into()))
}
