//! A residual branch on the CPU, record by record: y = x + dropout(second(core(first(norm(x))))).

use rayon::prelude::*;

use super::attention::{self, Heads};

use super::layer_norm::{self, normalize, standardize};
use super::{add_rows, add_weight_gradient, record, rows};
use crate::ops::cpu::Isa;
use crate::ops::cpu::gelu::{gelu, gelu_gradient};
use crate::ops::cpu::matmul::{Packed, multiply};
use crate::ops::cpu::philox::factors;
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::ops::layers::transformer::{Core, Dropping, Weights};
use crate::tensor::memory::{Buffer, pieces};
use crate::tensor::{Cpu, View, WantedGradients};

/// The part of a record's dropout that masks the branch's output; those of its core follow.
const OUTPUT: usize = 0;

/// A branch and what it reads.
pub(in crate::ops::layers::transformer) struct Branch<'a> {
    isa: Isa,
    x: View<'a, Cpu>,
    weights: Weights<&'a [f32]>,
    core: Core,
    dropping: Option<Dropping>,
}

/// What a branch keeps for its backward pass.
#[derive(Debug)]
pub struct Kept {
    /// What the first layer gave, (batch, length, wide).
    wide: Buffer,
    /// Attention's probabilities and output.
    attended: Option<[Buffer; 2]>,
}

/// What one record's forward pass writes.
struct Forward<'a> {
    y: &'a mut [f32],
    wide: Option<&'a mut [f32]>,
    probabilities: Option<&'a mut [f32]>,
    attended: Option<&'a mut [f32]>,
}

/// What one record's backward pass writes.
struct Backward<'a> {
    /// In: what the first layer gave. Out: its gradient.
    wide: &'a mut [f32],
    /// Of attention, what was kept.
    probabilities: Option<&'a mut [f32]>,
    /// GELU: what the second layer read.
    inner: Option<&'a mut [f32]>,
    /// The gradient of what the second layer gave.
    g: &'a mut [f32],
    /// What the first layer read.
    normal: &'a mut [f32],
    /// Gradients of gamma, beta and both biases.
    sums: &'a mut [f32],
    gx: Option<&'a mut [f32]>,
}

impl<'a> Branch<'a> {
    pub fn new(
        isa: Isa,
        x: View<'a, Cpu>,
        weights: Weights<&'a [f32]>,
        core: Core,
        dropping: Option<Dropping>,
    ) -> Self {
        Self { isa, x, weights, core, dropping }
    }

    fn dim(&self) -> usize {
        self.weights.gamma.len()
    }

    /// Outputs of the first layer.
    fn wide(&self) -> usize {
        self.weights.first[1].len()
    }

    /// Inputs of the second.
    fn inner(&self) -> usize {
        self.weights.second[0].len() / self.dim()
    }

    fn heads(&self) -> Option<Heads> {
        match self.core {
            Core::Attention(count) => Some(Heads { count, length: self.x.shape.1, width: self.dim() / count }),
            Core::Gelu => None,
        }
    }

    /// y, and what the backward pass needs if `keep`.
    pub fn forward(&self, keep: bool) -> (Buffer, Option<Kept>) {
        let (isa, (batch, length, dim)) = (self.isa, self.x.shape);
        let turned = |w: [&[f32]; 2], inputs: usize| Packed::turned(isa, rows(w[0], inputs), w[1].len(), 1.0);
        let layers = [turned(self.weights.first, dim), turned(self.weights.second, self.inner())];
        let mut y = Buffer::stale(batch * length * dim);
        let mut kept = keep.then(|| Kept {
            wide: Buffer::stale(batch * length * self.wide()),
            // The weight gradient reads a vector's length more.
            attended: self
                .heads()
                .map(|heads| [Buffer::stale(batch * heads.kept()), Buffer::stale(batch * length * dim + isa.lanes())]),
        });
        let (wide, attended) = match &mut kept {
            Some(kept) => (Some(&mut *kept.wide), kept.attended.as_mut()),
            None => (None, None),
        };
        let (probabilities, attended) = match attended {
            Some([p, attended]) => (Some(&mut **p), Some(&mut attended[..batch * length * dim])),
            None => (None, None),
        };
        let wides = pieces(wide, length * self.wide(), batch);
        let squares = pieces(probabilities, self.heads().map_or(1, Heads::kept), batch);
        let attendeds = pieces(attended, length * dim, batch);
        y.par_chunks_exact_mut(length * dim)
            .zip(wides.into_par_iter().zip(squares).zip(attendeds))
            .enumerate()
            .for_each(|(number, (y, ((wide, probabilities), attended)))| {
                self.forward_record(number, &layers, Forward { y, wide, probabilities, attended });
            });
        (y, kept)
    }

