//! `ecgraft run`

use clap::Args;

use crate::compare::Question;
use crate::crew::{self, Worker};
use crate::error::Blame;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::results::ResultsFolder;
use crate::run::{self, Device};
use crate::{Error, Result, merge, report, stop};

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
    /// Processes that share the study, each with its share of the threads [default: one for each of --devices]
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Devices that the processes are dealt out to in turn, as cuda:0,cuda:1
    #[arg(long, value_name = "DEVICE,...", value_delimiter = ',', conflicts_with = "device")]
    devices: Vec<String>,
    /// This is a worker: its end is asked for by closing its standard input
    #[arg(long = crew::OPTION, hide = true)]
    until_input_closes: bool,
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
    let (device, threads) = match options.devices.first() {
        Some(first) => (Device::parse(first)?, options.machine.find()?.1),
        None => options.machine.find()?,
    };
    let jobs = options.jobs.unwrap_or(device.jobs(threads));
    if threads == 0 || jobs == 0 || options.workers == Some(0) {
        return Err(Error::user("--threads, --jobs and --workers start at 1"));
    }
    let save_every = super::seconds("--save-every", options.save_every)?;
    let only = options.only.as_deref();
    if options.dry_run {
        return super::plan::print(&options.manifests, &options.results, only);
    }
    stop::listen()?;
    if options.until_input_closes {
        stop::when_input_closes()?;
    }
    let results = ResultsFolder::new(&options.results.dir);
    let workers = options.workers.unwrap_or(options.devices.len());
    if workers < 2 {
        device.open(&results)?;
    }
    let planned =
        run::plan_manifests(&options.manifests.paths, &results, only, &mut super::tell).map_err(super::stopped)?;
    let plan = &planned.plan;
    if plan.trials.is_empty() {
        return planned.into_result("cannot run (see above)");
    }
    eprint!("{}", plan.describe_overlaps());
    merge::fold_in_shards(plan, &results, &mut super::tell).map_err(super::stopped)?;
    if workers > 1 {
        share(&options, &results, crew::dealt(&options.devices(), workers, threads), plan)?;
    }
    let progress = Progress::new(plan.stages.len(), &run::costs(plan));
    let settings = run::Options { results, device, threads, jobs, save_every, only: None };
    let summary = run::run(plan, &settings, &progress).map_err(super::stopped)?;
    // All is in the store.
    stop::at_once();
    table(plan, &options.results)?;
    summary.into_result(plan.stages.len())?;
    planned.into_result("cannot run (see above); the others are done")
}

impl Options {
    /// The devices that workers are dealt out to.
    fn devices(&self) -> Vec<String> {
        if self.devices.is_empty() { vec![self.machine.device.clone()] } else { self.devices.clone() }
    }
}

/// Lets several processes do it. Where one of them found a fault, the table of what is done is printed all the same.
fn share(options: &Options, results: &ResultsFolder, workers: Vec<Worker>, plan: &Plan) -> Result<()> {
    let mut arguments: Vec<String> =
        options.manifests.paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let mut add = |option: &str, value: String| arguments.extend([format!("--{option}"), value]);
    add("results", results.path().to_string_lossy().into_owned());
    add("save-every", options.save_every.to_string());
    options.only.iter().for_each(|only| add("only", only.clone()));
    options.jobs.iter().for_each(|jobs| add("jobs", jobs.to_string()));
    let worked = crew::work(&workers, &arguments, results);
    if worked.as_ref().is_err_and(|error| error.blame != Blame::Interrupted) && results.store().exists() {
        table(plan, &options.results)?;
    }
    worked.map_err(super::stopped)
}

/// The table of the plan's experiments.
fn table(plan: &Plan, results: &super::Results) -> Result<()> {
    let mut experiments: Vec<String> = plan.experiments.iter().map(|manifest| manifest.name.clone()).collect();
    experiments.dedup();
    let question = Question { experiments, ..Question::default() };
    super::print(&report::comparison(&results.dir, &question, &report::format::Table::for_stdout())?)
}
