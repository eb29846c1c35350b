//! The convolution on the CPU as a matrix product without patch copies: the input of an output is one run
//! of `kernel` x `channels` neighbouring values, and runs overlap.
//!
//! Each record, or a few short ones, is one piece of work, whatever the number of threads; weight gradients of
//! [`PIECE`] records are summed in record order, and the pieces' sums in piece order.

use rayon::prelude::*;

use super::PIECE;
use super::batch::Flowing;
use crate::ops::cpu::Isa;
use crate::ops::cpu::matmul::{Packed, Right, Rows, accumulate, multiply, summed};
use crate::ops::cpu::reading::{Reading, read};
use crate::ops::layers::conv1d::Sizes;
use crate::ops::layers::norm::{Moments, measure, sum_gradient};
use crate::tensor::memory::{Buffer, pieces};
use crate::tensor::{Cpu, Gradient, View};

/// Samples that short records are joined up to.
const JOINED: usize = 512;

/// How many records are taken as one, and the sizes then: those of a 1-tap convolution follow on each other like
/// samples, and few rows would leave the tiles of a product half empty.
fn joined(s: Sizes) -> (usize, Sizes) {
    let one_tap = s.kernel == 1 && s.stride == 1 && s.padding == 0;
    let fits = |count: &usize| one_tap && s.batch.is_multiple_of(*count) && count * s.length <= JOINED;
    let count = [PIECE, PIECE / 2].into_iter().find(fits).unwrap_or(1);
    (count, Sizes { batch: s.batch / count, length: count * s.length, ..s })
}

/// One record's input as the matrix product reads it.
struct Input<'a> {
    s: Sizes,
    reading: Option<Reading<'a>>,
    x: &'a [f32],
}

impl Input<'_> {
    /// With `padding` rows of zeros on both sides, in `room`; as it is in memory where that will do.
    fn padded<'a>(&'a self, isa: Isa, room: &'a mut Option<Buffer>) -> &'a [f32] {
        if self.reading.is_none() && self.s.padding == 0 {
            return self.x;
        }
        let edge = self.s.padding * self.s.input;
        let room = room.get_or_insert_with(|| Buffer::stale(self.x.len() + 2 * edge));
        room[..edge].fill(0.0);
        read(isa, self.reading, self.x, &mut room[edge..edge + self.x.len()]);
        room[edge + self.x.len()..].fill(0.0);
        room
    }
}

/// The rows of the product: one for each output.
pub(in crate::ops) fn rows(s: Sizes, padded: &[f32]) -> Rows<'_> {
    Rows { values: padded, step: s.stride * s.input, count: s.output_length(), inner: s.kernel * s.input }
}

fn forward_record(isa: Isa, input: &Input<'_>, packed: &Packed, z: &mut [f32], moments: Option<&mut [f32]>) {
    let mut room = None;
    let padded = input.padded(isa, &mut room);
    multiply(isa, rows(input.s, padded), packed, false, z, input.s.output);
    if let Some(moments) = moments {
        let records = moments.len() / (2 * input.s.output);
        let of_records = z.chunks_exact(z.len() / records).zip(moments.chunks_exact_mut(2 * input.s.output));
        of_records.for_each(|(z, moments)| measure(isa, z, moments));
    }
}

/// The weight w (output, input, taps) as [`rows`] are multiplied by it.
pub(in crate::ops) fn packed(isa: Isa, s: Sizes, w: &[f32]) -> Packed {
    Packed::new(isa, s.kernel * s.input, s.output, |row, o| {
        let (tap, c) = (row / s.input, row % s.input);
        w[(o * s.input + c) * s.kernel + tap]
    })
}

/// y (batch, output length, output) from x and w (output, input, taps), with its moments if they are wanted.
pub(in crate::ops::layers::conv1d) fn forward(
    isa: Isa,
    s: Sizes,
    x: View<'_, Cpu>,
    w: &[f32],
    wanted: bool,
) -> (Buffer, Option<Moments>) {
    let packed = &packed(isa, s, w);
    let mut moments = wanted.then(|| Moments::new(s.output_shape()));
    let (records, s) = joined(s);
    let (x_size, size) = (s.length * s.input, s.output_length() * s.output);
    let mut y = Buffer::stale(s.batch * size);
    let mut slots = pieces(moments.as_mut().map(|moments| &mut *moments.values), records * 2 * s.output, s.batch);
    y.par_chunks_exact_mut(size).zip(slots.par_iter_mut()).enumerate().for_each(|(number, (z, moments))| {
        let input = &Input { s, reading: x.reading(), x: &x.values[number * x_size..][..x_size] };
        forward_record(isa, input, packed, z, moments.as_deref_mut());
    });
    (y, moments)
}