    fn forward_record(&self, number: usize, [first, second]: &[Packed; 2], to: Forward<'_>) {
        let (isa, dim, length) = (self.isa, self.dim(), self.x.shape.1);
        let Forward { y, wide, probabilities, attended } = to;
        let mut room = None;
        let x = record(isa, self.x, number, &mut room);
        let mut normal = Buffer::stale(x.len());
        normalize(isa, x, self.weights.gamma, self.weights.beta, &mut normal);
        let mut spare = None;
        let wide = wide.unwrap_or_else(|| spare.insert(Buffer::stale(length * self.wide())));
        multiply(isa, rows(&normal, dim), first, false, wide, self.wide());
        add_bias(isa, self.weights.first[1], wide);
        let mut spare = None;
        let inner = attended.unwrap_or_else(|| spare.insert(Buffer::stale(length * self.inner())));
        match self.heads() {
            Some(heads) => {
                let dropping = self.dropping.map(|dropping| (dropping, number));
                attention::forward(isa, heads, wide, dropping, probabilities, inner);
            }
            None => {
                let mut mask = Buffer::stale(inner.len());
                factors(isa, self.dropping, [OUTPUT + 1, number], &mut mask);
                gelu(isa, wide, &mask, inner);
            }
        }
        multiply(isa, rows(inner, self.inner()), second, false, y, dim);
        let mask: &mut [f32] = &mut normal;
        factors(isa, self.dropping, [OUTPUT, number], mask);
        finish(isa, x, self.weights.second[1], mask, y);
    }

    /// Adds to the gradients that are wanted: of the input, and in `wanted.params` those of the weights.
    pub fn gradient(&self, kept: Kept, mut gy: Buffer, wanted: WantedGradients<'_, Cpu>) {
        let WantedGradients { x: mut gx, params: gparams } = wanted;
        let (isa, (batch, length, dim)) = (self.isa, self.x.shape);
        let (wide, inner, slack) = (self.wide(), self.inner(), isa.lanes());
        let samples = batch * length;
        // Each record's gradient is read before that of its input is written: one memory will do.
        let in_place = match &mut gx {
            Some(gx) if gx.fresh => {
                std::mem::swap(&mut gx.values, &mut gy);
                true
            }
            _ => false,
        };
        let gy = (!in_place).then_some(&*gy);
        let layers = [
            Packed::straight(isa, rows(self.weights.first[0], dim), 1.0),
            Packed::straight(isa, rows(self.weights.second[0], inner), 1.0),
        ];
        let Kept { wide: mut wides, attended } = kept;
        let mut g = Buffer::stale(samples * dim);
        let mut normals = Buffer::stale(samples * dim + slack);
        let line = 3 * dim + wide;
        let mut sums = Buffer::zeros(batch * line);
        let [mut squares, mut inners] = match attended {
            Some([squares, inners]) => [Some(squares), Some(inners)],
            None => [None, None],
        };
        let of_attention = inners.is_some();
        let inners = inners.get_or_insert_with(|| Buffer::stale(samples * inner + slack));
        {
            let squares = pieces(squares.as_deref_mut(), self.heads().map_or(1, Heads::kept), batch);
            let inner_slots = pieces((!of_attention).then_some(&mut inners[..samples * inner]), length * inner, batch);
            let gxs = pieces(gx.map(|gx| &mut *gx.values), length * dim, batch);
            let slots = wides.par_chunks_exact_mut(length * wide).zip(g.par_chunks_exact_mut(length * dim));
            let slots = slots.zip(normals[..samples * dim].par_chunks_exact_mut(length * dim));
            let slots = slots.zip(sums.par_chunks_exact_mut(line)).zip(squares).zip(inner_slots).zip(gxs);
            slots.enumerate().for_each(|(number, ((((((wide, g), normal), sums), probabilities), inner), gx))| {
                let gy = gy.map(|gy| &gy[number * length * dim..][..length * dim]);
                let to = Backward { wide, probabilities, inner, g, normal, sums, gx };
                self.gradient_record(number, &layers, gy, to);
            });
        }
        let [gamma, beta, first, first_bias, second, second_bias] = gparams else { return };
        add_sums(&sums, [dim, dim, dim, wide], [gamma, beta, second_bias, first_bias]);
        if let Some(first) = first {
            add_weight_gradient(isa, &wides, &normals, dim, first);
        }
        if let Some(second) = second {
            add_weight_gradient(isa, &g, inners, inner, second);
        }
    }

