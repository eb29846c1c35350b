//! `ecgraft inspect`

use std::path::PathBuf;

use clap::Args;

use crate::{Result, inspect};

/// Look at a folder of ECGs or a table of them, and propose the source that reads it, as TOML
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft inspect ~/data/clinic >> my-study.toml
  ecgraft inspect records.csv
  ecgraft inspect ~/data/clinic --study > my-study.toml

Lines that begin with `# seen:` and `# odd:` say what was found. Only some records are read.")]
pub struct Options {
    /// The folder, or the table in it
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Print a whole manifest with the source, its most frequent labels as classes
    #[arg(long)]
    study: bool,
}

/// Runs the command.
///
/// # Errors
/// A user error where nothing at the path can be read.
pub fn run(options: Options) -> Result<()> {
    let proposal = inspect::propose(&options.path)?;
    super::print(&if options.study { proposal.study() } else { proposal.source() })
}