/// Inputs first, first + stride ...: those that the same taps reach, going back from the outputs.
struct Phase {
    first: usize,
    count: usize,
    /// Row of [`Turned`]'s gradients where the taps of the first of them begin; each next one's begin a row later.
    start: usize,
    /// Their weights from the last tap to the first; `None` where there is none.
    packed: Option<Packed>,
}

/// The weights as the gradient of the input needs them. No product is with the zeros that would spread a
/// gradient of strided outputs: each phase is a convolution of its own with stride 1.
pub(in crate::ops) struct Turned {
    phases: Vec<Phase>,
    /// Rows of zeros before those of the outputs' gradients.
    pub(in crate::ops) before: usize,
    /// All rows, with zeros after them too.
    pub(in crate::ops) rows: usize,
}

impl Turned {
    /// Of the weight w (output, input, taps).
    pub(in crate::ops) fn new(isa: Isa, s: Sizes, w: &[f32]) -> Self {
        // Input j gets from output u - i, u = (j + padding) / stride, by tap v + stride i, v the remainder.
        let places = |j: usize| {
            let (u, v) = ((j + s.padding) / s.stride, (j + s.padding) % s.stride);
            (u, v, s.kernel.saturating_sub(v).div_ceil(s.stride))
        };
        let firsts = 0..s.stride.min(s.length);
        let before = firsts.clone().map(|first| {
            let (u, _, taps) = places(first);
            taps.saturating_sub(u + 1)
        });
        let before = before.max().unwrap_or(0);
        let mut rows = before + s.output_length();
        let phases = firsts.map(|first| {
            let ((u, v, taps), count) = (places(first), (s.length - first).div_ceil(s.stride));
            rows = rows.max(before + u + count);
            let packed = (taps > 0).then(|| {
                Packed::new(isa, taps * s.output, s.input, |row, c| {
                    let (i, o) = (taps - 1 - row / s.output, row % s.output);
                    w[(o * s.input + c) * s.kernel + v + s.stride * i]
                })
            });
            Phase { first, count, start: before + u + 1 - taps, packed }
        });
        let phases = phases.collect();
        Self { phases, before, rows }
    }

    /// The gradient of one record's input from `gz`, that of its outputs as it is in memory with zeros around it.
    pub(in crate::ops) fn multiply(&self, isa: Isa, s: Sizes, gz: &[f32], fresh: bool, gx: &mut [f32]) {
        let step = s.stride * s.input;
        for phase in &self.phases {
            let gx = &mut gx[phase.first * s.input..];
            if let Some(packed) = &phase.packed {
                let values = &gz[phase.start * s.output..];
                let rows = Rows { values, step: s.output, count: phase.count, inner: packed.inner() };
                multiply(isa, rows, packed, !fresh, gx, step);
            } else if fresh {
                gx.chunks_mut(step).for_each(|gx| gx[..s.input].fill(0.0));
            }
        }
    }
}

/// One record's backward pass.
struct Backward<'a> {
    input: Input<'a>,
    flowing: Flowing<'a>,
    turned: Option<&'a Turned>,
    fresh: bool,
}

