//! Averages of features on the GPU.

use dfdx::prelude::Cuda;

use super::Kernel;
use crate::ops::cuda::{Buffer, Grid, OnCuda, int, launch};
use crate::ops::norm::cuda::reading;
use crate::ops::{Gradient, Seen};

impl Kernel for Cuda {
    fn gated(&self, x: Seen<'_, Cuda>, scores: Seen<'_, Cuda>) -> OnCuda<Buffer> {
        let (parts, width) = (scores.shape.2, x.shape.2 / scores.shape.2);
        let count = x.shape.0 * width;
        let y = Buffer::stale(count)?;
        launch!("gated", Grid::each(count); x.values.address(), reading(x.norm), scores.values.address(),
            reading(scores.norm), y.address(), int(count)?, int(parts)?, int(width)?)?;
        Ok(y)
    }

    fn gated_gradient(&self, scores: Seen<'_, Cuda>, gy: &Buffer, gx: &mut Gradient<Cuda>) -> OnCuda<()> {
        let (count, parts) = (gx.values.len(), scores.shape.2);
        launch!("gated_gradient", Grid::each(count); scores.values.address(), reading(scores.norm), gy.address(),
            gx.values.address(), int(count)?, int(parts)?, int(count / parts / scores.shape.0)?, !gx.fresh)
    }

    fn score_gradient(
        &self,
        x: Seen<'_, Cuda>,
        scores: Seen<'_, Cuda>,
        gy: &Buffer,
        gscores: &mut Gradient<Cuda>,
    ) -> OnCuda<()> {
        let (parts, width) = (scores.shape.2, x.shape.2 / scores.shape.2);
        launch!("score_gradient", Grid::of(x.shape.0, 32); x.values.address(), reading(x.norm), scores.values.address(),
            reading(scores.norm), gy.address(), gscores.values.address(), int(parts)?, int(width)?, !gscores.fresh)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::cuda::twins::twin;
    use crate::ops::fuse::{gated, mean};

    twin!(weighted, [[3, 1, 120], [3, 1, 3]], |trace, inputs| gated(trace, &inputs[0].var, &inputs[1].var));
    twin!(plain, [[3, 1, 8]], |trace, inputs| mean(trace, &inputs[0].var, 2));
}
