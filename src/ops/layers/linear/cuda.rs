//! The layer on the GPU.

use super::Kernel;
use crate::ops::cuda::product::{Layout, Rows, To, column_sums, packed, product, weight_gradient};
use crate::ops::cuda::{Buffer, Grid, OnCuda, Source, int, launch};
use crate::tensor::{Cuda, Flat, View, WantedGradients, address, length};

/// The kernels.
pub(in crate::ops) const SOURCES: &[Source] = &[Source::whole("linear", include_str!("linear.cu"))];

impl Kernel for Cuda {
    fn linear(&self, x: View<'_, Cuda>, w: &Flat<Cuda>, bias: &Flat<Cuda>, relu: bool) -> OnCuda<Buffer> {
        let (rows, outputs) = (Rows::samples(x), length(bias));
        let y = Buffer::stale(rows.total() * outputs)?;
        let matrix = packed(w, Layout::linear(rows.channels, outputs))?;
        let to = To { length: rows.length, bias: address(bias), relu, ..To::flat(y.address(), outputs) };
        product(&rows, matrix.address(), outputs, &to)?;
        Ok(y)
    }

    fn linear_gradient(
        &self,
        x: View<'_, Cuda>,
        w: &Flat<Cuda>,
        y: Option<&Buffer>,
        gy: &Buffer,
        wanted: WantedGradients<'_, Cuda>,
    ) -> OnCuda<()> {
        let WantedGradients { x: gx, params: gparams } = wanted;
        let rows = Rows::samples(x);
        let (inputs, outputs) = (rows.channels, length(w) / rows.channels);
        let count = rows.total() * outputs;
        let mut masked = None;
        if let Some(y) = y {
            let own = Buffer::stale(count)?;
            launch!("linear_mask", Grid::each(count); y.address(), gy.address(), own.address(), int(count)?)?;
            masked = Some(own);
        }
        let g = masked.as_ref().unwrap_or(gy).address();
        let [gw, gbias] = gparams else { return Ok(()) };
        if let Some(gw) = gw {
            weight_gradient(&rows, g, (outputs, 0), Layout::linear(inputs, outputs), gw.address)?;
        }
        if let Some(gbias) = gbias {
            column_sums(g, rows.total(), (outputs, 0), outputs, gbias.address)?;
        }
        match gx {
            Some(gx) => {
                let to = To { add: !gx.fresh, ..To::flat(gx.values.address(), inputs) };
                product(&Rows::flat(g, rows.total(), outputs), address(w), inputs, &to)
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::cuda_twins::twin;
    use crate::ops::layers::linear::linear;

    twin!(of_features, [[9, 1, 37], [5, 37], [5]], |trace, inputs| linear(
        trace,
        &inputs[0].var,
        &inputs[1].param,
        &inputs[2].param,
        false
    ));
    twin!(of_samples_with_relu, [[2, 30, 16], [70, 16], [70]], |trace, inputs| linear(
        trace,
        &inputs[0].var,
        &inputs[1].param,
        &inputs[2].param,
        true
    ));
}
