//! The convolution on the CPU for long odd kernels that keep the length: by products of spectra.
//!
//! Pieces of work and the order of sums are those of the direct one.

use dfdx::prelude::Cpu;
use rayon::prelude::*;

use super::direct::Flowing;
use super::spectral::{Bank, SLACK, Towards, products};
use super::{PIECE, Sizes};
use crate::ops::cpu::Isa;
use crate::ops::memory::{Buffer, pieces};
use crate::ops::norm::{Moments, give, measure, read, sum_gradient};
use crate::ops::{Gradient, Seen};

/// Memory of a piece of work, where what comes there is wanted.
type Wanted<'a> = Option<&'a mut [f32]>;

/// `None` where the direct sum is faster, or the only way.
pub(super) fn bank(isa: Isa, s: Sizes) -> Option<Bank> {
    let keeps = s.stride == 1 && s.kernel % 2 == 1 && s.padding == s.kernel / 2;
    keeps.then(|| Bank::new(isa, s.input, s.output, &[s.kernel], s.length)).flatten()
}

/// One record's input with zeros around it, rows of whole vectors.
fn padded(isa: Isa, s: Sizes, bank: &Bank, x: Seen<'_, Cpu>, record: usize) -> (usize, Buffer) {
    let row = s.input.next_multiple_of(isa.lanes());
    let mut seen = Buffer::stale(s.length * s.input);
    read(isa, x.reading(), x.record(record), &mut seen);
    let mut padded = Buffer::zeros(bank.rows() * row + SLACK);
    for (to, from) in padded[bank.before() * row..].chunks_exact_mut(row).zip(seen.chunks_exact(s.input)) {
        to[..s.input].copy_from_slice(from);
    }
    (row, padded)
}

/// As the direct one's.
pub(super) fn forward(
    isa: Isa,
    s: Sizes,
    bank: &Bank,
    x: Seen<'_, Cpu>,
    w: &[f32],
    wanted: bool,
) -> (Buffer, Option<Moments>) {
    let (of_weights, weights) = bank.weights(&[w], Towards::Outputs);
    let size = s.length * s.output;
    let mut y = Buffer::stale(s.batch * size);
    let mut moments = wanted.then(|| Moments::new(s.output_shape()));
    let mut slots = pieces(moments.as_mut().map(|moments| &mut *moments.values), 2 * s.output, s.batch);
    y.par_chunks_exact_mut(size).zip(slots.par_iter_mut()).enumerate().for_each(|(record, (z, moments))| {
        let (row, padded) = padded(isa, s, bank, x, record);
        let (inputs, outputs) = (bank.of_inputs(), bank.of_outputs());
        let (mut spectra, mut results) = (inputs.room(), outputs.room());
        bank.transform_input(&padded, row, inputs, &mut spectra);
        products(isa, (of_weights, &weights), (inputs, &spectra), outputs, &mut results);
        bank.outputs_of(outputs, &results, z, s.output);
        if let Some(moments) = moments {
            measure(isa, z, moments);
        }
    });
    (y, moments)
}

/// As the direct one's; `gw` holds the one gradient of the weights, if it is wanted.
#[allow(clippy::too_many_arguments)]
pub(super) fn gradient(
    isa: Isa,
    s: Sizes,
    bank: &Bank,
    x: Seen<'_, Cpu>,
    w: &[f32],
    flowing: Flowing<'_>,
    gx: Option<&mut Gradient<Cpu>>,
    gw: &mut [Option<Vec<f32>>],
) {
    let of_weights_wanted = gw.iter().any(Option::is_some);
    if gx.is_none() && !of_weights_wanted {
        return;
    }
    let (of_weights, weights) = bank.weights(&[w], Towards::Inputs);
    let fresh = gx.as_ref().is_some_and(|gx| gx.fresh);
    let (x_size, y_size) = (s.length * s.input, s.length * s.output);
    let mut of_x = gx.as_ref().and_then(|_| x.room_for_sums());
    let count = s.batch.div_ceil(PIECE);
    let gxs = pieces(gx.map(|gx| &mut *gx.values), PIECE * x_size, count);
    let slots = pieces(of_x.as_deref_mut(), PIECE * 2 * s.input, count);
    let piece_sum = |(piece, (mut gx, mut slots)): (usize, (Wanted<'_>, Wanted<'_>))| {
        let mut sum = of_weights_wanted.then(|| Buffer::zeros(bank.of_weights().len()));
        let (inputs, outputs) = (bank.of_inputs(), bank.of_outputs());
        let (mut of_x, mut of_g) = (inputs.room(), outputs.room());
        for number in 0..PIECE.min(s.batch - piece * PIECE) {
            let record = piece * PIECE + number;
            let at = record * y_size;
            let mut gz = Buffer::stale(y_size + SLACK);
            gz[y_size..].fill(0.0);
            flowing.back.rows(isa, &flowing.z[at..][..y_size], &flowing.g[at..][..y_size], &mut gz[..y_size]);
            bank.transform_gradient(&gz, s.output, outputs, &mut of_g);
            if let Some(sum) = &mut sum {
                let (row, padded) = padded(isa, s, bank, x, record);
                bank.transform_input(&padded, row, inputs, &mut of_x);
                bank.add_weight_gradient((inputs, &of_x), (outputs, &of_g), sum);
            }
            if let Some(gx) = &mut gx {
                let row = s.input;
                let mut wide = Buffer::zeros(bank.rows() * row + SLACK);
                let mut results = inputs.room();
                products(isa, (of_weights, &weights), (outputs, &of_g), inputs, &mut results);
                bank.input_gradient_of(inputs, &results, &mut wide, row);
                let gx = &mut gx[number * x_size..][..x_size];
                give(fresh, &wide[bank.before() * row..][..x_size], gx);
                if let (Some(reading), Some(slots)) = (x.reading(), &mut slots) {
                    sum_gradient(isa, reading, x.record(record), gx, &mut slots[number * 2 * row..][..2 * row]);
                }
            }
        }
        sum
    };
    let sums: Vec<Option<Buffer>> = gxs.into_par_iter().zip(slots).enumerate().map(piece_sum).collect();
    x.keep_sums(of_x);
    let mut sums = sums.into_iter().flatten();
    let Some(mut total) = sums.next() else { return };
    for sum in sums {
        total.iter_mut().zip(&*sum).for_each(|(total, sum)| *total += sum);
    }
    bank.add_taps(&total, gw);
}
