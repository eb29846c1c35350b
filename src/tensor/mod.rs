//! What a tensor of ours is: activations ([`Var`]) with what readers see of them ([`View`]), parameters
//! ([`Param`]), gradients on their way back, and the tape ([`Trace`]) of a training step.
//!
//! Activations have shape (batch, length, channels): the channels of one sample lie side by side, so that
//! every kernel works on vectors of channels, and a convolution is a matrix product whose rows overlap.
//! Features have length 1. What readers see of an activation may be a batch norm (and ReLU) of what is in
//! memory, see [`DeferredNorm`]: it is applied while it is read and never written.
//!
//! The tape is passed beside activations; what need not be traced is not.
//!
//! Parameters, their gradients and the tape are dfdx's: all that the house uses of it comes from [`upstream`], the only
//! file that names it. Nothing here knows an operation; those are in [`ops`](crate::ops).

mod gradient;
pub mod memory;
mod norm;
mod param;
mod storage;
mod trace;
pub mod upstream;
mod var;

pub(crate) use gradient::{Edges, GradientSlot};
pub use gradient::{Gradient, WantedGradients};
pub use norm::{DeferredNorm, Mode, Normalized, Statistics};
pub use param::Param;
pub use storage::{DeviceStorage, Done, Shape3, device_error};
pub use trace::Trace;
pub(crate) use upstream::flat;
pub use upstream::{Cpu, Flat, Gradients, ParamMemory, Scalar};
#[cfg(feature = "cuda")]
pub use upstream::{Cuda, CudaError};
#[cfg(feature = "cuda")]
pub(crate) use upstream::{
    SharedCuda, address, address_of_memory, check_addresses, driver_device, length, length_of_memory,
};
pub use var::{Var, View};
