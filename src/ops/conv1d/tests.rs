use super::*;
use crate::ops::gradient_check::{assert_close, check, reference, values};

#[test]
fn gradients_match_finite_differences() {
    for (length, kernel, stride, padding) in [(11, 3, 1, 1), (9, 1, 1, 0), (12, 5, 2, 2), (10, 4, 3, 0), (7, 2, 1, 3)] {
        check(&[vec![2, 3, length], vec![5, 3, kernel]], |trace, _, inputs| {
            conv1d(trace, &inputs[0].as_var((2, 3, length)), &inputs[1].param, stride, padding)
        });
    }
}

/// Every instruction set of this machine against PyTorch: y, gx and gw.
#[test]
fn equals_pytorch_on_every_instruction_set() {
    let reference = reference("ops");
    let cases: Vec<&str> =
        reference.keys().filter_map(|key| key.strip_prefix("conv.")?.strip_suffix(".params")).collect();
    assert!(cases.len() >= 6, "{cases:?}");
    for case in cases {
        let get = |name: &str| values(&reference, &format!("conv.{case}.{name}"));
        let (x_shape, x) = get("x");
        let (w_shape, w) = get("w");
        let (_, params) = get("params");
        let sizes = Sizes {
            batch: x_shape[0],
            input: x_shape[1],
            output: w_shape[0],
            length: x_shape[2],
            kernel: w_shape[2],
            stride: params[1] as usize,
            padding: params[2] as usize,
        };
        for isa in Isa::available() {
            let name = |what: &str| format!("{case} {what} {isa:?}");
            assert_close(&name("y"), &kernel::forward(isa, sizes, &x, &w), &get("y").1, 1e-5);
            let gy = get("gy").1;
            let (mut gx, mut gw) = (vec![0.0; x.len()], vec![0.0; w.len()]);
            kernel::input_gradient(isa, sizes, &w, &gy, &mut gx);
            kernel::weights(isa, sizes, &x, &gy, &mut gw);
            assert_close(&name("gx"), &gx, &get("gx").1, 1e-5);
            assert_close(&name("gw"), &gw, &get("gw").1, 1e-5);
        }
    }
}

#[test]
fn one_and_many_threads_give_the_same_bits() {
    let sizes = Sizes { batch: 9, input: 6, output: 7, length: 61, kernel: 9, stride: 1, padding: 4 };
    let wave = |count: usize, step: f32| -> Vec<f32> { (0..count).map(|i| (i as f32 * step).sin()).collect() };
    let (x, w) = (wave(9 * 6 * 61, 0.37), wave(7 * 6 * 9, 0.91));
    let gy = wave(9 * 7 * 61, 0.53);
    let with = |threads: usize| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            let (mut gx, mut gw) = (vec![0.0; x.len()], vec![0.0; w.len()]);
            kernel::input_gradient(Isa::best(), sizes, &w, &gy, &mut gx);
            kernel::weights(Isa::best(), sizes, &x, &gy, &mut gw);
            (kernel::forward(Isa::best(), sizes, &x, &w), gx, gw)
        })
    };
    let one = with(1);
    assert!(one == with(2) && one == with(5));
}

/// Spectra against the direct sum, which PyTorch's values check: lengths and channels that fill tiles and
/// vectors, and such that do not.
#[test]
fn spectra_equal_the_direct_sum() {
    for (batch, input, output, length, kernel, padding) in [
        (2, 32, 96, 1000, 39, 19),
        (5, 8, 20, 250, 19, 9),
        (1, 9, 8, 64, 9, 4),
        (3, 17, 33, 181, 64, 0),
        (1, 16, 16, 90, 40, 63),
    ] {
        let sizes = Sizes { batch, input, output, length, kernel, stride: 1, padding };
        assert!(spectral::suits(sizes));
        let wave = |count: usize, step: f32| -> Vec<f32> { (0..count).map(|i| (i as f32 * step).sin()).collect() };
        let (x, w) = (wave(batch * input * length, 0.37), wave(output * input * kernel, 0.91));
        let gy = wave(batch * output * sizes.output_length(), 0.53);
        // Gradients are added to what is there.
        let gradients = || (wave(x.len(), 0.11), wave(w.len(), 0.13));
        let (mut gx, mut gw) = gradients();
        let y = kernel::forward(Isa::Portable, sizes, &x, &w);
        kernel::input_gradient(Isa::Portable, sizes, &w, &gy, &mut gx);
        kernel::weights(Isa::Portable, sizes, &x, &gy, &mut gw);
        for isa in Isa::available() {
            let name = |what: &str| format!("{sizes:?} {what} {isa:?}");
            assert_close(&name("y"), &spectral::forward(isa, sizes, &x, &w), &y, 1e-5);
            let (mut fast_gx, mut fast_gw) = gradients();
            spectral::input_gradient(isa, sizes, &w, &gy, &mut fast_gx);
            spectral::weights(isa, sizes, &x, &gy, &mut fast_gw);
            assert_close(&name("gx"), &fast_gx, &gx, 1e-5);
            assert_close(&name("gw"), &fast_gw, &gw, 1e-5);
        }
    }
}
