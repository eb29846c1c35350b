//! `ecgraft status`

use clap::Args;

use super::Results;
use crate::report::status::Watch;
use crate::{Result, terminal};

/// Show how far all is: trials done, running, waiting and failed, stages in work, and the time left
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft status
  ecgraft status --watch
  ecgraft status --watch --results /data/results >> progress.log

It reads the store, whoever is at work on it: other terminals, other machines. The time left is
reckoned from what finished stages took, for as many workers as there are now.")]
pub struct Options {
    /// Look again every second until all is done, or Ctrl-C; without a terminal a line when something changed
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    results: Results,
}

/// Runs the command.
///
/// # Errors
/// A user error where there are no results.
pub fn run(options: Options) -> Result<()> {
    let mut watch = Watch::open(&options.results.dir)?;
    if !options.watch {
        return super::print(&watch.look()?.text(None));
    }
    watch.follow(&mut std::io::stdout(), &terminal::stdout_size)
}
