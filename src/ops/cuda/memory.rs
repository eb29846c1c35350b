//! Memory of activations and their gradients on the GPU.
//!
//! The driver's pool keeps what is freed for who asks next, so that a training loop asks the system for nothing after
//! its first steps.

use cudarc::driver::{CudaSlice, DevicePtr};

use crate::ops::cuda::driver;
use crate::ops::cuda::error::OnCuda;
use crate::ops::cuda::machine::machine;

/// Numbers of an activation on the GPU.
#[derive(Debug)]
pub struct Buffer(CudaSlice<f32>);

impl Buffer {
    /// Where they start.
    pub(in crate::ops) fn address(&self) -> u64 {
        *self.0.device_ptr()
    }

    /// How many there are.
    pub(in crate::ops) fn len(&self) -> usize {
        cudarc::driver::DeviceSlice::len(&self.0)
    }

    /// `len` numbers of no known value.
    pub(in crate::ops) fn stale(len: usize) -> OnCuda<Self> {
        Ok(Self(driver::allocate(&machine()?.device, len.max(1))?))
    }

    /// `len` zeros.
    pub(in crate::ops) fn zeros(len: usize) -> OnCuda<Self> {
        Ok(Self(machine()?.device.alloc_zeros(len.max(1))?))
    }

    /// `values`, which the device has before any work that is queued later.
    pub(in crate::ops) fn upload(values: Vec<f32>) -> OnCuda<Self> {
        match values.is_empty() {
            true => Self::stale(0),
            false => Ok(Self(machine()?.device.htod_copy(values)?)),
        }
    }

    /// Whole numbers, for kernels that read them as `int`.
    pub(in crate::ops) fn upload_words(words: impl Iterator<Item = u32>) -> OnCuda<Self> {
        Self::upload(words.map(f32::from_bits).collect())
    }

    /// A copy on the host. Waits for the device.
    pub(in crate::ops) fn download(&self) -> OnCuda<Vec<f32>> {
        Ok(machine()?.device.dtoh_sync_copy(&self.0)?)
    }
}
