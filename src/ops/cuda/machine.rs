//! The GPU this process works on.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cudarc::driver::sys::{self, CUdevice_attribute as Attribute};
use cudarc::driver::{CudaDevice, DriverError, result};
use dfdx::prelude::{Cuda, CudaError, Storage};

use super::OnCuda;
use super::compile::{SOURCES, compiled};
use super::launch::Function;
use crate::Result;
use crate::error::Error;
use crate::manifest::Precision;

/// A GPU with all kernels loaded.
#[derive(Debug)]
pub struct Machine {
    /// dfdx's own device: its context and its stream.
    pub device: Arc<CudaDevice>,
    /// How many blocks run at once, at least.
    pub multiprocessors: usize,
    /// Bytes of shared memory that a block can have.
    pub shared_memory: usize,
    functions: HashMap<String, Function>,
}

impl Machine {
    pub(super) fn function(&self, name: &str) -> Option<&Function> {
        self.functions.get(name)
    }
}

thread_local! {
    static PRECISION: Cell<Precision> = const { Cell::new(Precision::Tf32) };
}

/// Runs `act` with products of this precision on this thread.
pub fn with_precision<T>(precision: Precision, act: impl FnOnce() -> T) -> T {
    struct Restore(Precision);
    impl Drop for Restore {
        fn drop(&mut self) {
            PRECISION.set(self.0);
        }
    }
    let _restore = Restore(PRECISION.replace(precision));
    act()
}

/// That of this thread.
pub(in crate::ops) fn precision() -> Precision {
    PRECISION.get()
}

static MACHINE: OnceLock<Machine> = OnceLock::new();

/// The machine that [`open`] opened.
pub(in crate::ops) fn machine() -> OnCuda<&'static Machine> {
    MACHINE.get().ok_or(CudaError::Driver(DriverError(sys::CUresult::CUDA_ERROR_NOT_INITIALIZED)))
}

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
#[allow(unsafe_code)]
pub fn name(number: usize) -> Option<String> {
    let device = result::device::get(i32::try_from(number).ok()?).ok()?;
    let mut name = [0u8; 256];
    // SAFETY: the driver writes at most as many bytes as it is told there are, the last of them 0.
    unsafe { sys::cuDeviceGetName(name.as_mut_ptr().cast(), name.len() as i32, device).result() }.ok()?;
    let name = std::ffi::CStr::from_bytes_until_nul(&name).ok()?;
    Some(name.to_string_lossy().into_owned())
}

/// The newest CUDA that the driver can take, such as 12.4.
#[allow(unsafe_code)]
fn driver_version() -> String {
    let mut version = 0;
    // SAFETY: the driver writes one number.
    match unsafe { sys::cuDriverGetVersion(&mut version).result() } {
        Ok(()) => format!("{}.{}", version / 1000, version % 1000 / 10),
        Err(error) => text(error),
    }
}

/// dfdx's device, for all threads.
struct OfAll(Cuda);

// SAFETY: what dfdx's type holds are counted references, locks and handles of the driver, of one context. The driver
// and cuBLAS take calls on a handle from any thread, and every call of ours makes the context its thread's own first;
// the type is not `Send` only because a handle is a raw pointer.
#[allow(unsafe_code)]
unsafe impl Send for OfAll {}

/// Opens GPU `number` for this process, once: compiles the kernels for it, or takes them from `cache`, a folder.
///
/// # Errors
/// Where the GPU, the driver or NVRTC is not fit; the message says what was found and what is needed. Where the
/// process has opened another GPU already.
pub fn open(number: usize, cache: &Path) -> Result<Cuda> {
    static OPENED: Mutex<Option<(usize, OfAll)>> = Mutex::new(None);
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((known, OfAll(device))) = &*opened {
        return match *known == number {
            true => Ok(device.clone()),
            false => Err(Error::internal(format!("cuda:{known} is open; a process works on one GPU"))),
        };
    }
    let number = choose(number)?;
    let device = Cuda::try_build(number, 0).map_err(|error| explained(number, &error))?;
    let machine = load(&device, number, cache)?;
    super::memory::keep_pool(&machine.device).map_err(|error| explained(number, &error.into()))?;
    super::memory::check_addresses(&device)?;
    let _ = MACHINE.set(machine);
    *opened = Some((number, OfAll(device.clone())));
    Ok(device)
}

fn load(device: &Cuda, number: usize, cache: &Path) -> Result<Machine> {
    let of_dfdx = <Cuda as Storage<f32>>::try_alloc_len(device, 1).map_err(|error| explained(number, &error))?.device();
    let get = |attribute| of_dfdx.attribute(attribute).map_err(|error| explained(number, &error.into()));
    let capability = [
        get(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?,
        get(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?,
    ];
    if capability[0] < 8 {
        return Err(Error::user(format!(
            "cuda:{number} has compute capability {}.{}; ecgraft's kernels need 8.0 or later (Ampere, 2020); use --device cpu",
            capability[0], capability[1]
        )));
    }
    let multiprocessors = get(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?.max(1) as usize;
    let shared_memory = get(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?.max(0) as usize;
    let (files, compiler) = compiled(capability, cache)?;
    let mut functions = HashMap::new();
    for (source, file) in SOURCES.iter().zip(files) {
        let loaded = Function::load_all(&of_dfdx, source, &file);
        functions.extend(loaded.map_err(|error| {
            Error::user(format!(
                "cuda:{number} does not take {}: {}; it was compiled by NVRTC of CUDA {compiler}, the driver takes CUDA \
                 {} and older: the driver must be as new as the toolkit (or delete the file, if it is damaged)",
                file.display(),
                text(error),
                driver_version()
            ))
        })?);
    }
    Ok(Machine { device: of_dfdx, multiprocessors, shared_memory, functions })
}

/// The driver's words.
pub(super) fn text(error: DriverError) -> String {
    let words = error.error_string().ok().map(|text| text.to_string_lossy().into_owned());
    format!("{:?}{}", error.0, words.map_or_else(String::new, |words| format!(" ({words})")))
}

fn explained(number: usize, error: &CudaError) -> Error {
    let what = match error {
        CudaError::Driver(error) => text(*error),
        other => format!("{other:?}"),
    };
    Error::user(format!(
        "cuda:{number} cannot be used: {what}; nvidia-smi shows the driver, its CUDA and who uses the GPU"
    ))
}
