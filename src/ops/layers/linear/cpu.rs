//! The fully connected layer on the CPU: matrix products.

use super::Kernel;
use crate::ops::cpu::Isa;
use crate::ops::cpu::matmul::{Packed, Right, Rows, accumulate, multiply, summed};
use crate::tensor::memory::Buffer;
use crate::tensor::{Cpu, DeviceStorage, Done, Flat, Gradient, View, WantedGradients, flat};

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
        x: View<'_, Cpu>,
        w: &Flat<Cpu>,
        y: Option<&Buffer>,
        gy: &Buffer,
        wanted: WantedGradients<'_, Cpu>,
    ) -> Done<(), Cpu> {
        let WantedGradients { x: gx, params: gparams } = wanted;
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
