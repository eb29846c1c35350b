//! Copies on the GPU.

use super::Kernel;
use crate::ops::cuda::{Buffer, Grid, OnCuda, Source, int, launch};
use crate::tensor::{Cuda, ParamMemory, address_of_memory, length_of_memory};

/// None of its own.
pub(in crate::ops) const SOURCES: &[Source] = &[];

impl Kernel for Cuda {
    fn cut(&self, values: &Buffer, first: usize, count: usize) -> OnCuda<Buffer> {
        let to = Buffer::stale(count)?;
        launch!("copy", Grid::each(count); values.address() + 4 * first as u64, to.address(), int(count)?)?;
        Ok(to)
    }

    fn joined(&self, parts: &[&Buffer]) -> OnCuda<Buffer> {
        let to = Buffer::stale(parts.iter().map(|part| part.len()).sum())?;
        let mut place = to.address();
        for part in parts {
            launch!("copy", Grid::each(part.len()); part.address(), place, int(part.len())?)?;
            place += 4 * part.len() as u64;
        }
        Ok(to)
    }

    fn add(&self, total: &mut ParamMemory<Cuda>, part: &ParamMemory<Cuda>) -> OnCuda<()> {
        let count = length_of_memory(total);
        launch!("add", Grid::each(count); address_of_memory(total), address_of_memory(part), int(count)?)
    }
}
