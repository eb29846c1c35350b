//! Transformer encoders on the GPU: layers as matrix products over all samples, with kernels of their own between.

use attention::Heads;

use super::{Core, Dropping, Kernel, Stem, Weights};
use crate::ops::cuda::product::{Layout, Rows, To, column_sums, packed, product, weight_gradient};
use crate::ops::cuda::{Argument, Buffer, Grid, OnCuda, ParamGradient, Source, int, launch, queue, reading};
use crate::ops::layers::norm::EPS;
use crate::tensor::{Cuda, Flat, Gradient, View, WantedGradients, address, length};

mod attention;
#[cfg(test)]
mod tests;

/// The kernels.
pub(in crate::ops) const SOURCES: &[Source] = &[
    Source::whole("transformer", include_str!("../transformer.cu")),
    Source::in_form("attention", ATTENTION, "#define WIDTH 8\n", "_8"),
    Source::in_form("attention", ATTENTION, "#define WIDTH 16\n", "_16"),
    Source::in_form("attention", ATTENTION, "#define WIDTH 32\n", "_32"),
];
const ATTENTION: &str = include_str!("../attention.cu");

/// The parts of a record's dropout: those of attention's weights follow the first.
const OUTPUT: usize = 0;
const HIDDEN: usize = 1;

/// What a branch keeps for its backward pass.
#[derive(Debug)]
pub struct Kept {
    /// What the first layer read, (batch, length, dim).
    normal: Buffer,
    /// What it gave, (batch, length, wide).
    wide: Buffer,
    attended: Option<attention::Kept>,
}

/// The values of a part of each record and their dropout.
#[derive(Clone, Copy)]
struct Masked {
    records: usize,
    /// Values of a record.
    size: usize,
    part: usize,
    dropping: Option<Dropping>,
}

impl Masked {
    /// Queues kernel `name` of transformer.cu, which takes `first` and what is here.
    fn queue(self, name: &str, first: &[Argument]) -> OnCuda<()> {
        // A thread has four values.
        let grid = Grid { blocks: [self.size.div_ceil(1024), self.records, 1], threads: [256, 1], shared: 0 };
        let ([key, key_high], threshold, scale) =
            self.dropping.map_or(([0; 2], 0, 1.0), |dropping| (dropping.key, dropping.threshold, dropping.scale));
        let mut arguments = first.to_vec();
        arguments.extend([int(self.size)?, int(self.part)?].map(Argument::from));
        arguments.push(self.dropping.is_some().into());
        arguments.extend([key, key_high, threshold].map(|number| Argument::from(number.cast_signed())));
        arguments.push(scale.into());
        queue(name, grid, &mut arguments)
    }
}

/// Rows times a weight (out, in) of PyTorch's, plus its bias.
fn layer(rows: &Rows, [weight, bias]: &[Flat<Cuda>; 2]) -> OnCuda<Buffer> {
    let outputs = length(bias);
    let y = Buffer::stale(rows.total() * outputs)?;
    let matrix = packed(weight, Layout::linear(rows.inner(), outputs))?;
    let to = To { bias: address(bias), ..To::flat(y.address(), outputs) };
    product(rows, matrix.address(), outputs, &to)?;
    Ok(y)
}

/// The gradient of what a layer read, from `g`, that of what it gave.
fn through(g: &Buffer, rows: usize, [weight, bias]: &[Flat<Cuda>; 2]) -> OnCuda<Buffer> {
    let outputs = length(bias);
    let inputs = length(weight) / outputs;
    let of_x = Buffer::stale(rows * inputs)?;
    // The weight (out, in) as it is.
    product(&Rows::flat(g.address(), rows, outputs), address(weight), inputs, &To::flat(of_x.address(), inputs))?;
    Ok(of_x)
}

/// Adds to the gradients of a layer's weight and bias that are wanted: it read `x`, and `g` is the gradient of the
/// `outputs` values that it gave for each row.
fn add_gradients(x: &Rows, g: &Buffer, outputs: usize, gparams: &[Option<ParamGradient>]) -> OnCuda<()> {
    let [weight, bias] = gparams else { return Ok(()) };
    if let Some(weight) = weight {
        weight_gradient(x, g.address(), (outputs, 0), Layout::linear(x.inner(), outputs), weight.address)?;
    }
    if let Some(bias) = bias {
        column_sums(g.address(), x.total(), (outputs, 0), outputs, bias.address)?;
    }
    Ok(())
}

/// A warp for each of `rows`.
fn warps(rows: usize) -> Grid {
    Grid::new(rows.div_ceil(8), 256)
}

fn normalized(x: View<'_, Cuda>, gamma: &Flat<Cuda>, beta: &Flat<Cuda>) -> OnCuda<Buffer> {
    let (rows, dim) = (x.shape.0 * x.shape.1, x.shape.2);
    let y = Buffer::stale(rows * dim)?;
    launch!("layer_norm_forward", warps(rows); x.values.address(), reading(x.norm), address(gamma), address(beta),
        y.address(), int(rows)?, int(dim)?, EPS)?;
    Ok(y)
}

