//! `ecgraft archive`

use std::path::PathBuf;

use clap::Args;

use super::Results;
use crate::results::ResultsFolder;
use crate::{Result, housekeeping};

/// Write an experiment to one tar file: manifest, store, weights, versions and fingerprints of its data
///
/// The file opens anywhere as a folder of results, where `ecgraft verify` proves it. Equal content makes equal bytes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft archive my-study -o my-study.tar
  tar xf my-study.tar && ecgraft verify --results my-study")]
pub struct Options {
    /// The experiment, by its whole name
    #[arg(value_name = "NAME")]
    name: String,
    /// The file [default: NAME.tar]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    results: Results,
}

/// Runs the command.
///
/// # Errors
/// A user error where there is no such experiment, it is not finished, or the file cannot be written.
pub fn run(options: Options) -> Result<()> {
    let to =
        options.output.unwrap_or_else(|| PathBuf::from(format!("{}.tar", housekeeping::plain_name(&options.name))));
    let archived = housekeeping::archive(&ResultsFolder::new(&options.results.dir), &options.name, &to)?;
    super::print(&archived.summary(&to))
}
