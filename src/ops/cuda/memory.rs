//! Memory of the GPU: of activations and their gradients, and where dfdx's tensors lie.
//!
//! The driver's pool keeps what is freed for who asks next, so that a training loop asks the system for nothing after
//! its first steps.

use std::fmt::{self, Write};
use std::sync::Arc;

use cudarc::driver::{CudaDevice, CudaSlice, DevicePtr, DriverError, sys};
use dfdx::prelude::{Cuda, HasShape, Storage, TensorFromVec, ZerosTensor};

use super::{Grid, OnCuda, int, launch, machine};
use crate::Result;
use crate::error::Error;
use crate::ops::{Flat, Lend};

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
    #[allow(unsafe_code)]
    pub(in crate::ops) fn stale(len: usize) -> OnCuda<Self> {
        // SAFETY: no host code reads them; kernels that do are given them by whoever wrote all that is read.
        Ok(Self(unsafe { machine()?.device.alloc(len.max(1)) }?))
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

/// Where the gradient of a parameter lies while a kernel has it.
#[derive(Clone, Copy, Debug)]
pub struct Lent {
    /// Where it starts.
    pub(in crate::ops) address: u64,
}

impl Lend for Cuda {
    type Lent = Lent;
    fn take(slot: &mut Self::Vec) -> Lent {
        Lent { address: *slot.device_ptr() }
    }
    fn put(_: &mut Self::Vec, _: Lent) {}

    type Buffer = Buffer;
    fn upload(&self, values: Vec<f32>) -> OnCuda<Buffer> {
        Buffer::upload(values)
    }
    fn download(&self, buffer: &Buffer) -> OnCuda<Vec<f32>> {
        buffer.download()
    }
    fn stale(&self, len: usize) -> OnCuda<Buffer> {
        Buffer::stale(len)
    }

    fn wait(&self) -> OnCuda<()> {
        Ok(machine()?.device.synchronize()?)
    }

    fn peak_memory(&self) -> Option<u64> {
        peak().ok()
    }

    fn copied(&self, flat: &Flat<Cuda>) -> OnCuda<Flat<Cuda>> {
        let copy: Flat<Cuda> = self.try_zeros_like(&(length(flat),))?;
        let count = length(flat);
        launch!("copy", Grid::each(count); address(flat), address(&copy), int(count)?)?;
        Ok(copy)
    }

    fn read(&self, memory: &Self::Vec) -> OnCuda<Vec<f32>> {
        Ok(machine()?.device.dtoh_sync_copy(&**memory)?)
    }
    fn write(&self, memory: &mut Self::Vec, values: Vec<f32>) -> OnCuda<()> {
        Ok(machine()?.device.htod_copy_into(values, &mut **memory)?)
    }
    fn arithmetic(&self) -> String {
        let name = machine().ok().and_then(|machine| super::name(machine.device.ordinal()));
        format!("cuda, {}", name.unwrap_or_default())
    }
}

/// Values of a parameter.
pub(in crate::ops) fn length(flat: &Flat<Cuda>) -> usize {
    flat.shape().0
}

/// Where a parameter's values start, for work that is queued while `flat` lives.
///
/// dfdx 0.13 gives no access to it, but prints it: first of all in the `Debug` form of a tensor, which is cut off as
/// soon as it is read.
pub(in crate::ops) fn address(flat: &Flat<Cuda>) -> u64 {
    read_address(flat).unwrap_or_else(|| panic!("the form of dfdx's tensors has changed"))
}

fn read_address(flat: &Flat<Cuda>) -> Option<u64> {
    let mut head = Head { text: [0; 192], used: 0 };
    // The end of the room ends the printing.
    let _ = write!(head, "{flat:?}");
    let text = std::str::from_utf8(&head.text[..head.used]).ok()?;
    let (before, after) = text.split_once("CudaSlice { cu_device_ptr: ")?;
    // The first slice that is printed is the tensor's own.
    (before.starts_with("Tensor { id: UniqueId(") && before.ends_with("data: CachableCudaSlice { data: "))
        .then_some(())?;
    after.split_once(',')?.0.parse().ok()
}

/// The beginning of what is printed.
struct Head {
    text: [u8; 192],
    used: usize,
}

impl Write for Head {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = text.len().min(self.text.len() - self.used);
        self.text[self.used..self.used + fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.used += fits;
        if fits < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// Shows that [`address`] is right on this machine: a tensor is read through it.
#[allow(unsafe_code)]
pub(super) fn check_addresses(device: &Cuda) -> Result<()> {
    let values = [1.5f32, -2.0, 3.25];
    let wrong = || Error::internal("the memory of dfdx's tensors is not where it should be; please report it");
    let tensor = device.try_tensor_from_vec(values.to_vec(), (3,)).map_err(|_| wrong())?;
    let address = read_address(&tensor).ok_or_else(wrong)?;
    let mut back = [0f32; 3];
    <Cuda as Storage<f32>>::try_alloc_len(device, 1)
        .map_err(|_| wrong())?
        .device()
        .synchronize()
        .map_err(|_| wrong())?;
    // SAFETY: `back` has room for what is copied. Where the address is wrong the driver, which knows all its
    // allocations, refuses it or copies other numbers of the device, which is what is looked for.
    unsafe { cudarc::driver::result::memcpy_dtoh_sync(&mut back, address) }.map_err(|_| wrong())?;
    if back == values { Ok(()) } else { Err(wrong()) }
}

/// Lets the driver keep freed memory, which by itself it gives back to the system whenever the host waits for it.
#[allow(unsafe_code)]
pub(super) fn keep_pool(device: &Arc<CudaDevice>) -> std::result::Result<(), DriverError> {
    let mut pool: sys::CUmemoryPool = std::ptr::null_mut();
    let mut all = u64::MAX;
    let threshold = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    // SAFETY: both calls write to or read from the variables above, of the types that the attribute has.
    unsafe {
        sys::cuDeviceGetDefaultMemPool(&mut pool, *device.cu_device()).result()?;
        sys::cuMemPoolSetAttribute(pool, threshold, std::ptr::from_mut(&mut all).cast()).result()
    }
}

/// Bytes that may still be asked for: those that nobody has, and those of the pool that nobody uses.
#[allow(unsafe_code)]
pub(in crate::ops) fn free_memory() -> OnCuda<u64> {
    let device = &machine()?.device;
    device.bind_to_thread()?;
    let (free, _) = cudarc::driver::result::mem_get_info()?;
    let mut pool: sys::CUmemoryPool = std::ptr::null_mut();
    let (mut reserved, mut used) = (0u64, 0u64);
    // SAFETY: as in `keep_pool`.
    unsafe {
        sys::cuDeviceGetDefaultMemPool(&mut pool, *device.cu_device()).result()?;
        for (attribute, to) in [
            (sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, &mut reserved),
            (sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &mut used),
        ] {
            sys::cuMemPoolGetAttribute(pool, attribute, std::ptr::from_mut(to).cast()).result()?;
        }
    }
    Ok(free as u64 + reserved.saturating_sub(used))
}

/// The most bytes that were in use at once.
#[allow(unsafe_code)]
fn peak() -> OnCuda<u64> {
    let mut pool: sys::CUmemoryPool = std::ptr::null_mut();
    let mut most = 0u64;
    let high = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH;
    // SAFETY: as in `keep_pool`.
    unsafe {
        sys::cuDeviceGetDefaultMemPool(&mut pool, *machine()?.device.cu_device()).result()?;
        sys::cuMemPoolGetAttribute(pool, high, std::ptr::from_mut(&mut most).cast()).result()?;
    }
    Ok(most)
}
