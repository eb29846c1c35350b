//! The convolution on the CPU: direct, register-blocked, without patch copies.
//!
//! The input of one record is copied once into zero-padded rows, one for each (channel, phase of
//! the stride), so that every (channel, tap) pair is a *column*: a contiguous run of samples at a
//! fixed offset. A forward tile keeps `ROWS` output channels x 3 vectors of samples in registers
//! and goes through all columns; a weight-gradient tile keeps `ROWS` output channels x 3 columns
//! and goes through all samples. The input gradient is a forward pass with the taps turned round.
//!
//! Each record is one piece of work, whatever the number of threads; weight gradients of
//! [`PIECE`] records are summed in record order, and the pieces' sums in piece order.

use std::cell::RefCell;

use rayon::prelude::*;

use super::Sizes;
use crate::ops::cpu::Isa;
use crate::ops::simd::{Simd, dispatch};

/// Records whose weight gradients one piece of work adds up.
pub(super) const PIECE: usize = 4;
/// Vectors of samples in a forward tile, and columns in a weight-gradient tile.
const WIDTH: usize = 3;
/// Samples of a weight-gradient tile that stay in the first-level cache.
const CHUNK: usize = 1024;

thread_local! {
    /// Padded rows of one record, kept from call to call.
    static SCRATCH: RefCell<[Vec<f32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// `vec` with `len` zeros.
pub(super) fn zeroed(vec: &mut Vec<f32>, len: usize) -> &mut [f32] {
    vec.clear();
    vec.resize(len, 0.0);
    vec
}

/// Where the columns of a padded record are.
struct Layout {
    row: usize,
    rows: usize,
    offsets: Vec<usize>,
    /// Samples that may be read at each column.
    reach: usize,
    /// Each column is a row of the input.
    plain: bool,
}

impl Layout {
    /// For an input of `channels` rows; `reach` outputs may be read at each column.
    fn new(channels: usize, kernel: usize, stride: usize, padded: usize, reach: usize) -> Self {
        // One tap and no padding: rows as they lie in memory will do.
        let plain = kernel == 1 && stride == 1;
        let row = if plain { padded } else { (reach + kernel.div_ceil(stride)).max(padded.div_ceil(stride)) };
        let offsets = (0..channels * kernel)
            .map(|column| {
                let (channel, tap) = (column / kernel, column % kernel);
                (channel * stride + tap % stride) * row + tap / stride
            })
            .collect();
        Self { row, rows: channels * stride, offsets, reach, plain }
    }

    /// Samples of a padded record; the last tile of the last row may read on.
    fn size(&self) -> usize {
        self.rows * self.row + if self.plain { self.reach } else { 0 }
    }

    /// The `size` samples of `x` from `start` on and what comes after, where they need no copy: what a tile
    /// reads beyond the end of a row are samples of the next, whose results are not used.
    fn as_it_is<'a>(
        &self,
        x: &'a [f32],
        start: usize,
        size: usize,
        length: usize,
        padding: usize,
    ) -> Option<&'a [f32]> {
        let rows = &x[start..];
        (self.plain && padding == 0 && rows.len() >= size - length + self.reach).then_some(rows)
    }

    /// One record (channels, length) into padded rows.
    fn fill(&self, x: &[f32], length: usize, stride: usize, padding: usize, padded: &mut [f32]) {
        for (channel, from) in x.chunks_exact(length).enumerate() {
            if stride == 1 {
                padded[channel * self.row + padding..][..length].copy_from_slice(from);
                continue;
            }
            for (i, &value) in from.iter().enumerate() {
                let place = i + padding;
                padded[(channel * stride + place % stride) * self.row + place / stride] = value;
            }
        }
    }
}

/// Samples of a forward tile.
fn tile_width(isa: Isa) -> usize {
    WIDTH * lanes(isa)
}

pub(super) fn lanes(isa: Isa) -> usize {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => crate::ops::simd::Avx512::LANES,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => crate::ops::simd::Avx2::LANES,
        Isa::Portable => crate::ops::simd::Portable::LANES,
    }
}

pub(super) fn rows(isa: Isa) -> usize {
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => crate::ops::simd::Avx512::ROWS,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => crate::ops::simd::Avx2::ROWS,
        Isa::Portable => crate::ops::simd::Portable::ROWS,
    }
}

/// Weights as tiles read them: (output / rows, column, rows), zero where output is not a multiple.
fn pack(outputs: usize, columns: usize, rows: usize, weight: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    let mut packed = vec![0.0; outputs.div_ceil(rows) * columns * rows];
    for (tile, block) in packed.chunks_exact_mut(columns * rows).enumerate() {
        for (column, place) in block.chunks_exact_mut(rows).enumerate() {
            for (r, value) in place.iter_mut().enumerate() {
                let output = tile * rows + r;
                if output < outputs {
                    *value = weight(output, column);
                }
            }
        }
    }
    packed
}

