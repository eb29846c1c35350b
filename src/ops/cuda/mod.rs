//! What all operations share on an NVIDIA GPU: the machine with its compiled kernels, memory, launches and matrix
//! products. Each operation's own kernels and their launches lie beside its CPU twin.
//!
//! Nothing here or in the operations waits for the GPU, but [`Lend::download`](super::Lend::download) and what reads
//! parameters: a training step is queued as a whole, on the one stream that dfdx uses.

use dfdx::prelude::{Cuda, CudaError};

mod compile;
#[cfg(test)]
mod emulated;
mod launch;
mod machine;
mod memory;
pub(super) mod product;
#[cfg(test)]
pub(crate) mod twins;

#[cfg(test)]
pub(crate) use emulated::waits;
pub use machine::{choose, count, name, open, with_precision};
pub use memory::Buffer;

pub(super) use launch::{Argument, Grid, ReadingArgument, launch, queue};
pub(super) use machine::{machine, precision};
pub(super) use memory::{Lent, address, free_memory, length};

use super::Done;
pub(crate) use crate::manifest::Precision;

/// What our kernels give: a value, or the driver's error.
pub(super) type OnCuda<T> = Done<T, Cuda>;

/// A size as kernels take it.
///
/// # Errors
/// Where it is beyond what kernels count to: no activation of a sensible batch is.
pub(super) fn int(size: usize) -> OnCuda<i32> {
    i32::try_from(size).map_err(|_| too_large())
}

fn too_large() -> CudaError {
    use cudarc::driver::{DriverError, sys::CUresult};
    CudaError::Driver(DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY))
}
