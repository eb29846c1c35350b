use super::*;
use crate::ops::cpu::{Isa, flat};
use crate::ops::gradient_check::{Reference, assert_close, check, param, reference, turned, values};
use crate::ops::memory::Buffer;
use crate::ops::norm::Back;

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
            let mode = norm::Mode { statistics, relu: false };
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
fn all(isa: Isa, s: Sizes, x: &[f32], w: &[f32], gy: &[f32], start: impl Fn(usize) -> Vec<f32>) -> [Vec<f32>; 3] {
    by(None, isa, s, x, w, gy, start)
}

/// By products of spectra if a bank is given.
fn by(
    bank: Option<&spectral::Bank>,
    isa: Isa,
    s: Sizes,
    x: &[f32],
    w: &[f32],
    gy: &[f32],
    start: impl Fn(usize) -> Vec<f32>,
) -> [Vec<f32>; 3] {
    let w = param(w);
    let values = Buffer::from(x.to_vec());
    let x = Seen { values: &values, norm: None, shape: (s.batch, s.length, s.input) };
    let (y, _) = match bank {
        Some(bank) => long::forward(isa, s, bank, x, flat(&w.value), false),
        None => direct::forward(isa, s, x, flat(&w.value), false),
    };
    let back = Back::new(None, s.output_shape(), gy, &mut []);
    let mut gx = Gradient { values: start(values.len()).into(), fresh: false };
    let mut gw = [Some(start(flat(&w.value).len()))];
    let flowing = direct::Flowing { back: &back, z: gy, g: gy };
    match bank {
        Some(bank) => long::gradient(isa, s, bank, x, flat(&w.value), flowing, Some(&mut gx), &mut gw),
        None => direct::gradient(isa, s, x, flat(&w.value), flowing, Some(&mut gx), gw[0].as_mut()),
    }
    let [gw] = gw;
    [y.to_vec(), gx.values.to_vec(), gw.unwrap()]
}

/// Every instruction set of this machine against PyTorch: y, gx and gw.
#[test]
fn equals_pytorch_on_every_instruction_set() {
    for (file, count) in [("ops", 12), ("residual_ops", 10)] {
        let reference = reference(file);
        let cases: Vec<&str> =
            reference.keys().filter_map(|key| key.strip_prefix("conv.")?.strip_suffix(".params")).collect();
        assert_eq!(cases.len(), count, "{cases:?}");
        cases.into_iter().for_each(|case| equals(&reference, case));
    }
}

fn equals(reference: &Reference, case: &str) {
    let get = |name: &str| values(reference, &format!("conv.{case}.{name}"));
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
        let [y, gx, gw] = all(isa, sizes, &x, &w, &gy, |len| vec![0.0; len]);
        let name = |what: &str| format!("{case} {what} {isa:?}");
        assert_close(&name("y"), &turned(&y, m, sizes.output), &get("y").1, 1e-5);
        assert_close(&name("gx"), &turned(&gx, sizes.length, sizes.input), &get("gx").1, 1e-5);
        assert_close(&name("gw"), &gw, &get("gw").1, 1e-5);
    }
}

#[test]
fn one_and_many_threads_give_the_same_bits() {
    let wave = |count: usize, step: f32| -> Vec<f32> { (0..count).map(|i| (i as f32 * step).sin()).collect() };
    for (batch, kernel, stride) in [(9, 9, 1), (9, 5, 2), (12, 1, 1)] {
        let sizes = Sizes { batch, input: 6, output: 37, length: 61, kernel, stride, padding: kernel / 2 };
        let (x, w) = (wave(batch * 6 * 61, 0.37), wave(37 * 6 * kernel, 0.91));
        let gy = wave(batch * 37 * sizes.output_length(), 0.53);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| all(Isa::best(), sizes, &x, &w, &gy, |len| wave(len, 0.1)))
        };
        let one = with(1);
        assert!(one == with(2) && one == with(5), "{sizes:?}");
    }
}

/// Spectra against the direct sum, which PyTorch's values check.
#[test]
fn spectra_equal_the_direct_sum() {
    for (batch, input, output, length, kernel) in
        [(2, 32, 96, 1000, 39), (5, 8, 20, 250, 19), (1, 9, 8, 64, 9), (3, 17, 33, 181, 63)]
    {
        let sizes = Sizes { batch, input, output, length, kernel, stride: 1, padding: kernel / 2 };
        let wave = |count: usize, step: f32| -> Vec<f32> { (0..count).map(|i| (i as f32 * step).sin()).collect() };
        let (x, w) = (wave(batch * input * length, 0.37), wave(output * input * kernel, 0.91));
        let gy = wave(batch * output * length, 0.53);
        let expected = all(Isa::Portable, sizes, &x, &w, &gy, |len| wave(len, 0.1));
        for isa in Isa::available() {
            let bank = long::bank(isa, sizes).expect("long enough");
            let found = by(Some(&bank), isa, sizes, &x, &w, &gy, |len| wave(len, 0.1));
            for (name, (found, expected)) in ["y", "gx", "gw"].iter().zip(found.iter().zip(&expected)) {
                assert_close(&format!("{sizes:?} {name} {isa:?}"), found, expected, 5e-5);
            }
        }
    }
}