/// y += the correlation of one padded record with packed weights.
#[inline(always)]
fn correlate<S: Simd>(padded: &[f32], offsets: &[usize], packed: &[f32], y: &mut [f32], length: usize) {
    match S::ROWS {
        8 => correlate_rows::<S, 8>(padded, offsets, packed, y, length),
        _ => correlate_rows::<S, 4>(padded, offsets, packed, y, length),
    }
}

#[inline(always)]
fn correlate_rows<S: Simd, const ROWS: usize>(
    padded: &[f32],
    offsets: &[usize],
    packed: &[f32],
    y: &mut [f32],
    length: usize,
) {
    let mut line = [0f32; 64];
    for (weights, y) in packed.chunks_exact(offsets.len() * ROWS).zip(y.chunks_mut(ROWS * length)) {
        for at in (0..length).step_by(WIDTH * S::LANES) {
            let mut sums = [[S::splat(0.0); WIDTH]; ROWS];
            for (&offset, w) in offsets.iter().zip(weights.chunks_exact(ROWS)) {
                let x = &padded[offset + at..][..WIDTH * S::LANES];
                for i in 0..WIDTH {
                    S::prefetch(padded, offset + at + (WIDTH + i) * S::LANES);
                }
                let mut v = [S::splat(0.0); WIDTH];
                for (i, v) in v.iter_mut().enumerate() {
                    *v = S::load(&x[i * S::LANES..]);
                }
                let x = v;
                for r in 0..ROWS {
                    let w = S::splat(w[r]);
                    for i in 0..WIDTH {
                        sums[r][i] = S::mul_add(w, x[i], sums[r][i]);
                    }
                }
            }
            let width = (length - at).min(WIDTH * S::LANES);
            for (row, sums) in y.chunks_exact_mut(length).zip(&sums) {
                for (i, &sum) in sums.iter().enumerate() {
                    S::store(sum, &mut line[i * S::LANES..]);
                }
                row[at..at + width].iter_mut().zip(&line).for_each(|(y, sum)| *y += sum);
            }
        }
    }
}

/// gw += the weight gradient of one padded record; gy is padded to whole tiles of rows and vectors.
#[inline(always)]
fn weight_gradient<S: Simd>(
    padded: &[f32],
    offsets: &[usize],
    gy: &[f32],
    gy_row: usize,
    outputs: usize,
    gw: &mut [f32],
) {
    match S::ROWS {
        8 => weight_gradient_rows::<S, 8>(padded, offsets, gy, gy_row, outputs, gw),
        _ => weight_gradient_rows::<S, 4>(padded, offsets, gy, gy_row, outputs, gw),
    }
}

#[inline(always)]
fn weight_gradient_rows<S: Simd, const ROWS: usize>(
    padded: &[f32],
    offsets: &[usize],
    gy: &[f32],
    gy_row: usize,
    outputs: usize,
    gw: &mut [f32],
) {
    let columns = offsets.len();
    for start in (0..gy_row).step_by(CHUNK) {
        let count = CHUNK.min(gy_row - start);
        for (tile, gy) in gy.chunks_exact(ROWS * gy_row).enumerate() {
            let gy: [&[f32]; ROWS] = std::array::from_fn(|r| &gy[r * gy_row + start..][..count]);
            for first in (0..columns).step_by(WIDTH) {
                let column = |i: usize| (first + i).min(columns - 1);
                let x: [&[f32]; WIDTH] = std::array::from_fn(|i| &padded[offsets[column(i)] + start..][..count]);
                let mut sums = [[S::splat(0.0); WIDTH]; ROWS];
                for at in (0..count).step_by(S::LANES) {
                    let mut v = [S::splat(0.0); WIDTH];
                    for (i, v) in v.iter_mut().enumerate() {
                        *v = S::load(&x[i][at..]);
                    }
                    let x = v;
                    for r in 0..ROWS {
                        let g = S::load(&gy[r][at..]);
                        for i in 0..WIDTH {
                            sums[r][i] = S::mul_add(g, x[i], sums[r][i]);
                        }
                    }
                }
                for (r, sums) in sums.iter().enumerate().take(outputs.saturating_sub(tile * ROWS)) {
                    for (i, &sum) in sums.iter().enumerate().take(columns - first) {
                        gw[(tile * ROWS + r) * columns + first + i] += S::sum(sum);
                    }
                }
            }
        }
    }
}

/// y (batch, output, output length) from x (batch, input, length) and w (output, input, taps).
pub(super) fn forward(isa: Isa, s: Sizes, x: &[f32], w: &[f32]) -> Vec<f32> {
    let columns = s.input * s.kernel;
    let packed = pack(s.output, columns, rows(isa), |o, column| w[o * columns + column]);
    let mut y = vec![0.0; s.batch * s.output * s.output_length()];
    run(isa, s, s.input, x, s.length, s.padding, &packed, &mut y, s.output_length());
    y
}

