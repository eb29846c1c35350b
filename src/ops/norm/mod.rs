//! Batch normalisation over batch and length, fused with ReLU (Ioffe and Szegedy 2015):
//! y = relu(gamma (x - mean) / sqrt(var + eps) + beta), one mean and variance per channel.
//!
//! It is never written: the activation before it stays in memory, and readers apply [`Norm`]. The gradient of
//! an activation is that of what readers see; a kernel turns it into that of what is in memory.

use std::sync::{Mutex, PoisonError};

use super::{Backend, Done, Flat, Gradient, Lend, Param, Seen, Shape3, Trace, Var, device_error};
use crate::Result;

#[cfg(feature = "cuda")]
pub(super) mod cuda;

mod cpu;

pub use cpu::Moments;
pub(super) use cpu::{Back, Lens, Reading, give, measure, read, sum_gradient};

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

/// What readers see of an activation: relu(scale x + shift), by channel.
#[derive(Debug)]
pub struct Norm<D: Lend> {
    /// scale, shift, mean, 1 / sqrt(var + eps), each of all channels.
    values: D::Buffer,
    mode: Mode,
    /// What the gradient of this batch norm needs first, sums over that of what readers see: left here by
    /// whoever added to that last, if he took them while it was in the cache.
    sums: Mutex<Option<D::Buffer>>,
}

impl<D: Lend> Norm<D> {
    /// Leaves sums.
    fn keep_sums(&self, sums: D::Buffer) {
        *self.sums.lock().unwrap_or_else(PoisonError::into_inner) = Some(sums);
    }

    /// The sums, if they are known.
    fn take_sums(&self) -> Option<D::Buffer> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The gradient will change: sums that are here are no longer true.
    pub(super) fn forget_sums(&self) {
        self.take_sums();
    }
}

/// The parameters of a batch norm and how it is used.
#[derive(Debug)]
pub struct Normalizer<'a, D: Lend> {
    /// Scale.
    pub gamma: &'a Param<D>,
    /// Shift.
    pub beta: &'a Param<D>,
    /// Moved where the batch's statistics are used.
    pub running_mean: &'a mut Param<D>,
    /// Moved where the batch's statistics are used.
    pub running_var: &'a mut Param<D>,
    /// How.
    pub mode: Mode,
}

/// An activation with the batch norm that readers see it through.
#[derive(Debug)]
pub struct Normalized<'a, D: Lend> {
    /// What is in memory.
    pub values: &'a D::Buffer,
    /// What readers apply.
    pub norm: &'a Norm<D>,
}

impl<D: Lend> Clone for Normalized<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<D: Lend> Copy for Normalized<'_, D> {}

/// Batch norms on a device.
pub trait Kernel: Lend {
    /// Mean and spread of each channel of each record.
    type Moments;
    /// Of an activation as it is in memory.
    fn moments(&self, values: &Self::Buffer, shape: Shape3) -> Done<Self::Moments, Self>;
    /// From the batch's moments; moves the running statistics (running variance with Bessel's correction, as
    /// PyTorch does).
    fn norm_of_batch(
        &self,
        moments: Self::Moments,
        gamma: &Flat<Self>,
        beta: &Flat<Self>,
        running: [&mut Flat<Self>; 2],
        relu: bool,
    ) -> Done<Norm<Self>, Self>;
    /// From the running statistics.
    fn norm_of_running(
        &self,
        gamma: &Flat<Self>,
        beta: &Flat<Self>,
        running: [&Flat<Self>; 2],
        relu: bool,
    ) -> Done<Norm<Self>, Self>;
    /// Adds to the gradient of what is in memory and, where wanted, of gamma and beta; `gy` is of what readers see.
    fn norm_gradient(
        &self,
        y: Normalized<'_, Self>,
        shape: Shape3,
        gy: &Self::Buffer,
        gx: Option<&mut Gradient<Self>>,
        lent: &mut [Option<Self::Lent>],
    ) -> Done<(), Self>;
    /// What readers see, on the host.
    fn written(&self, x: Seen<'_, Self>) -> Done<Vec<f32>, Self>;
}

/// What readers will see through `normalizer`; `moments` are the batch's, if its statistics are used.
pub(super) fn norm<D: Backend>(
    device: &D,
    moments: Option<D::Moments>,
    normalizer: &mut Normalizer<'_, D>,
) -> Result<Norm<D>> {
    let Normalizer { gamma, beta, running_mean, running_var, mode } = normalizer;
    let running = [&mut running_mean.value, &mut running_var.value];
    match moments {
        Some(moments) => device.norm_of_batch(moments, &gamma.value, &beta.value, running, mode.relu),
        None => device.norm_of_running(&gamma.value, &beta.value, running.map(|flat| &*flat), mode.relu),
    }
    .map_err(device_error)
}

/// Normalises `x` (batch, length, channels), which nothing has normalised yet.
///
/// # Errors
/// Where the device fails.
///
/// # Panics
/// Where `x` is read through another batch norm: a fault of the network's code.
pub fn batch_norm<D: Backend>(trace: &mut Trace<D>, x: &Var<D>, mut by: Normalizer<'_, D>) -> Result<Var<D>> {
    assert!(x.norm.is_none(), "a batch norm of a batch norm");
    let moments = match by.mode.statistics {
        Statistics::Batch => Some(x.device.moments(&x.values, x.shape).map_err(device_error)?),
        Statistics::Running => None,
    };
    let norm = norm(&x.device, moments, &mut by)?;
    let traced = trace.wants(&[x.traced, by.gamma.trainable, by.beta.trainable]);
    let y = Var::of(&x.device, x.values.clone(), x.shape, Some(norm), traced);
    if traced {
        let (device, seen) = (x.device.clone(), y.clone());
        trace.record(&y, x, &[by.gamma, by.beta], move |gy, gx, lent| match seen.normalized() {
            Some(y) => device.norm_gradient(y, seen.shape, &gy, gx, lent),
            None => Ok(()),
        });
    }
    Ok(y)
}

#[cfg(test)]
mod tests {
    use dfdx::prelude::Cpu;

