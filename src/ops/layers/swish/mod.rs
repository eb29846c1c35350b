//! Swish, x s(x) with s the logistic function (Ramachandran, Zoph and Le 2017, arXiv 1710.05941; SiLU in PyTorch).

use crate::Result;
use crate::ops::Backend;
use crate::tensor::{DeviceStorage, Done, Gradient, Trace, Var, View, device_error};

mod cpu;
#[cfg(test)]
mod tests;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

/// Swish on a device.
pub trait Kernel: DeviceStorage {
    /// Of each value.
    fn swish(&self, x: View<'_, Self>) -> Done<Self::Buffer, Self>;
    /// Adds to the gradient of the input.
    fn swish_gradient(&self, x: View<'_, Self>, gy: &Self::Buffer, gx: &mut Gradient<Self>) -> Done<(), Self>;
}

/// Swish of each value of `x` (batch, length, channels).
///
/// # Errors
/// Where the device fails.
pub fn swish<D: Backend>(trace: &mut Trace<D>, x: &Var<D>) -> Result<Var<D>> {
    let device = x.device.clone();
    let values = device.swish(x.view()).map_err(device_error)?;
    let y = Var::new(&device, values, x.shape, None, trace.wants(&[x.traced]));
    if y.traced {
        let kept = x.clone();
        trace.record_each(&y, &[x], move |gy, _, gx| device.swish_gradient(kept.view(), gy, gx));
    }
    Ok(y)
}
