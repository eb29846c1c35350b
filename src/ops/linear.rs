//! The fully connected layer: y\[b,o\] = sum over i of w\[o,i\] x\[b,i\] + bias\[o\], with or without ReLU.

use dfdx::prelude::{Cpu, TensorFromVec};

use super::cpu::{flat, view};
use super::{Backend, Done, Flat, Lend, Param, Tensor3, Trace, Var, device_error, dims, with_gradients};
use crate::Result;

/// The layer on a device. Gradients are added to what the buffers hold.
pub trait Kernel: Lend {
    /// y (batch, out, 1) from x (batch, in, 1), w (out, in) and bias (out).
    fn linear(&self, x: &Tensor3<Self>, w: &Flat<Self>, bias: &Flat<Self>, relu: bool) -> Done<Tensor3<Self>, Self>;
    /// Adds to the gradients that are wanted; `y` is given where ReLU followed.
    #[allow(clippy::too_many_arguments)]
    fn linear_gradient(
        &self,
        x: &Tensor3<Self>,
        w: &Flat<Self>,
        y: Option<&Tensor3<Self>>,
        outputs: usize,
        gy: &Self::Buffer,
        gx: Option<&mut Self::Buffer>,
        gw: Option<&mut Self::Buffer>,
        gbias: Option<&mut Self::Buffer>,
    ) -> Done<(), Self>;
}

/// Applies `weight` (out, in) and `bias` (out) to `x` (batch, in, 1), then ReLU if `relu`.
///
/// # Errors
/// Where the device fails.
pub fn linear<D: Backend>(
    trace: &mut Trace<D>,
    x: &Var<D>,
    weight: &Param<D>,
    bias: &Param<D>,
    relu: bool,
) -> Result<Var<D>> {
    let (_, inputs, length) = x.dims();
    let outputs = weight.shape[0];
    assert!(length == 1 && weight.shape == [outputs, inputs], "linear: {:?} by {:?}", x.dims(), weight.shape);
    let device = x.value.device().clone();
    let y = device.linear(&x.value, &weight.value, &bias.value, relu).map_err(device_error)?;
    let (x_wanted, w_wanted, b_wanted) = (x.traced, weight.trainable, bias.trainable);
    let traced = trace.wants(&[x_wanted, w_wanted, b_wanted]);
    if traced {
        let (x, w, b, ghost) = (x.value.clone(), weight.value.clone(), bias.value.clone(), y.ghost());
        let kept = relu.then(|| y.clone());
        trace.record(move |grads| {
            with_gradients!(D, grads, ghost, gy, gx = &x, x_wanted, gw = &w, w_wanted, gb = &b, b_wanted => device
                .linear_gradient(&x, &w, kept.as_ref(), outputs, &gy, gx.as_mut(), gw.as_mut(), gb.as_mut()))
        });
    }
    Ok(Var { value: y, traced })
}

/// The dot product, in eight fixed lanes.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 8];
    let (a_whole, a_rest) = a.as_chunks::<8>();
    let (b_whole, b_rest) = b.as_chunks::<8>();
    for (a, b) in a_whole.iter().zip(b_whole) {
        for i in 0..8 {
            lanes[i] += a[i] * b[i];
        }
    }
    lanes.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

impl Kernel for Cpu {
    fn linear(&self, x: &Tensor3<Cpu>, w: &Flat<Cpu>, bias: &Flat<Cpu>, relu: bool) -> Done<Tensor3<Cpu>, Cpu> {
        let (batch, inputs, _) = dims(x);
        let (w, bias) = (flat(w), flat(bias));
        let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
        let y = view(x)
            .chunks_exact(inputs)
            .flat_map(|x| w.chunks_exact(inputs).zip(bias).map(move |(w, bias)| (dot(w, x) + bias).max(floor)))
            .collect();
        self.try_tensor_from_vec(y, (batch, bias.len(), 1))
    }

    fn linear_gradient(
        &self,
        x: &Tensor3<Cpu>,
        w: &Flat<Cpu>,
        y: Option<&Tensor3<Cpu>>,
        outputs: usize,
        gy: &Vec<f32>,
        mut gx: Option<&mut Vec<f32>>,
        mut gw: Option<&mut Vec<f32>>,
        mut gbias: Option<&mut Vec<f32>>,
    ) -> Done<(), Cpu> {
        let (_, inputs, _) = dims(x);
        let (w, y) = (flat(w), y.map(view));
        for (b, (x, gy)) in view(x).chunks_exact(inputs).zip(gy.chunks_exact(outputs)).enumerate() {
            for (o, &g) in gy.iter().enumerate() {
                if y.is_some_and(|y| y[b * outputs + o] <= 0.0) {
                    continue;
                }
                let row = o * inputs..(o + 1) * inputs;
                if let Some(gx) = &mut gx {
                    gx[b * inputs..][..inputs].iter_mut().zip(&w[row.clone()]).for_each(|(gx, w)| *gx += g * w);
                }
                if let Some(gw) = &mut gw {
                    gw[row].iter_mut().zip(x).for_each(|(gw, x)| *gw += g * x);
                }
                if let Some(gbias) = &mut gbias {
                    gbias[o] += g;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::check;

    #[test]
    fn gradients_match_finite_differences() {
        for relu in [false, true] {
            check(&[vec![3, 11], vec![4, 11], vec![4]], |trace, _, inputs| {
                linear(trace, &inputs[0].as_var((3, 11, 1)), &inputs[1].param, &inputs[2].param, relu)
            });
        }
    }
}
