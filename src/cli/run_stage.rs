//! `ecgraft run-stage`

use std::path::PathBuf;

use clap::Args;

use super::Results;
use crate::results::ResultsFolder;
use crate::{Error, Result, run, stop};

/// Train single stages without the shared store, and leave a shard of each
///
/// For workers on other machines: the store is neither read nor written. What a stage is grafted from must have a shard, or
/// be named too. Each stage leaves `shards/STAGE.sqlite` and its weights in the results folder, and `ecgraft merge` folds
/// shards into the store. A stage whose shard is there is not trained again. SIGTERM, SIGUSR1 and Ctrl-C save the progress,
/// and the same command goes on from there.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft run-stage 3f2a9c01 77b0c4d2 --manifest my-study.toml
  ecgraft plan my-study.toml --shell | parallel -j 8

Exits with 0 when every stage has its shard, 2 where something in manifests or data stops one, 1 for a fault of ecgraft,
and 128 and the number of the signal after one.")]
pub struct Options {
    /// Stages, by id or the beginning of one (`ecgraft plan --json` lists them)
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Manifest file, or folder that is walked for *.toml; may be given again
    #[arg(long = "manifest", value_name = "PATH", default_value = "experiments")]
    manifests: Vec<PathBuf>,
    #[command(flatten)]
    results: Results,
    #[command(flatten)]
    machine: super::Machine,
    /// Stages trained at once, each with its share of the threads
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: usize,
    /// Folder of prepared records, such as one on this machine's own disk: those in the results folder are copied there, or
    /// from there [default: `cache` in the results folder]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Save the progress of each stage every so often, to go on from there after a stop or a crash; 0: before every step
    #[arg(long, value_name = "SECONDS", default_value_t = run::SAVE_EVERY.as_secs_f64())]
    save_every: f64,
}

/// Runs the command.
///
/// # Errors
/// A user error where there is no such stage, or something in manifests or data stops one; an internal one for a fault of
/// ours; interrupted after a signal.
pub fn run(options: Options) -> Result<()> {
    let (device, threads) = options.machine.find()?;
    if threads == 0 || options.jobs == 0 {
        return Err(Error::user("--threads and --jobs start at 1"));
    }
    let save_every = super::seconds("--save-every", options.save_every)?;
    stop::listen()?;
    let mut results = ResultsFolder::new(&options.results.dir);
    if let Some(cache) = options.cache {
        results = results.with_cache(cache);
        run::take_known(&results);
    }
    device.open(&results)?;
    let planned = run::plan_manifests(&options.manifests, &results, None, &mut super::tell).map_err(super::stopped)?;
    let chosen = planned.plan.stages_called(&options.ids)?;
    let settings = run::Options { results, device, threads, jobs: options.jobs, save_every, only: None };
    let summary = run::run_stages(&planned.plan, &chosen, &settings).map_err(super::stopped)?;
    stop::at_once();
    super::print(&format!("{} trained, {} had a shard\n", summary.trained, summary.found))?;
    summary.into_result(chosen.len())
}