    use super::*;
    use crate::ops::gradient_check::{assert_close, check, param, reference, turned, values};
    use crate::ops::memory::Buffer;

    #[test]
    fn gradients_match_finite_differences() {
        for relu in [false, true] {
            for statistics in [Statistics::Batch, Statistics::Running] {
                check(&[vec![3, 7, 2], vec![2], vec![2]], |trace, inputs| {
                    let (mut mean, mut var) = (param(&[0.1, -0.2]), param(&[0.8, 1.5]));
                    let (gamma, beta) = (&inputs[1].param, &inputs[2].param);
                    let mode = Mode { statistics, relu };
                    let by = Normalizer { gamma, beta, running_mean: &mut mean, running_var: &mut var, mode };
                    batch_norm(trace, &inputs[0].var, by)
                });
            }
        }
    }

    #[test]
    fn equals_pytorch() {
        let device = Cpu::default();
        let reference = reference("ops");
        let get = |name: &str| values(&reference, &format!("bn_relu.{name}"));
        let param = |name: &str| param(&get(name).1);
        let (shape, x) = get("x");
        let [batch, channels, length] = [shape[0], shape[1], shape[2]];
        let x = Var::input(&device, turned(&x, channels, length), (batch, length, channels)).unwrap();
        let (gamma, beta) = (param("gamma"), param("beta"));
        let (mut mean, mut var) = (param("running_mean"), param("running_var"));
        let mut normalize = |statistics| {
            let mode = Mode { statistics, relu: true };
            let by = Normalizer { gamma: &gamma, beta: &beta, running_mean: &mut mean, running_var: &mut var, mode };
            batch_norm(&mut Trace::off(), &x, by).unwrap()
        };
        let back = |values: Vec<f32>| turned(&values, length, channels);
        let evaluated = normalize(Statistics::Running);
        assert_close("y of running statistics", &back(evaluated.to_vec()), &get("eval_y").1, 1e-5);
        let y = normalize(Statistics::Batch);
        assert_close("y", &back(y.to_vec()), &get("y").1, 1e-5);
        assert_close("running mean", &mean.to_vec(), &get("running_mean_after").1, 1e-5);
        assert_close("running var", &var.to_vec(), &get("running_var_after").1, 1e-5);

        let gy = Buffer::from(turned(&get("gy").1, channels, length));
        let mut gx = Gradient { values: Buffer::stale(gy.len()), fresh: true };
        let mut lent = [Some(vec![0.0; channels]), Some(vec![0.0; channels])];
        device.norm_gradient(y.normalized().unwrap(), y.shape, &gy, Some(&mut gx), &mut lent).unwrap();
        let [ggamma, gbeta] = lent.map(Option::unwrap);
        assert_close("gx", &back(gx.values.to_vec()), &get("gx").1, 1e-5);
        assert_close("ggamma", &ggamma, &get("ggamma").1, 1e-5);
        assert_close("gbeta", &gbeta, &get("gbeta").1, 1e-5);
    }
}
