//! The convolution on the CPU as a matrix product without patch copies: the input of an output is one run
//! of `kernel` x `channels` neighbouring values, and runs overlap.
//!
//! Each record is one piece of work, whatever the number of threads; weight gradients of [`PIECE`] records are
//! summed in record order, and the pieces' sums in piece order.

use dfdx::prelude::Cpu;
use rayon::prelude::*;

use super::{PIECE, Sizes};
use crate::ops::cpu::Isa;
use crate::ops::matmul::{Packed, Right, Rows, accumulate, multiply, summed};
use crate::ops::memory::{Buffer, pieces};
use crate::ops::norm::{Back, Moments, Reading, measure, read};
use crate::ops::{Gradient, Seen};

/// The gradient that comes in: of what readers see of y, and y as it is in memory.
#[derive(Clone, Copy)]
pub(super) struct Flowing<'a> {
    pub back: &'a Back<'a>,
    pub z: &'a [f32],
    pub g: &'a [f32],
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
fn rows(s: Sizes, padded: &[f32]) -> Rows<'_> {
    Rows { values: padded, step: s.stride * s.input, count: s.output_length(), inner: s.kernel * s.input }
}

fn forward_record(isa: Isa, input: &Input<'_>, packed: &Packed, z: &mut [f32], moments: Option<&mut [f32]>) {
    let mut room = None;
    let padded = input.padded(isa, &mut room);
    multiply(isa, rows(input.s, padded), packed, false, z, input.s.output);
    if let Some(moments) = moments {
        measure(isa, z, moments);
    }
}

/// y (batch, output length, output) from x and w (output, input, taps), with its moments if they are wanted.
pub(super) fn forward(isa: Isa, s: Sizes, x: Seen<'_, Cpu>, w: &[f32], wanted: bool) -> (Buffer, Option<Moments>) {
    let packed = &Packed::new(isa, s.kernel * s.input, s.output, |row, o| {
        let (tap, c) = (row / s.input, row % s.input);
        w[(o * s.input + c) * s.kernel + tap]
    });
    let size = s.output_length() * s.output;
    let mut y = Buffer::stale(s.batch * size);
    let mut moments = wanted.then(|| Moments::new(s.output_shape()));
    let mut slots = pieces(moments.as_mut().map(|moments| &mut *moments.values), 2 * s.output, s.batch);
    y.par_chunks_exact_mut(size).zip(slots.par_iter_mut()).enumerate().for_each(|(record, (z, moments))| {
        let input = &Input { s, reading: x.reading(), x: x.record(record) };
        forward_record(isa, input, packed, z, moments.as_deref_mut());
    });
    (y, moments)
}

/// One record's backward pass.
struct Backward<'a> {
    input: Input<'a>,
    flowing: Flowing<'a>,
    turned: Option<&'a Packed>,
    fresh: bool,
}

fn backward_record(isa: Isa, work: &Backward<'_>, gx: Option<&mut [f32]>, gw: Option<&mut [f32]>) {
    let Backward { input, flowing, turned, fresh } = work;
    let (s, m) = (input.s, input.s.output_length());
    // Row j of `wide` is the gradient of output (j + padding - (kernel - 1)) / stride, where there is one.
    let before = (s.kernel - 1) as isize - s.padding as isize;
    let wide_rows = s.length + s.kernel - 1;
    let inside = s.stride == 1 && before >= 0;
    let rows_kept = if inside { wide_rows.max(before as usize + m) } else { m };
    let mut gz = Buffer::stale(rows_kept * s.output + isa.lanes());
    let start = if inside { before as usize * s.output } else { 0 };
    let end = start + m * s.output;
    gz[..start].fill(0.0);
    gz[end..].fill(0.0);
    flowing.back.rows(isa, flowing.z, flowing.g, &mut gz[start..end]);
    if let (Some(gx), Some(turned)) = (gx, turned) {
        let spread;
        let wide: &[f32] = if inside {
            &gz
        } else {
            let mut wide = Buffer::zeros(wide_rows * s.output);
            for (number, row) in gz[..m * s.output].chunks_exact(s.output).enumerate() {
                let place = (number * s.stride) as isize + before;
                if (0..wide_rows as isize).contains(&place) {
                    wide[place as usize * s.output..][..s.output].copy_from_slice(row);
                }
            }
            spread = wide;
            &spread
        };
        let rows = Rows { values: wide, step: s.output, count: s.length, inner: s.kernel * s.output };
        multiply(isa, rows, turned, !fresh, gx, s.input);
    }
    if let Some(gw) = gw {
        let mut room = None;
        let right = Right { values: &gz, start, step: s.output, width: s.output };
        accumulate(isa, rows(s, input.padded(isa, &mut room)), right, gw);
    }
}

/// Adds to the gradients of x and w that are wanted.
pub(super) fn gradient(
    isa: Isa,
    s: Sizes,
    x: Seen<'_, Cpu>,
    w: &[f32],
    flowing: Flowing<'_>,
    gx: Option<&mut Gradient<Cpu>>,
    gw: Option<&mut Vec<f32>>,
) {
    if gx.is_none() && gw.is_none() {
        return;
    }
    let turned = gx.is_some().then(|| {
        Packed::new(isa, s.kernel * s.output, s.input, |row, c| {
            let (tap, o) = (row / s.output, row % s.output);
            w[(o * s.input + c) * s.kernel + s.kernel - 1 - tap]
        })
    });
    let fresh = gx.as_ref().is_some_and(|gx| gx.fresh);
    let (x_size, y_size) = (s.length * s.input, s.output_length() * s.output);
    let gxs = pieces(gx.map(|gx| &mut *gx.values), PIECE * x_size, s.batch.div_ceil(PIECE));
    let line = summed(isa, s.output);
    let sums: Vec<Option<Buffer>> = gxs
        .into_par_iter()
        .enumerate()
        .map(|(piece, mut gx)| {
            let mut sum = gw.is_some().then(|| Buffer::zeros(s.kernel * s.input * line));
            for number in 0..PIECE.min(s.batch - piece * PIECE) {
                let record = piece * PIECE + number;
                let (z, g) = (&flowing.z[record * y_size..][..y_size], &flowing.g[record * y_size..][..y_size]);
                let input = Input { s, reading: x.reading(), x: x.record(record) };
                let flowing = Flowing { z, g, ..flowing };
                let work = &Backward { input, flowing, turned: turned.as_ref(), fresh };
                let gx = gx.as_deref_mut().map(|gx| &mut gx[number * x_size..][..x_size]);
                backward_record(isa, work, gx, sum.as_deref_mut());
            }
            sum
        })
        .collect();
    let Some(gw) = gw else { return };
    for sum in sums.iter().flatten() {
        for (row, sum) in sum.chunks_exact(line).enumerate() {
            let (tap, c) = (row / s.input, row % s.input);
            for (o, sum) in sum.iter().enumerate().take(s.output) {
                gw[(o * s.input + c) * s.kernel + tap] += sum;
            }
        }
    }
}
