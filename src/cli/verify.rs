//! `ecgraft verify`

use clap::Args;

use super::Results;
use crate::{Result, verify};

/// Prove what the store says: ids from settings, test scores from predictions, weights by their checksums
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft verify
  ecgraft verify 'evidence*' --results /data/results

Exits with 1 and names the first disagreement, with the stored and the computed value, where there is one. It only reads.")]
pub struct Options {
    /// Experiments, by name or glob [default: everything in the store]
    #[arg(value_name = "NAME_GLOB")]
    experiments: Vec<String>,
    #[command(flatten)]
    results: Results,
}

/// Runs the command.
///
/// # Errors
/// A user error where there are no results, or no experiment has such a name; an internal one for what does not agree.
pub fn run(options: Options) -> Result<()> {
    let found = verify::verify(&options.results.dir, &options.experiments)?;
    super::print(&found.summary())?;
    found.into_result()
}
