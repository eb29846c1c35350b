//! Operations with dfdx's parameters and tape, written outside dfdx: what networks are made of ([`layers`]) and what a
//! training step does beside them ([`step`]), over what each device has for all of them (`cpu`, `cuda`).
//!
//! `registry` names every operation once: a device is a [`Backend`] where it has the kernels of all of them. How to add
//! one is told in `docs/adding/operation.md`.
//!
//! What activations, parameters and the tape are, and their shapes, is told in [`tensor`](crate::tensor).

mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
#[cfg(all(test, feature = "cuda"))]
pub(crate) mod cuda_twins;
#[cfg(test)]
pub(crate) mod gradient_check;
pub mod layers;
mod registry;
pub mod step;

pub use registry::Backend;
#[cfg(feature = "cuda")]
pub use registry::open_cuda;
