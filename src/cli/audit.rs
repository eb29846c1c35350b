//! `ecgraft audit`

use clap::Args;

use super::Results;
use crate::{Result, audit};

/// Prove that nobody trains what they validate or test, for every done run and through all its grafts
///
/// Who trained, validated and tested is taken from the store, and compared by patient and by waveform. Where the data
/// are still there, patients and waveforms are looked up in them again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft audit
  ecgraft audit 'freezes*'

Exits with 1 where it is not proved of some run, also where a run has no record of who took part.")]
pub struct Options {
    /// Experiments, by name or glob [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    results: Results,
}

/// Runs the command.
///
/// # Errors
/// A user error where there are no results, or no experiment has such a name; an error that exits with 1 where the proof
/// fails.
pub fn run(options: Options) -> Result<()> {
    let audit = audit::audit(&options.results.dir, &options.names)?;
    super::print(&audit.text)?;
    audit.into_result()
}
