//! `ecgraft search`

use std::path::PathBuf;

use clap::Args;

use crate::results::ResultsFolder;
use crate::run;
use crate::search::{Found, search};
use crate::{Error, Result, report, stop, terminal};

/// Look for settings on the validation folds, as [search] of a manifest says
///
/// Prints the candidates, the best first, and the best as a variant that a manifest can include. Nothing that is trained
/// is tested. What is done is found in the results folder; the same command goes on from a stop.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft search my-study.toml
  ecgraft search my-study.toml --write found.toml")]
pub struct Options {
    /// Manifest with a [search]
    #[arg(value_name = "MANIFEST")]
    manifest: PathBuf,
    #[command(flatten)]
    results: super::Results,
    #[command(flatten)]
    machine: super::Machine,
    /// File for the best candidate, as a variant; `include` it in a manifest
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// A user error where the manifest is faulty, or no candidate has a score.
pub fn run(options: Options) -> Result<()> {
    let (device, threads) = options.machine.find()?;
    if threads == 0 {
        return Err(Error::user("--threads starts at 1"));
    }
    stop::listen()?;
    let results = ResultsFolder::new(&options.results.dir);
    device.open(&results)?;
    let settings =
        run::Options { results, device, threads, jobs: device.jobs(threads), save_every: run::SAVE_EVERY, only: None };
    let found = search(&options.manifest, &settings, &mut super::tell).map_err(super::stopped)?;
    stop::at_once();
    super::print(&report::search::table(&found, terminal::stdout_columns()))?;
    told(&options, &found)
}

/// Prints or writes the best candidate.
fn told(options: &Options, found: &Found) -> Result<()> {
    let Some(variant) = found.variant(&options.manifest) else {
        return Err(Error::user(format!(
            "no candidate has {} on the validation folds; `ecgraft runs --status failed` says what stopped them",
            found.metric
        )));
    };
    match &options.write {
        None => super::print(&format!("\n{variant}")),
        Some(path) => crate::output::write(path, crate::output::Kind::Found, variant.as_bytes()),
    }
}
