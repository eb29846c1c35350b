//! 1-D operations on dfdx tensors, written outside dfdx: each file holds one operation with its
//! backward, generic over the device, its CPU kernel and its gradient check.
//!
//! Every activation is a [`Var`]: a dfdx tensor of shape (batch, channels, length), where features
//! have length 1. The tape is passed beside it as a [`Trace`]; what need not be traced is not.

use dfdx::prelude::{Backward, Cpu, Device, Gradients, HasErr, OwnedTape, PutTape, Rank0, Storage, Tape, Tensor};

pub mod batch_norm;
pub mod combine;
pub mod conv1d;
mod cpu;
pub mod dropout;
#[cfg(test)]
pub(crate) mod gradient_check;
pub mod linear;
pub mod loss;
pub mod pool;
mod simd;

use crate::{Error, Result};

/// What a kernel gives, or the device's error.
pub type Done<T, D> = std::result::Result<T, <D as HasErr>::Err>;
/// (batch, channels, length).
pub type Shape3 = (usize, usize, usize);
/// An activation's tensor, (batch, channels, length).
pub type Tensor3<D> = Tensor<Shape3, f32, D>;
/// A parameter's tensor: all its values in row-major order.
pub type Flat<D> = Tensor<(usize,), f32, D>;

/// A device whose memory our kernels can work on.
pub trait Lend: Storage<f32> {
    /// A gradient's memory while a kernel has it.
    type Buffer: 'static;
    /// Takes the memory out of the map of gradients.
    fn take(slot: &mut Self::Vec) -> Self::Buffer;
    /// Puts it back.
    fn put(slot: &mut Self::Vec, buffer: Self::Buffer);
}

impl Lend for Cpu {
    type Buffer = Vec<f32>;
    fn take(slot: &mut Self::Vec) -> Vec<f32> {
        std::mem::take(&mut **slot)
    }
    fn put(slot: &mut Self::Vec, buffer: Vec<f32>) {
        **slot = buffer;
    }
}

/// A device that has all our kernels.
pub trait Backend:
    Device<f32>
    + Lend
    + conv1d::Kernel
    + batch_norm::Kernel
    + pool::Kernel
    + combine::Kernel
    + linear::Kernel
    + dropout::Kernel
    + loss::Kernel
{
}
impl Backend for Cpu {}

/// An activation: its value, and whether gradients flow through it.
#[derive(Clone, Debug)]
pub struct Var<D: Storage<f32>> {
    /// (batch, channels, length).
    pub value: Tensor3<D>,
    /// Whether something before it is trained.
    pub traced: bool,
}

impl<D: Backend> Var<D> {
    /// An input: nothing before it is trained.
    pub fn input(value: Tensor3<D>) -> Self {
        Self { value, traced: false }
    }

    /// (batch, channels, length).
    pub fn dims(&self) -> Shape3 {
        dims(&self.value)
    }
}

/// A trained value, its place in the checkpoint and whether it is being trained now.
#[derive(Clone, Debug)]
pub struct Param<D: Storage<f32>> {
    /// Shape as PyTorch has it, such as (out, in, taps).
    pub shape: Vec<usize>,
    /// The values.
    pub value: Flat<D>,
    /// Whether gradients are wanted; frozen parameters get none.
    pub trainable: bool,
}

impl<D: Backend> Param<D> {
    /// A trainable parameter on `device`.
    ///
    /// # Errors
    /// Where the device has no memory left.
    pub fn new(device: &D, shape: Vec<usize>, values: Vec<f32>) -> Result<Self> {
        let len = values.len();
        debug_assert_eq!(len, shape.iter().product::<usize>());
        Ok(Self { shape, value: device.try_tensor_from_vec(values, (len,)).map_err(device_error)?, trainable: true })
    }

    /// Its values on the host.
    pub fn to_vec(&self) -> Vec<f32> {
        self.value.as_vec()
    }
}

/// The tape of one training step, or none.
#[derive(Debug, Default)]
pub struct Trace<D: Storage<f32>> {
    tape: Option<OwnedTape<f32, D>>,
}

impl<D: Backend> Trace<D> {
    /// Records nothing: inference.
    pub fn off() -> Self {
        Self { tape: None }
    }

    /// Records what training needs.
    pub fn on() -> Self {
        Self { tape: Some(OwnedTape::default()) }
    }

    /// Whether an operation with these needs must be recorded.
    fn wants(&self, needs: &[bool]) -> bool {
        self.tape.is_some() && needs.contains(&true)
    }

    fn record<F>(&mut self, backward: F)
    where
        F: 'static + FnOnce(&mut Gradients<f32, D>) -> Done<(), D>,
    {
        if let Some(tape) = &mut self.tape {
            tape.add_backward_op(backward);
        }
    }

    /// The gradients of `loss`; none where nothing was recorded.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn backward(self, loss: Tensor<Rank0, f32, D>) -> Result<Gradients<f32, D>> {
        match self.tape {
            Some(tape) => loss.put_tape(tape).try_backward().map_err(device_error),
            None => Ok(Gradients::leaky()),
        }
    }
}

/// (batch, channels, length) of a tensor.
pub fn dims<D: Storage<f32>>(tensor: &Tensor3<D>) -> Shape3 {
    use dfdx::prelude::HasShape;
    *tensor.shape()
}

/// A device's error in our words.
pub fn device_error(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("the device failed: {error}"))
}

/// Runs `backward` with the gradient of `$y` taken out for good (nothing reads it later) and those
/// of the other tensors lent, each where it is wanted.
macro_rules! with_gradients {
    ($device:ty, $grads:expr, $ghost:expr, $gy:ident $(, $name:ident = $tensor:expr, $want:expr)* => $body:expr) => {{
        let $gy = <$device as $crate::ops::Lend>::take($grads.get_or_alloc_mut(&$ghost)?);
        $(let mut $name = if $want { Some(<$device as $crate::ops::Lend>::take($grads.get_or_alloc_mut($tensor)?)) } else { None };)*
        let outcome = $body;
        $(if let Some(buffer) = $name.take() {
            <$device as $crate::ops::Lend>::put($grads.get_or_alloc_mut($tensor)?, buffer);
        })*
        drop($gy);
        outcome
    }};
}
use with_gradients;
