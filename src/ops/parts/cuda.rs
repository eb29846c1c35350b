//! Copies on the GPU.

use cudarc::driver::DevicePtr;
use dfdx::prelude::{Cuda, Storage};

use super::Kernel;
use crate::ops::cuda::{Buffer, Grid, OnCuda, int, launch};

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

    fn add(&self, total: &mut <Cuda as Storage<f32>>::Vec, part: &<Cuda as Storage<f32>>::Vec) -> OnCuda<()> {
        let count = self.len(total);
        launch!("add", Grid::each(count); *total.device_ptr(), *part.device_ptr(), int(count)?)
    }
}
