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

/// The instruction set that kernels on the CPU use: `avx512`, `avx2` or `portable`; the best one that the machine has, or
/// that which the environment variable `ECGRAFT_CPU` names. Sums are of other order in each: last digits may differ.
///
/// # Errors
/// A user error where the variable names none that the machine has.
pub fn instruction_set() -> crate::Result<&'static str> {
    cpu::Isa::asked().map(|_| cpu::Isa::best().name())
}

/// Multiply-adds in registers alone, so many times as many as these hold, on the CPU: the operations that were done, two for
/// each multiply-add of each lane, and their sum. For benchmarks: no kernel is faster.
pub fn multiply_adds(rounds: usize) -> (f64, f32) {
    cpu::peak::multiply_adds(rounds)
}

pub use registry::Backend;
#[cfg(feature = "cuda")]
pub use registry::open_cuda;
