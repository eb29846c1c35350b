//! Batch normalisation over batch and length, fused with ReLU (Ioffe and Szegedy 2015):
//! y = relu(gamma (x - mean) / sqrt(var + eps) + beta), one mean and variance per channel.

use dfdx::prelude::{Cpu, TensorFromVec};
use rayon::prelude::*;

use super::cpu::{Isa, flat, view};
use super::simd::{Simd, dispatch};
use super::{Backend, Done, Flat, Lend, Param, Shape3, Tensor3, Trace, Var, device_error, dims, with_gradients};
use crate::Result;

/// Added to the variance; PyTorch's default.
pub const EPS: f32 = 1e-5;
/// Weight of the newest batch in the running statistics; PyTorch's default.
pub const MOMENTUM: f32 = 0.1;

/// Whose statistics normalise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// The batch's; the running ones follow (training).
    Batch,
    /// The running ones, which hold still (inference, frozen blocks).
    Running,
}

/// What stays the same while a batch norm is used.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// Whose statistics.
    pub statistics: Statistics,
    /// Whether ReLU follows.
    pub relu: bool,
}

/// The batch norm on a device. Gradients are added to what the buffers hold.
pub trait Kernel: Lend {
    /// Mean and 1 / sqrt(var + eps) of each channel of the batch; moves the running statistics
    /// (running variance with Bessel's correction, as PyTorch does).
    fn batch_statistics(
        &self,
        x: &Tensor3<Self>,
        running_mean: &mut Flat<Self>,
        running_var: &mut Flat<Self>,
    ) -> Done<[Flat<Self>; 2], Self>;
    /// Mean and 1 / sqrt(var + eps) of the running statistics.
    fn running_statistics(&self, running_mean: &Flat<Self>, running_var: &Flat<Self>) -> Done<[Flat<Self>; 2], Self>;
    /// y.
    fn normalize(
        &self,
        x: &Tensor3<Self>,
        statistics: &[Flat<Self>; 2],
        gamma: &Flat<Self>,
        beta: &Flat<Self>,
        relu: bool,
    ) -> Done<Tensor3<Self>, Self>;
    /// Adds to the gradients that are wanted; `gy` is the gradient of y.
    #[allow(clippy::too_many_arguments)]
    fn normalize_gradient(
        &self,
        mode: Mode,
        x: &Tensor3<Self>,
        statistics: &[Flat<Self>; 2],
        gamma: &Flat<Self>,
        beta: &Flat<Self>,
        gy: &Self::Buffer,
        gx: Option<&mut Self::Buffer>,
        ggamma: Option<&mut Self::Buffer>,
        gbeta: Option<&mut Self::Buffer>,
    ) -> Done<(), Self>;
}

/// Normalises `x` (batch, channels, length); `running` is mean and variance, moved where the batch's
/// statistics are used.
///
/// # Errors
/// Where the device fails.
pub fn batch_norm<D: Backend>(
    trace: &mut Trace<D>,
    x: &Var<D>,
    gamma: &Param<D>,
    beta: &Param<D>,
    running: (&mut Param<D>, &mut Param<D>),
    mode: Mode,
) -> Result<Var<D>> {
    let device = x.value.device().clone();
    let (mean, var) = running;
    let statistics = match mode.statistics {
        Statistics::Batch => device.batch_statistics(&x.value, &mut mean.value, &mut var.value),
        Statistics::Running => device.running_statistics(&mean.value, &var.value),
    }
    .map_err(device_error)?;
    let y = device.normalize(&x.value, &statistics, &gamma.value, &beta.value, mode.relu).map_err(device_error)?;
    let (x_wanted, gamma_wanted, beta_wanted) = (x.traced, gamma.trainable, beta.trainable);
    let traced = trace.wants(&[x_wanted, gamma_wanted, beta_wanted]);
    if traced {
        let (x, gamma, beta, ghost) = (x.value.clone(), gamma.value.clone(), beta.value.clone(), y.ghost());
        trace.record(move |grads| {
            with_gradients!(D, grads, ghost, gy, gx = &x, x_wanted, gg = &gamma, gamma_wanted, gb = &beta, beta_wanted => device
                .normalize_gradient(mode, &x, &statistics, &gamma, &beta, &gy, gx.as_mut(), gg.as_mut(), gb.as_mut()))
        });
    }
    Ok(Var { value: y, traced })
}