/// Adds to the gradients of a layer norm that are wanted: of x with that of the `residual` that goes around it, and in
/// `wanted.params` of gamma and beta. `g` is the gradient of what it gave.
fn norm_gradient(
    x: View<'_, Cuda>,
    gamma: &Flat<Cuda>,
    g: &Buffer,
    residual: Option<&Buffer>,
    gx: Option<&mut Gradient<Cuda>>,
    gparams: &[Option<ParamGradient>],
) -> OnCuda<()> {
    let [of_gamma, of_beta] = gparams else { return Ok(()) };
    let (rows, dim) = (x.shape.0 * x.shape.1, x.shape.2);
    let products = of_gamma.map(|_| Buffer::stale(rows * dim)).transpose()?;
    let add = gx.as_ref().is_some_and(|gx| !gx.fresh);
    let to = gx.map_or(0, |gx| gx.values.address());
    launch!("layer_norm_backward", warps(rows); x.values.address(), reading(x.norm), address(gamma), g.address(),
        residual.map_or(0, Buffer::address), to, add, products.as_ref().map_or(0, Buffer::address), int(rows)?, int(dim)?,
        EPS)?;
    if let (Some(products), Some(of_gamma)) = (&products, of_gamma) {
        column_sums(products.address(), rows, (dim, 0), dim, of_gamma.address)?;
    }
    if let Some(of_beta) = of_beta {
        column_sums(g.address(), rows, (dim, 0), dim, of_beta.address)?;
    }
    Ok(())
}

/// The heads of a branch whose core is attention.
fn heads(x: View<'_, Cuda>, core: Core) -> Option<Heads> {
    let (records, length, dim) = x.shape;
    match core {
        Core::Attention(count) => Some(Heads { records, count, length, width: dim / count }),
        Core::Gelu => None,
    }
}

/// The samples that patches are made of, `patch` in each row.
fn windows(x: View<'_, Cuda>, patch: usize) -> Rows {
    let (records, length, leads) = x.shape;
    let rows = Rows::flat(x.values.address(), records, leads);
    Rows { reading: reading(x.norm), length, count: length / patch, stride: patch, taps: patch, ..rows }
}

/// A weight (dim, leads, patch) as a matrix from samples to channels.
fn towards_channels(leads: usize, patch: usize, dim: usize) -> Layout {
    Layout { taps: patch, channels: leads, outputs: dim, first: 0, tap: 1, channel: patch, output: leads * patch }
}

impl Kernel for Cuda {
    type Kept = Kept;

    fn branch(
        &self,
        x: View<'_, Cuda>,
        weights: &Weights<Flat<Cuda>>,
        core: Core,
        dropping: Option<Dropping>,
        keep: bool,
    ) -> OnCuda<(Buffer, Option<Kept>)> {
        let (batch, samples, dim) = x.shape;
        let (rows, width) = (batch * samples, length(&weights.first[1]));
        let normal = normalized(x, &weights.gamma, &weights.beta)?;
        let wide = layer(&Rows::flat(normal.address(), rows, dim), &weights.first)?;
        let (y, attended) = match heads(x, core) {
            Some(heads) => {
                let kept = heads.forward(&wide, dropping)?;
                (layer(&Rows::flat(kept.out.address(), rows, dim), &weights.second)?, Some(kept))
            }
            None => {
                let inner = Buffer::stale(rows * width)?;
                let hidden = Masked { records: batch, size: samples * width, part: HIDDEN, dropping };
                hidden.queue("gelu_forward", &[wide.address().into(), inner.address().into()])?;
                (layer(&Rows::flat(inner.address(), rows, width), &weights.second)?, None)
            }
        };
        let output = Masked { records: batch, size: samples * dim, part: OUTPUT, dropping };
        let x = [x.values.address().into(), reading(x.norm).into()];
        output.queue("branch_finish", &[x[0], x[1], y.address().into(), int(dim)?.into()])?;
        Ok((y, keep.then_some(Kept { normal, wide, attended })))
    }

