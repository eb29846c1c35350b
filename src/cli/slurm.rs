//! `ecgraft slurm`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Manifests, Results};
use crate::results::ResultsFolder;
use crate::slurm::{self, Profile};
use crate::{Error, Result, report, run, terminal};

/// Submit a study to Slurm, see how far it is, cancel it, read its logs
#[derive(Debug, Args)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Submit(Box<Submit>),
    /// How far what was submitted is
    Status(Where),
    /// End what was submitted; what is finished is kept
    Cancel(Where),
    Logs(Logs),
}

/// Submit what is not done, as arrays of jobs that train and one job that merges
///
/// Elements of arrays are as long as finished stages say, at most a quarter of the time limit. One that reaches the limit
/// saves its progress and is queued again; one that is preempted, or whose node fails, goes on from its last save. Workers
/// never open the store: each stage leaves a shard in the results folder, which all nodes must see.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ecgraft slurm submit my-study.toml --partition gpu --gpus 1 --cpus 8 --time 4:00:00 --array-limit 20
  ecgraft slurm submit my-study.toml --profile cluster.toml --dry-run
  ecgraft slurm status
  ecgraft slurm logs 3f2a9c01

A profile is a TOML file with the keys partition, account, qos, gpus, cpus, memory, time, array_limit, element_time, setup (lines of
shell before the work), sbatch (other options of sbatch) and cache (a folder on the nodes, or \"shared\").")]
struct Submit {
    #[command(flatten)]
    manifests: Manifests,
    #[command(flatten)]
    results: Results,
    /// Only experiments whose name matches
    #[arg(long, value_name = "GLOB")]
    only: Option<String>,
    /// Partition of the cluster
    #[arg(long, value_name = "NAME")]
    partition: Option<String>,
    /// Account that is charged
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// GPUs of each element, as `1` or `a100:1`: stages are trained on the first
    #[arg(long, value_name = "GPUS")]
    gpus: Option<String>,
    /// Processors of each element, and threads it trains with
    #[arg(long, value_name = "N")]
    cpus: Option<usize>,
    /// Memory of each element, such as 8G
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
    /// Time limit of each element, as for sbatch: minutes, HH:MM:SS, D-HH:MM:SS
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
    /// Elements that run at once, at most
    #[arg(long, value_name = "N")]
    array_limit: Option<usize>,
    /// How long an element works, about, written as --time [default: a quarter of the limit, at most an hour, and less where
    /// elements would be fewer than may run at once]
    #[arg(long, value_name = "TIME")]
    element_time: Option<String>,
    /// TOML file of the same and more; options of the command line come before it
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Print the scripts and what each element trains, and submit nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
struct Where {
    #[command(flatten)]
    results: Results,
}

/// The logs of the elements that train a stage, or of those that ended before their stages were done
#[derive(Debug, Args)]
struct Logs {
    /// A stage, by id or the beginning of one
    #[arg(value_name = "ID")]
    stage: Option<String>,
    #[command(flatten)]
    results: Results,
}

/// Runs the command.
///
/// # Errors
/// A user error where manifests, data or profile are faulty, or Slurm does not answer.
pub fn run(options: Options) -> Result<()> {
    match options.command {
        Command::Submit(submit) => self::submit(*submit),
        Command::Status(Where { results }) => {
            let standing = slurm::standing(&ResultsFolder::new(results.dir))?;
            super::print(&report::slurm::standing(&standing))
        }
        Command::Cancel(Where { results }) => {
            let jobs = slurm::cancel(&ResultsFolder::new(results.dir))?;
            let list: Vec<String> = jobs.iter().map(u64::to_string).collect();
            super::print(&match &list[..] {
                [] => "nothing is in the queue\n".to_owned(),
                list => format!("cancelled: {}; what is finished is kept\n", list.join(", ")),
            })
        }
        Command::Logs(Logs { stage, results }) => logs(stage.as_deref(), &ResultsFolder::new(results.dir)),
    }
}

fn submit(submit: Submit) -> Result<()> {
    let results = ResultsFolder::new(&submit.results.dir);
    let file = submit.profile.as_deref().map_or_else(|| Ok(Profile::default()), Profile::read)?;
    let Submit { partition, account, gpus, cpus, memory, time, array_limit, element_time, .. } = submit;
    let own = Profile { partition, account, gpus, cpus, memory, time, array_limit, element_time, ..Profile::default() };
    let profile = own.or(file);
    let manifests = &submit.manifests.paths;
    let planned = run::plan_manifests(manifests, &results, submit.only.as_deref(), &mut super::tell)?;
    if planned.broken > 0 {
        return planned.into_result("cannot be submitted (see above)");
    }
    profile.check()?;
    if !submit.dry_run {
        slurm::make_ready(&planned.plan, &results, &mut super::tell)?;
    }
    let prepared = slurm::prepare(&planned.plan, &results, manifests, &profile)?;
    if prepared.waves.is_empty() {
        return super::print("every stage is done; `ecgraft compare` prints the table\n");
    }
    if submit.dry_run {
        return super::print(&report::slurm::scripts(&prepared));
    }
    super::print(&report::slurm::waves(&prepared.waves, terminal::stdout_columns()))?;
    let submission = slurm::submit(&prepared, &results)?;
    let jobs: Vec<String> = submission.jobs.iter().map(|job| job.id.to_string()).collect();
    super::print(&format!(
        "submitted as jobs {}; `ecgraft slurm status --results {}` says how far they are\n",
        jobs.join(", "),
        results.path().display()
    ))
}

fn logs(stage: Option<&str>, results: &ResultsFolder) -> Result<()> {
    let files = slurm::logs(results, stage)?;
    if files.is_empty() {
        return super::print("no element ended before its stages were done\n");
    }
    for file in files {
        let text = match std::fs::read(&file) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => "nothing was written yet\n".to_owned(),
            Err(error) => return Err(Error::user(format!("{}: cannot be read: {error}", file.display()))),
        };
        super::print(&format!("==> {} <==\n{text}", file.display()))?;
    }
    Ok(())
}