/// The sum of f(i), in sixteen fixed lanes.
#[inline(always)]
fn lane_sum(count: usize, f: impl Fn(usize) -> f32) -> f64 {
    let mut lanes = [0f32; 16];
    let whole = count / 16 * 16;
    for start in (0..whole).step_by(16) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += f(start + lane);
        }
    }
    let rest: f32 = (whole..count).map(f).sum();
    lanes.iter().map(|&lane| f64::from(lane)).sum::<f64>() + f64::from(rest)
}

/// total += the sum of the row.
#[inline(always)]
fn sum_row<S: Simd>(row: &[f32], total: &mut f64) {
    *total += lane_sum(row.len(), |i| row[i]);
}

/// total += the squared distances from `centre`.
#[inline(always)]
fn squares_row<S: Simd>(row: &[f32], centre: f32, total: &mut f64) {
    *total += lane_sum(row.len(), |i| (row[i] - centre) * (row[i] - centre));
}

/// y = max(scale x + shift, floor).
#[inline(always)]
fn normalize_row<S: Simd>(x: &[f32], [scale, shift]: [f32; 2], floor: f32, y: &mut [f32]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y = (x * scale + shift).max(floor));
}

/// What gets through the ReLU: the threshold is on scale x + shift, the very expression of the forward pass.
#[inline(always)]
fn passed(x: f32, [scale, shift]: [f32; 2], floor: f32, g: f32) -> f32 {
    if x * scale + shift > floor { g } else { 0.0 }
}

/// totals += the sums of g and of g (x - mean).
#[inline(always)]
fn gradient_sums_row<S: Simd>(x: &[f32], g: &[f32], affine: [f32; 2], floor: f32, mean: f32, totals: &mut [f64; 2]) {
    let g = &g[..x.len()];
    totals[0] += lane_sum(x.len(), |i| passed(x[i], affine, floor, g[i]));
    totals[1] += lane_sum(x.len(), |i| passed(x[i], affine, floor, g[i]) * (x[i] - mean));
}

/// What flows back through one row: gx += scale (g - offset - (x - mean) slope).
#[derive(Clone, Copy)]
struct Back {
    affine: [f32; 2],
    floor: f32,
    mean: f32,
    offset: f32,
    slope: f32,
}

#[inline(always)]
fn gradient_row<S: Simd>(back: Back, x: &[f32], g: &[f32], gx: &mut [f32]) {
    let Back { affine, floor, mean, offset, slope } = back;
    for ((gx, &x), &g) in gx.iter_mut().zip(x).zip(g) {
        *gx += affine[0] * (passed(x, affine, floor, g) - offset - (x - mean) * slope);
    }
}

/// The rows of `channel` in `x` (batch, channels, length).
fn rows(x: &[f32], (_, channels, length): Shape3, channel: usize) -> impl Iterator<Item = &[f32]> {
    x.chunks_exact(channels * length).map(move |record| &record[channel * length..][..length])
}

/// y = scale x + shift of each channel.
fn affine(statistics: &[Flat<Cpu>; 2], gamma: &Flat<Cpu>, beta: &Flat<Cpu>) -> Vec<[f32; 2]> {
    let [mean, inverse] = statistics;
    (flat(mean).iter().zip(flat(inverse)))
        .zip(flat(gamma).iter().zip(flat(beta)))
        .map(|((mean, inverse), (gamma, beta))| [gamma * inverse, beta - mean * gamma * inverse])
        .collect()
}

