//! The command line: one file per command.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::compare::Key;
use crate::error::{Blame, Error};
use crate::run::Device;
use crate::{Result, stop, terminal};

mod architectures;
mod archive;
mod audit;
mod bench;
mod check;
mod compare;
mod export;
mod gc;
mod inspect;
mod merge;
mod plan;
mod plot;
mod query;
mod report;
mod rm;
mod run;
mod run_stage;
mod runs;
mod schema;
mod search;
mod serve;
mod show;
mod simulate;
mod slurm;
mod status;
mod verify;

/// Does a network that first learned to measure the heart classify ECGs better?
#[derive(Debug, Parser)]
#[command(
    name = "ecgraft",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "For research. Not a medical device; not for diagnosis."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
#[allow(missing_docs)]
pub enum Command {
    Run(run::Options),
    Check(check::Options),
    Inspect(inspect::Options),
    Plan(plan::Options),
    Compare(compare::Options),
    Plot(plot::Options),
    Report(report::Options),
    Runs(runs::Options),
    Show(show::Options),
    Status(status::Options),
    Serve(serve::Options),
    RunStage(run_stage::Options),
    Merge(merge::Options),
    Gc(gc::Options),
    Rm(rm::Options),
    Archive(archive::Options),
    Slurm(slurm::Options),
    Audit(audit::Options),
    Verify(verify::Options),
    Query(query::Options),
    Export(export::Options),
    Architectures(architectures::Options),
    Bench(bench::Options),
    Simulate(simulate::Options),
    Schema(schema::Options),
    Search(search::Options),
}

/// How a list is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[allow(missing_docs)]
pub enum ListFormat {
    Table,
    Csv,
    Json,
}

impl From<ListFormat> for crate::report::ListFormat {
    /// A table is as wide as the terminal.
    fn from(format: ListFormat) -> Self {
        match format {
            ListFormat::Table => Self::Table { columns: terminal::stdout_columns() },
            ListFormat::Csv => Self::Csv,
            ListFormat::Json => Self::Json,
        }
    }
}

/// Which manifests.
#[derive(Debug, Args)]
pub struct Manifests {
    /// Manifest files, or folders that are walked for *.toml
    #[arg(value_name = "PATH", default_value = "experiments")]
    pub paths: Vec<PathBuf>,
}

/// Where results are kept.
#[derive(Debug, Args)]
pub struct Results {
    /// Folder of the store, checkpoints and cache
    #[arg(long = "results", value_name = "DIR", default_value = "results")]
    pub dir: PathBuf,
}

/// What arms are compared with.
#[derive(Debug, Default, Args)]
pub struct Reference {
    /// Compare each arm with the one that has this, and the same in all other keys [default: graft=scratch]
    #[arg(long, value_name = "KEY=VALUE[,KEY=VALUE...]")]
    pub baseline: Vec<String>,
    /// Compare every two arms that differ in this key alone, seed by seed
    #[arg(long, value_name = "KEY", conflicts_with = "baseline")]
    pub against: Option<Key>,
}

/// Where networks are trained, and on how many threads.
#[derive(Debug, Args)]
pub struct Machine {
    /// Where to train: auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Threads in all; results do not depend on it [default: all cores]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

impl Machine {
    /// The device, and the number of threads.
    ///
    /// # Errors
    /// A user error for a device that is none.
    fn find(&self) -> Result<(Device, usize)> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Ok((Device::parse(&self.device)?, self.threads.unwrap_or_else(cores)))
    }
}

/// A span of time that a user gives in seconds.
fn seconds(option: &str, value: f64) -> Result<std::time::Duration> {
    std::time::Duration::try_from_secs_f64(value)
        .map_err(|_| Error::user(format!("{option} takes a number of seconds, 0 or more")))
}

/// What is said to a user who asked to stop.
fn stopped(error: Error) -> Error {
    if error.blame != Blame::Interrupted {
        return error;
    }
    let message = format!("stopped by {}; {}, and the same command goes on from here", stop::by(), error.message);
    Error { message, ..error }
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    /// What went wrong, as a message for the user.
    pub fn run(self) -> Result<()> {
        crate::ops::instruction_set()?;
        match self.command {
            Command::Run(options) => run::run(options),
            Command::Check(options) => check::run(options),
            Command::Inspect(options) => inspect::run(options),
            Command::Plan(options) => plan::run(options),
            Command::Compare(options) => compare::run(options),
            Command::Plot(options) => plot::run(options),
            Command::Report(options) => report::run(options),
            Command::Runs(options) => runs::run(options),
            Command::Show(options) => show::run(options),
            Command::Status(options) => status::run(options),
            Command::Serve(options) => serve::run(options),
            Command::RunStage(options) => run_stage::run(options),
            Command::Merge(options) => merge::run(options),
            Command::Gc(options) => gc::run(options),
            Command::Rm(options) => rm::run(options),
            Command::Archive(options) => archive::run(options),
            Command::Slurm(options) => slurm::run(options),
            Command::Audit(options) => audit::run(options),
            Command::Verify(options) => verify::run(options),
            Command::Query(options) => query::run(options),
            Command::Export(options) => export::run(options),
            Command::Architectures(options) => architectures::run(options),
            Command::Bench(options) => bench::run(options),
            Command::Simulate(options) => simulate::run(options),
            Command::Schema(options) => schema::run(options),
            Command::Search(options) => search::run(options),
        }
    }
}

/// Writes a line to standard error.
fn tell(line: &str) {
    eprintln!("{line}");
}

/// Writes `text` to standard output. A reader that closed it early (`ecgraft ... | head`) is no error.
///
/// # Errors
/// An internal error where it cannot be written.
pub(crate) fn print(text: &str) -> Result<()> {
    use std::io::{ErrorKind, Write};
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(crate::Error::internal(format!("standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}