    fn branch_gradient(
        &self,
        x: View<'_, Cuda>,
        weights: &Weights<Flat<Cuda>>,
        (core, dropping): (Core, Option<Dropping>),
        kept: Kept,
        gy: Buffer,
        wanted: WantedGradients<'_, Cuda>,
    ) -> OnCuda<()> {
        let WantedGradients { x: gx, params: gparams } = wanted;
        let (batch, samples, dim) = x.shape;
        let (rows, width) = (batch * samples, length(&weights.first[1]));
        let Kept { normal, wide, attended } = kept;
        // The gradient of what the second layer gave.
        let dropped = match dropping {
            None => None,
            Some(_) => {
                let g = Buffer::stale(rows * dim)?;
                let output = Masked { records: batch, size: samples * dim, part: OUTPUT, dropping };
                output.queue("branch_dropped", &[gy.address().into(), g.address().into()])?;
                Some(g)
            }
        };
        let g = dropped.as_ref().unwrap_or(&gy);
        let of_inner = through(g, rows, &weights.second)?;
        // What the second layer read, and the gradient of what the first gave.
        let (inner, of_wide) = match (heads(x, core), attended) {
            (Some(heads), Some(attended)) => {
                let of_wide = heads.gradient(&wide, &attended, &of_inner)?;
                (attended.out, of_wide)
            }
            _ => {
                let hidden = Masked { records: batch, size: samples * width, part: HIDDEN, dropping };
                hidden.queue("gelu_backward", &[wide.address().into(), of_inner.address().into()])?;
                (of_inner, wide)
            }
        };
        let [of_norm, of_first, of_second] = [0, 2, 4].map(|first| &gparams[first..first + 2]);
        let width_of_inner = if core == Core::Gelu { width } else { dim };
        add_gradients(&Rows::flat(inner.address(), rows, width_of_inner), g, dim, of_second)?;
        add_gradients(&Rows::flat(normal.address(), rows, dim), &of_wide, width, of_first)?;
        let g = through(&of_wide, rows, &weights.first)?;
        norm_gradient(x, &weights.gamma, &g, Some(&gy), gx, of_norm)
    }

    fn layer_norm(&self, x: View<'_, Cuda>, gamma: &Flat<Cuda>, beta: &Flat<Cuda>) -> OnCuda<Buffer> {
        normalized(x, gamma, beta)
    }

    fn layer_norm_gradient(
        &self,
        x: View<'_, Cuda>,
        [gamma, _]: [&Flat<Cuda>; 2],
        gy: Buffer,
        wanted: WantedGradients<'_, Cuda>,
    ) -> OnCuda<()> {
        let WantedGradients { x: gx, params: gparams } = wanted;
        norm_gradient(x, gamma, &gy, None, gx, gparams)
    }

    fn patches(&self, x: View<'_, Cuda>, patch: usize, stem: &Stem<Flat<Cuda>>) -> OnCuda<Buffer> {
        let (batch, samples, leads) = x.shape;
        let (dim, count) = (length(&stem.bias), samples / patch);
        let y = Buffer::stale(batch * count * dim)?;
        launch!("patches_positions", Grid::each(batch * count * dim); address(&stem.positions), y.address(),
            int(count * dim)?, int(batch * count * dim)?)?;
        let matrix = packed(&stem.weight, towards_channels(leads, patch, dim))?;
        let to = To { length: count, add: true, bias: address(&stem.bias), ..To::flat(y.address(), dim) };
        product(&windows(x, patch), matrix.address(), dim, &to)?;
        Ok(y)
    }

    fn patches_gradient(
        &self,
        x: View<'_, Cuda>,
        patch: usize,
        stem: &Stem<Flat<Cuda>>,
        gy: &Buffer,
        wanted: WantedGradients<'_, Cuda>,
    ) -> OnCuda<()> {
        let WantedGradients { x: gx, params: gparams } = wanted;
        let (batch, samples, leads) = x.shape;
        let (dim, count, inner) = (length(&stem.bias), samples / patch, patch * leads);
        if let Some(gx) = gx {
            let turned = Buffer::stale(dim * inner)?;
            launch!("patches_turned", Grid::each(dim * inner); address(&stem.weight), turned.address(), int(leads)?,
                int(patch)?, int(dim * inner)?)?;
            // A row goes to its first sample and on over the patch's others.
            let to = To { length: samples, stride: patch, add: !gx.fresh, ..To::flat(gx.values.address(), leads) };
            let rows = Rows { records: batch, length: count, count, ..Rows::flat(gy.address(), batch, dim) };
            product(&rows, turned.address(), inner, &to)?;
            let rest = samples * leads - count * inner;
            if gx.fresh && rest > 0 {
                launch!("patches_clear", Grid::each(batch * rest); gx.values.address(), int(samples * leads)?, int(rest)?,
                    int(batch * rest)?)?;
            }
        }
        let [weight, bias, positions] = gparams else { return Ok(()) };
        if let Some(weight) = weight {
            let layout = towards_channels(leads, patch, dim);
            weight_gradient(&windows(x, patch), gy.address(), (dim, 0), layout, weight.address)?;
        }
        if let Some(bias) = bias {
            column_sums(gy.address(), batch * count, (dim, 0), dim, bias.address)?;
        }
        if let Some(positions) = positions {
            column_sums(gy.address(), batch, (count * dim, 0), count * dim, positions.address)?;
        }
        Ok(())
    }
}