impl Kernel for Cpu {
    fn batch_statistics(
        &self,
        x: &Tensor3<Cpu>,
        running_mean: &mut Flat<Cpu>,
        running_var: &mut Flat<Cpu>,
    ) -> Done<[Flat<Cpu>; 2], Cpu> {
        let shape @ (batch, channels, length) = dims(x);
        let (isa, x, count) = (Isa::best(), view(x), (batch * length) as f64);
        let moments: Vec<(f64, f64)> = (0..channels)
            .into_par_iter()
            .map(|channel| {
                let (mut sum, mut squares) = (0.0, 0.0);
                for row in rows(x, shape, channel) {
                    let total: &mut f64 = &mut sum;
                    dispatch!(isa => sum_row(row: &[f32], total: &mut f64));
                }
                let mean = sum / count;
                let centre = mean as f32;
                for row in rows(x, shape, channel) {
                    let total: &mut f64 = &mut squares;
                    dispatch!(isa => squares_row(row: &[f32], centre: f32, total: &mut f64));
                }
                (mean, squares / count)
            })
            .collect();
        let bessel = count / (count - 1.0).max(1.0);
        let follow = |running: &mut Flat<Cpu>, news: &dyn Fn(usize) -> f64| {
            let mut values = running.as_vec();
            for (i, value) in values.iter_mut().enumerate() {
                *value = (1.0 - MOMENTUM) * *value + MOMENTUM * news(i) as f32;
            }
            running.copy_from(&values);
        };
        follow(running_mean, &|i| moments[i].0);
        follow(running_var, &|i| moments[i].1 * bessel);
        let mean = moments.iter().map(|m| m.0 as f32).collect();
        let inverse = moments.iter().map(|m| (1.0 / (m.1 + f64::from(EPS)).sqrt()) as f32).collect();
        Ok([self.try_tensor_from_vec(mean, (channels,))?, self.try_tensor_from_vec(inverse, (channels,))?])
    }

    fn running_statistics(&self, running_mean: &Flat<Cpu>, running_var: &Flat<Cpu>) -> Done<[Flat<Cpu>; 2], Cpu> {
        let inverse: Vec<f32> =
            flat(running_var).iter().map(|var| (1.0 / (f64::from(*var) + f64::from(EPS)).sqrt()) as f32).collect();
        let channels = inverse.len();
        Ok([
            self.try_tensor_from_vec(running_mean.as_vec(), (channels,))?,
            self.try_tensor_from_vec(inverse, (channels,))?,
        ])
    }

    fn normalize(
        &self,
        x: &Tensor3<Cpu>,
        statistics: &[Flat<Cpu>; 2],
        gamma: &Flat<Cpu>,
        beta: &Flat<Cpu>,
        relu: bool,
    ) -> Done<Tensor3<Cpu>, Cpu> {
        let shape @ (_, channels, length) = dims(x);
        let (isa, x, affine) = (Isa::best(), view(x), affine(statistics, gamma, beta));
        let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
        let mut y = vec![0.0; x.len()];
        let record = channels * length;
        y.par_chunks_exact_mut(record).zip(x.par_chunks_exact(record)).for_each(|(y, x)| {
            for ((y, x), &affine) in y.chunks_exact_mut(length).zip(x.chunks_exact(length)).zip(&affine) {
                dispatch!(isa => normalize_row(x: &[f32], affine: [f32; 2], floor: f32, y: &mut [f32]));
            }
        });
        self.try_tensor_from_vec(y, shape)
    }

