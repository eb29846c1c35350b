//! `ecgraft run`

use clap::Args;

use crate::compare::Question;
use crate::progress::Progress;
use crate::results::ResultsFolder;
use crate::{Error, Result, report, stop};
use crate::{merge, run};

/// Train every trial that is not done yet, then print the comparison table
///
/// Stages that are done are found in the results folder and not trained again. Ctrl-C stops after
/// the present step, as do SIGTERM, SIGHUP and SIGUSR1; the same command goes on from there, to the same result.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft run
  ecgraft run experiments --only 'sample*' --threads 2
  ecgraft run my-study.toml --dry-run

Exits with 0 when every trial is done, 2 where something in manifests or data stops one, 1 for a
fault of ecgraft, and 130 after Ctrl-C (128 and the number of the signal after another).")]
pub struct Options {
    #[command(flatten)]
    manifests: super::Manifests,
    #[command(flatten)]
    results: super::Results,
    #[command(flatten)]
    machine: super::Machine,
    /// Stages trained at once, each with its share of the threads [default: one per thread, at most 4; on a GPU 2]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Save the progress of each stage every so often, to go on from there after a stop or a crash; 0: before every step
    #[arg(long, value_name = "SECONDS", default_value_t = run::SAVE_EVERY.as_secs_f64())]
    save_every: f64,
    /// Only experiments whose name matches
    #[arg(long, value_name = "GLOB")]
    only: Option<String>,
    /// Say what would be trained, and train nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
///
/// # Errors
/// A user error where something in manifests or data stopped a trial; an internal one for a fault of
/// ours; interrupted after Ctrl-C.
pub fn run(options: Options) -> Result<()> {
    let (device, threads) = options.machine.find()?;
    let jobs = options.jobs.unwrap_or(device.jobs(threads));
    if threads == 0 || jobs == 0 {
        return Err(Error::user("--threads and --jobs start at 1"));
    }
    let save_every = super::seconds("--save-every", options.save_every)?;
    let only = options.only.as_deref();
    if options.dry_run {
        return super::plan::print(&options.manifests, &options.results, only);
    }
    stop::listen()?;
    let results = ResultsFolder::new(&options.results.dir);
    device.open(&results)?;
    let planned =
        run::plan_manifests(&options.manifests.paths, &results, only, &mut super::tell).map_err(super::stopped)?;
    let plan = &planned.plan;
    if plan.trials.is_empty() {
        return planned.into_result("cannot run (see above)");
    }
    eprint!("{}", plan.describe_overlaps());

    let progress = Progress::new(plan.stages.len(), &run::costs(plan));
    merge::fold_in_shards(plan, &results, &mut super::tell).map_err(super::stopped)?;
    let settings = run::Options { results, device, threads, jobs, save_every, only: None };
    let summary = run::run(plan, &settings, &progress).map_err(super::stopped)?;
    // All is in the store.
    stop::at_once();

    let mut experiments: Vec<String> = plan.experiments.iter().map(|manifest| manifest.name.clone()).collect();
    experiments.dedup();
    let question = Question { experiments, ..Question::default() };
    super::print(&report::comparison(&options.results.dir, &question, &report::format::Table::for_stdout())?)?;
    summary.into_result(plan.stages.len())?;
    planned.into_result("cannot run (see above); the others are done")
}
