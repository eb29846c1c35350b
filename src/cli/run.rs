//! `ecgraft run`: trains what is not yet trained, then prints the comparison.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;

use crate::Result;
use crate::error::Error;
use crate::manifest::{self, glob_matches};
use crate::progress::Progress;
use crate::run::{self, Device};
use crate::{plan, report};

/// Train every trial that is not done yet, then print the comparison table
///
/// Stages that are done are found in the results folder and not trained again. Ctrl-C stops after
/// the current step; the same command goes on with what is left.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ecgraft run experiments --only 'sample*' --threads 2\n  ecgraft run my-study.toml --dry-run")]
pub struct Options {
    #[command(flatten)]
    manifests: super::Manifests,
    #[command(flatten)]
    results: super::Results,
    /// Where to train: auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Threads in all; results do not depend on it [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Stages trained at once, each with its share of the threads [default: one per thread, at most 4]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Only experiments whose name matches
    #[arg(long, value_name = "GLOB")]
    only: Option<String>,
    /// Say what would be trained, and train nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub fn run(options: Options) -> Result<()> {
    let device = Device::parse(&options.device)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.unwrap_or(cores);
    let jobs = options.jobs.unwrap_or(threads.min(4));
    if threads == 0 || jobs == 0 {
        return Err(Error::user("--threads and --jobs start at 1"));
    }
    if options.dry_run {
        return super::plan::print(&options.manifests, &options.results, options.only.as_deref());
    }
    let mut manifests = manifest::load(&options.manifests.paths)?;
    if let Some(only) = &options.only {
        let names: Vec<String> = manifests.iter().map(|manifest| manifest.name.clone()).collect();
        manifests.retain(|manifest| glob_matches(only, &manifest.name));
        if manifests.is_empty() {
            return Err(Error::user(format!("--only {only}: no experiment has such a name; there are {}", names.join(", "))));
        }
    }
    let found = run::fingerprints(manifests, &options.results.dir);
    for line in &found.skipped {
        eprintln!("{line}");
    }
    for error in &found.errors {
        eprintln!("error: {error}");
    }
    let broken = found.errors.len();
    let names: Vec<String> = found.manifests.iter().map(|manifest| manifest.name.clone()).collect();
    if names.is_empty() {
        return match broken {
            0 => Ok(()),
            _ => Err(Error::user(format!("nothing to run: the data of {broken} experiment(s) cannot be read (see above)"))),
        };
    }
    let plan = plan::expand(found.manifests, &found.fingerprints)?;

    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    })
    .map_err(|error| Error::internal(format!("cannot listen for Ctrl-C: {error}")))?;
    let progress = Progress::new(plan.stages.len(), &run::costs(&plan));
    let settings = run::Options { results: options.results.dir.clone(), device, threads, jobs };
    let summary = match run::run(&plan, &settings, &progress, &stop) {
        Err(error) if error.blame == crate::error::Blame::Interrupted => {
            eprintln!("stopped; what is done is kept, and the same command goes on from here");
            return Err(error);
        }
        other => other?,
    };

    report::print_comparison(&options.results.dir, &names)?;
    match (summary.faults, summary.failed + broken) {
        (0, 0) => Ok(()),
        (0, failed) => Err(Error::user(format!("{failed} stage(s) or experiment(s) failed (see above); the others are done"))),
        (faults, _) => Err(Error::internal(format!("{faults} stage(s) failed by a fault of ecgraft (see above); the others are done"))),
    }
}