    fn normalize_gradient(
        &self,
        mode: Mode,
        x: &Tensor3<Cpu>,
        statistics: &[Flat<Cpu>; 2],
        gamma: &Flat<Cpu>,
        beta: &Flat<Cpu>,
        gy: &Vec<f32>,
        gx: Option<&mut Vec<f32>>,
        ggamma: Option<&mut Vec<f32>>,
        gbeta: Option<&mut Vec<f32>>,
    ) -> Done<(), Cpu> {
        let shape @ (batch, channels, length) = dims(x);
        let (x, affine) = (view(x), affine(statistics, gamma, beta));
        let (mean, inverse) = (flat(&statistics[0]), flat(&statistics[1]));
        let (isa, floor) = (Isa::best(), if mode.relu { 0.0 } else { f32::NEG_INFINITY });
        // Sums of g and of g xhat over each channel.
        let sums: Vec<[f64; 2]> = (0..channels)
            .into_par_iter()
            .map(|c| {
                let (mut totals, affine, mean) = ([0.0; 2], affine[c], mean[c]);
                for (x, g) in rows(x, shape, c).zip(rows(gy, shape, c)) {
                    let totals: &mut [f64; 2] = &mut totals;
                    dispatch!(isa => gradient_sums_row(x: &[f32], g: &[f32], affine: [f32; 2], floor: f32, mean: f32, totals: &mut [f64; 2]));
                }
                totals
            })
            .zip(inverse)
            .map(|([sum, dot], &inverse)| [sum, dot * f64::from(inverse)])
            .collect();
        if let Some(ggamma) = ggamma {
            ggamma.iter_mut().zip(&sums).for_each(|(g, [_, dot])| *g += *dot as f32);
        }
        if let Some(gbeta) = gbeta {
            gbeta.iter_mut().zip(&sums).for_each(|(g, [sum, _])| *g += *sum as f32);
        }
        let Some(gx) = gx else { return Ok(()) };
        let count = (batch * length) as f64;
        let record = channels * length;
        gx.par_chunks_exact_mut(record).zip(x.par_chunks_exact(record)).zip(gy.par_chunks_exact(record)).for_each(
            |((gx, x), gy)| {
                for (c, ((gx, x), gy)) in
                    gx.chunks_exact_mut(length).zip(x.chunks_exact(length)).zip(gy.chunks_exact(length)).enumerate()
                {
                    // d mean and d var of the batch; nothing flows through running statistics.
                    let (offset, slope) = match mode.statistics {
                        Statistics::Running => (0.0, 0.0),
                        Statistics::Batch => ((sums[c][0] / count) as f32, (sums[c][1] / count) as f32 * inverse[c]),
                    };
                    let back = Back { affine: affine[c], floor, mean: mean[c], offset, slope };
                    dispatch!(isa => gradient_row(back: Back, x: &[f32], gy: &[f32], gx: &mut [f32]));
                }
            },
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::{assert_close, check, reference, values};

    #[test]
    fn gradients_match_finite_differences() {
        for relu in [false, true] {
            for statistics in [Statistics::Batch, Statistics::Running] {
                check(&[vec![3, 2, 7], vec![2], vec![2]], |trace, device, inputs| {
                    let (mut mean, mut var) =
                        (Param::new(device, vec![2], vec![0.1, -0.2])?, Param::new(device, vec![2], vec![0.8, 1.5])?);
                    let x = inputs[0].as_var((3, 2, 7));
                    batch_norm(
                        trace,
                        &x,
                        &inputs[1].param,
                        &inputs[2].param,
                        (&mut mean, &mut var),
                        Mode { statistics, relu },
                    )
                });
            }
        }
    }

    #[test]
    fn equals_pytorch() {
        let device = Cpu::default();
        let reference = reference("ops");
        let get = |name: &str| values(&reference, &format!("bn_relu.{name}"));
        let param = |name: &str| {
            let (shape, values) = get(name);
            Param::new(&device, shape, values).unwrap()
        };
        let (shape, x) = get("x");
        let x = device.try_tensor_from_vec(x, (shape[0], shape[1], shape[2])).unwrap();
        let (gamma, beta) = (param("gamma"), param("beta"));
        let (mut mean, mut var) = (param("running_mean"), param("running_var"));
        let mut normalize = |statistics| {
            let mode = Mode { statistics, relu: true };
            let y = batch_norm(&mut Trace::off(), &Var::input(x.clone()), &gamma, &beta, (&mut mean, &mut var), mode)
                .unwrap();
            view(&y.value).to_vec()
        };
        assert_close("y of running statistics", &normalize(Statistics::Running), &get("eval_y").1, 1e-5);
        assert_close("y", &normalize(Statistics::Batch), &get("y").1, 1e-5);
        assert_close("running mean", &mean.to_vec(), &get("running_mean_after").1, 1e-5);
        assert_close("running var", &var.to_vec(), &get("running_var_after").1, 1e-5);

        let statistics = device.batch_statistics(&x, &mut mean.value, &mut var.value).unwrap();
        let mode = Mode { statistics: Statistics::Batch, relu: true };
        let [mut gx, mut ggamma, mut gbeta] = ["gx", "ggamma", "gbeta"].map(|name| vec![0.0; get(name).1.len()]);
        let (gy, wanted) = (get("gy").1, (Some(&mut gx), Some(&mut ggamma), Some(&mut gbeta)));
        device
            .normalize_gradient(mode, &x, &statistics, &gamma.value, &beta.value, &gy, wanted.0, wanted.1, wanted.2)
            .unwrap();
        assert_close("gx", &gx, &get("gx").1, 1e-5);
        assert_close("ggamma", &ggamma, &get("ggamma").1, 1e-5);
        assert_close("gbeta", &gbeta, &get("gbeta").1, 1e-5);
    }
}
