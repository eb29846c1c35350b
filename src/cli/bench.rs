//! `ecgraft bench`

use clap::{Args, ValueEnum};

use crate::Result;
use crate::bench::Bench;
use crate::results::ResultsFolder;
use crate::run::Device;

/// Time a training step and an inference of an architecture at its defaults
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ecgraft bench inception1d --batch 32 --length 1000 --threads 2")]
pub struct Options {
    /// Architecture kind
    kind: String,
    /// Records per step
    #[arg(long, default_value_t = 32)]
    batch: usize,
    /// Leads
    #[arg(long, default_value_t = 8)]
    channels: usize,
    /// Samples per lead
    #[arg(long, default_value_t = 1000)]
    length: usize,
    /// Where: auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// Threads [default: all cores]
    #[arg(long)]
    threads: Option<usize>,
    #[command(flatten)]
    results: super::Results,
    /// Format of products on a GPU: tf32 or f32
    #[arg(long, default_value = "tf32")]
    precision: Precision,
    /// Timed steps; the median counts
    #[arg(long, default_value_t = 10)]
    steps: usize,
}

/// As `precision` in a manifest.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Precision {
    Tf32,
    F32,
}

/// Runs the command.
pub fn run(options: Options) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let bench = Bench {
        kind: options.kind,
        batch: options.batch,
        channels: options.channels,
        length: options.length,
        device: Device::parse(&options.device)?,
        threads: options.threads.unwrap_or(cores).max(1),
        precision: match options.precision {
            Precision::Tf32 => crate::manifest::Precision::Tf32,
            Precision::F32 => crate::manifest::Precision::F32,
        },
        steps: options.steps,
    };
    super::print(&format!("{}\n", bench.run(&ResultsFolder::new(options.results.dir))?))
}
