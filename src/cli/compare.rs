//! `ecgraft compare`

use clap::{Args, ValueEnum};

use super::Results;
use crate::Result;
use crate::report::{self, format};

/// Compare arms: mean and spread over seeds, and the difference from the network trained from scratch
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft compare
  ecgraft compare 'freeze*' --format markdown > table.md
  ecgraft compare synthetic-to-real --results /data/results --format csv

Runs that are not done are left out, and counted below the table. CSV and JSON have all digits.")]
pub struct Options {
    /// Experiments, by name or glob [default: all]
    #[arg(value_name = "NAME_GLOB")]
    experiments: Vec<String>,
    #[command(flatten)]
    results: Results,
    /// How it is written
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Table,
    #[value(alias = "md")]
    Markdown,
    Csv,
    Json,
    #[value(alias = "tex")]
    Latex,
}

/// Runs the command.
///
/// # Errors
/// A user error where there are no results, or no experiment has such a name.
pub fn run(options: Options) -> Result<()> {
    let format: &dyn report::Format = match options.format {
        Format::Table => &format::Table::for_stdout(),
        Format::Markdown => &format::Markdown,
        Format::Csv => &format::Csv,
        Format::Json => &format::Json,
        Format::Latex => &format::Latex,
    };
    super::print(&report::comparison(&options.results.dir, &options.experiments, format)?)
}
