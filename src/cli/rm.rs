//! `ecgraft rm`

use clap::Args;

use super::Results;
use crate::results::ResultsFolder;
use crate::{Result, housekeeping};

/// Remove an experiment: its runs, and the stages and weights that no other experiment uses
///
/// It says what goes, and removes nothing without --yes. Other experiments stay as they are; `ecgraft run` of its manifest
/// trains it again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft rm first-try
  ecgraft rm first-try --yes")]
pub struct Options {
    /// The experiment, by its whole name
    #[arg(value_name = "NAME")]
    name: String,
    /// Remove it
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    results: Results,
}

/// Runs the command.
///
/// # Errors
/// A user error where there is no such experiment, or a stage of it is in work.
pub fn run(options: Options) -> Result<()> {
    let removed = housekeeping::rm(&ResultsFolder::new(&options.results.dir), &options.name, options.yes)?;
    super::print(&removed.summary())
}
