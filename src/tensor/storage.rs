//! The device as tensors see it: an allocator of activations, and who reads and writes parameters' memory.

use super::upstream::{HasErr, ParamMemory, Storage};
use super::{Flat, View};
use crate::Error;

/// What a kernel gives, or the device's error.
pub type Done<T, D> = std::result::Result<T, <D as HasErr>::Err>;
/// (batch, length, channels).
pub type Shape3 = (usize, usize, usize);

/// A device whose memory our kernels can work on. What it is on each device is in that device's folder of `ops`.
pub trait DeviceStorage: Storage<f32> {
    /// Records in one pass where nothing is trained: as many as keep the device busy, no more than its caches hold.
    fn together(&self) -> usize;
    /// The memory of a parameter's gradient while a kernel has it.
    type ParamGradient: 'static + std::fmt::Debug;
    /// Takes the memory out of the map of gradients.
    fn take(slot: &mut ParamMemory<Self>) -> Self::ParamGradient;
    /// Puts it back.
    fn put(slot: &mut ParamMemory<Self>, gparams: Self::ParamGradient);

    /// The memory of an activation or its gradient.
    type Buffer: 'static + std::fmt::Debug;
    /// `values` on the device.
    fn upload(&self, values: Vec<f32>) -> Done<Self::Buffer, Self>;
    /// The values of `buffer` on the host.
    fn download(&self, buffer: &Self::Buffer) -> Done<Vec<f32>, Self>;
    /// What readers see through `view`, on the host.
    fn read_view(&self, view: View<'_, Self>) -> Done<Vec<f32>, Self>;
    /// Memory for `len` values that whoever asks will write.
    fn stale(&self, len: usize) -> Done<Self::Buffer, Self>;
    /// Waits until everything that was queued is done.
    fn wait(&self) -> Done<(), Self>;
    /// The most bytes of the device's own memory that were in use at once, where it has such memory.
    fn peak_memory(&self) -> Option<u64>;
    /// A parameter's values in a tensor of their own, which stays as it is when the first one moves.
    fn copied(&self, flat: &Flat<Self>) -> Done<Flat<Self>, Self>;
    /// The values of a parameter's moments on the host.
    fn read(&self, memory: &ParamMemory<Self>) -> Done<Vec<f32>, Self>;
    /// Puts as many values there.
    fn write(&self, memory: &mut ParamMemory<Self>, values: Vec<f32>) -> Done<(), Self>;
    /// What decides the last bits of its sums: devices that tell the same give the same bits.
    fn arithmetic(&self) -> String;
}

/// A device's error in our words.
pub fn device_error(error: impl std::fmt::Display) -> Error {
    let text = error.to_string();
    if text.contains("OUT_OF_MEMORY") {
        return Error::memory("the GPU has no memory left; lower batch_size, or train fewer stages at once (--jobs 1)");
    }
    Error::internal(format!("the device failed: {text}"))
}
