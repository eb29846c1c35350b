//! Batch normalisation over batch and length, fused with ReLU (Ioffe and Szegedy 2015):
//! y = relu(gamma (x - mean) / sqrt(var + eps) + beta), one mean and variance per channel.
//!
//! It is never written: the activation before it stays in memory, and readers apply [`DeferredNorm`]. The gradient of
//! an activation is that of what readers see; a kernel turns it into that of what is in memory.

use crate::Result;
use crate::ops::Backend;
use crate::tensor::{
    DeferredNorm, DeviceStorage, Done, Flat, Mode, Normalized, Param, Shape3, Statistics, Trace, Var, WantedGradients,
    device_error,
};

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

mod cpu;

pub use cpu::Moments;
pub(in crate::ops) use cpu::{Back, measure, sum_gradient};

/// Added to the variance; PyTorch's default.
pub const EPS: f32 = 1e-5;
/// Weight of the newest batch in the running statistics; PyTorch's default.
pub const MOMENTUM: f32 = 0.1;

/// The parameters of a batch norm and how it is used.
#[derive(Debug)]
pub struct Normalizer<'a, D: DeviceStorage> {
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

/// Batch norms on a device.
pub trait Kernel: DeviceStorage {
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
    ) -> Done<DeferredNorm<Self>, Self>;
    /// From the running statistics.
    fn norm_of_running(
        &self,
        gamma: &Flat<Self>,
        beta: &Flat<Self>,
        running: [&Flat<Self>; 2],
        relu: bool,
    ) -> Done<DeferredNorm<Self>, Self>;
    /// Adds to the gradient of what is in memory and, where wanted, of gamma and beta; `gy` is of what readers see.
    fn norm_gradient(
        &self,
        y: Normalized<'_, Self>,
        shape: Shape3,
        gy: &Self::Buffer,
        wanted: WantedGradients<'_, Self>,
    ) -> Done<(), Self>;
}

/// What readers will see through `normalizer`; `moments` are the batch's, if its statistics are used.
pub(super) fn norm<D: Backend>(
    device: &D,
    moments: Option<D::Moments>,
    normalizer: &mut Normalizer<'_, D>,
) -> Result<DeferredNorm<D>> {
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
    let y = Var::with_shared_values(&x.device, x.values.clone(), x.shape, Some(norm), traced);
    if traced {
        let (device, seen) = (x.device.clone(), y.clone());
        trace.record(&y, x, &[by.gamma, by.beta], move |gy, wanted| match seen.normalized() {
            Some(y) => device.norm_gradient(y, seen.shape, &gy, wanted),
            None => Ok(()),
        });
    }
    Ok(y)
}
