//! Pooling over time: maxima of windows, and the concatenation of maximum and mean.

use std::ops::Range;

use dfdx::prelude::{Cpu, TensorFromVec};
use rayon::prelude::*;

use super::cpu::{Isa, view};
use super::simd::{Simd, dispatch};
use super::{Backend, Done, Lend, Shape3, Tensor3, Trace, Var, device_error, dims, with_gradients};
use crate::Result;

/// Sizes of a max pool.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Samples in a window, at most 255.
    pub kernel: usize,
    /// Step between windows.
    pub stride: usize,
    /// Samples added on each side, never the maximum.
    pub padding: usize,
}

impl Window {
    /// Output length: (length + 2 padding - kernel) / stride + 1.
    pub fn output_length(&self, length: usize) -> usize {
        (length + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// The windows whose sample `tap` is one of `length`, and which one it is in the first of them.
    fn inside(&self, tap: usize, length: usize, windows: usize) -> (Range<usize>, usize) {
        let first = self.padding.saturating_sub(tap).div_ceil(self.stride);
        let end = (length + self.padding).saturating_sub(tap).div_ceil(self.stride).min(windows);
        (first..end.max(first), (first * self.stride + tap).saturating_sub(self.padding))
    }
}

/// Maxima of one row, and which sample of its window each is; sample by sample, so that neighbouring
/// windows are one vector.
#[inline(always)]
fn pool_row<S: Simd>(window: Window, x: &[f32], y: &mut [f32], places: &mut [u32]) {
    y.fill(f32::NEG_INFINITY);
    places.fill(0);
    for tap in 0..window.kernel {
        let (range, start) = window.inside(tap, x.len(), y.len());
        let outputs = y[range.clone()].iter_mut().zip(&mut places[range]);
        let keep = |((y, place), &x): ((&mut f32, &mut u32), &f32)| {
            let better = x > *y;
            *y = if better { x } else { *y };
            *place = if better { tap as u32 } else { *place };
        };
        let samples = x.get(start..).unwrap_or(&[]);
        match window.stride {
            1 => outputs.zip(samples).for_each(keep),
            stride => outputs.zip(samples.iter().step_by(stride)).for_each(keep),
        }
    }
}

/// Adds each output's gradient to the sample that was the maximum.
#[inline(always)]
fn gradient_row<S: Simd>(window: Window, gx: &mut [f32], gy: &[f32], places: &[u32]) {
    for tap in (0..window.kernel).rev() {
        let (range, start) = window.inside(tap, gx.len(), gy.len());
        let outputs = gy[range.clone()].iter().zip(&places[range]);
        let give = |((g, &place), gx): ((&f32, &u32), &mut f32)| *gx += if place == tap as u32 { *g } else { 0.0 };
        let samples = gx.get_mut(start..).unwrap_or_default();
        match window.stride {
            1 => outputs.zip(samples).for_each(give),
            stride => outputs.zip(samples.iter_mut().step_by(stride)).for_each(give),
        }
    }
}

/// Pooling on a device. Gradients are added to what the buffers hold.
pub trait Kernel: Lend {
    /// Where each maximum was: the sample of its window, or of the whole length.
    type Places: 'static;
    /// Maxima, and their places.
    fn max_pool(&self, window: Window, x: &Tensor3<Self>) -> Done<(Tensor3<Self>, Self::Places), Self>;
    /// Adds to the input's gradient.
    fn max_pool_gradient(
        &self,
        window: Window,
        shape: Shape3,
        places: &Self::Places,
        gy: &Self::Buffer,
        gx: &mut Self::Buffer,
    ) -> Done<(), Self>;
    /// (batch, channels, length) to (batch, 2 channels, 1): maxima over time, then means.
    fn concat_pool(&self, x: &Tensor3<Self>) -> Done<(Tensor3<Self>, Self::Places), Self>;
    /// Adds to the input's gradient.
    fn concat_pool_gradient(
        &self,
        shape: Shape3,
        places: &Self::Places,
        gy: &Self::Buffer,
        gx: &mut Self::Buffer,
    ) -> Done<(), Self>;
}

/// The maximum of each window; of equal ones the first.
///
/// # Errors
/// Where the device fails.
pub fn max_pool<D: Backend>(trace: &mut Trace<D>, x: &Var<D>, window: Window) -> Result<Var<D>> {
    let (device, shape) = (x.value.device().clone(), x.dims());
    let (y, places) = device.max_pool(window, &x.value).map_err(device_error)?;
    let traced = trace.wants(&[x.traced]);
    if traced {
        let (x, ghost) = (x.value.ghost(), y.ghost());
        trace.record(move |grads| {
            with_gradients!(D, grads, ghost, gy, gx = &x, true => {
                if let Some(gx) = &mut gx {
                    device.max_pool_gradient(window, shape, &places, &gy, gx)?;
                }
                Ok(())
            })
        });
    }
    Ok(Var { value: y, traced })
}

/// Maximum and mean over time, concatenated: (batch, channels, length) to (batch, 2 channels, 1).
///
/// # Errors
/// Where the device fails.
pub fn concat_pool<D: Backend>(trace: &mut Trace<D>, x: &Var<D>) -> Result<Var<D>> {
    let (device, shape) = (x.value.device().clone(), x.dims());
    let (y, places) = device.concat_pool(&x.value).map_err(device_error)?;
    let traced = trace.wants(&[x.traced]);
    if traced {
        let (x, ghost) = (x.value.ghost(), y.ghost());
        trace.record(move |grads| {
            with_gradients!(D, grads, ghost, gy, gx = &x, true => {
                if let Some(gx) = &mut gx {
                    device.concat_pool_gradient(shape, &places, &gy, gx)?;
                }
                Ok(())
            })
        });
    }
    Ok(Var { value: y, traced })
}

impl Kernel for Cpu {
    type Places = Vec<u32>;

    fn max_pool(&self, window: Window, x: &Tensor3<Cpu>) -> Done<(Tensor3<Cpu>, Vec<u32>), Cpu> {
        let (batch, channels, length) = dims(x);
        let x = view(x);
        let m = window.output_length(length);
        let (mut y, mut places) = (vec![0.0; batch * channels * m], vec![0; batch * channels * m]);
        let isa = Isa::best();
        y.par_chunks_exact_mut(m)
            .zip(places.par_chunks_exact_mut(m))
            .zip(x.par_chunks_exact(length))
            .with_min_len(8)
            .for_each(|((y, places), x)| {
                dispatch!(isa => pool_row(window: Window, x: &[f32], y: &mut [f32], places: &mut [u32]));
            });
        Ok((self.try_tensor_from_vec(y, (batch, channels, m))?, places))
    }

    fn max_pool_gradient(
        &self,
        window: Window,
        (_, _, length): Shape3,
        places: &Vec<u32>,
        gy: &Vec<f32>,
        gx: &mut Vec<f32>,
    ) -> Done<(), Cpu> {
        let (isa, m) = (Isa::best(), window.output_length(length));
        gx.par_chunks_exact_mut(length)
            .zip(gy.par_chunks_exact(m))
            .zip(places.par_chunks_exact(m))
            .with_min_len(8)
            .for_each(|((gx, gy), places)| {
                dispatch!(isa => gradient_row(window: Window, gx: &mut [f32], gy: &[f32], places: &[u32]));
            });
        Ok(())
    }

    fn concat_pool(&self, x: &Tensor3<Cpu>) -> Done<(Tensor3<Cpu>, Vec<u32>), Cpu> {
        let (batch, channels, length) = dims(x);
        let x = view(x);
        let (mut y, mut places) = (vec![0.0; batch * 2 * channels], vec![0; batch * channels]);
        y.par_chunks_exact_mut(2 * channels)
            .zip(places.par_chunks_exact_mut(channels))
            .zip(x.par_chunks_exact(channels * length))
            .for_each(|((y, places), x)| {
                let (maxima, means) = y.split_at_mut(channels);
                for (((x, maximum), mean), place) in x.chunks_exact(length).zip(maxima).zip(means).zip(places) {
                    let mut at = 0;
                    for (i, &value) in x.iter().enumerate() {
                        if value > x[at] {
                            at = i;
                        }
                    }
                    (*maximum, *place) = (x[at], at as u32);
                    *mean = (x.iter().map(|&value| f64::from(value)).sum::<f64>() / length as f64) as f32;
                }
            });
        Ok((self.try_tensor_from_vec(y, (batch, 2 * channels, 1))?, places))
    }

    fn concat_pool_gradient(
        &self,
        (_, channels, length): Shape3,
        places: &Vec<u32>,
        gy: &Vec<f32>,
        gx: &mut Vec<f32>,
    ) -> Done<(), Cpu> {
        let share = 1.0 / length as f32;
        gx.par_chunks_exact_mut(channels * length)
            .zip(gy.par_chunks_exact(2 * channels))
            .zip(places.par_chunks_exact(channels))
            .for_each(|((gx, gy), places)| {
                let (maxima, means) = gy.split_at(channels);
                for (((gx, g_max), g_mean), &place) in gx.chunks_exact_mut(length).zip(maxima).zip(means).zip(places) {
                    gx.iter_mut().for_each(|gx| *gx += g_mean * share);
                    gx[place as usize] += g_max;
                }
            });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::check;

    #[test]
    fn gradients_match_finite_differences() {
        for window in [Window { kernel: 3, stride: 1, padding: 1 }, Window { kernel: 2, stride: 2, padding: 0 }] {
            check(&[vec![2, 3, 9]], |trace, _, inputs| max_pool(trace, &inputs[0].as_var((2, 3, 9)), window));
        }
        check(&[vec![2, 3, 9]], |trace, _, inputs| concat_pool(trace, &inputs[0].as_var((2, 3, 9))));
    }

    #[test]
    fn maxima_at_the_edges_ignore_the_padding() {
        let x = Cpu::default().try_tensor_from_vec(vec![-3.0, -1.0, -2.0, -5.0], (1, 1, 4)).unwrap();
        let y = max_pool(&mut Trace::off(), &Var::input(x), Window { kernel: 3, stride: 1, padding: 1 }).unwrap();
        assert_eq!(view(&y.value), [-1.0, -1.0, -1.0, -2.0]);
    }
}
