//! Dropout: each value is zeroed with probability p, the others scaled by 1 / (1 - p) (Srivastava 2014).

use dfdx::prelude::Cpu;
use rand::Rng;
use rayon::prelude::*;

use super::cpu::Isa;
use super::memory::Buffer;
use super::norm::Kernel as _;
use super::philox::{Dropping, factors};
use super::{Backend, Done, Gradient, Lend, Seen, Shape3, Trace, Var, device_error};
use crate::Result;

#[cfg(feature = "cuda")]
mod cuda;

/// Dropout on a device. Factors are a function of their place, that of value i of record r being place [0, r] and
/// number i of `factors`: the same on every device, and made again for the gradient.
pub trait Kernel: Lend {
    /// x times the factors.
    fn scale(&self, x: Seen<'_, Self>, dropping: Dropping) -> Done<Self::Buffer, Self>;
    /// Adds gy times the factors; `shape` is that of x.
    fn scale_gradient(
        &self,
        dropping: Dropping,
        shape: Shape3,
        gy: &Self::Buffer,
        gx: &mut Gradient<Self>,
    ) -> Done<(), Self>;
}

/// Drops values of `x` with probability `p`, by a key drawn from `random`.
///
/// # Errors
/// Where the device fails.
pub fn dropout<D: Backend>(trace: &mut Trace<D>, x: Var<D>, p: f64, random: &mut impl Rng) -> Result<Var<D>> {
    let Some(dropping) = Dropping::new(p, random) else { return Ok(x) };
    let (device, shape) = (x.device.clone(), x.shape);
    let values = device.scale(x.seen(), dropping).map_err(device_error)?;
    let y = Var::new(&device, values, shape, None, trace.wants(&[x.traced]));
    if y.traced {
        trace.record_each(&y, &[&x], move |gy, _, gx| device.scale_gradient(dropping, shape, gy, gx));
    }
    Ok(y)
}

impl Kernel for Cpu {
    fn scale(&self, x: Seen<'_, Cpu>, dropping: Dropping) -> Done<Buffer, Cpu> {
        let width = (x.shape.1 * x.shape.2).max(1);
        let mut y = self.written(x)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::check;

    #[test]
    fn gradients_match_finite_differences() {
        check(&[vec![2, 5, 3]], |trace, inputs| {
            dropout(trace, inputs[0].var.clone(), 0.4, &mut crate::seed::stream(3, "dropout", 0))
        });
    }

    #[test]
    fn keeps_the_mean_and_drops_the_share() {
        let x = Var::input(&Cpu::default(), vec![1.0; 40_000], (1, 1, 40_000)).unwrap();
        let y = dropout(&mut Trace::off(), x, 0.25, &mut crate::seed::stream(3, "dropout", 0)).unwrap().to_vec();
        let dropped = y.iter().filter(|y| **y == 0.0).count() as f64 / 40_000.0;
        let mean = y.iter().sum::<f32>() / 40_000.0;
        assert!((dropped - 0.25).abs() < 0.01 && (mean - 1.0).abs() < 0.02, "{dropped} {mean}");
    }
}
