//! Averages of features on the GPU.

use super::Kernel;
use crate::ops::cuda::{Buffer, Grid, OnCuda, Source, int, launch, reading};
use crate::tensor::{Cuda, Gradient, View};

/// The kernels.
pub(in crate::ops) const SOURCES: &[Source] = &[Source::whole("fuse", include_str!("fuse.cu"))];

impl Kernel for Cuda {
    fn gated(&self, x: View<'_, Cuda>, scores: View<'_, Cuda>) -> OnCuda<Buffer> {
        let (parts, width) = (scores.shape.2, x.shape.2 / scores.shape.2);
        let count = x.shape.0 * width;
        let y = Buffer::stale(count)?;
        launch!("gated", Grid::each(count); x.values.address(), reading(x.norm), scores.values.address(),
            reading(scores.norm), y.address(), int(count)?, int(parts)?, int(width)?)?;
        Ok(y)
    }

    fn gated_gradient(&self, scores: View<'_, Cuda>, gy: &Buffer, gx: &mut Gradient<Cuda>) -> OnCuda<()> {
        let (count, parts) = (gx.values.len(), scores.shape.2);
        launch!("gated_gradient", Grid::each(count); scores.values.address(), reading(scores.norm), gy.address(),
            gx.values.address(), int(count)?, int(parts)?, int(count / parts / scores.shape.0)?, !gx.fresh)
    }

    fn score_gradient(
        &self,
        x: View<'_, Cuda>,
        scores: View<'_, Cuda>,
        gy: &Buffer,
        gscores: &mut Gradient<Cuda>,
    ) -> OnCuda<()> {
        let (parts, width) = (scores.shape.2, x.shape.2 / scores.shape.2);
        launch!("score_gradient", Grid::new(x.shape.0, 32); x.values.address(), reading(x.norm), scores.values.address(),
            reading(scores.norm), gy.address(), gscores.values.address(), int(parts)?, int(width)?, !gscores.fresh)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::cuda_twins::twin;
    use crate::ops::layers::fuse::{gated, mean};

    twin!(weighted, [[3, 1, 120], [3, 1, 3]], |trace, inputs| gated(trace, &inputs[0].var, &inputs[1].var));
    twin!(plain, [[3, 1, 8]], |trace, inputs| mean(trace, &inputs[0].var, 2));
}
