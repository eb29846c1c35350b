//! `ecgraft export`

use std::path::PathBuf;

use clap::Args;

use super::Results;
use crate::Result;
use crate::report::export;
use crate::store::Store;

/// Write all results for other programs: Parquet, CSV, or an MLflow database
#[derive(Debug, Args)]
#[command(after_help = help())]
pub struct Options {
    #[command(flatten)]
    formats: Formats,
    #[command(flatten)]
    results: Results,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Formats {
    /// A folder for Parquet files
    #[arg(long, value_name = "DIR")]
    parquet: Option<PathBuf>,
    /// A folder for CSV files
    #[arg(long, value_name = "DIR")]
    csv: Option<PathBuf>,
    /// A folder for an MLflow database and artifacts
    #[arg(long, value_name = "DIR")]
    mlflow: Option<PathBuf>,
}

fn help() -> String {
    format!(
        "\
Examples:
  ecgraft export --parquet tables
  ecgraft export --csv tables --mlflow tracking

Parquet and CSV have a file for each view of the store: {}.
An earlier export in the folder is replaced; files that are not of one are left alone, as is an MLflow database,
which may have notes of yours.",
        Store::VIEWS.join(", ")
    )
}

/// Runs the command.
///
/// # Errors
/// A user error where there are no results, or a folder cannot be written or has other files of these names.
pub fn run(options: Options) -> Result<()> {
    let Formats { parquet, csv, mlflow } = options.formats;
    let results = &options.results.dir;
    let folders = [(parquet, export::parquet as fn(&_, &_) -> _), (csv, export::csv), (mlflow, export::mlflow)];
    for (folder, write) in folders {
        if let Some(folder) = folder {
            super::print(&write(results, &folder)?)?;
        }
    }
    Ok(())
}
