//! The CPU's side of [`DeviceStorage`].

use crate::ops::cpu::Isa;
use crate::ops::cpu::reading::read;
use crate::tensor::memory::Buffer;
use crate::tensor::{Cpu, DeviceStorage, Done, Flat, ParamMemory, View};

impl DeviceStorage for Cpu {
    fn together(&self) -> usize {
        (16 * rayon::current_num_threads()).min(64)
    }
    type ParamGradient = Vec<f32>;
    fn take(slot: &mut ParamMemory<Cpu>) -> Vec<f32> {
        std::mem::take(&mut **slot)
    }
    fn put(slot: &mut ParamMemory<Cpu>, gparams: Vec<f32>) {
        **slot = gparams;
    }

    type Buffer = Buffer;
    fn upload(&self, values: Vec<f32>) -> Done<Buffer, Cpu> {
        Ok(values.into())
    }
    fn download(&self, buffer: &Buffer) -> Done<Vec<f32>, Cpu> {
        Ok(buffer.to_vec())
    }
    fn read_view(&self, view: View<'_, Cpu>) -> Done<Vec<f32>, Cpu> {
        let mut out = vec![0.0; view.values.len()];
        read(Isa::best(), view.reading(), view.values, &mut out);
        Ok(out)
    }
    fn stale(&self, len: usize) -> Done<Buffer, Cpu> {
        Ok(Buffer::stale(len))
    }
    fn wait(&self) -> Done<(), Cpu> {
        Ok(())
    }
    fn peak_memory(&self) -> Option<u64> {
        None
    }
    fn copied(&self, flat: &Flat<Cpu>) -> Done<Flat<Cpu>, Cpu> {
        // Copied by dfdx when one of the two is written.
        Ok(flat.clone())
    }
    fn read(&self, memory: &ParamMemory<Cpu>) -> Done<Vec<f32>, Cpu> {
        Ok(memory.to_vec())
    }
    fn write(&self, memory: &mut ParamMemory<Cpu>, values: Vec<f32>) -> Done<(), Cpu> {
        memory.copy_from_slice(&values);
        Ok(())
    }
    fn arithmetic(&self) -> String {
        format!("cpu, {:?}", Isa::best())
    }
}
