//! Dropout on the CPU.

use rayon::prelude::*;

use super::Kernel;
use crate::ops::cpu::Isa;
use crate::ops::cpu::philox::{Dropping, factors};
use crate::tensor::memory::Buffer;
use crate::tensor::{Cpu, DeviceStorage, Done, Gradient, Shape3, View};

impl Kernel for Cpu {
    fn scale(&self, x: View<'_, Cpu>, dropping: Dropping) -> Done<Buffer, Cpu> {
        let width = (x.shape.1 * x.shape.2).max(1);
        let mut y = self.read_view(x)?;
        y.par_chunks_mut(width).enumerate().for_each_init(Vec::new, |drawn, (record, y)| {
            let drawn = of_record(dropping, record, y.len(), drawn);
            y.iter_mut().zip(drawn).for_each(|(y, factor)| *y *= factor);
        });
        Ok(y.into())
    }

    fn scale_gradient(&self, dropping: Dropping, shape: Shape3, gy: &Buffer, gx: &mut Gradient<Cpu>) -> Done<(), Cpu> {
        let Gradient { values: gx, fresh } = gx;
        if *fresh {
            gx.fill(0.0);
        }
        let width = (shape.1 * shape.2).max(1);
        let records = gx.par_chunks_mut(width).zip(gy.par_chunks(width)).enumerate();
        records.for_each_init(Vec::new, |drawn, (record, (gx, gy))| {
            let drawn = of_record(dropping, record, gx.len(), drawn);
            gx.iter_mut().zip(gy).zip(drawn).for_each(|((gx, gy), factor)| *gx += gy * factor);
        });
        Ok(())
    }
}

/// The factors of a record of `width` values, in `room`.
fn of_record(dropping: Dropping, record: usize, width: usize, room: &mut Vec<f32>) -> &[f32] {
    room.resize(width, 0.0);
    factors(Isa::best(), Some(dropping), [0, record], room);
    room
}