    fn gradient_record(&self, number: usize, [first, second]: &[Packed; 2], gy: Option<&[f32]>, to: Backward<'_>) {
        let (isa, dim, length) = (self.isa, self.dim(), self.x.shape.1);
        let Backward { wide, probabilities, inner, g, normal, sums, mut gx } = to;
        let (of_norm, of_biases) = sums.split_at_mut(2 * dim);
        let (of_second, of_first) = of_biases.split_at_mut(dim);

        factors(isa, self.dropping, [OUTPUT, number], g);
        times(isa, gy.or(gx.as_deref()).unwrap_or_default(), g);
        add_rows(isa, g, of_second);
        match (self.heads(), probabilities, inner) {
            (Some(heads), Some(probabilities), _) => {
                let mut of_attended = Buffer::stale(length * dim);
                multiply(isa, rows(g, dim), second, false, &mut of_attended, dim);
                let scale = self.dropping.map_or(1.0, |dropping| dropping.scale);
                attention::gradient(isa, heads, wide, probabilities, scale, &of_attended);
            }
            (_, _, Some(inner)) => {
                multiply(isa, rows(g, dim), second, false, inner, self.inner());
                let mut mask = Buffer::stale(inner.len());
                factors(isa, self.dropping, [OUTPUT + 1, number], &mut mask);
                gelu_gradient(isa, wide, &mask, inner);
            }
            _ => {}
        }
        add_rows(isa, wide, of_first);
        let mut through = Buffer::stale(length * dim);
        multiply(isa, rows(wide, self.wide()), first, false, &mut through, dim);
        let mut room = None;
        let x = record(isa, self.x, number, &mut room);
        let mut inverse = vec![0.0; length];
        standardize(isa, x, normal, &mut inverse);
        let (gamma, beta) = (self.weights.gamma, self.weights.beta);
        layer_norm::gradient(
            isa,
            layer_norm::Back { hat: normal, inverse: &inverse, gamma, beta, g: &mut through, sums: of_norm },
        );
        if let Some(gx) = &mut gx {
            if let Some(gy) = gy {
                add(isa, gy, gx);
            }
            add(isa, &through, gx);
        }
    }
}

/// Adds to each gradient that is wanted its part of every record's `sums`, in the records' order; a record's parts lie
/// one after another and have these `lengths`.
fn add_sums(sums: &[f32], lengths: [usize; 4], wanted: [&mut Option<Vec<f32>>; 4]) {
    let mut start = 0;
    for (wanted, length) in wanted.into_iter().zip(lengths) {
        let part = start..start + length;
        start += length;
        let Some(wanted) = wanted else { continue };
        for sums in sums.chunks_exact(lengths.iter().sum()) {
            wanted.iter_mut().zip(&sums[part.clone()]).for_each(|(wanted, sum)| *wanted += sum);
        }
    }
}

fn add_bias(isa: Isa, bias: &[f32], y: &mut [f32]) {
    dispatch!(isa => add_to_rows(bias: &[f32], y: &mut [f32]));
}

#[inline(always)]
fn add_to_rows<S: Simd>(bias: &[f32], y: &mut [f32]) {
    for y in y.chunks_exact_mut(bias.len()) {
        y.iter_mut().zip(bias).for_each(|(y, bias)| *y += bias);
    }
}

/// y = x + mask (y + bias).
fn finish(isa: Isa, x: &[f32], bias: &[f32], mask: &[f32], y: &mut [f32]) {
    dispatch!(isa => add_residual(x: &[f32], bias: &[f32], mask: &[f32], y: &mut [f32]));
}

#[inline(always)]
fn add_residual<S: Simd>(x: &[f32], bias: &[f32], mask: &[f32], y: &mut [f32]) {
    let width = bias.len();
    for ((y, x), mask) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(mask.chunks_exact(width)) {
        for c in 0..width {
            y[c] = x[c] + mask[c] * (y[c] + bias[c]);
        }
    }
}

/// y times x.
fn times(isa: Isa, x: &[f32], y: &mut [f32]) {
    dispatch!(isa => multiply_each(x: &[f32], y: &mut [f32]));
}

#[inline(always)]
fn multiply_each<S: Simd>(x: &[f32], y: &mut [f32]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y *= x);
}

/// y plus x.
fn add(isa: Isa, x: &[f32], y: &mut [f32]) {
    dispatch!(isa => add_each(x: &[f32], y: &mut [f32]));
}

#[inline(always)]
fn add_each<S: Simd>(x: &[f32], y: &mut [f32]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
}
