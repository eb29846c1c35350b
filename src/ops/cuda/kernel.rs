//! Kernels that are loaded, and what each takes: read from its source, compared with every launch.
#![allow(unsafe_code)]

use std::ffi::{CString, c_void};
use std::path::Path;
use std::sync::Arc;

use cudarc::driver::{CudaDevice, DriverError, result, sys};

use crate::ops::cuda::error::{OnCuda, too_large};
use crate::ops::cuda::source::Source;
use crate::tensor::CudaError;

/// What a kernel takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops) enum Kind {
    Pointer,
    Int,
    Float,
    Double,
    Reading,
}

/// A kernel that is loaded.
#[derive(Debug)]
pub(in crate::ops) struct Function {
    handle: sys::CUfunction,
    kinds: Vec<Kind>,
}

// SAFETY: a handle is a name that the driver, which serves all threads, looks up; modules are never unloaded.
unsafe impl Send for Function {}
// SAFETY: as for `Send`: nothing is changed through a handle that the driver does not guard itself.
unsafe impl Sync for Function {}

impl Function {
    /// All kernels of `source`, compiled to `file`.
    pub(super) fn load_all(
        device: &Arc<CudaDevice>,
        source: &Source,
        file: &Path,
    ) -> std::result::Result<Vec<(String, Function)>, DriverError> {
        device.bind_to_thread()?;
        let text = |text: &str| CString::new(text).map_err(|_| DriverError(sys::CUresult::CUDA_ERROR_INVALID_VALUE));
        let module = result::module::load(text(&file.to_string_lossy())?)?;
        signatures(source.text)
            .into_iter()
            .map(|(name, kinds)| {
                // SAFETY: the module was loaded above and stays loaded.
                let handle = unsafe { result::module::get_function(module, text(name)?) }?;
                Ok((format!("{name}{}", source.form), Function { handle, kinds }))
            })
            .collect()
    }

    /// Queues it on the stream of `device`; nothing where there is no block. `name` is its name.
    ///
    /// # Panics
    /// Where it takes other kinds of arguments: a fault of ours.
    pub(super) fn queue(&self, name: &str, device: &CudaDevice, grid: Grid, arguments: &mut [Argument]) -> OnCuda<()> {
        let fit = arguments.len() == self.kinds.len()
            && arguments.iter().zip(&self.kinds).all(|(argument, kind)| argument.kind() == *kind);
        assert!(fit, "kernel {name} takes {:?}, not {arguments:?}", self.kinds);
        if grid.blocks.contains(&0) {
            return Ok(());
        }
        let unsigned = |size: usize| u32::try_from(size).map_err(|_| too_large());
        let [x, y, z] = grid.blocks;
        let blocks = (unsigned(x)?, unsigned(y)?, unsigned(z)?);
        let threads = (unsigned(grid.threads[0])?, unsigned(grid.threads[1])?, 1);
        let shared = unsigned(grid.shared)?;
        device.bind_to_thread()?;
        // More than 48 KiB must be asked for.
        if grid.shared > 48 << 10 {
            let most = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            // SAFETY: the function is loaded, and the driver checks the size.
            unsafe { sys::cuFuncSetAttribute(self.handle, most, shared as i32).result() }?;
        }
        let mut places: Vec<*mut c_void> = arguments.iter_mut().map(Argument::place).collect();
        let stream = *device.cu_stream();
        // SAFETY: `places` has as many pointers as the kernel has parameters, each to a value of the size and kind of
        // its parameter, as checked above against the source that was compiled; the driver copies them before it
        // returns. Addresses are those of memory that the caller holds now. It may be freed before the kernel runs,
        // but the free is queued on the same stream, behind it. That kernels stay within the sizes they are given is
        // shown by their tests, which run on the host under the emulator.
        unsafe { result::launch_kernel(self.handle, blocks, threads, shared, stream, &mut places) }
            .map_err(CudaError::Driver)
    }
}

