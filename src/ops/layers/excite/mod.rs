//! The end of a residual block with squeeze and excitation (Hu, Shen and Sun 2018, arXiv 1709.01507): y = x s(gates) +
//! shortcut(beside), s the logistic function of each record's gate of each channel.
//!
//! The shortcut makes `beside` as short and as wide as x, without weights (Hong et al. 2020, doi 10.1145/3394486.3403212):
//! the maximum of each `stride` samples, then channels of zeros on both sides, the odd one behind. Where a window goes
//! beyond the record, (stride - 1) / 2 samples before it and what is left behind it, the samples there are 0.

use crate::Result;
use crate::ops::Backend;
use crate::tensor::{DeviceStorage, Done, Gradient, Trace, Var, View, device_error};

mod cpu;
#[cfg(test)]
mod tests;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

/// What the three activations are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// (batch, length / stride rounded up, channels).
    X,
    /// (batch, 1, channels): what the gates are the logistic function of.
    Gates,
    /// (batch, length, as many channels or fewer).
    Beside,
}

impl Part {
    const ALL: [Self; 3] = [Self::X, Self::Gates, Self::Beside];
}

/// The activations as kernels read them.
#[derive(Debug)]
pub struct Parts<'a, D: DeviceStorage> {
    /// Of which channels are excited.
    pub x: View<'a, D>,
    /// Not through a batch norm.
    pub gates: View<'a, D>,
    /// Of which the shortcut is made.
    pub beside: View<'a, D>,
    /// Samples of `beside` to one of x.
    pub stride: usize,
}

impl<D: DeviceStorage> Parts<'_, D> {
    /// Channels of zeros before those of the shortcut.
    fn margin(&self) -> usize {
        (self.x.shape.2 - self.beside.shape.2) / 2
    }

    /// Samples that windows begin before the record.
    fn before(&self) -> usize {
        (self.stride - 1) / 2
    }
}

/// The sum on a device.
pub trait Kernel: DeviceStorage {
    /// y, of the shape of x.
    fn excite(&self, parts: Parts<'_, Self>) -> Done<Self::Buffer, Self>;
    /// Adds to the gradient of one part.
    fn excite_gradient(
        &self,
        parts: Parts<'_, Self>,
        of: Part,
        gy: &Self::Buffer,
        gradient: &mut Gradient<Self>,
    ) -> Done<(), Self>;
}

/// `x` with its channels weighted by the logistic function of `gates`, plus the shortcut of `beside`.
///
/// # Errors
/// Where the device fails.
///
/// # Panics
/// Where the shapes do not fit: a fault of the network's code, never of its input.
pub fn excite<D: Backend>(
    trace: &mut Trace<D>,
    x: &Var<D>,
    gates: &Var<D>,
    beside: &Var<D>,
    stride: usize,
) -> Result<Var<D>> {
    let ((batch, length, channels), wide) = (x.dims(), beside.dims());
    let fits = gates.dims() == (batch, 1, channels) && gates.norm.is_none() && stride > 0;
    assert!(
        fits && wide.0 == batch && wide.1.div_ceil(stride) == length && wide.2 <= channels,
        "excite: {:?} by {:?} beside {wide:?} with stride {stride}",
        x.dims(),
        gates.dims()
    );
    let device = x.device.clone();
    let parts = Parts { x: x.view(), gates: gates.view(), beside: beside.view(), stride };
    let values = device.excite(parts).map_err(device_error)?;
    let y = Var::new(&device, values, x.shape, None, trace.wants(&[x.traced, gates.traced, beside.traced]));
    if y.traced {
        let kept = [x.clone(), gates.clone(), beside.clone()];
        trace.record_each(&y, &[x, gates, beside], move |gy, number, gradient| {
            let [x, gates, beside] = &kept;
            let parts = Parts { x: x.view(), gates: gates.view(), beside: beside.view(), stride };
            device.excite_gradient(parts, Part::ALL[number], gy, gradient)
        });
    }
    Ok(y)
}
