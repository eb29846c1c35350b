//! The fully connected layer on each sample: y\[b,t,o\] = sum over i of w\[o,i\] x\[b,t,i\] + bias\[o\], with or
//! without ReLU.

use crate::Result;
use crate::ops::Backend;
use crate::tensor::{DeviceStorage, Done, Flat, Param, Trace, Var, View, WantedGradients, device_error};

mod cpu;
#[cfg(test)]
mod tests;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

/// The layer on a device.
pub trait Kernel: DeviceStorage {
    /// y from x, w (out, in) and bias (out).
    fn linear(&self, x: View<'_, Self>, w: &Flat<Self>, bias: &Flat<Self>, relu: bool) -> Done<Self::Buffer, Self>;
    /// Adds to the gradients that are wanted, in `wanted.params` those of w and bias; `y` is given where ReLU followed.
    fn linear_gradient(
        &self,
        x: View<'_, Self>,
        w: &Flat<Self>,
        y: Option<&Self::Buffer>,
        gy: &Self::Buffer,
        wanted: WantedGradients<'_, Self>,
    ) -> Done<(), Self>;
}

/// Applies `weight` (out, in) and `bias` (out) to `x` (batch, length, in), then ReLU if `relu`.
///
/// # Errors
/// Where the device fails.
///
/// # Panics
/// Where the shapes do not fit: a fault of the network's code.
pub fn linear<D: Backend>(
    trace: &mut Trace<D>,
    x: &Var<D>,
    weight: &Param<D>,
    bias: &Param<D>,
    relu: bool,
) -> Result<Var<D>> {
    let (batch, length, inputs) = x.dims();
    let outputs = weight.shape[0];
    assert!(weight.shape == [outputs, inputs], "linear: {:?} by {:?}", x.dims(), weight.shape);
    let device = x.device.clone();
    let values = device.linear(x.view(), &weight.value, &bias.value, relu).map_err(device_error)?;
    let traced = trace.wants(&[x.traced, weight.trainable, bias.trainable]);
    let y = Var::new(&device, values, (batch, length, outputs), None, traced);
    if traced {
        let (kept_x, kept_y, w) = (x.clone(), relu.then(|| y.clone()), weight.value.clone());
        trace.record(&y, x, &[weight, bias], move |gy, wanted| {
            let y = kept_y.as_ref().map(|y| &*y.values);
            device.linear_gradient(kept_x.view(), &w, y, &gy, wanted)
        });
    }
    Ok(y)
}
