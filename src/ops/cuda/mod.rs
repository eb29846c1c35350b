//! What all operations share on an NVIDIA GPU: the machine with its compiled kernels, memory, launches and matrix
//! products. Each operation's own kernels and their launches lie beside its CPU twin.
//!
//! Nothing here or in the operations waits for the GPU, but [`DeviceStorage::download`] and what reads parameters: a
//! training step is queued as a whole, on the one stream that dfdx uses.
//!
//! From the ground up: `source` (texts of kernels), `error`, `driver` (what the driver is asked), `kernel` (what is
//! loaded, and what it takes), `compile`, `machine` (the GPU of this process), `launch` and `memory`, then `reading`,
//! `storage` and `product`, which launch kernels of their own. Each knows only those before it.
//!
//! [`DeviceStorage::download`]: crate::tensor::DeviceStorage::download

mod compile;
mod driver;
#[cfg(test)]
mod emulated;
mod error;
mod kernel;
mod launch;
mod machine;
mod memory;
mod precision;
pub(super) mod product;
mod reading;
mod source;
mod storage;

#[cfg(test)]
pub(super) use compile::compile;
pub(super) use driver::free_memory;
pub use driver::{choose, count, name};
#[cfg(test)]
pub(crate) use emulated::waits;
pub(super) use error::{OnCuda, int};
#[cfg(test)]
pub(super) use kernel::signatures;
pub(super) use kernel::{Argument, Grid, ReadingArgument};
pub(super) use launch::{launch, queue};
pub(super) use machine::{machine, open};
pub use memory::Buffer;
pub(super) use precision::precision;
pub use precision::with_precision;
pub(super) use reading::reading;
pub(super) use source::{SOURCES, Source};
pub use storage::ParamGradient;
