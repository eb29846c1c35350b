//! What kernels give, and the driver's errors in words.

use cudarc::driver::{DriverError, sys};

use crate::tensor::{Cuda, CudaError, Done};

/// What our kernels give: a value, or the driver's error.
pub(in crate::ops) type OnCuda<T> = Done<T, Cuda>;

/// A size as kernels take it.
///
/// # Errors
/// Where it is beyond what kernels count to: no activation of a sensible batch is.
pub(in crate::ops) fn int(size: usize) -> OnCuda<i32> {
    i32::try_from(size).map_err(|_| too_large())
}

pub(super) fn too_large() -> CudaError {
    CudaError::Driver(DriverError(sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY))
}

/// The driver's words.
pub(super) fn text(error: DriverError) -> String {
    let words = error.error_string().ok().map(|text| text.to_string_lossy().into_owned());
    format!("{:?}{}", error.0, words.map_or_else(String::new, |words| format!(" ({words})")))
}
