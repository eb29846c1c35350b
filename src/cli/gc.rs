//! `ecgraft gc`

use clap::Args;

use super::Results;
use crate::Result;
use crate::housekeeping::{self, Asked};
use crate::results::ResultsFolder;

/// Free room in a results folder: what no stage names any more, prepared records of data that are not used, leftovers
///
/// It says what it would free, by kind, and removes nothing without --yes. Weights that a stage of the store names stay, and so
/// does what a living worker holds, here or elsewhere.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft gc
  ecgraft gc --yes
  ecgraft gc --abandoned                         also stages that no manifest asks for any more")]
pub struct Options {
    /// Remove it
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Only say what would be freed, as is done without --yes
    #[arg(long)]
    dry_run: bool,
    /// Also stages that no current run is made of, with their weights and all that they found
    #[arg(long)]
    abandoned: bool,
    /// Also prepared records of data in use: they are made again when they are needed
    #[arg(long)]
    caches: bool,
    #[command(flatten)]
    results: Results,
}

/// Runs the command.
///
/// # Errors
/// A user error where there are no results, or they cannot be written.
pub fn run(options: Options) -> Result<()> {
    let asked = Asked { abandoned: options.abandoned, caches: options.caches };
    let found = housekeeping::gc(&ResultsFolder::new(&options.results.dir), asked, options.yes)?;
    super::print(&found.summary())
}
