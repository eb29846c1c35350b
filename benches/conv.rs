//! How near the convolutions come to what the processor can do: `cargo bench --bench conv -- [THREADS]`.
//!
//! For the shapes of the networks at their defaults: forward, and both gradients, in GFLOP/s of the direct
//! sum (2 x batch x outputs x inputs x taps x length).

use std::hint::black_box;
use std::time::Instant;

use dfdx::prelude::{Cpu, TensorFromVec};
use ecgraft::ops::conv1d::{Kernel, Sizes};

/// Inputs, outputs, taps, length.
const SHAPES: [(usize, usize, usize, usize); 9] = [
    (8, 32, 1, 1000),
    (128, 32, 1, 1000),
    (128, 128, 1, 1000),
    (32, 32, 39, 1000),
    (32, 32, 19, 1000),
    (32, 32, 9, 1000),
    (8, 32, 7, 1000),
    (32, 64, 5, 500),
    (64, 128, 3, 250),
];
const BATCH: usize = 32;
const RUNS: usize = 7;

fn main() {
    let threads = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
    pool.install(|| measure(threads));
}

fn measure(threads: usize) {
    println!("{threads} threads, batch {BATCH}, best of {RUNS}, GFLOP/s");
    println!("{:>24} {:>9} {:>15} {:>16}", "in -> out, taps, length", "forward", "input gradient", "weight gradient");
    let device = Cpu::default();
    let values = |count: usize| (0..count).map(|i| (i % 97) as f32 * 0.01 - 0.5).collect::<Vec<f32>>();
    for (input, output, kernel, length) in SHAPES {
        let sizes = Sizes { batch: BATCH, input, output, length, kernel, stride: 1, padding: kernel / 2 };
        let x = device.tensor_from_vec(values(BATCH * input * length), (BATCH, input, length));
        let w = device.tensor_from_vec(values(output * input * kernel), (output * input * kernel,));
        let gy = values(BATCH * output * length);
        let (mut gx, mut gw) = (vec![0.0; BATCH * input * length], vec![0.0; output * input * kernel]);
        let done = "the CPU does not fail";
        let forward = best(|| drop(black_box(device.conv1d(sizes, &x, &w).expect(done))));
        let of_input = best(|| device.conv1d_input_gradient(sizes, &w, &gy, &mut gx).expect(done));
        let of_weight = best(|| device.conv1d_weight_gradient(sizes, &x, &gy, &mut gw).expect(done));
        let work = (2 * BATCH * input * output * kernel * length) as f64 * 1e-9;
        let shape = format!("{input} -> {output}, {kernel}, {length}");
        println!("{shape:>24} {:>9.0} {:>15.0} {:>16.0}", work / forward, work / of_input, work / of_weight);
    }
}

fn best(mut job: impl FnMut()) -> f64 {
    let times = (0..RUNS).map(|_| {
        let start = Instant::now();
        job();
        start.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min)
}
