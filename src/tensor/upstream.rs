//! All that the house uses of dfdx: the only file that names it.
//!
//! dfdx 0.13 (pinned) has the parameters, their gradients and the tape. It keeps a tensor's memory to itself, while our
//! kernels need the address. There are two ways in, both here, and nobody else knows of them:
//!
//! - On the CPU `flat` makes a slice of a reference to the first element, which indexing gives.
//! - On the GPU `address` reads the address off what `Debug` prints of a tensor; `check_addresses` shows, before any
//!   kernel runs, that this is right on this machine.
//!
//! Memory that is not in a tensor (gradients and moments: [`ParamMemory`]) dereferences to its slice.
#![allow(unsafe_code)]

pub use dfdx::optim::{AdamConfig, Momentum, SgdConfig, WeightDecay};
pub use dfdx::prelude::{
    Backward, Cpu, Device, HasErr, HasShape, OwnedTape, PutTape, Rank0, Storage, Tape, Tensor, TensorFromVec,
    ZerosTensor,
};
#[cfg(feature = "cuda")]
pub use dfdx::prelude::{Cuda, CudaError};

/// A parameter's tensor: all its values in row-major order.
pub type Flat<D> = Tensor<(usize,), f32, D>;
/// Gradients of parameters.
pub type Gradients<D> = dfdx::prelude::Gradients<f32, D>;
/// The memory of a parameter's gradient or of its moments, on the device.
pub type ParamMemory<D> = <D as Storage<f32>>::Vec;
/// A number as dfdx has it: what a backward pass begins with.
pub type Scalar<D> = Tensor<Rank0, f32, D>;

/// Values of a parameter on the CPU.
pub(crate) fn flat(tensor: &Flat<Cpu>) -> &[f32] {
    let (count,) = *tensor.shape();
    if count == 0 {
        return &[];
    }
    slice_from(&tensor[[0]], count)
}

/// The `count` values that start at `first`.
fn slice_from(first: &f32, count: usize) -> &[f32] {
    // SAFETY: the caller passes the first element of a tensor of `count` elements. Every parameter
    // that reaches our kernels was made by `try_tensor_from_vec`, so it is contiguous and `first`
    // points at the start of a `Vec<f32>` of exactly `count` elements that lives as long as the
    // borrowed tensor and is not written while it is borrowed: dfdx hands out `&mut` to that
    // memory only through `&mut Tensor`. The reference to one element is used as the address of
    // the allocation; under Tree Borrows a shared reborrow may read its neighbours in the same
    // allocation, under the older Stacked Borrows model the grant would be one element only.
    unsafe { std::slice::from_raw_parts(first, count) }
}

#[cfg(feature = "cuda")]
pub(crate) use on_gpu::{
    SharedCuda, address, address_of_memory, check_addresses, driver_device, length, length_of_memory,
};

#[cfg(feature = "cuda")]
mod on_gpu {
    use std::fmt::{self, Write};
    use std::sync::Arc;

    use cudarc::driver::{CudaDevice, DevicePtr, DeviceSlice};

    use super::{Cuda, CudaError, Flat, HasShape, ParamMemory, Storage, TensorFromVec};
    use crate::Result;
    use crate::error::Error;

    /// dfdx's device, for all threads.
    pub(crate) struct SharedCuda(Cuda);

    impl SharedCuda {
        pub(crate) fn new(device: &Cuda) -> Self {
            Self(device.clone())
        }

        /// The device, for this thread.
        pub(crate) fn get(&self) -> Cuda {
            self.0.clone()
        }
    }

    // SAFETY: what dfdx's type holds are counted references, locks and handles of the driver, of one context. The
    // driver and cuBLAS take calls on a handle from any thread, and every call of ours makes the context its thread's
    // own first; the type is not `Send` only because a handle is a raw pointer.
    unsafe impl Send for SharedCuda {}

    /// Values of a parameter.
    pub(crate) fn length(flat: &Flat<Cuda>) -> usize {
        flat.shape().0
    }

    /// Where the memory starts, for work that is queued while it lives.
    pub(crate) fn address_of_memory(memory: &ParamMemory<Cuda>) -> u64 {
        *memory.device_ptr()
    }

    /// How many values it has.
    pub(crate) fn length_of_memory(memory: &ParamMemory<Cuda>) -> usize {
        DeviceSlice::len(&**memory)
    }

    /// dfdx's own device: its context and its stream.
    pub(crate) fn driver_device(device: &Cuda) -> std::result::Result<Arc<CudaDevice>, CudaError> {
        Ok(<Cuda as Storage<f32>>::try_alloc_len(device, 1)?.device())
    }

    /// Where a parameter's values start, for work that is queued while `flat` lives.
    ///
    /// dfdx 0.13 gives no access to it, but prints it: first of all in the `Debug` form of a tensor, which is cut off
    /// as soon as it is read.
    pub(crate) fn address(flat: &Flat<Cuda>) -> u64 {
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
    ///
    /// # Errors
    /// Where it is not.
    pub(crate) fn check_addresses(device: &Cuda) -> Result<()> {
        let values = [1.5f32, -2.0, 3.25];
        let wrong = || Error::internal("the memory of dfdx's tensors is not where it should be; please report it");
        let tensor = device.try_tensor_from_vec(values.to_vec(), (3,)).map_err(|_| wrong())?;
        let address = read_address(&tensor).ok_or_else(wrong)?;
        let mut back = [0f32; 3];
        driver_device(device).map_err(|_| wrong())?.synchronize().map_err(|_| wrong())?;
        // SAFETY: `back` has room for what is copied. Where the address is wrong the driver, which knows all its
        // allocations, refuses it or copies other numbers of the device, which is what is looked for.
        unsafe { cudarc::driver::result::memcpy_dtoh_sync(&mut back, address) }.map_err(|_| wrong())?;
        if back == values { Ok(()) } else { Err(wrong()) }
    }
}
