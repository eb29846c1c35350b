//! What follows a state space in a residual block: y = beside + drop(a s(b)) where (a, b) = W drop(gelu(x)) + bias, s the
//! logistic function: the exact GELU (Hendrycks and Gimpel 2016) and a linear layer with a gate (GLU: Dauphin 2017).
//!
//! Both dropouts leave out channels of a record as a whole, over all its samples, as the authors of state spaces do. What the
//! linear layer gives is kept for the backward pass; the rest is made again while it is in the cache.

use crate::Result;
use crate::ops::Backend;
use crate::ops::cpu::philox::Dropping;
use crate::tensor::{DeviceStorage, Done, Flat, Gradient, Param, Trace, Var, View, WantedGradients, device_error};

mod cpu;
#[cfg(test)]
mod tests;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

/// The part of a record's dropout after the GELU.
const HIDDEN: usize = 0;
/// And that after the gate.
const OUTPUT: usize = 1;

/// The layer on a device.
pub trait Kernel: DeviceStorage {
    /// y, and what the linear layer gave, (batch, length, 2 channels); `layer` is its weight (2 channels, channels) and bias.
    fn gated_layer(
        &self,
        x: View<'_, Self>,
        beside: View<'_, Self>,
        layer: [&Flat<Self>; 2],
        dropping: Option<Dropping>,
    ) -> Done<(Self::Buffer, Self::Buffer), Self>;
    /// Adds to the gradients that are wanted: of x and, in `wanted.params`, of weight and bias. `of` is what the linear
    /// layer gave, and gy. The gradient of `beside` is gy itself.
    fn gated_layer_gradient(
        &self,
        x: View<'_, Self>,
        layer: [&Flat<Self>; 2],
        dropping: Option<Dropping>,
        of: (Self::Buffer, &Self::Buffer),
        wanted: WantedGradients<'_, Self>,
    ) -> Done<(), Self>;
    /// gx += gy.
    fn add_gradient(&self, gy: &Self::Buffer, gx: &mut Gradient<Self>) -> Done<(), Self>;
}

/// The layer on `x` (batch, length, channels), added to `beside` of the same shape; `weight` (2 channels, channels, 1), as of
/// PyTorch's convolution, and `bias` (2 channels).
///
/// # Errors
/// Where the device fails.
///
/// # Panics
/// Where the shapes do not fit: a fault of the network's code, never of its input.
pub fn gated<D: Backend>(
    trace: &mut Trace<D>,
    x: &Var<D>,
    beside: &Var<D>,
    [weight, bias]: [&Param<D>; 2],
    dropping: Option<Dropping>,
) -> Result<Var<D>> {
    let channels = x.dims().2;
    assert!(
        weight.shape == [2 * channels, channels, 1] && bias.shape == [2 * channels] && x.shape == beside.shape,
        "gated: {:?} and {:?} by {:?}",
        x.shape,
        beside.shape,
        weight.shape
    );
    let device = x.device.clone();
    let layer = [weight.value.clone(), bias.value.clone()];
    let (values, wide) =
        device.gated_layer(x.view(), beside.view(), layer.each_ref(), dropping).map_err(device_error)?;
    let traced = trace.wants(&[x.traced, beside.traced, weight.trainable, bias.trainable]);
    let y = Var::new(&device, values, x.shape, None, traced);
    if traced {
        let kept = x.clone();
        let adding = device.clone();
        trace.record_beside(
            &y,
            (x, beside),
            &[weight, bias],
            move |gy, gx| adding.add_gradient(gy, gx),
            move |gy, wanted| device.gated_layer_gradient(kept.view(), layer.each_ref(), dropping, (wide, gy), wanted),
        );
    }
    Ok(y)
}
