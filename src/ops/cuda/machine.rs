//! The GPU this process works on.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cudarc::driver::sys::{self, CUdevice_attribute as Attribute};
use cudarc::driver::{CudaDevice, DriverError};

use crate::Result;
use crate::error::Error;
use crate::ops::cuda::compile::compiled;
use crate::ops::cuda::driver;
use crate::ops::cuda::error::{OnCuda, text};
use crate::ops::cuda::kernel::Function;
use crate::ops::cuda::source::Source;
use crate::tensor::{Cuda, CudaError, SharedCuda, check_addresses, driver_device};

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

static MACHINE: OnceLock<Machine> = OnceLock::new();

/// The machine that [`open`] opened.
pub(in crate::ops) fn machine() -> OnCuda<&'static Machine> {
    MACHINE.get().ok_or(CudaError::Driver(DriverError(sys::CUresult::CUDA_ERROR_NOT_INITIALIZED)))
}

/// Opens GPU `number` for this process, once: compiles the kernels of `sources` for it, or takes them from `cache`, a
/// folder.
///
/// # Errors
/// Where the GPU, the driver or NVRTC is not fit; the message says what was found and what is needed. Where the
/// process has opened another GPU already.
pub(in crate::ops) fn open(number: usize, cache: &Path, sources: &[&'static Source]) -> Result<Cuda> {
    static OPENED: Mutex<Option<(usize, SharedCuda)>> = Mutex::new(None);
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((known, device)) = &*opened {
        return match *known == number {
            true => Ok(device.get()),
            false => Err(Error::internal(format!("cuda:{known} is open; a process works on one GPU"))),
        };
    }
    let number = driver::choose(number)?;
    let device = Cuda::try_build(number, 0).map_err(|error| explained(number, &error))?;
    let machine = load(&device, number, cache, sources)?;
    driver::keep_pool(&machine.device).map_err(|error| explained(number, &error.into()))?;
    check_addresses(&device)?;
    let _ = MACHINE.set(machine);
    *opened = Some((number, SharedCuda::new(&device)));
    Ok(device)
}

fn load(device: &Cuda, number: usize, cache: &Path, sources: &[&Source]) -> Result<Machine> {
    let of_dfdx = driver_device(device).map_err(|error| explained(number, &error))?;
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
    let (files, compiler) = compiled(capability, cache, sources)?;
    let mut functions = HashMap::new();
    for (source, file) in sources.iter().zip(files) {
        let loaded = Function::load_all(&of_dfdx, source, &file);
        functions.extend(loaded.map_err(|error| {
            Error::user(format!(
                "cuda:{number} does not take {}: {}; it was compiled by NVRTC of CUDA {compiler}, the driver takes CUDA \
                 {} and older: the driver must be as new as the toolkit (or delete the file, if it is damaged)",
                file.display(),
                text(error),
                driver::version()
            ))
        })?);
    }
    Ok(Machine { device: of_dfdx, multiprocessors, shared_memory, functions })
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
