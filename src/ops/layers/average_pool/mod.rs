//! Average pooling over time, window after window: y\[b,m,c\] is the mean of x\[b,t,c\] over the samples
//! t = size m ... size m + size - 1 that there are (PyTorch's `AvgPool1d(size, ceil_mode=True)`).

use crate::Result;
use crate::ops::Backend;
use crate::tensor::{DeviceStorage, Done, Gradient, Shape3, Trace, Var, View, device_error};

mod cpu;
#[cfg(test)]
mod tests;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

/// Average pooling on a device.
pub trait Kernel: DeviceStorage {
    /// Means of windows of `size` samples.
    fn average_pool(&self, size: usize, x: View<'_, Self>) -> Done<Self::Buffer, Self>;
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
    let values = device.average_pool(size, x.view()).map_err(device_error)?;
    let y = Var::new(&device, values, (batch, length.div_ceil(size), channels), None, trace.wants(&[x.traced]));
    if y.traced {
        trace.record_each(&y, &[x], move |gy, _, gx| device.average_pool_gradient(size, shape, gy, gx));
    }
    Ok(y)
}
