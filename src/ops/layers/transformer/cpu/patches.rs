//! Patches with positions on the CPU: of each record one row per patch, a matrix product without copies.

use rayon::prelude::*;

use super::{add_rows, add_weight_gradient, record, rows};
use crate::ops::cpu::Isa;
use crate::ops::cpu::matmul::{Packed, multiply};
use crate::ops::layers::transformer::Stem;
use crate::tensor::memory::Buffer;
use crate::tensor::{Cpu, Gradient, View, WantedGradients};

/// y\[b,p,o\] = sum over c, k of w\[o,c,k\] x\[b,patch p + k,c\] + bias\[o\] + positions\[p,o\].
pub(in crate::ops::layers::transformer) fn forward(
    isa: Isa,
    x: View<'_, Cpu>,
    patch: usize,
    stem: &Stem<&[f32]>,
) -> Buffer {
    let (batch, length, leads) = x.shape;
    let dim = stem.bias.len();
    let packed = &Packed::new(isa, patch * leads, dim, |row, o| {
        let (tap, c) = (row / leads, row % leads);
        stem.weight[(o * leads + c) * patch + tap]
    });
    let count = length / patch;
    let mut y = Buffer::stale(batch * count * dim);
    y.par_chunks_exact_mut(count * dim).enumerate().for_each(|(number, y)| {
        let mut room = None;
        let x = record(isa, x, number, &mut room);
        for (y, positions) in y.chunks_exact_mut(dim).zip(stem.positions.chunks_exact(dim)) {
            y.iter_mut().zip(positions).zip(stem.bias).for_each(|((y, position), bias)| *y = position + bias);
        }
        multiply(isa, rows(&x[..count * patch * leads], patch * leads), packed, true, y, dim);
    });
    y
}

/// Adds to the gradients that are wanted: of x and, in `wanted.params`, of weight, bias and positions.
pub(in crate::ops::layers::transformer) fn backward(
    isa: Isa,
    x: View<'_, Cpu>,
    patch: usize,
    stem: &Stem<&[f32]>,
    gy: &Buffer,
    wanted: WantedGradients<'_, Cpu>,
) {
    let WantedGradients { x: gx, params: gparams } = wanted;
    let (batch, length, leads) = x.shape;
    let (dim, count, inner) = (stem.bias.len(), length / patch, patch * leads);
    if let Some(Gradient { values, fresh }) = gx {
        let packed = &Packed::new(isa, dim, inner, |o, row| {
            let (tap, c) = (row / leads, row % leads);
            stem.weight[(o * leads + c) * patch + tap]
        });
        values.par_chunks_exact_mut(length * leads).zip(gy.par_chunks_exact(count * dim)).for_each(|(gx, gy)| {
            if *fresh {
                gx[count * inner..].fill(0.0);
            }
            multiply(isa, rows(gy, dim), packed, !*fresh, gx, inner);
        });
    }
    let [weight, bias, positions] = gparams else { return };
    if let Some(weight) = weight {
        // The samples of all patches, and a vector's length.
        let mut all = Buffer::zeros(batch * count * inner + isa.lanes());
        for (number, all) in all[..batch * count * inner].chunks_exact_mut(count * inner).enumerate() {
            all.copy_from_slice(&record(isa, x, number, &mut None)[..count * inner]);
        }
        let mut sums = Buffer::zeros(dim * inner);
        add_weight_gradient(isa, gy, &all, inner, &mut sums);
        for (weight, sums) in weight.chunks_exact_mut(inner).zip(sums.chunks_exact(inner)) {
            for (row, sum) in sums.iter().enumerate() {
                weight[row % leads * patch + row / leads] += sum;
            }
        }
    }
    if let Some(bias) = bias {
        add_rows(isa, gy, bias);
    }
    if let Some(positions) = positions {
        add_rows(isa, gy, positions);
    }
}
