//! What a transformer encoder is made of, on the CPU.

use rayon::prelude::*;

use super::{Core, Kernel, Stem, Weights};
use crate::ops::cpu::Isa;
use crate::ops::cpu::matmul::{Right, Rows, accumulate, summed};
use crate::ops::cpu::philox::Dropping;
use crate::ops::cpu::reading::read;
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::tensor::memory::Buffer;
use crate::tensor::{Cpu, Done, Flat, View, WantedGradients, flat};

pub(in crate::ops::layers::transformer) mod attention;
pub(in crate::ops::layers::transformer) mod branch;
pub(in crate::ops::layers::transformer) mod layer_norm;
pub(in crate::ops::layers::transformer) mod patches;

impl Kernel for Cpu {
    type Kept = branch::Kept;

    fn branch(
        &self,
        x: View<'_, Cpu>,
        weights: &Weights<Flat<Cpu>>,
        core: Core,
        dropping: Option<Dropping>,
        keep: bool,
    ) -> Done<(Buffer, Option<branch::Kept>), Cpu> {
        Ok(branch::Branch::new(Isa::best(), x, weights.map(flat), core, dropping).forward(keep))
    }

    fn branch_gradient(
        &self,
        x: View<'_, Cpu>,
        weights: &Weights<Flat<Cpu>>,
        (core, dropping): (Core, Option<Dropping>),
        kept: branch::Kept,
        gy: Buffer,
        wanted: WantedGradients<'_, Cpu>,
    ) -> Done<(), Cpu> {
        branch::Branch::new(Isa::best(), x, weights.map(flat), core, dropping).gradient(kept, gy, wanted);
        Ok(())
    }

    fn layer_norm(&self, x: View<'_, Cpu>, gamma: &Flat<Cpu>, beta: &Flat<Cpu>) -> Done<Buffer, Cpu> {
        Ok(layer_norm::forward(Isa::best(), x, [flat(gamma), flat(beta)]))
    }

    fn layer_norm_gradient(
        &self,
        x: View<'_, Cpu>,
        norm: [&Flat<Cpu>; 2],
        gy: Buffer,
        wanted: WantedGradients<'_, Cpu>,
    ) -> Done<(), Cpu> {
        layer_norm::backward(Isa::best(), x, norm.map(flat), gy, wanted);
        Ok(())
    }

    fn patches(&self, x: View<'_, Cpu>, patch: usize, stem: &Stem<Flat<Cpu>>) -> Done<Buffer, Cpu> {
        Ok(patches::forward(Isa::best(), x, patch, &stem.map(flat)))
    }

    fn patches_gradient(
        &self,
        x: View<'_, Cpu>,
        patch: usize,
        stem: &Stem<Flat<Cpu>>,
        gy: &Buffer,
        wanted: WantedGradients<'_, Cpu>,
    ) -> Done<(), Cpu> {
        patches::backward(Isa::best(), x, patch, &stem.map(flat), gy, wanted);
        Ok(())
    }
}

/// All values as rows of `inner`.
fn rows(values: &[f32], inner: usize) -> Rows<'_> {
    Rows { values, step: inner, count: values.len() / inner, inner }
}

/// Adds the sum of `rows` to `sums`.
fn add_rows(isa: Isa, rows: &[f32], sums: &mut [f32]) {
    dispatch!(isa => column_sums(rows: &[f32], sums: &mut [f32]));
}

#[inline(always)]
fn column_sums<S: Simd>(rows: &[f32], sums: &mut [f32]) {
    for row in rows.chunks_exact(sums.len()) {
        sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
}

/// Adds to the gradient of a weight (outputs, inputs) the sum over samples of `g` (samples, outputs) times `x`
/// (samples, inputs), which goes on for a vector's length. Each piece of work has some outputs and all samples, in
/// their order.
fn add_weight_gradient(isa: Isa, g: &[f32], x: &[f32], inputs: usize, gw: &mut [f32]) {
    /// Outputs in a piece: whole tiles on every machine.
    const PIECE: usize = 24;
    let outputs = gw.len() / inputs;
    let line = summed(isa, inputs);
    gw.par_chunks_mut(PIECE * inputs).enumerate().for_each(|(piece, gw)| {
        let inner = gw.len() / inputs;
        let rows = Rows { values: &g[piece * PIECE..], step: outputs, count: g.len() / outputs, inner };
        let right = Right { values: x, start: 0, step: inputs, width: inputs };
        if line == inputs {
            accumulate(isa, rows, right, gw);
        } else {
            let mut sums = Buffer::zeros(inner * line);
            accumulate(isa, rows, right, &mut sums);
            for (gw, sums) in gw.chunks_exact_mut(inputs).zip(sums.chunks_exact(line)) {
                gw.iter_mut().zip(sums).for_each(|(gw, sum)| *gw += sum);
            }
        }
    });
}

/// What readers see of one record, in `room` where it is not what is in memory.
fn record<'a>(isa: Isa, x: View<'a, Cpu>, number: usize, room: &'a mut Option<Buffer>) -> &'a [f32] {
    let values = x.record(number);
    match x.reading() {
        None => values,
        reading => {
            let room = room.insert(Buffer::stale(values.len()));
            read(isa, reading, values, room);
            room
        }
    }
}
