//! The convolution on the GPU: for each group the products of `conv1d::cuda`, on its columns of the activations.

use super::{Kernel, Sizes};
use crate::ops::cuda::product::{Layout, Rows, To, packed, product, weight_gradient};
use crate::ops::cuda::{Buffer, Grid, OnCuda, Source, int, launch};
use crate::ops::layers::conv1d::cuda::Flowing;
use crate::ops::layers::norm::Kernel as _;
use crate::ops::layers::norm::cuda::Moments;
use crate::tensor::{Cuda, Flat, Gradient, Normalized, View, WantedGradients};

/// There are none of its own.
pub(in crate::ops) const SOURCES: &[Source] = &[];

/// The samples that the outputs of group `number` are made of.
fn windows(sizes: Sizes, number: usize, x: View<'_, Cuda>) -> Rows {
    let group = sizes.of_group();
    Rows {
        offset: number * group.input,
        channels: group.input,
        count: sizes.output_length(),
        stride: sizes.stride,
        first: -(group.padding as isize),
        taps: sizes.kernel,
        ..Rows::samples(x)
    }
}

/// The weight of group `number` as a matrix from its inputs to its outputs.
fn towards_outputs(sizes: Sizes, number: usize) -> Layout {
    let (group, taps) = (sizes.of_group(), sizes.kernel);
    let output = group.input * taps;
    let first = number * group.output * output;
    Layout { taps, channels: group.input, outputs: group.output, first, tap: 1, channel: taps, output }
}

/// Adds to the gradient of the input, or writes it. Samples that are a step of the stride apart meet the same taps, as in
/// `conv1d::cuda`.
fn input_gradient(sizes: Sizes, w: &Flat<Cuda>, gy: u64, gx: &mut Gradient<Cuda>) -> OnCuda<()> {
    let Sizes { batch, input, output, length, kernel, stride, groups } = sizes;
    let group = sizes.of_group();
    for phase in 0..stride.min(length) {
        let first_tap = (phase + group.padding) % stride;
        let count = (length - phase).div_ceil(stride);
        if first_tap >= kernel {
            if gx.fresh {
                let grid = Grid::each(batch * count * input);
                launch!("conv1d_clear", grid; gx.values.address(), int(batch)?, int(length)?, int(input)?, int(phase)?,
                    int(stride)?, int(count)?)?;
            }
            continue;
        }
        let taps = (kernel - first_tap).div_ceil(stride);
        let ahead = (phase + group.padding - first_tap) / stride;
        for number in 0..groups {
            let layout = Layout {
                taps,
                channels: group.output,
                outputs: group.input,
                first: number * group.output * group.input * kernel + first_tap + stride * (taps - 1),
                tap: -(stride as isize),
                channel: group.input * kernel,
                output: kernel,
            };
            let rows = Rows {
                length: sizes.output_length(),
                offset: number * group.output,
                channels: group.output,
                count,
                first: ahead as isize - (taps as isize - 1),
                taps,
                ..Rows::flat(gy, batch, output)
            };
            let to = To {
                length,
                offset: number * group.input,
                first: phase,
                stride,
                add: !gx.fresh,
                ..To::flat(gx.values.address(), input)
            };
            product(&rows, packed(w, layout)?.address(), group.input, &to)?;
        }
    }
    Ok(())
}

impl Kernel for Cuda {
    fn grouped(
        &self,
        sizes: Sizes,
        x: View<'_, Cuda>,
        w: &Flat<Cuda>,
        moments: bool,
    ) -> OnCuda<(Buffer, Option<Moments>)> {
        let (shape, group) = (sizes.output_shape(), sizes.of_group());
        let y = Buffer::stale(shape.0 * shape.1 * shape.2)?;
        for number in 0..sizes.groups {
            let matrix = packed(w, towards_outputs(sizes, number))?;
            let offset = number * group.output;
            let to = To { length: shape.1, offset, ..To::flat(y.address(), shape.2) };
            product(&windows(sizes, number, x), matrix.address(), group.output, &to)?;
        }
        let moments = if moments { Some(self.moments(&y, shape)?) } else { None };
        Ok((y, moments))
    }

    fn grouped_gradient(
        &self,
        sizes: Sizes,
        x: View<'_, Cuda>,
        w: &Flat<Cuda>,
        y: Option<Normalized<'_, Cuda>>,
        gy: &Buffer,
        wanted: WantedGradients<'_, Cuda>,
    ) -> OnCuda<()> {
        let WantedGradients { x: gx, params: gparams } = wanted;
        let Some((gw, of_norm)) = gparams.split_first() else { return Ok(()) };
        let flowing = Flowing::new(y, sizes.output_shape(), gy, of_norm)?;
        if let Some(gw) = gw {
            for number in 0..sizes.groups {
                let g = (sizes.output, number * sizes.of_group().output);
                let layout = towards_outputs(sizes, number);
                weight_gradient(&windows(sizes, number, x), flowing.address(), g, layout, gw.address)?;
            }
        }
        match gx {
            Some(gx) => input_gradient(sizes, w, flowing.address(), gx),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::cuda_twins::{normalized, twin};
    use crate::ops::layers::grouped::grouped;

    twin!(in_one_group, [[2, 41, 3], [5, 3, 8]], |trace, inputs| grouped(
        trace,
        &inputs[0].var,
        &inputs[1].param,
        (1, 1),
        None
    ));
    twin!(in_groups, [[2, 41, 32], [48, 16, 16]], |trace, inputs| grouped(
        trace,
        &inputs[0].var,
        &inputs[1].param,
        (1, 2),
        None
    ));
    twin!(in_groups_with_strides, [[2, 41, 12], [8, 3, 5]], |trace, inputs| grouped(
        trace,
        &inputs[0].var,
        &inputs[1].param,
        (2, 4),
        None
    ));
    twin!(in_groups_with_more_stride_than_taps, [[2, 41, 8], [4, 4, 1]], |trace, inputs| grouped(
        trace,
        &inputs[0].var,
        &inputs[1].param,
        (3, 2),
        None
    ));
    twin!(in_groups_through_norms, [[2, 130, 64], [64], [64], [64, 32, 8]], |trace, inputs| {
        let x = normalized(trace, inputs)?;
        grouped(trace, &x, &inputs[3].param, (1, 2), None)
    });
}
