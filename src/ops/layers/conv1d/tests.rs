use rand::RngExt;

use super::cpu::{Method, batch, direct, long, toom};
use super::*;
use crate::ops::cpu::Isa;
use crate::ops::gradient_check::{Reference, assert_close, check, param, reference, turned, values};
use crate::ops::layers::norm::Back;
use crate::tensor::memory::Buffer;
use crate::tensor::{Cpu, Gradient, Mode, flat};

#[test]
fn gradients_match_finite_differences() {
    for (length, kernel, stride, padding) in [(11, 3, 1, 1), (9, 1, 1, 0), (12, 5, 2, 2), (10, 4, 3, 0), (7, 2, 1, 3)] {
        check(&[vec![2, length, 3], vec![5, 3, kernel]], |trace, inputs| {
            conv1d(trace, &inputs[0].var, &inputs[1].param, (stride, padding), None)
        });
    }
}

#[test]
fn gradients_through_batch_norms_match_finite_differences() {
    for statistics in [Statistics::Batch, Statistics::Running] {
        // A convolution that reads through a batch norm what another one gave.
        check(&[vec![3, 8, 2], vec![2, 2, 3], vec![4, 2, 3], vec![2], vec![2], vec![4], vec![4]], |trace, inputs| {
            let mode = Mode { statistics, relu: false };
            let (mut mean, mut var) = (param(&[0.1, -0.2]), param(&[0.8, 1.5]));
            let (gamma, beta) = (&inputs[3].param, &inputs[4].param);
            let by = Normalizer { gamma, beta, running_mean: &mut mean, running_var: &mut var, mode };
            let x = conv1d(trace, &inputs[0].var, &inputs[1].param, (1, 1), Some(by))?;
            let (mut mean, mut var) = (param(&[0.1; 4]), param(&[0.8; 4]));
            let (gamma, beta) = (&inputs[5].param, &inputs[6].param);
            let by = Normalizer { gamma, beta, running_mean: &mut mean, running_var: &mut var, mode };
            conv1d(trace, &x, &inputs[2].param, (2, 0), Some(by))
        });
    }
}

/// y, gx and gw; the gradients are added to what `start` gives.
fn by(
    method: &Method,
    isa: Isa,
    s: Sizes,
    x: &[f32],
    w: &[f32],
    gy: &[f32],
    start: impl Fn(usize) -> Vec<f32>,
) -> [Vec<f32>; 3] {
    let w = param(w);
    let (values, w) = (Buffer::from(x.to_vec()), flat(&w.value));
    let x = View { values: &values, norm: None, shape: (s.batch, s.length, s.input) };
    let back = Back::new(None, s.output_shape(), gy, &mut []);
    let mut gx = Gradient { values: start(values.len()).into(), fresh: false };
    let mut gw = [Some(start(w.len()))];
    let flowing = batch::Flowing { back: &back, z: gy, g: gy };
    let (y, _) = match method {
        Method::Direct => direct::forward(isa, s, x, w, false),
        Method::Toom(toom) => toom.forward(x, w, false),
        Method::Spectra(bank) => long::forward(isa, s, bank, x, w, false),
    };
    match method {
        Method::Direct => direct::gradient(isa, s, x, w, flowing, Some(&mut gx), gw[0].as_mut()),
        Method::Toom(toom) => toom.gradient(x, w, flowing, Some(&mut gx), gw[0].as_mut()),
        Method::Spectra(bank) => {
            long::gradient(isa, s, bank, x, w, flowing, WantedGradients { x: Some(&mut gx), params: &mut gw })
        }
    }
    let [gw] = gw;
    [y.to_vec(), gx.values.to_vec(), gw.unwrap()]
}

/// A method with fewer operations where there is one, whether or not it pays.
fn indirect(isa: Isa, s: Sizes) -> Option<Method> {
    toom::Toom::new(isa, s).map(Method::Toom).or_else(|| long::bank(isa, s).map(Method::Spectra))
}

fn wave(count: usize, step: f32) -> Vec<f32> {
    (0..count).map(|i| (i as f32 * step).sin()).collect()
}

/// Every instruction set of this machine against PyTorch: y, gx and gw.
#[test]
fn equals_pytorch_on_every_instruction_set() {
    let reference: Reference = ["ops", "residual_ops", "short_kernels"].into_iter().flat_map(reference).collect();
    let cases: Vec<&str> =
        reference.keys().filter_map(|key| key.strip_prefix("conv.")?.strip_suffix(".params")).collect();
    let mut by_toom = 0;
    for case in cases {
        let get = |name: &str| values(&reference, &format!("conv.{case}.{name}"));
        let ((x_shape, x), (w_shape, w), (_, params)) = (get("x"), get("w"), get("params"));
        let sizes = Sizes {
            batch: x_shape[0],
            input: x_shape[1],
            output: w_shape[0],
            length: x_shape[2],
            kernel: w_shape[2],
            stride: params[1] as usize,
            padding: params[2] as usize,
        };
        let m = sizes.output_length();
        let x = turned(&x, sizes.input, sizes.length);
        let gy = turned(&get("gy").1, sizes.output, m);
        for isa in Isa::available() {
            let method = indirect(isa, sizes).unwrap_or(Method::Direct);
            by_toom += usize::from(matches!(method, Method::Toom(_)));
            let [y, gx, gw] = by(&method, isa, sizes, &x, &w, &gy, |len| vec![0.0; len]);
            let name = |what: &str| format!("{case} {what} {isa:?}");
            assert_close(&name("y"), &turned(&y, m, sizes.output), &get("y").1, 1e-5);
            assert_close(&name("gx"), &turned(&gx, sizes.length, sizes.input), &get("gx").1, 1e-5);
            assert_close(&name("gw"), &gw, &get("gw").1, 1e-5);
        }
    }
    assert_eq!(by_toom, 4 * Isa::available().len());
}

