//! The layer on the GPU: a matrix product over all samples between kernels of its own.

use super::{HIDDEN, Kernel, OUTPUT};
use crate::ops::cpu::philox::Dropping;
use crate::ops::cuda::product::{Layout, Rows, To, column_sums, packed, product, weight_gradient};
use crate::ops::cuda::{Argument, Buffer, Grid, OnCuda, Source, int, launch, queue, reading};
use crate::tensor::{Cuda, Flat, Gradient, View, WantedGradients, address};

/// The kernels.
pub(in crate::ops) const SOURCES: &[Source] = &[Source::whole("gated", include_str!("gated.cu"))];

/// Queues kernel `name` for each value of (records, length, channels), with `first` before what it takes of sizes and
/// dropout of `part`.
fn each(
    name: &str,
    first: &[Argument],
    (batch, length, channels): (usize, usize, usize),
    part: usize,
    dropping: Option<Dropping>,
) -> OnCuda<()> {
    let count = batch * length * channels;
    let (key, threshold, scale) =
        dropping.map_or(([0; 2], 0, 1.0), |dropping| (dropping.key, dropping.threshold, dropping.scale));
    let mut arguments = first.to_vec();
    arguments.extend([int(count)?, int(length)?, int(channels)?, int(part)?].map(Argument::from));
    arguments.push(dropping.is_some().into());
    arguments.extend([key[0], key[1], threshold].map(|number| Argument::from(number.cast_signed())));
    arguments.push(scale.into());
    queue(name, Grid::each(count), &mut arguments)
}

impl Kernel for Cuda {
    fn gated_layer(
        &self,
        x: View<'_, Cuda>,
        beside: View<'_, Cuda>,
        [weight, bias]: [&Flat<Cuda>; 2],
        dropping: Option<Dropping>,
    ) -> OnCuda<(Buffer, Buffer)> {
        let (rows, channels) = (x.shape.0 * x.shape.1, x.shape.2);
        let (z, y) = (Buffer::stale(rows * channels)?, Buffer::stale(rows * channels)?);
        let wide = Buffer::stale(rows * 2 * channels)?;
        let seen = [x.values.address().into(), reading(x.norm).into(), z.address().into()];
        each("gated_activate", &seen, x.shape, HIDDEN, dropping)?;
        let matrix = packed(weight, Layout::linear(channels, 2 * channels))?;
        let to = To { bias: address(bias), ..To::flat(wide.address(), 2 * channels) };
        product(&Rows::flat(z.address(), rows, channels), matrix.address(), 2 * channels, &to)?;
        let seen = [wide.address(), beside.values.address()].map(Argument::from);
        let all = [seen[0], seen[1], reading(beside.norm).into(), y.address().into()];
        each("gated_forward", &all, x.shape, OUTPUT, dropping)?;
        Ok((y, wide))
    }

    fn gated_layer_gradient(
        &self,
        x: View<'_, Cuda>,
        [weight, _]: [&Flat<Cuda>; 2],
        dropping: Option<Dropping>,
        (wide, gy): (Buffer, &Buffer),
        wanted: WantedGradients<'_, Cuda>,
    ) -> OnCuda<()> {
        let WantedGradients { x: gx, params } = wanted;
        let (rows, channels) = (x.shape.0 * x.shape.1, x.shape.2);
        each("gated_backward", &[wide.address().into(), gy.address().into()], x.shape, OUTPUT, dropping)?;
        let [of_weight, of_bias] = params else { return Ok(()) };
        if let Some(of_weight) = of_weight {
            let z = Buffer::stale(rows * channels)?;
            let seen = [x.values.address().into(), reading(x.norm).into(), z.address().into()];
            each("gated_activate", &seen, x.shape, HIDDEN, dropping)?;
            let layout = Layout::linear(channels, 2 * channels);
            let rows = Rows::flat(z.address(), rows, channels);
            weight_gradient(&rows, wide.address(), (2 * channels, 0), layout, of_weight.address)?;
        }
        if let Some(of_bias) = of_bias {
            column_sums(wide.address(), rows, (2 * channels, 0), 2 * channels, of_bias.address)?;
        }
        let Some(gx) = gx else { return Ok(()) };
        let g = Buffer::stale(rows * channels)?;
        // The weight (out, in) as it is.
        let of_wide = Rows::flat(wide.address(), rows, 2 * channels);
        product(&of_wide, address(weight), channels, &To::flat(g.address(), channels))?;
        let seen = [x.values.address().into(), reading(x.norm).into(), g.address().into()];
        let all = [seen[0], seen[1], seen[2], gx.values.address().into(), (!gx.fresh).into()];
        each("gated_slope", &all, x.shape, HIDDEN, dropping)
    }

    fn add_gradient(&self, gy: &Buffer, gx: &mut Gradient<Cuda>) -> OnCuda<()> {
        let count = gy.len();
        launch!("gated_add", Grid::each(count); gy.address(), gx.values.address(), int(count)?, !gx.fresh)
    }
}

#[cfg(test)]
mod tests {
    use crate::Result;
    use crate::ops::Backend;
    use crate::ops::cpu::philox::Dropping;
    use crate::ops::cuda_twins::{normalized, twin};
    use crate::ops::gradient_check::Input;
    use crate::ops::layers::gated::gated;
    use crate::tensor::{Trace, Var};

    fn layer_of<D: Backend>(
        trace: &mut Trace<D>,
        x: &Var<D>,
        beside: &Var<D>,
        layer: &[Input<D>],
        p: f64,
    ) -> Result<Var<D>> {
        let dropping = Dropping::new(p, &mut crate::seed::stream(3, "dropout", 0));
        gated(trace, x, beside, [&layer[0].param, &layer[1].param], dropping)
    }

    twin!(gated_layer, [[2, 19, 5], [2, 19, 5], [10, 5, 1], [10]], |trace, inputs| layer_of(
        trace,
        &inputs[0].var,
        &inputs[1].var,
        &inputs[2..],
        0.0
    ));
    twin!(gated_layer_with_dropout, [[3, 40, 24], [3, 40, 24], [48, 24, 1], [48]], |trace, inputs| layer_of(
        trace,
        &inputs[0].var,
        &inputs[1].var,
        &inputs[2..],
        0.4
    ));
    twin!(gated_layer_beside_a_norm, [[2, 9, 16], [16], [16], [2, 9, 16], [32, 16, 1], [32]], |trace, inputs| {
        let beside = normalized(trace, inputs)?;
        layer_of(trace, &inputs[3].var, &beside, &inputs[4..], 0.2)
    });
    twin!(gated_layer_twice, [[2, 9, 16], [32, 16, 1], [32]], |trace, inputs| {
        // The gradient of what is beside has parts of both.
        let beside = again(trace, &inputs[0].var)?;
        let x = layer_of(trace, &inputs[0].var, &beside, &inputs[1..], 0.0)?;
        let seen = again(trace, &x)?;
        layer_of(trace, &seen, &x, &inputs[1..], 0.0)
    });

    /// Means of single samples: another activation with the same values.
    fn again<D: Backend>(trace: &mut Trace<D>, x: &Var<D>) -> Result<Var<D>> {
        crate::ops::layers::average_pool::average_pool(trace, x, 1)
    }
}
