//! `ecgraft merge`

use std::path::PathBuf;

use clap::Args;

use super::Results;
use crate::results::ResultsFolder;
use crate::{Result, merge, stop};

/// Fold what workers elsewhere found, or what is in another results folder, into the store
///
/// PATH is a shard, a folder of shards, or another results folder, which is only read. Stages that are here already are
/// compared bit by bit and not written again: it may be done in any order and any number of times. Weights are copied where
/// they lack.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft merge                                  the shards of `results` itself
  ecgraft merge /scratch/me/shards
  ecgraft merge ../colleague/results --results results

Exits with 2, and names both sides, where something was refused: other data, other numerics, or other bits for the same
stage. The rest is folded in all the same.")]
pub struct Options {
    /// Shards, folders of shards, or results folders [default: the shards of the results folder itself]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    results: Results,
}

/// Runs the command.
///
/// # Errors
/// A user error where a path has nothing to fold in, and where something was refused.
pub fn run(options: Options) -> Result<()> {
    stop::listen()?;
    let results = ResultsFolder::new(&options.results.dir);
    let paths = if options.paths.is_empty() { vec![results.shards()] } else { options.paths };
    let found = merge::merge(&paths, &results, &mut super::tell).map_err(super::stopped)?;
    stop::at_once();
    super::print(&found.summary())?;
    found.into_result()
}
