//! Combinations on the GPU.

use super::Kernel;
use crate::ops::cuda::{Buffer, Grid, OnCuda, Source, int, launch, reading};
use crate::tensor::{Cuda, Gradient, View};

/// The kernels.
pub(in crate::ops) const SOURCES: &[Source] = &[Source::whole("combine", include_str!("combine.cu"))];

impl Kernel for Cuda {
    fn concat(&self, parts: &[View<'_, Cuda>]) -> OnCuda<Buffer> {
        let rows = parts.first().map_or(0, |part| part.shape.0 * part.shape.1);
        let all: usize = parts.iter().map(|part| part.shape.2).sum();
        let y = Buffer::stale(rows * all)?;
        let mut first = 0;
        for part in parts {
            let channels = part.shape.2;
            launch!("concat", Grid::each(rows * channels); part.values.address(), reading(part.norm), y.address(),
                int(rows * channels)?, int(channels)?, int(all)?, int(first)?)?;
            first += channels;
        }
        Ok(y)
    }

    fn concat_gradient(
        &self,
        first: usize,
        channels: usize,
        all: usize,
        gy: &Buffer,
        gx: &mut Gradient<Cuda>,
    ) -> OnCuda<()> {
        let count = gx.values.len();
        launch!("concat_gradient", Grid::each(count); gy.address(), gx.values.address(), int(count)?, int(channels)?,
            int(all)?, int(first)?, !gx.fresh)
    }

    fn add_relu(&self, a: View<'_, Cuda>, b: View<'_, Cuda>) -> OnCuda<Buffer> {
        let count = a.shape.0 * a.shape.1 * a.shape.2;
        let y = Buffer::stale(count)?;
        launch!("add_relu", Grid::each(count); a.values.address(), reading(a.norm), b.values.address(), reading(b.norm),
            y.address(), int(count)?, int(a.shape.2)?)?;
        Ok(y)
    }

    fn add_relu_gradient(
        &self,
        _: [View<'_, Cuda>; 2],
        y: &Buffer,
        gy: &mut Buffer,
        gx: [Option<&mut Gradient<Cuda>>; 2],
    ) -> OnCuda<()> {
        let count = gy.len();
        let [(a, add_a), (b, add_b)] = gx.map(|gx| gx.map_or((0, false), |gx| (gx.values.address(), !gx.fresh)));
        launch!("add_relu_gradient", Grid::each(count); y.address(), gy.address(), a, add_a, b, add_b, int(count)?)
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::cuda_twins::{normalized, twin};
    use crate::ops::layers::combine::{add_relu, concat};

    twin!(side_by_side, [[2, 19, 5], [2, 19, 3]], |trace, inputs| {
        let (a, b) = (inputs[0].var.clone(), inputs[1].var.clone());
        concat(trace, &[a.clone(), b, a])
    });
    twin!(sums, [[2, 19, 5], [2, 19, 5]], |trace, inputs| add_relu(trace, &inputs[0].var, &inputs[1].var));
    twin!(sums_of_one, [[2, 19, 5]], |trace, inputs| add_relu(trace, &inputs[0].var, &inputs[0].var));
    twin!(sums_through_norms, [[2, 19, 5], [5], [5]], |trace, inputs| {
        let x = normalized(trace, inputs)?;
        let sum = add_relu(trace, &x, &inputs[0].var)?;
        let again = add_relu(trace, &sum, &x)?;
        concat(trace, &[again, x])
    });
}
