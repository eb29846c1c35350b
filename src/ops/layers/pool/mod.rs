//! Pooling over time: maxima of windows, and the concatenation of maximum and mean.

use crate::Result;
use crate::ops::Backend;
use crate::tensor::{DeviceStorage, Done, Gradient, Shape3, Trace, Var, View, device_error};

mod cpu;
#[cfg(test)]
mod tests;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

/// Sizes of a max pool.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Samples in a window.
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

    /// The samples, of `length`, that window `number` covers.
    fn samples(&self, number: usize, length: usize) -> std::ops::Range<usize> {
        let start = number * self.stride;
        start.saturating_sub(self.padding)..(start + self.kernel).saturating_sub(self.padding).min(length)
    }
}

/// Pooling on a device.
pub trait Kernel: DeviceStorage {
    /// Where the maxima over the whole length were.
    type Places: 'static;
    /// Maxima.
    fn max_pool(&self, window: Window, x: View<'_, Self>) -> Done<Self::Buffer, Self>;
    /// Adds to the input's gradient.
    fn max_pool_gradient(
        &self,
        window: Window,
        x: View<'_, Self>,
        gy: &Self::Buffer,
        gx: &mut Gradient<Self>,
    ) -> Done<(), Self>;
    /// (batch, length, channels) to (batch, 1, 2 channels): maxima over time, then means.
    fn concat_pool(&self, x: View<'_, Self>) -> Done<(Self::Buffer, Self::Places), Self>;
    /// Adds to the input's gradient.
    fn concat_pool_gradient(
        &self,
        shape: Shape3,
        places: &Self::Places,
        gy: &Self::Buffer,
        gx: &mut Gradient<Self>,
    ) -> Done<(), Self>;
}

/// The maximum of each window; of equal ones the first.
///
/// # Errors
/// Where the device fails.
pub fn max_pool<D: Backend>(trace: &mut Trace<D>, x: &Var<D>, window: Window) -> Result<Var<D>> {
    let (batch, length, channels) = x.dims();
    let device = x.device.clone();
    let values = device.max_pool(window, x.view()).map_err(device_error)?;
    let shape = (batch, window.output_length(length), channels);
    let y = Var::new(&device, values, shape, None, trace.wants(&[x.traced]));
    if y.traced {
        let kept = x.clone();
        trace.record_each(&y, &[x], move |gy, _, gx| device.max_pool_gradient(window, kept.view(), gy, gx));
    }
    Ok(y)
}

/// Maximum and mean over time, concatenated: (batch, length, channels) to (batch, 1, 2 channels).
///
/// # Errors
/// Where the device fails.
pub fn concat_pool<D: Backend>(trace: &mut Trace<D>, x: &Var<D>) -> Result<Var<D>> {
    let (device, shape) = (x.device.clone(), x.dims());
    let (values, places) = device.concat_pool(x.view()).map_err(device_error)?;
    let y = Var::new(&device, values, (shape.0, 1, 2 * shape.2), None, trace.wants(&[x.traced]));
    if y.traced {
        trace.record_each(&y, &[x], move |gy, _, gx| device.concat_pool_gradient(shape, &places, gy, gx));
    }
    Ok(y)
}
