//! The fully connected layer on the CPU: matrix products.

use std::borrow::Cow;

use rayon::prelude::*;

use super::Kernel;
use crate::ops::cpu::Isa;
use crate::ops::cpu::matmul::{Packed, Right, Rows, accumulate, multiply, summed};
use crate::tensor::memory::Buffer;
use crate::tensor::{Cpu, DeviceStorage, Done, Flat, Gradient, View, WantedGradients, flat};

/// Samples that a thread takes at once.
const TOGETHER: usize = 240;

/// All samples as rows.
fn rows(values: &[f32], inner: usize) -> Rows<'_> {
    Rows { values, step: inner, count: values.len() / inner, inner }
}

impl Kernel for Cpu {
    fn linear(&self, x: View<'_, Cpu>, w: &Flat<Cpu>, bias: &Flat<Cpu>, relu: bool) -> Done<Buffer, Cpu> {
        let (isa, inputs) = (Isa::best(), x.shape.2);
        let (w, bias, x) = (flat(w), flat(bias), self.read_view(x)?);
        let outputs = bias.len();
        let packed = &Packed::new(isa, inputs, outputs, |i, o| w[o * inputs + i]);
        let mut y = Buffer::stale(x.len() / inputs * outputs);
        let floor = if relu { 0.0 } else { f32::NEG_INFINITY };
        y.par_chunks_mut(TOGETHER * outputs).zip(x.par_chunks(TOGETHER * inputs)).for_each(|(y, x)| {
            multiply(isa, rows(x, inputs), packed, false, y, outputs);
            for y in y.chunks_exact_mut(outputs) {
                y.iter_mut().zip(bias).for_each(|(y, bias)| *y = (*y + bias).max(floor));
            }
        });
        Ok(y)
    }

    fn linear_gradient(
        &self,
        x: View<'_, Cpu>,
        w: &Flat<Cpu>,
        y: Option<&Buffer>,
        gy: &Buffer,
        wanted: WantedGradients<'_, Cpu>,
    ) -> Done<(), Cpu> {
        let WantedGradients { x: gx, params: gparams } = wanted;
        let (isa, inputs, w) = (Isa::best(), x.shape.2, flat(w));
        let outputs = w.len() / inputs;
        let g: Cow<'_, [f32]> = match y {
            Some(y) => gy.iter().zip(&**y).map(|(g, y)| if *y > 0.0 { *g } else { 0.0 }).collect(),
            None => Cow::Borrowed(gy),
        };
        if let Some(Gradient { values, fresh }) = gx {
            let packed = &Packed::new(isa, outputs, inputs, |o, i| w[o * inputs + i]);
            let add = !*fresh;
            values.par_chunks_mut(TOGETHER * inputs).zip(g.par_chunks(TOGETHER * outputs)).for_each(|(values, g)| {
                multiply(isa, rows(g, outputs), packed, add, values, inputs);
            });
        }
        if let Some(Some(gw)) = gparams.first_mut() {
            let mut x = self.read_view(x)?;
            x.resize(x.len() + isa.lanes(), 0.0);
            let line = summed(isa, inputs);
            let mut sums = Buffer::zeros(outputs * line);
            let right = Right { values: &x, start: 0, step: inputs, width: inputs };
            accumulate(isa, rows(&g, outputs), right, &mut sums);
            for (gw, sum) in gw.chunks_exact_mut(inputs).zip(sums.chunks_exact(line)) {
                gw.iter_mut().zip(sum).for_each(|(gw, sum)| *gw += sum);
            }
        }
        if let Some(Some(gbias)) = gparams.get_mut(1) {
            for g in g.chunks_exact(outputs) {
                gbias.iter_mut().zip(g).for_each(|(gbias, g)| *gbias += g);
            }
        }
        Ok(())
    }
}