#[test]
fn one_and_many_threads_give_the_same_bits() {
    let shapes = [(9, 6, 37, 9, 1), (9, 6, 37, 5, 2), (12, 6, 37, 1, 1), (9, 20, 17, 5, 1)];
    for (batch, input, output, kernel, stride) in shapes {
        let sizes = Sizes { batch, input, output, length: 61, kernel, stride, padding: kernel / 2 };
        let (x, w) = (wave(batch * input * 61, 0.37), wave(output * input * kernel, 0.91));
        let gy = wave(batch * output * sizes.output_length(), 0.53);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let method = indirect(Isa::best(), sizes).unwrap_or(Method::Direct);
            pool.install(|| by(&method, Isa::best(), sizes, &x, &w, &gy, |len| wave(len, 0.1)))
        };
        let one = with(1);
        assert!(one == with(2) && one == with(5), "{sizes:?}");
    }
}

/// The method with fewer operations on every instruction set against the direct sum, which PyTorch's values check.
fn assert_equals_direct((batch, input, output, length, kernel): (usize, usize, usize, usize, usize), tolerance: f32) {
    let sizes = Sizes { batch, input, output, length, kernel, stride: 1, padding: kernel / 2 };
    let mut random = crate::seed::stream(5, "convolutions", 0);
    let mut draw = |count: usize| -> Vec<f32> { (0..count).map(|_| random.random::<f32>() * 2.0 - 1.0).collect() };
    let (x, w, gy) = (draw(batch * input * length), draw(output * input * kernel), draw(batch * output * length));
    let expected = by(&Method::Direct, Isa::Portable, sizes, &x, &w, &gy, |len| wave(len, 0.1));
    for isa in Isa::available() {
        let method = indirect(isa, sizes).unwrap_or_else(|| panic!("{sizes:?} {isa:?}"));
        let found = by(&method, isa, sizes, &x, &w, &gy, |len| wave(len, 0.1));
        for (name, (found, expected)) in ["y", "gx", "gw"].iter().zip(found.iter().zip(&expected)) {
            assert_close(&format!("{sizes:?} {name} {isa:?}"), found, expected, tolerance);
        }
    }
}

#[test]
fn spectra_equal_the_direct_sum() {
    for shape in [(2, 32, 96, 1000, 39), (5, 8, 20, 250, 19), (1, 9, 8, 64, 9), (3, 17, 33, 181, 63)] {
        assert_equals_direct(shape, 5e-5);
    }
}

#[test]
fn minimal_filtering_equals_the_direct_sum() {
    for kernel in [3, 5, 7] {
        // Networks' widths; widths of no vector; a record shorter than a tile; many tiles of many channels.
        for (batch, input, output, length) in
            [(2, 32, 64, 500), (3, 17, 33, 181), (1, 16, 19, 1), (5, 29, 16, 2), (1, 40, 16, 7), (1, 256, 128, 211)]
        {
            assert_equals_direct((batch, input, output, length, kernel), 1e-5);
        }
    }
}

#[test]
fn gradients_of_minimal_filtering_match_finite_differences() {
    for kernel in [3, 5] {
        check(&[vec![1, 33, 16], vec![16, 16, kernel]], |trace, inputs| {
            conv1d(trace, &inputs[0].var, &inputs[1].param, (1, kernel / 2), None)
        });
    }
}

/// Reading through a batch norm is reading what it would have written; moments are those of what is given.
#[test]
fn minimal_filtering_reads_through_a_batch_norm() {
    let device = Cpu::default();
    let sizes = Sizes { batch: 3, input: 20, output: 24, length: 50, kernel: 5, stride: 1, padding: 2 };
    let shape = (sizes.batch, sizes.length, sizes.input);
    let (gamma, beta) = (param(&wave(20, 0.7)), param(&wave(20, 0.3)));
    let (mut mean, mut var) = (param(&[0.0; 20]), param(&[1.0; 20]));
    let mode = Mode { statistics: Statistics::Batch, relu: true };
    let by = Normalizer { gamma: &gamma, beta: &beta, running_mean: &mut mean, running_var: &mut var, mode };
    let x = Var::input(&device, wave(3 * 50 * 20, 0.37), shape).unwrap();
    let normalized = norm::batch_norm(&mut Trace::off(), &x, by).unwrap();
    let written = Var::input(&device, normalized.to_vec(), shape).unwrap();
    let w = param(&wave(24 * 20 * 5, 0.91));
    let gy = Buffer::from(wave(3 * 50 * 24, 0.53));
    let run = |x: &Var<Cpu>| {
        let (y, moments) = device.conv1d(sizes, x.view(), &w.value, true).unwrap();
        let mut gw = [Some(vec![0.0; 24 * 20 * 5])];
        device
            .conv1d_gradient(sizes, x.view(), &w.value, None, &gy, WantedGradients { x: None, params: &mut gw })
            .unwrap();
        let expected = norm::Kernel::moments(&device, &y, sizes.output_shape()).unwrap();
        assert_eq!(moments.unwrap().values, expected.values);
        (y.to_vec(), gw)
    };
    assert!(matches!(Method::choose(Isa::suiting(sizes.output), sizes), Method::Toom(_)));
    assert!(run(&normalized) == run(&written));
}
