//! Batches in parts, for devices that have no room for all of one: what goes in is cut, what comes out is joined, and
//! the backward pass is taken up where one part ends.

use crate::Result;
use crate::ops::Backend;
use crate::tensor::upstream::{Rank0, Tensor};
use crate::tensor::{DeviceStorage, Done, Gradient, Gradients, Trace, Var, device_error};

mod cpu;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

/// Copies on a device.
pub trait Kernel: DeviceStorage {
    /// The `count` values from `first` on, copied.
    fn cut(&self, values: &Self::Buffer, first: usize, count: usize) -> Done<Self::Buffer, Self>;
    /// All values of all parts, one part after another.
    fn joined(&self, parts: &[&Self::Buffer]) -> Done<Self::Buffer, Self>;
    /// total += part.
    fn add(&self, total: &mut Self::Vec, part: &Self::Vec) -> Done<(), Self>;
}

/// The records `first` to `first + count` of `x`, of which nothing is traced.
///
/// # Errors
/// Where the device fails.
///
/// # Panics
/// Where `x` is read through a batch norm: inputs and gradients never are.
pub fn records<D: Backend>(x: &Var<D>, first: usize, count: usize) -> Result<Var<D>> {
    assert!(x.norm.is_none(), "a part of what is seen through a batch norm");
    let (_, length, channels) = x.dims();
    let size = length * channels;
    let values = x.device.cut(&x.values, first * size, count * size).map_err(device_error)?;
    Ok(Var::new(&x.device, values, (count, length, channels), None, false))
}

/// The records of all `parts`, in memory of their own, from where a trace can begin.
///
/// # Errors
/// Where the device fails.
///
/// # Panics
/// Where there is no part, or one is read through a batch norm.
pub fn joined<D: Backend>(parts: &[Var<D>]) -> Result<Var<D>> {
    assert!(parts.iter().all(|part| part.norm.is_none()), "a part of what is seen through a batch norm");
    let (_, length, channels) = parts[0].dims();
    let device = &parts[0].device;
    let values: Vec<&D::Buffer> = parts.iter().map(|part| &*part.values).collect();
    let values = device.joined(&values).map_err(device_error)?;
    let batch = parts.iter().map(|part| part.dims().0).sum();
    Ok(Var::new(device, values, (batch, length, channels), None, true))
}

impl<D: Backend> Trace<D> {
    /// The gradients of `loss`, and that of the activation `x`, which the trace began with; none where the loss does
    /// not depend on it.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn backward_to_start(self, loss: Tensor<Rank0, f32, D>, x: &Var<D>) -> Result<(Gradients<D>, Option<Var<D>>)> {
        let edges = self.edges.clone();
        let gradients = self.backward(loss)?;
        let of_x = edges.take(&x.slot()).map(|values| Var::new(&x.device, values, x.shape, None, false));
        Ok((gradients, of_x))
    }

    /// The gradients of whatever `y` is used for, given that of y.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn backward_from(self, y: &Var<D>, gradient: Var<D>) -> Result<Gradients<D>> {
        let values =
            gradient.device.cut(&gradient.values, 0, y.shape.0 * y.shape.1 * y.shape.2).map_err(device_error)?;
        self.edges.put(&y.slot(), Gradient { values, fresh: false });
        let nothing = y.device.try_tensor_from_vec(vec![0.0], ()).map_err(device_error)?;
        self.backward(nothing)
    }
}
