//! Layer normalisation over channels (Ba, Kiros and Hinton 2016): y = gamma (x - mean) / sqrt(var + eps) + beta, mean
//! and variance of each sample. Rows of `gamma.len()` values, on the CPU.

use rayon::prelude::*;

use super::record;
use crate::ops::cpu::Isa;
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::ops::layers::norm::EPS;
use crate::tensor::memory::{Buffer, give, pieces};
use crate::tensor::{Cpu, View, WantedGradients};

/// The layer norm of x with gamma and beta.
pub(in crate::ops::layers::transformer) fn forward(isa: Isa, x: View<'_, Cpu>, [gamma, beta]: [&[f32]; 2]) -> Buffer {
    let mut y = Buffer::stale(x.values.len());
    y.par_chunks_exact_mut(x.shape.1 * x.shape.2).enumerate().for_each(|(number, y)| {
        normalize(isa, record(isa, x, number, &mut None), gamma, beta, y);
    });
    y
}

/// Adds to the gradients that are wanted: of x and, in `wanted.params`, of gamma and beta.
pub(in crate::ops::layers::transformer) fn backward(
    isa: Isa,
    x: View<'_, Cpu>,
    [gamma, beta]: [&[f32]; 2],
    mut gy: Buffer,
    wanted: WantedGradients<'_, Cpu>,
) {
    let WantedGradients { x: gx, params: gparams } = wanted;
    let (batch, length, dim) = x.shape;
    let fresh = gx.as_ref().is_some_and(|gx| gx.fresh);
    let gxs = pieces(gx.map(|gx| &mut *gx.values), length * dim, batch);
    let mut sums = vec![0.0; batch * 2 * dim];
    let slots = gy.par_chunks_exact_mut(length * dim).zip(sums.par_chunks_exact_mut(2 * dim)).zip(gxs);
    slots.enumerate().for_each(|(number, ((g, sums), gx))| {
        let (mut hat, mut inverse) = (Buffer::stale(length * dim), vec![0.0; length]);
        standardize(isa, record(isa, x, number, &mut None), &mut hat, &mut inverse);
        gradient(isa, Back { hat: &mut hat, inverse: &inverse, gamma, beta, g, sums });
        if let Some(gx) = gx {
            give(fresh, g, gx);
        }
    });
    for sums in sums.chunks_exact(2 * dim) {
        for (wanted, sums) in gparams.iter_mut().zip(sums.chunks_exact(dim)) {
            if let Some(wanted) = wanted {
                wanted.iter_mut().zip(sums).for_each(|(wanted, sum)| *wanted += sum);
            }
        }
    }
}

/// y of the rows `x`.
pub(in crate::ops::layers::transformer) fn normalize(isa: Isa, x: &[f32], gamma: &[f32], beta: &[f32], y: &mut [f32]) {
    let mut inverse = vec![0.0; x.len() / gamma.len()];
    standardize(isa, x, y, &mut inverse);
    scale_in_place(isa, gamma, beta, y);
}

/// (x - mean) / sqrt(var + eps) of the rows `x`, and 1 / sqrt(var + eps) of each.
pub(in crate::ops::layers::transformer) fn standardize(isa: Isa, x: &[f32], out: &mut [f32], inverse: &mut [f32]) {
    dispatch!(isa => standard_rows(x: &[f32], out: &mut [f32], inverse: &mut [f32]));
}

#[inline(always)]
fn standard_rows<S: Simd>(x: &[f32], out: &mut [f32], inverse: &mut [f32]) {
    let width = x.len() / inverse.len();
    let share = 1.0 / width as f32;
    for ((x, out), inverse) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)).zip(inverse) {
        let mean = total::<S>(x) * share;
        out.iter_mut().zip(x).for_each(|(out, x)| *out = x - mean);
        let var = product_total::<S>(out, out) * share;
        *inverse = 1.0 / (var + EPS).sqrt();
        let inverse = *inverse;
        out.iter_mut().for_each(|out| *out *= inverse);
    }
}

/// gamma y + beta.
fn scale_in_place(isa: Isa, gamma: &[f32], beta: &[f32], y: &mut [f32]) {
    dispatch!(isa => scale_rows(gamma: &[f32], beta: &[f32], y: &mut [f32]));
}

#[inline(always)]
fn scale_rows<S: Simd>(gamma: &[f32], beta: &[f32], y: &mut [f32]) {
    let beta = &beta[..gamma.len()];
    for y in y.chunks_exact_mut(gamma.len()) {
        for c in 0..gamma.len() {
            y[c] = y[c] * gamma[c] + beta[c];
        }
    }
}

/// What the backward pass of some rows reads and writes.
pub(in crate::ops::layers::transformer) struct Back<'a> {
    /// Of [`standardize`]; becomes y.
    pub hat: &'a mut [f32],
    /// Of [`standardize`].
    pub inverse: &'a [f32],
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
    /// The gradient of y; becomes that of x.
    pub g: &'a mut [f32],
    /// Added to: the gradients of gamma, then of beta.
    pub sums: &'a mut [f32],
}

/// dx = inverse (gamma g - mean(gamma g) - hat mean(gamma g hat)).
pub(in crate::ops::layers::transformer) fn gradient(isa: Isa, back: Back<'_>) {
    dispatch!(isa => gradient_rows(back: Back<'_>));
}

#[inline(always)]
fn gradient_rows<S: Simd>(back: Back<'_>) {
    let Back { hat, inverse, gamma, beta, g, sums } = back;
    let width = gamma.len();
    let (of_gamma, of_beta) = sums.split_at_mut(width);
    let (of_beta, beta) = (&mut of_beta[..width], &beta[..width]);
    let share = 1.0 / width as f32;
    for ((hat, g), inverse) in hat.chunks_exact_mut(width).zip(g.chunks_exact_mut(width)).zip(inverse) {
        for c in 0..width {
            of_gamma[c] += g[c] * hat[c];
            of_beta[c] += g[c];
            g[c] *= gamma[c];
        }
        let (mean, slope) = (total::<S>(g) * share, product_total::<S>(g, hat) * share);
        for c in 0..width {
            g[c] = inverse * (g[c] - mean - hat[c] * slope);
            hat[c] = hat[c] * gamma[c] + beta[c];
        }
    }
}

#[inline(always)]
fn total<S: Simd>(x: &[f32]) -> f32 {
    let whole = x.len() / S::LANES * S::LANES;
    let mut sums = S::splat(0.0);
    for x in x[..whole].chunks_exact(S::LANES) {
        sums = S::add(sums, S::load(x));
    }
    folded::<S>(sums) + x[whole..].iter().sum::<f32>()
}

#[inline(always)]
fn product_total<S: Simd>(x: &[f32], y: &[f32]) -> f32 {
    let whole = x.len() / S::LANES * S::LANES;
    let mut sums = S::splat(0.0);
    for (x, y) in x[..whole].chunks_exact(S::LANES).zip(y.chunks_exact(S::LANES)) {
        sums = S::mul_add(S::load(x), S::load(y), sums);
    }
    folded::<S>(sums) + x[whole..].iter().zip(&y[whole..]).map(|(x, y)| x * y).sum::<f32>()
}

/// The sum of a vector, by halves.
#[inline(always)]
fn folded<S: Simd>(sums: S::V) -> f32 {
    let mut line = [0f32; 16];
    S::store(sums, &mut line);
    let mut half = 8;
    while half > 0 {
        for i in 0..half {
            line[i] += line[i + half];
        }
        half /= 2;
    }
    line[0]
}
