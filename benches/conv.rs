//! How near the convolutions come to what the processor can do: `cargo bench --bench conv -- [THREADS]`.
//!
//! For the shapes of the networks at their defaults: forward, and both gradients, in GFLOP/s of the direct
//! sum (2 x batch x outputs x inputs x taps x length); beyond the processor's peak where minimal filtering or
//! products of spectra do fewer operations. After it, how many times faster that is than the direct sum, which
//! is timed on the same convolution with one zero less on each side: it gives two outputs less.

use std::hint::black_box;
use std::time::Instant;

use ecgraft::ops::layers::conv1d::{self, Kernel as _};
use ecgraft::ops::layers::inception::{self, Beside, Input, Kernel as _, Weights};
use ecgraft::tensor::Cpu;
use ecgraft::tensor::memory::Buffer;
use ecgraft::tensor::upstream::TensorFromVec;
use ecgraft::tensor::{Gradient, View, WantedGradients};

/// Inputs, outputs, taps, length.
const SHAPES: [(usize, usize, usize, usize); 15] = [
    (8, 32, 1, 1000),
    (128, 32, 1, 1000),
    (128, 128, 1, 1000),
    (32, 32, 39, 1000),
    (32, 32, 19, 1000),
    (32, 32, 9, 1000),
    (8, 32, 7, 1000),
    (32, 64, 5, 500),
    (64, 128, 3, 250),
    (128, 128, 5, 1000),
    (128, 128, 3, 1000),
    (128, 128, 5, 500),
    (128, 128, 3, 500),
    (64, 64, 5, 250),
    (256, 256, 3, 63),
];
const BATCH: usize = 32;
const RUNS: usize = 7;

fn main() {
    let threads = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
    pool.install(|| measure(threads));
}

fn values(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i % 97) as f32 * 0.01 - 0.5).collect()
}

fn measure(threads: usize) {
    const ROUNDS: usize = 10_000_000;
    let peak =
        ecgraft::ops::multiply_adds(ROUNDS).0 * 1e-9 / best(|| _ = black_box(ecgraft::ops::multiply_adds(ROUNDS)));
    let instructions = ecgraft::ops::instruction_set().unwrap_or("unknown");
    println!("{instructions}: {peak:.0} GFLOP/s of multiply-adds in the registers of one core");
    println!("{threads} threads, batch {BATCH}, best of {RUNS}, GFLOP/s");
    println!("{:>24} {:>15} {:>15} {:>15}", "in -> out, taps, length", "forward", "input gradient", "weight gradient");
    for (input, output, kernel, length) in SHAPES {
        let sizes = conv1d::Sizes { batch: BATCH, input, output, length, kernel, stride: 1, padding: kernel / 2 };
        print!("{:>24}", format!("{input} -> {output}, {kernel}, {length}"));
        let found = speeds(sizes);
        let direct = (kernel > 1).then(|| speeds(conv1d::Sizes { padding: kernel / 2 - 1, ..sizes }));
        for (number, speed) in found.iter().enumerate() {
            let times = direct.map_or_else(String::new, |direct| format!(" ({:.2}x)", speed / direct[number]));
            print!(" {:>15}", format!("{speed:.0}{times}"));
        }
        println!();
    }
    block();
}

/// GFLOP/s of forward, input gradient and weight gradient.
fn speeds(sizes: conv1d::Sizes) -> [f64; 3] {
    let (device, done) = (Cpu::default(), "the CPU does not fail");
    let conv1d::Sizes { input, output, length, kernel, .. } = sizes;
    let outputs = sizes.output_length();
    let x = Buffer::from(values(BATCH * input * length));
    let seen = View { values: &x, norm: None, shape: (BATCH, length, input) };
    let w = device.tensor_from_vec(values(output * input * kernel), (output * input * kernel,));
    let gy = Buffer::from(values(BATCH * output * outputs));
    let mut gx = Gradient { values: Buffer::stale(x.len()), fresh: true };
    let mut gw = [Some(vec![0.0; output * input * kernel])];
    let forward = best(|| drop(black_box(device.conv1d(sizes, seen, &w, false).expect(done))));
    let of_input = best(|| {
        device
            .conv1d_gradient(sizes, seen, &w, None, &gy, WantedGradients { x: Some(&mut gx), params: &mut [None] })
            .expect(done);
    });
    let of_weight = best(|| {
        device.conv1d_gradient(sizes, seen, &w, None, &gy, WantedGradients { x: None, params: &mut gw }).expect(done)
    });
    let work = (2 * BATCH * input * output * kernel * outputs) as f64 * 1e-9;
    [forward, of_input, of_weight].map(|seconds| work / seconds)
}

/// A whole block of inception1d: bottleneck, three kernels, pooled branch.
fn block() {
    let (device, done) = (Cpu::default(), "the CPU does not fail");
    let sizes = inception::Sizes {
        batch: BATCH,
        length: 1000,
        input: 128,
        bottleneck: 32,
        filters: 32,
        kernels: vec![39, 19, 9],
    };
    let count = BATCH * sizes.length;
    let x = Buffer::from(values(count * sizes.input));
    let seen = View { values: &x, norm: None, shape: (BATCH, sizes.length, sizes.input) };
    let flat = |count: usize| device.tensor_from_vec(values(count), (count,));
    let kernels: Vec<usize> = sizes.kernels.iter().map(|taps| sizes.filters * sizes.bottleneck * taps).collect();
    let narrow = sizes.bottleneck * sizes.input;
    let weights =
        Weights { bottleneck: flat(narrow), pooled: flat(narrow), bank: kernels.iter().copied().map(flat).collect() };
    let mut gx = Gradient { values: Buffer::stale(x.len()), fresh: true };
    let mut gparams: Vec<Option<Vec<f32>>> = vec![None, None];
    gparams.extend([narrow, narrow].into_iter().chain(kernels.iter().copied()).map(|count| Some(vec![0.0; count])));
    let beside = Beside { moments: true, narrow: true };
    let forward = best(|| drop(black_box(device.inception(&sizes, seen, &weights, beside).expect(done))));
    let kept = device.inception(&sizes, seen, &weights, beside).expect(done).narrow;
    let both = best(|| {
        let gy = Buffer::from(values(count * sizes.output()));
        device
            .inception_gradient(
                &sizes,
                Input { x: seen, narrow: kept.as_ref() },
                &weights,
                None,
                gy,
                WantedGradients { x: Some(&mut gx), params: &mut gparams },
            )
            .expect(done);
    });
    let work = (2 * count * (2 * narrow + kernels.iter().sum::<usize>())) as f64 * 1e-9;
    println!("block of inception1d: forward {:.0}, both gradients {:.0}", work / forward, 2.0 * work / both);
}

fn best(mut job: impl FnMut()) -> f64 {
    let times = (0..RUNS).map(|_| {
        let start = Instant::now();
        job();
        start.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min)
}
