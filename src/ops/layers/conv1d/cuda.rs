//! Convolutions on the GPU: matrix products whose rows overlap in the activation.

use super::{Kernel, Sizes};
use crate::ops::cuda::product::{Layout, Rows, To, packed, product, weight_gradient};
use crate::ops::cuda::{Buffer, Grid, OnCuda, ParamGradient, Source, int, launch};
use crate::ops::layers::norm::Kernel as _;
use crate::ops::layers::norm::cuda::{Moments, Through};
use crate::tensor::{Cuda, Flat, Gradient, Normalized, Shape3, View, WantedGradients};

/// The kernels.
pub(in crate::ops) const SOURCES: &[Source] = &[Source::whole("conv1d", include_str!("conv1d.cu"))];

/// The samples that outputs are made of.
fn windows(sizes: Sizes, x: View<'_, Cuda>) -> Rows {
    let (count, first) = (sizes.output_length(), -(sizes.padding as isize));
    Rows { count, stride: sizes.stride, first, taps: sizes.kernel, ..Rows::samples(x) }
}

/// A weight (output, input, taps) as a matrix from inputs to outputs.
fn towards_outputs(sizes: Sizes) -> Layout {
    let (channels, outputs, taps) = (sizes.input, sizes.output, sizes.kernel);
    Layout { taps, channels, outputs, first: 0, tap: 1, channel: taps, output: channels * taps }
}

/// The gradient of what is in memory of y: as it came, or through the batch norm behind y.
#[derive(Debug)]
pub(in crate::ops) enum Flowing<'a> {
    AsItCame(&'a Buffer),
    Through(Buffer),
}

impl<'a> Flowing<'a> {
    /// Adds to the gradients of gamma and beta in `wanted.params` where they are wanted.
    pub fn new(
        y: Option<Normalized<'_, Cuda>>,
        shape: Shape3,
        gy: &'a Buffer,
        gparams: &[Option<ParamGradient>],
    ) -> OnCuda<Flowing<'a>> {
        let Some(y) = y else { return Ok(Flowing::AsItCame(gy)) };
        let own = Buffer::stale(shape.0 * shape.1 * shape.2)?;
        Through::new(y, shape, gy, gparams)?.apply(gy.address(), own.address(), false)?;
        Ok(Flowing::Through(own))
    }

    /// Where it is.
    pub fn address(&self) -> u64 {
        match self {
            Flowing::AsItCame(gy) => gy.address(),
            Flowing::Through(own) => own.address(),
        }
    }
}

/// Adds to the gradient of the input, or writes it. Samples that are a step of the stride apart meet the same taps:
/// each such phase is a convolution of the gradient of the outputs, with every `stride`th tap, the last one first.
fn input_gradient(sizes: Sizes, w: &Flat<Cuda>, gy: u64, gx: &mut Gradient<Cuda>) -> OnCuda<()> {
    let Sizes { batch, input, output, length, kernel, stride, padding } = sizes;
    for phase in 0..stride.min(length) {
        let first_tap = (phase + padding) % stride;
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
        // Sample phase + stride q was read by tap first_tap + stride j of output q + ahead - j.
        let ahead = (phase + padding - first_tap) / stride;
        let layout = Layout {
            taps,
            channels: output,
            outputs: input,
            first: first_tap + stride * (taps - 1),
            tap: -(stride as isize),
            channel: input * kernel,
            output: kernel,
        };
        let (length_of_y, first) = (sizes.output_length(), ahead as isize - (taps as isize - 1));
        let rows = Rows { length: length_of_y, count, first, taps, ..Rows::flat(gy, batch, output) };
        let to = To { length, first: phase, stride, add: !gx.fresh, ..To::flat(gx.values.address(), input) };
        product(&rows, packed(w, layout)?.address(), input, &to)?;
    }
    Ok(())
}

impl Kernel for Cuda {
    fn conv1d(
        &self,
        sizes: Sizes,
        x: View<'_, Cuda>,
        w: &Flat<Cuda>,
        moments: bool,
    ) -> OnCuda<(Buffer, Option<Moments>)> {
        let shape = sizes.output_shape();
        let y = Buffer::stale(shape.0 * shape.1 * shape.2)?;
        let matrix = packed(w, towards_outputs(sizes))?;
        let to = To { length: shape.1, ..To::flat(y.address(), shape.2) };
        product(&windows(sizes, x), matrix.address(), sizes.output, &to)?;
        let moments = if moments { Some(self.moments(&y, shape)?) } else { None };
        Ok((y, moments))
    }