/// `sums` are over the gradient of the input, for its batch norm.
fn backward_record(
    isa: Isa,
    work: &Backward<'_>,
    gx: Option<&mut [f32]>,
    gw: Option<&mut [f32]>,
    sums: Option<&mut [f32]>,
) {
    let Backward { input, flowing, turned, fresh } = work;
    let (s, m) = (input.s, input.s.output_length());
    let (before, rows_kept) = turned.map_or((0, m), |turned| (turned.before, turned.rows));
    let mut gz = Buffer::stale(rows_kept * s.output + isa.lanes());
    let start = before * s.output;
    let end = start + m * s.output;
    gz[..start].fill(0.0);
    gz[end..].fill(0.0);
    flowing.back.rows(isa, flowing.z, flowing.g, &mut gz[start..end]);
    if let (Some(gx), Some(turned)) = (gx, turned) {
        turned.multiply(isa, s, &gz, *fresh, gx);
        if let (Some(reading), Some(sums)) = (input.reading, sums) {
            sum_gradient(isa, reading, input.x, gx, sums);
        }
    }
    if let Some(gw) = gw {
        let mut room = None;
        let right = Right { values: &gz, start, step: s.output, width: s.output };
        accumulate(isa, rows(s, input.padded(isa, &mut room)), right, gw);
    }
}

/// Outputs whose weight gradients one piece of work adds up.
const OUTPUTS: usize = 16;

/// Adds to gw (output, input, taps) the sums, each with a row of `line` outputs for every tap of every input; in
/// their order.
fn add_sums(s: Sizes, line: usize, sums: &[Buffer], gw: &mut [f32]) {
    let one = s.input * s.kernel;
    gw.par_chunks_mut(OUTPUTS * one).enumerate().for_each(|(block, gw)| {
        for row in 0..one {
            let place = row % s.input * s.kernel + row / s.input;
            let mut totals = [0.0; OUTPUTS];
            for (total, gw) in totals.iter_mut().zip(gw.chunks_exact(one)) {
                *total = gw[place];
            }
            for sum in sums {
                let sum = &sum[row * line + block * OUTPUTS..][..OUTPUTS];
                totals.iter_mut().zip(sum).for_each(|(total, sum)| *total += sum);
            }
            for (gw, total) in gw.chunks_exact_mut(one).zip(&totals) {
                gw[place] = *total;
            }
        }
    });
}

/// Adds to the gradients of x and w that are wanted.
pub(in crate::ops::layers::conv1d) fn gradient(
    isa: Isa,
    s: Sizes,
    x: View<'_, Cpu>,
    w: &[f32],
    flowing: Flowing<'_>,
    gx: Option<&mut Gradient<Cpu>>,
    gw: Option<&mut Vec<f32>>,
) {
    if gx.is_none() && gw.is_none() {
        return;
    }
    let fresh = gx.as_ref().is_some_and(|gx| gx.fresh);
    let mut of_x = gx.as_ref().and_then(|_| x.room_for_sums());
    let count = s.batch.div_ceil(PIECE);
    let slots = pieces(of_x.as_deref_mut(), PIECE * 2 * s.input, count);
    let (records, s) = joined(s);
    let turned = gx.is_some().then(|| Turned::new(isa, s, w));
    let (each, x_size, y_size) = (PIECE / records, s.length * s.input, s.output_length() * s.output);
    let gxs = pieces(gx.map(|gx| &mut *gx.values), each * x_size, count);
    let line = summed(isa, s.output);
    let sums: Vec<Option<Buffer>> = gxs
        .into_par_iter()
        .zip(slots)
        .enumerate()
        .map(|(piece, (mut gx, mut slots))| {
            // Beyond the last row, as many outputs as are read at once.
            let mut sum = gw.is_some().then(|| Buffer::zeros(s.kernel * s.input * line + OUTPUTS));
            for number in 0..each.min(s.batch - piece * each) {
                let record = piece * each + number;
                let (z, g) = (&flowing.z[record * y_size..][..y_size], &flowing.g[record * y_size..][..y_size]);
                let input = Input { s, reading: x.reading(), x: &x.values[record * x_size..][..x_size] };
                let flowing = Flowing { z, g, ..flowing };
                let work = &Backward { input, flowing, turned: turned.as_ref(), fresh };
                let gx = gx.as_deref_mut().map(|gx| &mut gx[number * x_size..][..x_size]);
                let slot =
                    slots.as_deref_mut().map(|slots| &mut slots[number * records * 2 * s.input..][..2 * s.input]);
                backward_record(isa, work, gx, sum.as_deref_mut(), slot);
            }
            sum
        })
        .collect();
    x.keep_sums(of_x);
    if let Some(gw) = gw {
        add_sums(s, line, &sums.into_iter().flatten().collect::<Vec<_>>(), gw);
    }
}
