//! Dropout: each value is zeroed with probability p, the others scaled by 1 / (1 - p) (Srivastava 2014).

use rand::Rng;

use crate::Result;
use crate::ops::Backend;
use crate::ops::cpu::philox::Dropping;
use crate::tensor::{DeviceStorage, Done, Gradient, Shape3, Trace, Var, View, device_error};

mod cpu;
#[cfg(test)]
mod tests;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

/// Dropout on a device. Factors are a function of their place, that of value i of record r being place [0, r] and
/// number i of `philox::factors`: the same on every device, and made again for the gradient.
pub trait Kernel: DeviceStorage {
    /// x times the factors.
    fn scale(&self, x: View<'_, Self>, dropping: Dropping) -> Done<Self::Buffer, Self>;
    /// Adds gy times the factors; `shape` is that of x.
    fn scale_gradient(
        &self,
        dropping: Dropping,
        shape: Shape3,
        gy: &Self::Buffer,
        gx: &mut Gradient<Self>,
    ) -> Done<(), Self>;
}

/// Drops values of `x` with probability `p`, by a key drawn from `random`.
///
/// # Errors
/// Where the device fails.
pub fn dropout<D: Backend>(trace: &mut Trace<D>, x: Var<D>, p: f64, random: &mut impl Rng) -> Result<Var<D>> {
    let Some(dropping) = Dropping::new(p, random) else { return Ok(x) };
    let (device, shape) = (x.device.clone(), x.shape);
    let values = device.scale(x.view(), dropping).map_err(device_error)?;
    let y = Var::new(&device, values, shape, None, trace.wants(&[x.traced]));
    if y.traced {
        trace.record_each(&y, &[&x], move |gy, _, gx| device.scale_gradient(dropping, shape, gy, gx));
    }
    Ok(y)
}