    fn conv1d_gradient(
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
            let g = (sizes.output, 0);
            weight_gradient(&windows(sizes, x), flowing.address(), g, towards_outputs(sizes), gw.address)?;
        }
        match gx {
            Some(gx) => input_gradient(sizes, w, flowing.address(), gx),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::Backend;
    use crate::ops::cuda_twins::{normalized as normalized_input, twin};
    use crate::ops::layers::conv1d::conv1d;
    use crate::ops::layers::norm::{Normalizer, batch_norm};
    use crate::tensor::{Mode, Param, Statistics, Trace, Var};

    /// The first input convolved with the second, normalised by the two after it.
    fn normalized<D: Backend>(
        trace: &mut Trace<D>,
        x: &Var<D>,
        params: &[&Param<D>],
        statistics: Statistics,
        geometry: (usize, usize),
    ) -> crate::Result<Var<D>> {
        let channels = params[0].shape[0];
        let mut mean = Param::new(&x.device, vec![channels], vec![0.1; channels])?;
        let mut var = Param::new(&x.device, vec![channels], vec![0.8; channels])?;
        let mode = Mode { statistics, relu: true };
        let by = Normalizer { gamma: params[1], beta: params[2], running_mean: &mut mean, running_var: &mut var, mode };
        conv1d(trace, x, params[0], geometry, Some(by))
    }

    twin!(of_few_channels, [[3, 50, 3], [5, 3, 7]], |trace, inputs| conv1d(
        trace,
        &inputs[0].var,
        &inputs[1].param,
        (1, 3),
        None
    ));
    twin!(of_many_channels, [[2, 90, 24], [72, 24, 5]], |trace, inputs| conv1d(
        trace,
        &inputs[0].var,
        &inputs[1].param,
        (1, 2),
        None
    ));
    twin!(with_strides, [[2, 41, 8], [40, 8, 5]], |trace, inputs| conv1d(
        trace,
        &inputs[0].var,
        &inputs[1].param,
        (3, 2),
        None
    ));
    twin!(with_more_stride_than_taps, [[2, 41, 8], [12, 8, 1]], |trace, inputs| conv1d(
        trace,
        &inputs[0].var,
        &inputs[1].param,
        (2, 0),
        None
    ));
    twin!(with_long_kernels, [[3, 70, 4], [100, 4, 39]], |trace, inputs| conv1d(
        trace,
        &inputs[0].var,
        &inputs[1].param,
        (1, 19),
        None
    ));
    twin!(of_windows, [[2, 130, 32], [40, 32, 5]], |trace, inputs| conv1d(
        trace,
        &inputs[0].var,
        &inputs[1].param,
        (1, 2),
        None
    ));
    twin!(of_long_windows, [[2, 240, 64], [64, 64, 8]], |trace, inputs| conv1d(
        trace,
        &inputs[0].var,
        &inputs[1].param,
        (1, 3),
        None
    ));
    twin!(of_wide_windows, [[1, 128, 32], [128, 32, 3]], |trace, inputs| conv1d(
        trace,
        &inputs[0].var,
        &inputs[1].param,
        (1, 1),
        None
    ));
    twin!(of_windows_through_norms, [[2, 250, 32], [32], [32], [32, 32, 39]], |trace, inputs| {
        let x = normalized_input(trace, inputs)?;
        conv1d(trace, &x, &inputs[3].param, (1, 19), None)
    });
    twin!(with_norms, [[2, 60, 12], [20, 12, 3], [20], [20]], |trace, inputs| {
        let params = [&inputs[1].param, &inputs[2].param, &inputs[3].param];
        normalized(trace, &inputs[0].var, &params, Statistics::Batch, (1, 1))
    });
    twin!(with_norms_that_hold_still, [[2, 60, 12], [20, 12, 3], [20], [20]], |trace, inputs| {
        let params = [&inputs[1].param, &inputs[2].param, &inputs[3].param];
        normalized(trace, &inputs[0].var, &params, Statistics::Running, (2, 1))
    });
    twin!(through_norms, [[2, 60, 12], [12], [12], [16, 12, 5]], |trace, inputs| {
        let mut mean = Param::new(&inputs[0].var.device, vec![12], vec![0.1; 12])?;
        let mut var = Param::new(&inputs[0].var.device, vec![12], vec![0.8; 12])?;
        let mode = Mode { statistics: Statistics::Batch, relu: true };
        let (gamma, beta) = (&inputs[1].param, &inputs[2].param);
        let by = Normalizer { gamma, beta, running_mean: &mut mean, running_var: &mut var, mode };
        let x = batch_norm(trace, &inputs[0].var, by)?;
        conv1d(trace, &x, &inputs[3].param, (1, 2), None)
    });
}
