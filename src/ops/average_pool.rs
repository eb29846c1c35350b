//! Average pooling over time, window after window: y\[b,m,c\] is the mean of x\[b,t,c\] over the samples
//! t = size m ... size m + size - 1 that there are (PyTorch's `AvgPool1d(size, ceil_mode=True)`).

use dfdx::prelude::Cpu;
use rayon::prelude::*;

use super::cpu::Isa;
use super::memory::Buffer;
use super::norm::Reading;
use super::simd::{Simd, dispatch};
use super::{Backend, Done, Gradient, Lend, Seen, Shape3, Trace, Var, device_error};
use crate::Result;

#[cfg(feature = "cuda")]
mod cuda;

/// Average pooling on a device.
pub trait Kernel: Lend {
    /// Means of windows of `size` samples.
    fn average_pool(&self, size: usize, x: Seen<'_, Self>) -> Done<Self::Buffer, Self>;
    /// Adds to the gradient of the input, which has `shape`.
    fn average_pool_gradient(
        &self,
        size: usize,
        shape: Shape3,
        gy: &Self::Buffer,
        gx: &mut Gradient<Self>,
    ) -> Done<(), Self>;
}

/// Means of each `size` neighbouring samples, the last of those that are left: (batch, length, channels) to
/// (batch, length / size rounded up, channels).
///
/// # Errors
/// Where the device fails.
///
/// # Panics
/// Where `size` is 0: a fault of the network's code.
pub fn average_pool<D: Backend>(trace: &mut Trace<D>, x: &Var<D>, size: usize) -> Result<Var<D>> {
    assert!(size > 0, "an average of nothing");
    let (device, shape) = (x.device.clone(), x.dims());
    let (batch, length, channels) = shape;
    let values = device.average_pool(size, x.seen()).map_err(device_error)?;
    let y = Var::new(&device, values, (batch, length.div_ceil(size), channels), None, trace.wants(&[x.traced]));
    if y.traced {
        trace.record_each(&y, &[x], move |gy, _, gx| device.average_pool_gradient(size, shape, gy, gx));
    }
    Ok(y)
}

/// One record, whose windows have `window` values.
#[inline(always)]
fn pool_record<S: Simd>(reading: Option<Reading<'_>>, window: usize, channels: usize, x: &[f32], y: &mut [f32]) {
    let whole = channels / S::LANES * S::LANES;
    for (y, rows) in y.chunks_exact_mut(channels).zip(x.chunks(window)) {
        let share = channels as f32 / rows.len() as f32;
        for c in (0..whole).step_by(S::LANES) {
            let mut sum = S::splat(0.0);
            for row in rows.chunks_exact(channels) {
                let x = S::load(&row[c..]);
                sum = S::add(
                    sum,
                    match &reading {
                        Some(reading) => reading.vector::<S>(x, c),
                        None => x,
                    },
                );
            }
            S::store(S::mul(sum, S::splat(share)), &mut y[c..]);
        }
        for c in whole..channels {
            let seen = |row: &[f32]| match &reading {
                Some(reading) => reading.value(row[c], c),
                None => row[c],
            };
            y[c] = rows.chunks_exact(channels).map(seen).sum::<f32>() * share;
        }
    }
}

#[inline(always)]
fn gradient_record<S: Simd>(fresh: bool, window: usize, channels: usize, gy: &[f32], gx: &mut [f32]) {
    for (gy, rows) in gy.chunks_exact(channels).zip(gx.chunks_mut(window)) {
        let share = channels as f32 / rows.len() as f32;
        for row in rows.chunks_exact_mut(channels) {
            if fresh {
                row.iter_mut().zip(gy).for_each(|(gx, gy)| *gx = gy * share);
            } else {
                row.iter_mut().zip(gy).for_each(|(gx, gy)| *gx += gy * share);
            }
        }
    }
}

impl Kernel for Cpu {
    fn average_pool(&self, size: usize, x: Seen<'_, Cpu>) -> Done<Buffer, Cpu> {
        let (batch, length, channels) = x.shape;
        let (isa, window, reading) = (Isa::best(), size * channels, x.reading());
        let one = length.div_ceil(size) * channels;
        let mut y = Buffer::stale(batch * one);
        y.par_chunks_exact_mut(one).enumerate().for_each(|(record, y)| {
            let x = x.record(record);
            dispatch!(isa => pool_record(
                reading: Option<Reading<'_>>, window: usize, channels: usize, x: &[f32], y: &mut [f32]
            ));
        });
        Ok(y)
    }

    fn average_pool_gradient(
        &self,
        size: usize,
        (_, length, channels): Shape3,
        gy: &Buffer,
        gx: &mut Gradient<Cpu>,
    ) -> Done<(), Cpu> {
        let (isa, window, fresh) = (Isa::best(), size * channels, gx.fresh);
        let one = length.div_ceil(size) * channels;
        let records = gx.values.par_chunks_exact_mut(length * channels).zip(gy.par_chunks_exact(one));
        records.for_each(|(gx, gy)| {
            dispatch!(isa => gradient_record(
                fresh: bool, window: usize, channels: usize, gy: &[f32], gx: &mut [f32]
            ));
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::{assert_close, check, param, reference, turned, values};
    use crate::ops::norm::{Mode, Normalizer, Statistics, batch_norm};

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
}
