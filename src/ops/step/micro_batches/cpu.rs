//! Copies on the CPU.

use super::Kernel;
use crate::tensor::memory::Buffer;
use crate::tensor::{Cpu, Done, ParamMemory};

impl Kernel for Cpu {
    fn cut(&self, values: &Buffer, first: usize, count: usize) -> Done<Buffer, Cpu> {
        Ok(values[first..first + count].to_vec().into())
    }

    fn joined(&self, parts: &[&Buffer]) -> Done<Buffer, Cpu> {
        let all: Vec<f32> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        Ok(all.into())
    }

    fn add(&self, total: &mut ParamMemory<Cpu>, part: &ParamMemory<Cpu>) -> Done<(), Cpu> {
        total.iter_mut().zip(part.iter()).for_each(|(total, part)| *total += part);
        Ok(())
    }
}
