//! Average pooling on the GPU.

use super::Kernel;
use crate::ops::cuda::{Buffer, Grid, OnCuda, Source, int, launch, reading};
use crate::tensor::{Cuda, Gradient, Shape3, View};

/// The kernels.
pub(in crate::ops) const SOURCES: &[Source] = &[Source::whole("average_pool", include_str!("average_pool.cu"))];

impl Kernel for Cuda {
    fn average_pool(&self, size: usize, x: View<'_, Cuda>) -> OnCuda<Buffer> {
        let (batch, length, channels) = x.shape;
        let out_length = length.div_ceil(size);
        let count = batch * out_length * channels;
        let y = Buffer::stale(count)?;
        launch!("average_pool", Grid::each(count); x.values.address(), reading(x.norm), y.address(), int(count)?,
            int(length)?, int(out_length)?, int(channels)?, int(size)?)?;
        Ok(y)
    }

    fn average_pool_gradient(
        &self,
        size: usize,
        (batch, length, channels): Shape3,
        gy: &Buffer,
        gx: &mut Gradient<Cuda>,
    ) -> OnCuda<()> {
        let count = batch * length * channels;
        launch!("average_pool_gradient", Grid::each(count); gy.address(), gx.values.address(), int(count)?, int(length)?,
            int(length.div_ceil(size))?, int(channels)?, int(size)?, !gx.fresh)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::cuda_twins::{normalized, twin};
    use crate::ops::layers::average_pool::average_pool;

    twin!(means, [[2, 19, 5]], |trace, inputs| average_pool(trace, &inputs[0].var, 4));
    twin!(means_through_norms, [[2, 20, 5], [5], [5]], |trace, inputs| {
        let x = normalized(trace, inputs)?;
        average_pool(trace, &x, 2)
    });
}
