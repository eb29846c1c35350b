//! The GPU's side of [`DeviceStorage`].

use crate::ops::cuda::driver;
use crate::ops::cuda::error::{OnCuda, int};
use crate::ops::cuda::kernel::Grid;
use crate::ops::cuda::launch::launch;
use crate::ops::cuda::machine::machine;
use crate::ops::cuda::memory::Buffer;
use crate::ops::cuda::reading::materialized;
use crate::tensor::upstream::ZerosTensor;
use crate::tensor::{Cuda, DeviceStorage, Flat, ParamMemory, View, address, address_of_memory, length};

/// Where the gradient of a parameter lies while a kernel has it.
#[derive(Clone, Copy, Debug)]
pub struct ParamGradient {
    /// Where it starts.
    pub(in crate::ops) address: u64,
}

impl DeviceStorage for Cuda {
    fn together(&self) -> usize {
        64
    }
    type ParamGradient = ParamGradient;
    fn take(slot: &mut ParamMemory<Cuda>) -> ParamGradient {
        ParamGradient { address: address_of_memory(slot) }
    }
    fn put(_: &mut ParamMemory<Cuda>, _: ParamGradient) {}

    type Buffer = Buffer;
    fn upload(&self, values: Vec<f32>) -> OnCuda<Buffer> {
        Buffer::upload(values)
    }
    fn download(&self, buffer: &Buffer) -> OnCuda<Vec<f32>> {
        buffer.download()
    }
    fn read_view(&self, view: View<'_, Cuda>) -> OnCuda<Vec<f32>> {
        materialized(view)?.download()
    }
    fn stale(&self, len: usize) -> OnCuda<Buffer> {
        Buffer::stale(len)
    }

    fn wait(&self) -> OnCuda<()> {
        Ok(machine()?.device.synchronize()?)
    }

    fn peak_memory(&self) -> Option<u64> {
        machine().ok().and_then(|machine| driver::peak(&machine.device).ok())
    }

    fn copied(&self, flat: &Flat<Cuda>) -> OnCuda<Flat<Cuda>> {
        let copy: Flat<Cuda> = self.try_zeros_like(&(length(flat),))?;
        let count = length(flat);
        launch!("copy", Grid::each(count); address(flat), address(&copy), int(count)?)?;
        Ok(copy)
    }

    fn read(&self, memory: &ParamMemory<Cuda>) -> OnCuda<Vec<f32>> {
        Ok(machine()?.device.dtoh_sync_copy(&**memory)?)
    }
    fn write(&self, memory: &mut ParamMemory<Cuda>, values: Vec<f32>) -> OnCuda<()> {
        Ok(machine()?.device.htod_copy_into(values, &mut **memory)?)
    }
    fn arithmetic(&self) -> String {
        let name = machine().ok().and_then(|machine| driver::name(machine.device.ordinal()));
        format!("cuda, {}", name.unwrap_or_default())
    }
}