/// One argument of a kernel.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) enum Argument {
    /// The address of device memory, or 0 for none.
    Pointer(u64),
    /// A number.
    Int(i32),
    /// A number.
    Float(f32),
    /// A number.
    Double(f64),
    /// How an activation is read, as `Reading` of common.cuh lies in memory.
    Reading(ReadingArgument),
}

/// `Reading` of common.cuh.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(in crate::ops) struct ReadingArgument {
    pub norm: u64,
    pub channels: i32,
    pub relu: i32,
}

impl Argument {
    fn kind(&self) -> Kind {
        match self {
            Argument::Pointer(_) => Kind::Pointer,
            Argument::Int(_) => Kind::Int,
            Argument::Float(_) => Kind::Float,
            Argument::Double(_) => Kind::Double,
            Argument::Reading(_) => Kind::Reading,
        }
    }

    fn place(&mut self) -> *mut c_void {
        match self {
            Argument::Pointer(value) => std::ptr::from_mut(value).cast(),
            Argument::Int(value) => std::ptr::from_mut(value).cast(),
            Argument::Float(value) => std::ptr::from_mut(value).cast(),
            Argument::Double(value) => std::ptr::from_mut(value).cast(),
            Argument::Reading(value) => std::ptr::from_mut(value).cast(),
        }
    }
}

impl From<u64> for Argument {
    fn from(address: u64) -> Self {
        Argument::Pointer(address)
    }
}
impl From<i32> for Argument {
    fn from(value: i32) -> Self {
        Argument::Int(value)
    }
}
impl From<bool> for Argument {
    fn from(value: bool) -> Self {
        Argument::Int(value.into())
    }
}
impl From<f32> for Argument {
    fn from(value: f32) -> Self {
        Argument::Float(value)
    }
}
impl From<f64> for Argument {
    fn from(value: f64) -> Self {
        Argument::Double(value)
    }
}
impl From<ReadingArgument> for Argument {
    fn from(value: ReadingArgument) -> Self {
        Argument::Reading(value)
    }
}

/// How many blocks of how many threads.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct Grid {
    /// Blocks in x, y and z.
    pub blocks: [usize; 3],
    /// Threads of a block in x and y.
    pub threads: [usize; 2],
    /// Bytes of shared memory that the launch decides.
    pub shared: usize,
}

impl Grid {
    /// One thread for each of `count` values, 256 in a block.
    pub fn each(count: usize) -> Self {
        Self::new(count.div_ceil(256), 256)
    }

    /// `blocks` of `threads`.
    pub fn new(blocks: usize, threads: usize) -> Self {
        Self { blocks: [blocks, 1, 1], threads: [threads, 1], shared: 0 }
    }
}

/// Names and parameters of all kernels of a source.
pub(in crate::ops) fn signatures(source: &str) -> Vec<(&str, Vec<Kind>)> {
    let mut found = Vec::new();
    for text in source.split("\nKERNEL ").skip(1) {
        let mut text = text;
        if let Some(bounds) = text.strip_prefix("__launch_bounds__") {
            text = bounds.split_once(')').map_or("", |(_, rest)| rest).trim_start();
        }
        let Some((name, rest)) = text.split_once('(') else { continue };
        let Some((parameters, _)) = rest.split_once(')') else { continue };
        let kind = |parameter: &str| {
            let parameter = parameter.trim().trim_start_matches("const ");
            match () {
                () if parameter.contains('*') => Kind::Pointer,
                () if parameter.starts_with("Reading ") => Kind::Reading,
                () if parameter.starts_with("float ") => Kind::Float,
                () if parameter.starts_with("double ") => Kind::Double,
                () => Kind::Int,
            }
        };
        found.push((name.trim(), parameters.split(',').map(kind).collect()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_read_from_the_source() {
        let source = "\nKERNEL __launch_bounds__(256) one(const float *x, float *__restrict__ y, int n) {\n}\nKERNEL two(\n    Reading of, float factor, unsigned key) {}\n";
        let found = signatures(source);
        assert_eq!(found[0], ("one", vec![Kind::Pointer, Kind::Pointer, Kind::Int]));
        assert_eq!(found[1], ("two", vec![Kind::Reading, Kind::Float, Kind::Int]));
    }
}
