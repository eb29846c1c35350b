//! Swish on the GPU.

use super::Kernel;
use crate::ops::cuda::{Buffer, Grid, OnCuda, Source, int, launch, reading};
use crate::tensor::{Cuda, Gradient, View};

/// The kernels.
pub(in crate::ops) const SOURCES: &[Source] = &[Source::whole("swish", include_str!("swish.cu"))];

impl Kernel for Cuda {
    fn swish(&self, x: View<'_, Cuda>) -> OnCuda<Buffer> {
        let count = x.values.len();
        let y = Buffer::stale(count)?;
        launch!("swish", Grid::each(count); x.values.address(), reading(x.norm), y.address(), int(count)?,
            int(x.shape.2)?)?;
        Ok(y)
    }

    fn swish_gradient(&self, x: View<'_, Cuda>, gy: &Buffer, gx: &mut Gradient<Cuda>) -> OnCuda<()> {
        let count = x.values.len();
        launch!("swish_gradient", Grid::each(count); x.values.address(), reading(x.norm), gy.address(),
            gx.values.address(), int(count)?, int(x.shape.2)?, !gx.fresh)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::cuda_twins::{normalized, twin};
    use crate::ops::layers::swish::swish;

    twin!(of_values, [[2, 19, 5]], |trace, inputs| swish(trace, &inputs[0].var));
    twin!(of_values_through_norms, [[2, 19, 5], [5], [5]], |trace, inputs| {
        let x = normalized(trace, inputs)?;
        swish(trace, &x)
    });
}
