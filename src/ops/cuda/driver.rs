//! Questions to the driver that cudarc has no safe function for, and which GPUs there are.
#![allow(unsafe_code)]

use std::sync::Arc;

use cudarc::driver::{CudaDevice, CudaSlice, DriverError, result, sys};

use crate::Result;
use crate::error::Error;
use crate::ops::cuda::error::text;

type OfDriver<T> = std::result::Result<T, DriverError>;

/// How many GPUs the driver offers; none where there is no driver.
pub fn count() -> usize {
    result::init().and_then(|()| CudaDevice::count()).map_or(0, |count| count.max(0) as usize)
}

/// GPU `number`, if it is there.
///
/// # Errors
/// Where it is not; the message says what was found.
pub fn choose(number: usize) -> Result<usize> {
    if let Err(error) = result::init() {
        return Err(Error::user(format!(
            "no GPU can be used: {}; the NVIDIA driver must be installed and see a GPU (nvidia-smi lists them); or use --device cpu",
            text(error)
        )));
    }
    let count = count();
    if number < count {
        return Ok(number);
    }
    let found = match count {
        0 => "the driver sees no GPU".to_owned(),
        1 => "the driver sees one GPU, cuda:0".to_owned(),
        _ => format!("the driver sees {count} GPUs, cuda:0 to cuda:{}", count - 1),
    };
    Err(Error::user(format!("cuda:{number} is not there: {found} (CUDA_VISIBLE_DEVICES can hide some)")))
}

/// What the maker calls GPU `number`.
pub fn name(number: usize) -> Option<String> {
    let device = result::device::get(i32::try_from(number).ok()?).ok()?;
    let mut name = [0u8; 256];
    // SAFETY: the driver writes at most as many bytes as it is told there are, the last of them 0.
    unsafe { sys::cuDeviceGetName(name.as_mut_ptr().cast(), name.len() as i32, device).result() }.ok()?;
    let name = std::ffi::CStr::from_bytes_until_nul(&name).ok()?;
    Some(name.to_string_lossy().into_owned())
}

/// The newest CUDA that the driver can take, such as 12.4.
pub(super) fn version() -> String {
    let mut version = 0;
    // SAFETY: the driver writes one number.
    match unsafe { sys::cuDriverGetVersion(&mut version).result() } {
        Ok(()) => format!("{}.{}", version / 1000, version % 1000 / 10),
        Err(error) => text(error),
    }
}

/// Memory for `len` numbers of no known value.
pub(super) fn allocate(device: &Arc<CudaDevice>, len: usize) -> OfDriver<CudaSlice<f32>> {
    // SAFETY: any bits are a number, so that nothing is undefined where they are read; and no host code reads them:
    // kernels that do are given them by whoever wrote all that is read.
    unsafe { device.alloc(len) }
}

/// Lets the driver keep freed memory, which by itself it gives back to the system whenever the host waits for it.
pub(super) fn keep_pool(device: &Arc<CudaDevice>) -> OfDriver<()> {
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
pub(in crate::ops) fn free_memory(device: &Arc<CudaDevice>) -> OfDriver<u64> {
    device.bind_to_thread()?;
    let (free, _) = result::mem_get_info()?;
    let mut pool: sys::CUmemoryPool = std::ptr::null_mut();
    let (mut reserved, mut used) = (0u64, 0u64);
    // SAFETY: each call writes to one of the variables above, of the type that the attribute has.
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
pub(super) fn peak(device: &Arc<CudaDevice>) -> OfDriver<u64> {
    let mut pool: sys::CUmemoryPool = std::ptr::null_mut();
    let mut most = 0u64;
    let high = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH;
    // SAFETY: each call writes to one of the variables above, of the type that the attribute has.
    unsafe {
        sys::cuDeviceGetDefaultMemPool(&mut pool, *device.cu_device()).result()?;
        sys::cuMemPoolGetAttribute(pool, high, std::ptr::from_mut(&mut most).cast()).result()?;
    }
    Ok(most)
}
