//! `ecgraft simulate`

use std::path::PathBuf;

use clap::Args;

use crate::{Result, data};

/// Write records of the simulator as a data set in PTB-XL's layout, for use with other tools
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  ecgraft simulate data/simulated --records 2000 --seed 7

A manifest's source of kind \"simulator\" needs no files; these are the same records.")]
pub struct Options {
    /// Folder to write; it does not exist yet, or is empty
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// How many records
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    records: u32,
    /// Seed of the records
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
}

/// Runs the command.
///
/// # Errors
/// A user error where the folder is not empty or cannot be written.
pub fn run(options: Options) -> Result<()> {
    let Options { dir, records, seed } = options;
    data::write_simulated(&dir, records as usize, seed)?;
    let unit = if records == 1 { "record" } else { "records" };
    super::print(&format!("{records} {unit} written to {}\n", dir.display()))
}
