//! One training step and one inference of an architecture at its defaults, timed.

use std::fmt;
use std::time::Instant;

use rand_distr::{Distribution, StandardNormal};

use crate::Result;
use crate::error::Error;
use crate::manifest::{Architecture, Fusion, Optimizer, Precision};
use crate::nn::{ARCHITECTURES, FreezeState, Network, Pass};
use crate::ops::Backend;
use crate::ops::step::loss::{Form, Loss, loss};
use crate::results::ResultsFolder;
use crate::run::Device;
use crate::tensor::{Cpu, Var, device_error};
use crate::train::Stepper;

/// What is timed.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The kind of architecture, at its defaults.
    pub kind: String,
    /// Records per step.
    pub batch: usize,
    /// Leads.
    pub channels: usize,
    /// Samples per lead.
    pub length: usize,
    /// Where.
    pub device: Device,
    /// Threads on the CPU.
    pub threads: usize,
    /// Format of products on a GPU.
    pub precision: Precision,
    /// Timed steps; the median counts.
    pub steps: usize,
}

/// How long it took.
#[derive(Clone, Debug)]
pub struct Timing {
    /// Of what.
    pub bench: Bench,
    /// Trained values of the network.
    pub parameters: usize,
    /// Seconds of a training step.
    pub train_step_s: f64,
    /// Seconds of the inference of a batch.
    pub inference_s: f64,
    /// The most bytes of memory that the device, or else this process, held; `None` where nobody tells.
    pub peak_memory: Option<u64>,
}

impl Bench {
    /// Times it. A GPU's kernels are taken from `results`, or compiled into it.
    ///
    /// # Errors
    /// A user error for a kind that is not known, numbers that are too small, or a GPU that is not fit.
    #[cfg_attr(not(feature = "cuda"), allow(unused_variables))]
    pub fn run(self, results: &ResultsFolder) -> Result<Timing> {
        let architecture = Architecture::at_defaults(&self.kind).ok_or_else(|| {
            let known: Vec<&str> = ARCHITECTURES.known.iter().map(|kind| kind.name).collect();
            Error::user(format!("no architecture kind `{}`; there are {}", self.kind, known.join(", ")))
        })?;
        if [self.batch, self.channels, self.length, self.steps].contains(&0) || self.length < 16 {
            return Err(Error::user("--batch, --channels and --steps start at 1, --length at 16"));
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads)
            .build()
            .map_err(|error| Error::internal(error.to_string()))?;
        pool.install(|| match self.device {
            Device::Cpu => time(&Cpu::default(), self, &architecture),
            #[cfg(feature = "cuda")]
            Device::Cuda(number) => {
                let cuda = crate::ops::open_cuda(number, &results.kernels())?;
                crate::ops::cuda::with_precision(self.precision, || time(&cuda, self, &architecture))
            }
        })
    }
}

impl fmt::Display for Timing {
    /// In one line that benchmarks of others write too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bench { kind, batch, length, threads, device, .. } = &self.bench;
        let device = match device {
            Device::Cpu => "cpu".to_owned(),
            #[cfg(feature = "cuda")]
            Device::Cuda(number) => format!("cuda:{number}"),
        };
        let memory = self.peak_memory.map_or_else(|| "unknown".to_owned(), |bytes| (bytes >> 20).to_string());
        write!(
            f,
            "peer=ecgraft-{} arch={kind} device={device} threads={threads} batch={batch} length={length} parameters={} \
             train_step_ms={:.2} train_samples_per_s={:.1} infer_samples_per_s={:.1} peak_memory_mb={memory}",
            env!("CARGO_PKG_VERSION"),
            self.parameters,
            self.train_step_s * 1e3,
            *batch as f64 / self.train_step_s,
            *batch as f64 / self.inference_s,
        )
    }
}

fn time<D: Backend>(device: &D, bench: Bench, architecture: &Architecture) -> Result<Timing> {
    let mut random = crate::seed::stream(0, "bench", 0);
    let signal = (bench.channels, bench.length);
    let mut net = Network::new(device, architecture, signal, (1, Fusion::Concat), 5, &mut random)?;
    net.freeze(|_| FreezeState::default());
    let (parameters, _) = net.parameters();
    let shape = (bench.batch, bench.length, bench.channels);
    let values: Vec<f32> = (0..shape.0 * shape.1 * shape.2).map(|_| StandardNormal.sample(&mut random)).collect();
    let x = Var::input(device, values, shape)?;
    let classes = (0..bench.batch).map(|i| i % 5).collect();
    let target = Loss::CrossEntropy { classes, weights: vec![1.0; 5], form: Form::Plain };
    let mut stepper = Stepper::new(&Optimizer::Adam { learning_rate: 1e-3, weight_decay: 0.0, betas: [0.9, 0.999] });
    let mut sum = device.sum().map_err(device_error)?;

    let train_step_s = median(bench.steps, || {
        let mut pass = Pass::training(crate::seed::stream(0, "dropout", 0));
        let output = net.forward(&x, &mut pass)?;
        let scalar = loss(&mut pass.trace, &output, &target, 1.0, 1.0, &mut sum)?;
        let mut gradients = pass.trace.backward(scalar)?;
        stepper.step(device, &mut net, &mut gradients, &|_| 1e-3)?;
        device.wait().map_err(device_error)
    })?;
    let inference_s =
        median(bench.steps, || net.forward(&x, &mut Pass::inference()).and_then(|output| output.values().map(drop)))?;
    let peak_memory = device.peak_memory().or_else(peak_memory);
    Ok(Timing { bench, parameters, train_step_s, inference_s, peak_memory })
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
