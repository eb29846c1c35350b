//! Two or more activations into one: concatenation of channels, and addition with ReLU.

use crate::Result;
use crate::ops::Backend;
use crate::tensor::{DeviceStorage, Done, Gradient, Trace, Var, View, device_error};

mod cpu;
#[cfg(test)]
mod tests;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

/// Combinations on a device.
pub trait Kernel: DeviceStorage {
    /// Channels of all, one after another.
    fn concat(&self, parts: &[View<'_, Self>]) -> Done<Self::Buffer, Self>;
    /// Adds channels from `first` on of `gy` (which has `all` channels) to the gradient of a part of `channels`.
    fn concat_gradient(
        &self,
        first: usize,
        channels: usize,
        all: usize,
        gy: &Self::Buffer,
        gx: &mut Gradient<Self>,
    ) -> Done<(), Self>;
    /// relu(a + b).
    fn add_relu(&self, a: View<'_, Self>, b: View<'_, Self>) -> Done<Self::Buffer, Self>;
    /// Makes gy zero where y is, which is the gradient of both parts; adds it to those that are given. A part whose
    /// gradient is not given has gy.
    fn add_relu_gradient(
        &self,
        parts: [View<'_, Self>; 2],
        y: &Self::Buffer,
        gy: &mut Self::Buffer,
        gx: [Option<&mut Gradient<Self>>; 2],
    ) -> Done<(), Self>;
}

/// Concatenates the channels of `parts`, each (batch, length, its channels).
///
/// # Errors
/// Where the device fails.
pub fn concat<D: Backend>(trace: &mut Trace<D>, parts: &[Var<D>]) -> Result<Var<D>> {
    let device = parts[0].device.clone();
    let seen: Vec<View<'_, D>> = parts.iter().map(Var::view).collect();
    let values = device.concat(&seen).map_err(device_error)?;
    let widths: Vec<usize> = parts.iter().map(|part| part.shape.2).collect();
    let all = widths.iter().sum();
    let wanted: Vec<bool> = parts.iter().map(|part| part.traced).collect();
    let y = Var::new(&device, values, (parts[0].shape.0, parts[0].shape.1, all), None, trace.wants(&wanted));
    if y.traced {
        let inputs: Vec<&Var<D>> = parts.iter().collect();
        trace.record_each(&y, &inputs, move |gy, number, gx| {
            let first = widths[..number].iter().sum();
            device.concat_gradient(first, widths[number], all, gy, gx)
        });
    }
    Ok(y)
}

/// relu(a + b) of two activations of one shape.
///
/// # Errors
/// Where the device fails.
pub fn add_relu<D: Backend>(trace: &mut Trace<D>, a: &Var<D>, b: &Var<D>) -> Result<Var<D>> {
    let device = a.device.clone();
    let values = device.add_relu(a.view(), b.view()).map_err(device_error)?;
    let y = Var::new(&device, values, a.shape, None, trace.wants(&[a.traced, b.traced]));
    if y.traced {
        let (kept, parts) = (y.clone(), [a.clone(), b.clone()]);
        trace.record_sum(&y, [a, b], move |gy, gx| {
            device.add_relu_gradient(parts.each_ref().map(Var::view), &kept.values, gy, gx)
        });
    }
    Ok(y)
}
