use super::cpu::{gradient_record, pool_record};
use super::*;
use crate::ops::cpu::Isa;
use crate::ops::cpu::reading::Reading;
use crate::ops::cpu::simd::dispatch;
use crate::ops::gradient_check::{assert_close, check, param, reference, turned, values};
use crate::ops::layers::norm::{Normalizer, batch_norm};
use crate::tensor::{Mode, Statistics};

#[test]
fn gradients_match_finite_differences() {
    for (size, length, channels) in [(2, 8, 3), (2, 7, 19), (3, 7, 2), (5, 3, 2), (1, 4, 2)] {
        check(&[vec![2, length, channels]], |trace, inputs| average_pool(trace, &inputs[0].var, size));
    }
}

#[test]
fn gradients_through_a_batch_norm_match_finite_differences() {
    check(&[vec![2, 5, 19], vec![19], vec![19]], |trace, inputs| {
        let (mut mean, mut var) = (param(&[0.1; 19]), param(&[0.8; 19]));
        let (gamma, beta) = (&inputs[1].param, &inputs[2].param);
        let mode = Mode { statistics: Statistics::Batch, relu: false };
        let by = Normalizer { gamma, beta, running_mean: &mut mean, running_var: &mut var, mode };
        let x = batch_norm(trace, &inputs[0].var, by)?;
        average_pool(trace, &x, 2)
    });
}

/// Values and gradients, on every instruction set of this machine.
#[test]
fn equals_pytorch() {
    let reference = reference("residual_ops");
    let cases: Vec<&str> =
        reference.keys().filter_map(|key| key.strip_prefix("average_pool.")?.strip_suffix(".params")).collect();
    assert!(cases.len() >= 4, "{cases:?}");
    for case in cases {
        let get = |name: &str| values(&reference, &format!("average_pool.{case}.{name}"));
        let ((shape, x), (_, params)) = (get("x"), get("params"));
        let ([_, channels, length], size) = ([shape[0], shape[1], shape[2]], params[0] as usize);
        let (after, window) = (length.div_ceil(size), size * channels);
        let (xs, gys) = (turned(&x, channels, length), turned(&get("gy").1, channels, after));
        for isa in Isa::available() {
            let (mut ys, mut gxs) = (vec![f32::NAN; gys.len()], vec![f32::NAN; xs.len()]);
            for (x, y) in xs.chunks_exact(length * channels).zip(ys.chunks_exact_mut(after * channels)) {
                let reading = None;
                dispatch!(isa => pool_record(
                    reading: Option<Reading<'_>>, window: usize, channels: usize, x: &[f32], y: &mut [f32]
                ));
            }
            for (gy, gx) in gys.chunks_exact(after * channels).zip(gxs.chunks_exact_mut(length * channels)) {
                let fresh = true;
                dispatch!(isa => gradient_record(
                    fresh: bool, window: usize, channels: usize, gy: &[f32], gx: &mut [f32]
                ));
            }
            assert_close(case, &turned(&ys, after, channels), &get("y").1, 1e-6);
            assert_close(case, &turned(&gxs, length, channels), &get("gx").1, 1e-6);
        }
    }
}
