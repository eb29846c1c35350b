//! `ecgraft show`

use clap::Args;

use crate::report::show;
use crate::store::Store;
use crate::{Result, terminal};

/// Show one run with all that made it: stages, data, settings, metrics by class
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft show 3f2a
  ecgraft show 3f2a --manifest > as-it-was.toml")]
pub struct Options {
    /// The run's id, or the beginning of it; `ecgraft runs` lists them
    #[arg(value_name = "RUN")]
    run: String,
    /// Print the run's manifest, as it was read, and nothing else
    #[arg(long)]
    manifest: bool,
    #[command(flatten)]
    results: super::Results,
}

/// Runs the command.
///
/// # Errors
/// A user error where there is no such run.
pub fn run(options: Options) -> Result<()> {
    let detail = Store::open_read_only(&options.results.dir)?.run(&options.run)?;
    if options.manifest {
        return super::print(&detail.manifest_text);
    }
    super::print(&show::describe(&detail, terminal::stdout_columns()))
}
