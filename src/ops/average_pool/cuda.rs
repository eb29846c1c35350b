//! Average pooling on the GPU.

use dfdx::prelude::Cuda;

use super::Kernel;
use crate::ops::cuda::{Buffer, Grid, OnCuda, int, launch};
use crate::ops::norm::cuda::reading;
use crate::ops::{Gradient, Seen, Shape3};

impl Kernel for Cuda {
    fn average_pool(&self, size: usize, x: Seen<'_, Cuda>) -> OnCuda<Buffer> {
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
    use crate::ops::average_pool::average_pool;
    use crate::ops::cuda::twins::{normalized, twin};

    twin!(means, [[2, 19, 5]], |trace, inputs| average_pool(trace, &inputs[0].var, 4));
    twin!(means_through_norms, [[2, 20, 5], [5], [5]], |trace, inputs| {
        let x = normalized(trace, inputs)?;
        average_pool(trace, &x, 2)
    });
}