/// Correlates each record of `x` (channels, length) and adds to the same record of `y`.
#[allow(clippy::too_many_arguments)]
fn run(
    isa: Isa,
    s: Sizes,
    channels: usize,
    x: &[f32],
    length: usize,
    padding: usize,
    packed: &[f32],
    y: &mut [f32],
    y_length: usize,
) {
    let reach = y_length.next_multiple_of(tile_width(isa));
    let layout = Layout::new(channels, s.kernel, s.stride, length + 2 * padding, reach);
    let y_size = y.len() / s.batch.max(1);
    let x_size = channels * length;
    y.par_chunks_exact_mut(y_size).enumerate().for_each(|(record, y)| {
        let offsets: &[usize] = &layout.offsets;
        if let Some(rows) = layout.as_it_is(x, record * x_size, x_size, length, padding) {
            dispatch!(isa => correlate(rows: &[f32], offsets: &[usize], packed: &[f32], y: &mut [f32], y_length: usize));
            return;
        }
        SCRATCH.with_borrow_mut(|[scratch, _]| {
            let padded = zeroed(scratch, layout.size());
            layout.fill(&x[record * x_size..][..x_size], length, s.stride, padding, padded);
            let padded: &[f32] = padded;
            dispatch!(isa => correlate(padded: &[f32], offsets: &[usize], packed: &[f32], y: &mut [f32], y_length: usize));
        });
    });
}

/// gx += the input gradient: gy, spread out by the stride, correlated with the taps turned round.
pub(super) fn input_gradient(isa: Isa, s: Sizes, w: &[f32], gy: &[f32], gx: &mut [f32]) {
    let columns = s.output * s.kernel;
    let packed = pack(s.input, columns, rows(isa), |c, column| {
        let (o, tap) = (column / s.kernel, column % s.kernel);
        w[(o * s.input + c) * s.kernel + s.kernel - 1 - tap]
    });
    let m = s.output_length();
    let spread = (m - 1) * s.stride + 1;
    let spread_gy: Vec<f32>;
    let gy = if s.stride == 1 {
        gy
    } else {
        let mut wide = vec![0.0; s.batch * s.output * spread];
        for (wide, gy) in wide.chunks_exact_mut(spread).zip(gy.chunks_exact(m)) {
            wide.iter_mut().step_by(s.stride).zip(gy).for_each(|(to, &from)| *to = from);
        }
        spread_gy = wide;
        &spread_gy
    };
    let dense = Sizes { stride: 1, ..s };
    if s.padding < s.kernel {
        run(isa, dense, s.output, gy, spread, s.kernel - 1 - s.padding, &packed, gx, s.length);
    } else {
        // More padding than taps: the outputs that see only zeros give nothing.
        let cut = s.padding - (s.kernel - 1);
        let rest = spread - cut.min(spread);
        let inner: Vec<f32> = gy.chunks_exact(spread).flat_map(|row| row[spread - rest..].iter().copied()).collect();
        run(isa, dense, s.output, &inner, rest, 0, &packed, gx, s.length);
    }
}

/// gw += the weight gradient.
pub(super) fn weights(isa: Isa, s: Sizes, x: &[f32], gy: &[f32], gw: &mut [f32]) {
    let m = s.output_length();
    let gy_row = m.next_multiple_of(lanes(isa));
    let gy_rows = s.output.next_multiple_of(rows(isa));
    let layout = Layout::new(s.input, s.kernel, s.stride, s.length + 2 * s.padding, gy_row);
    let (x_size, gy_size) = (s.input * s.length, s.output * m);
    let sums: Vec<Vec<f32>> = gy
        .par_chunks(PIECE * gy_size)
        .enumerate()
        .map(|(piece, gy)| {
            let mut sum = vec![0.0; gw.len()];
            SCRATCH.with_borrow_mut(|[x_scratch, gy_scratch]| {
                for (number, gy) in gy.chunks_exact(gy_size).enumerate() {
                    let start = (piece * PIECE + number) * x_size;
                    let padded = match layout.as_it_is(x, start, x_size, s.length, s.padding) {
                        Some(rows) => rows,
                        None => {
                            let padded = zeroed(x_scratch, layout.size());
                            layout.fill(&x[start..][..x_size], s.length, s.stride, s.padding, padded);
                            padded
                        }
                    };
                    let whole = zeroed(gy_scratch, gy_rows * gy_row);
                    for (to, from) in whole.chunks_exact_mut(gy_row).zip(gy.chunks_exact(m)) {
                        to[..m].copy_from_slice(from);
                    }
                    let (padded, offsets, whole, outputs, sum): (&[f32], &[usize], &[f32], usize, &mut [f32]) =
                        (padded, &layout.offsets, whole, s.output, &mut sum);
                    dispatch!(isa => weight_gradient(padded: &[f32], offsets: &[usize], whole: &[f32], gy_row: usize, outputs: usize, sum: &mut [f32]));
                }
            });
            sum
        })
        .collect();
    for sum in &sums {
        gw.iter_mut().zip(sum).for_each(|(gw, sum)| *gw += sum);
    }
}
