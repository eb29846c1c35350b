//! `ecgraft runs`

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::{ListFormat, Results};
use crate::Result;
use crate::report::{self, runs};
use crate::store::StageStatus;

/// List runs: arm, seed, status and test macro AUC, and the errors of those that failed
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft runs
  ecgraft runs --status failed
  ecgraft runs --experiment 'freeze*' --format csv > runs.csv

CSV and JSON have all that is known of a run. `ecgraft show RUN` explains one.")]
pub struct Options {
    #[command(flatten)]
    results: Results,
    /// Only experiments whose name matches
    #[arg(long, value_name = "GLOB")]
    experiment: Option<String>,
    /// Only runs with this status
    #[arg(long, value_enum)]
    status: Option<StageStatus>,
    /// How it is written
    #[arg(long, value_enum, default_value = "table")]
    format: ListFormat,
}

impl ValueEnum for StageStatus {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

/// Runs the command.
///
/// # Errors
/// A user error where there are no results, or no experiment has such a name.
pub fn run(options: Options) -> Result<()> {
    let filter = runs::Filter { experiment: options.experiment, status: options.status };
    let (list, nothing) = report::listing(&options.results.dir, &filter, options.format.into())?;
    // An empty answer is an answer to who asks for the failed, but not one to be taken for a fault of the list.
    nothing.iter().for_each(|word| eprintln!("{word}"));
    super::print(&list)
}
