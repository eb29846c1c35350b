//! Dropout: each value is zeroed with probability p, the others scaled by 1 / (1 - p) (Srivastava 2014).

use dfdx::prelude::{Cpu, TensorFromVec};
use rand::{Rng, RngExt};

use super::cpu::view;
use super::{Backend, Done, Lend, Tensor3, Trace, Var, device_error, dims, with_gradients};
use crate::Result;

/// Dropout on a device. Gradients are added to what the buffers hold.
pub trait Kernel: Lend {
    /// x times the factors.
    fn scale(&self, x: &Tensor3<Self>, factors: &[f32]) -> Done<Tensor3<Self>, Self>;
    /// Adds gy times the factors.
    fn scale_gradient(&self, factors: &[f32], gy: &Self::Buffer, gx: &mut Self::Buffer) -> Done<(), Self>;
}

/// Drops values of `x` with probability `p`, drawn from `random`.
///
/// # Errors
/// Where the device fails.
pub fn dropout<D: Backend>(trace: &mut Trace<D>, x: Var<D>, p: f64, random: &mut impl Rng) -> Result<Var<D>> {
    if p <= 0.0 {
        return Ok(x);
    }
    let (batch, channels, length) = x.dims();
    let keep = (1.0 / (1.0 - p)) as f32;
    let factors: Vec<f32> =
        (0..batch * channels * length).map(|_| if random.random::<f64>() < p { 0.0 } else { keep }).collect();
    let device = x.value.device().clone();
    let y = device.scale(&x.value, &factors).map_err(device_error)?;
    let traced = trace.wants(&[x.traced]);
    if traced {
        let (x, ghost) = (x.value.ghost(), y.ghost());
        trace.record(move |grads| {
            with_gradients!(D, grads, ghost, gy, gx = &x, true => {
                if let Some(gx) = &mut gx {
                    device.scale_gradient(&factors, &gy, gx)?;
                }
                Ok(())
            })
        });
    }
    Ok(Var { value: y, traced })
}

impl Kernel for Cpu {
    fn scale(&self, x: &Tensor3<Cpu>, factors: &[f32]) -> Done<Tensor3<Cpu>, Cpu> {
        self.try_tensor_from_vec(view(x).iter().zip(factors).map(|(x, factor)| x * factor).collect(), dims(x))
    }

    fn scale_gradient(&self, factors: &[f32], gy: &Vec<f32>, gx: &mut Vec<f32>) -> Done<(), Cpu> {
        gx.iter_mut().zip(gy).zip(factors).for_each(|((gx, gy), factor)| *gx += gy * factor);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::check;

    #[test]
    fn gradients_match_finite_differences() {
        check(&[vec![2, 3, 5]], |trace, _, inputs| {
            dropout(trace, inputs[0].as_var((2, 3, 5)), 0.4, &mut crate::seed::stream(3, "dropout", 0))
        });
    }

    #[test]
    fn keeps_the_mean_and_drops_the_share() {
        let x = Cpu::default().try_tensor_from_vec(vec![1.0; 40_000], (1, 40_000, 1)).unwrap();
        let y = dropout(&mut Trace::off(), Var::input(x), 0.25, &mut crate::seed::stream(3, "dropout", 0)).unwrap();
        let dropped = view(&y.value).iter().filter(|y| **y == 0.0).count() as f64 / 40_000.0;
        let mean = view(&y.value).iter().sum::<f32>() / 40_000.0;
        assert!((dropped - 0.25).abs() < 0.01 && (mean - 1.0).abs() < 0.02, "{dropped} {mean}");
    }
}
