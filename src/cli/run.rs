//! `ecgraft run`

use clap::Args;

use crate::Result;

/// (run)
#[derive(Debug, Args)]
pub struct Options {}

/// Runs the command.
pub fn run(_options: Options) -> Result<()> {
    Err(crate::Error::internal("not built yet"))
}
