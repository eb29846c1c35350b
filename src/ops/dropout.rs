//! Dropout: each value is zeroed with probability p, the others scaled by 1 / (1 - p) (Srivastava 2014).

use dfdx::prelude::Cpu;
use rand::{Rng, RngExt};

use super::memory::Buffer;
use super::norm::Kernel as _;
use super::{Backend, Done, Gradient, Lend, Seen, Trace, Var, device_error};
use crate::Result;

#[cfg(feature = "cuda")]
mod cuda;

/// Dropout on a device.
pub trait Kernel: Lend {
    /// x times the factors.
    fn scale(&self, x: Seen<'_, Self>, factors: &[f32]) -> Done<Self::Buffer, Self>;
    /// Adds gy times the factors.
    fn scale_gradient(&self, factors: &[f32], gy: &Self::Buffer, gx: &mut Gradient<Self>) -> Done<(), Self>;
}

/// Drops values of `x` with probability `p`, drawn from `random`.
///
/// # Errors
/// Where the device fails.
pub fn dropout<D: Backend>(trace: &mut Trace<D>, x: Var<D>, p: f64, random: &mut impl Rng) -> Result<Var<D>> {
    if p <= 0.0 {
        return Ok(x);
    }
    let (batch, length, channels) = x.dims();
    let keep = (1.0 / (1.0 - p)) as f32;
    let factors: Vec<f32> =
        (0..batch * length * channels).map(|_| if random.random::<f64>() < p { 0.0 } else { keep }).collect();
    let device = x.device.clone();
    let values = device.scale(x.seen(), &factors).map_err(device_error)?;
    let y = Var::new(&device, values, x.shape, None, trace.wants(&[x.traced]));
    if y.traced {
        trace.record_each(&y, &[&x], move |gy, _, gx| device.scale_gradient(&factors, gy, gx));
    }
    Ok(y)
}

impl Kernel for Cpu {
    fn scale(&self, x: Seen<'_, Cpu>, factors: &[f32]) -> Done<Buffer, Cpu> {
        let mut y = self.written(x)?;
        y.iter_mut().zip(factors).for_each(|(y, factor)| *y *= factor);
        Ok(y.into())
    }

    fn scale_gradient(&self, factors: &[f32], gy: &Buffer, gx: &mut Gradient<Cpu>) -> Done<(), Cpu> {
        let Gradient { values: gx, fresh } = gx;
        if *fresh {
            gx.fill(0.0);
        }
        gx.iter_mut().zip(&**gy).zip(factors).for_each(|((gx, gy), factor)| *gx += gy * factor);
        Ok(())
    }
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
