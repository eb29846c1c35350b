//! The fully connected layer on each sample: y\[b,t,o\] = sum over i of w\[o,i\] x\[b,t,i\] + bias\[o\], with or
//! without ReLU.

use dfdx::prelude::Cpu;

use super::cpu::{Isa, flat};
use super::matmul::{Packed, Right, Rows, accumulate, multiply};
use super::memory::Buffer;
use super::norm::Kernel as _;
use super::{Backend, Done, Flat, Gradient, Lend, Param, Seen, Trace, Var, device_error};
use crate::Result;

#[cfg(feature = "cuda")]
mod cuda;

/// The layer on a device.
pub trait Kernel: Lend {
    /// y from x, w (out, in) and bias (out).
    fn linear(&self, x: Seen<'_, Self>, w: &Flat<Self>, bias: &Flat<Self>, relu: bool) -> Done<Self::Buffer, Self>;
    /// Adds to the gradients that are wanted, in `lent` those of w and bias; `y` is given where ReLU followed.
    fn linear_gradient(
        &self,
        x: Seen<'_, Self>,
        w: &Flat<Self>,
        y: Option<&Self::Buffer>,
        gy: &Self::Buffer,
        gx: Option<&mut Gradient<Self>>,
        lent: &mut [Option<Self::Lent>],
    ) -> Done<(), Self>;
}

/// Applies `weight` (out, in) and `bias` (out) to `x` (batch, length, in), then ReLU if `relu`.
///
/// # Errors
/// Where the device fails.
///
/// # Panics
/// Where the shapes do not fit: a fault of the network's code.
pub fn linear<D: Backend>(
    trace: &mut Trace<D>,
    x: &Var<D>,
    weight: &Param<D>,
    bias: &Param<D>,
    relu: bool,
) -> Result<Var<D>> {
    let (batch, length, inputs) = x.dims();
    let outputs = weight.shape[0];
    assert!(weight.shape == [outputs, inputs], "linear: {:?} by {:?}", x.dims(), weight.shape);
    let device = x.device.clone();
    let values = device.linear(x.seen(), &weight.value, &bias.value, relu).map_err(device_error)?;
    let traced = trace.wants(&[x.traced, weight.trainable, bias.trainable]);
    let y = Var::new(&device, values, (batch, length, outputs), None, traced);
    if traced {
        let (kept_x, kept_y, w) = (x.clone(), relu.then(|| y.clone()), weight.value.clone());
        trace.record(&y, x, &[weight, bias], move |gy, gx, lent| {
            let y = kept_y.as_ref().map(|y| &*y.values);
            device.linear_gradient(kept_x.seen(), &w, y, &gy, gx, lent)
        });
    }
    Ok(y)
}

/// All samples as rows.
fn rows(values: &[f32], inner: usize) -> Rows<'_> {
    Rows { values, step: inner, count: values.len() / inner, inner }
}

impl Kernel for Cpu {
    fn linear(&self, x: Seen<'_, Cpu>, w: &Flat<Cpu>, bias: &Flat<Cpu>, relu: bool) -> Done<Buffer, Cpu> {
        let (isa, inputs) = (Isa::best(), x.shape.2);
        let (w, bias, x) = (flat(w), flat(bias), self.written(x)?);
        let outputs = bias.len();
        let packed = &Packed::new(isa, inputs, outputs, |i, o| w[o * inputs + i]);
        let rows = rows(&x, inputs);
        let mut y = Buffer::stale(rows.count * outputs);
        multiply(isa, rows, packed, false, &mut y, outputs);
        let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
        for y in y.chunks_exact_mut(outputs) {
            y.iter_mut().zip(bias).for_each(|(y, bias)| *y = (*y + bias).max(floor));
        }
        Ok(y)
    }

    fn linear_gradient(
        &self,
        x: Seen<'_, Cpu>,
        w: &Flat<Cpu>,
        y: Option<&Buffer>,
        gy: &Buffer,
        gx: Option<&mut Gradient<Cpu>>,
        lent: &mut [Option<Vec<f32>>],
    ) -> Done<(), Cpu> {
        let (isa, inputs, w) = (Isa::best(), x.shape.2, flat(w));
        let outputs = w.len() / inputs;
        let mut g = gy.to_vec();
        if let Some(y) = y {
            g.iter_mut().zip(&**y).for_each(|(g, y)| *g = if *y > 0.0 { *g } else { 0.0 });
        }
        if let Some(Gradient { values, fresh }) = gx {
            let packed = &Packed::new(isa, outputs, inputs, |o, i| w[o * inputs + i]);
            multiply(isa, rows(&g, outputs), packed, !*fresh, values, inputs);
        }
        if let Some(Some(gw)) = lent.first_mut() {
            let mut x = self.written(x)?;
            x.resize(x.len() + isa.lanes(), 0.0);
            let line = super::matmul::summed(isa, inputs);
            let mut sums = Buffer::zeros(outputs * line);
            let right = Right { values: &x, start: 0, step: inputs, width: inputs };
            accumulate(isa, rows(&g, outputs), right, &mut sums);
            for (gw, sum) in gw.chunks_exact_mut(inputs).zip(sums.chunks_exact(line)) {
                gw.iter_mut().zip(sum).for_each(|(gw, sum)| *gw += sum);
            }
        }
        if let Some(Some(gbias)) = lent.get_mut(1) {
            for g in g.chunks_exact(outputs) {
                gbias.iter_mut().zip(g).for_each(|(gbias, g)| *gbias += g);
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
            check(&[vec![3, 2, 11], vec![4, 11], vec![4]], |trace, inputs| {
                linear(trace, &inputs[0].var, &inputs[1].param, &inputs[2].param, relu)
            });
        }
    }
}
