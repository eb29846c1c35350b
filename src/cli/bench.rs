//! `ecgraft bench`: one training step and one inference, timed.

use std::time::Instant;

use crate::tensor::Cpu;
use clap::{Args, ValueEnum};
use rand_distr::{Distribution, StandardNormal};

use crate::Result;
use crate::error::Error;
use crate::manifest::{Architecture, Fusion, Optimizer};
use crate::nn::ARCHITECTURES;
use crate::nn::{FreezeState, Network, Pass};
use crate::ops::Backend;
use crate::ops::step::loss::{Form, Loss, loss};
use crate::run::Device;
use crate::tensor::{Var, device_error};
use crate::train::Stepper;

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
    let device = Device::parse(&options.device)?;
    let architecture = Architecture::at_defaults(&options.kind).ok_or_else(|| {
        let known: Vec<&str> = ARCHITECTURES.known.iter().map(|kind| kind.name).collect();
        Error::user(format!("no architecture kind `{}`; there are {}", options.kind, known.join(", ")))
    })?;
    if [options.batch, options.channels, options.length, options.steps].contains(&0) || options.length < 16 {
        return Err(Error::user("--batch, --channels and --steps start at 1, --length at 16"));
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.unwrap_or(cores).max(1);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| Error::internal(error.to_string()))?;
    pool.install(|| match device {
        Device::Cpu => time(&Cpu::default(), &options, "cpu", &architecture, threads),
        #[cfg(feature = "cuda")]
        Device::Cuda(number) => {
            let cuda = crate::ops::open_cuda(number, &crate::run::kernels(&options.results.dir))?;
            let precision = match options.precision {
                Precision::Tf32 => crate::manifest::Precision::Tf32,
                Precision::F32 => crate::manifest::Precision::F32,
            };
            crate::ops::cuda::with_precision(precision, || {
                time(&cuda, &options, &format!("cuda:{number}"), &architecture, threads)
            })
        }
    })
}

fn time<D: Backend>(
    device: &D,
    options: &Options,
    device_name: &str,
    architecture: &Architecture,
    threads: usize,
) -> Result<()> {
    let mut random = crate::seed::stream(0, "bench", 0);
    let signal = (options.channels, options.length);
    let mut net = Network::new(device, architecture, signal, (1, Fusion::Concat), 5, &mut random)?;
    net.freeze(|_| FreezeState::default());
    let (parameters, _) = net.parameters();
    let shape = (options.batch, options.length, options.channels);
    let values: Vec<f32> = (0..shape.0 * shape.1 * shape.2).map(|_| StandardNormal.sample(&mut random)).collect();
    let x = Var::input(device, values, shape)?;
    let classes = (0..options.batch).map(|i| i % 5).collect();
    let target = Loss::CrossEntropy { classes, weights: vec![1.0; 5], form: Form::Plain };
    let mut stepper = Stepper::new(&Optimizer::Adam { learning_rate: 1e-3, weight_decay: 0.0, betas: [0.9, 0.999] });
    let mut sum = device.sum().map_err(device_error)?;

    let train = median(options.steps, || {
        let mut pass = Pass::training(crate::seed::stream(0, "dropout", 0));
        let output = net.forward(&x, &mut pass)?;
        let scalar = loss(&mut pass.trace, &output, &target, 1.0, 1.0, &mut sum)?;
        let mut gradients = pass.trace.backward(scalar)?;
        stepper.step(device, &mut net, &mut gradients, &|_| 1e-3)?;
        device.wait().map_err(device_error)
    })?;
    let infer =
        median(options.steps, || net.forward(&x, &mut Pass::inference()).and_then(|output| output.values().map(drop)))?;
    let batch = options.batch as f64;
    println!(
        "peer=ecgraft-{} arch={} device={device_name} threads={threads} batch={} length={} parameters={parameters} \
         train_step_ms={:.2} train_samples_per_s={:.1} infer_samples_per_s={:.1} peak_memory_mb={}",
        env!("CARGO_PKG_VERSION"),
        options.kind,
        options.batch,
        options.length,
        train * 1e3,
        batch / train,
        batch / infer,
        device
            .peak_memory()
            .or_else(peak_memory)
            .map_or_else(|| "unknown".to_owned(), |bytes| (bytes >> 20).to_string()),
    );
    Ok(())
}

/// Median seconds of `step`, after three that are not counted.
fn median(steps: usize, mut step: impl FnMut() -> Result<()>) -> Result<f64> {
    for _ in 0..3 {
        step()?;
    }
    let mut times = Vec::with_capacity(steps);
    for _ in 0..steps {
        let start = Instant::now();
        step()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// The most bytes of memory this process has held, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb << 10)
}
