//! Products with a matrix that is larger than the first-level cache: piece by piece, so that each is fetched once for
//! all rows. Whatever rows come together, each output is summed in the same order.

use crate::ops::cpu::Isa;
use crate::ops::cpu::matmul::{ANY, Packed, Rows, Target, WIDTH, put, tile};
use crate::ops::cpu::simd::{Simd, dispatch};

/// Some rows and where the first of their outputs goes.
pub(in crate::ops::layers::recurrent) struct Strip<'a> {
    pub rows: Rows<'a>,
    pub to: usize,
}

/// Up to [`height`] rows by a piece of a panel.
struct Tile<'a> {
    rows: Rows<'a>,
    top: usize,
    panel: &'a [f32],
    width: usize,
    add: bool,
    step: usize,
}

/// Rows of the tallest tile: what leaves registers for two vectors of outputs.
fn height(isa: Isa) -> usize {
    if isa.lanes() == 16 { 8 } else { 4 }
}

/// Rows of a panel that stay in the first-level cache.
const DEPTH: usize = 256;

/// Each strip's rows times `packed` into, or with `add` onto, rows of `out` that are `step` apart.
pub(in crate::ops::layers::recurrent) fn product(
    isa: Isa,
    strips: &[Strip<'_>],
    packed: &Packed,
    add: bool,
    out: &mut [f32],
    step: usize,
) {
    let (height, line) = (height(isa), WIDTH * isa.lanes());
    for k in (0..packed.inner()).step_by(DEPTH) {
        let inner = DEPTH.min(packed.inner() - k);
        let add = add || k > 0;
        for (first, width, panel) in packed.panels() {
            let panel = &panel[k * line..][..inner * line];
            for Strip { rows, to } in strips {
                let rows = Rows { values: &rows.values[k..], inner, ..*rows };
                for top in (0..rows.count).step_by(height) {
                    let tile = &Tile { rows, top, panel, width, add, step };
                    let out = &mut out[to + top * step + first..];
                    if rows.count - top > 4 {
                        dispatch!(isa => eight(tile: &Tile<'_>, out: &mut [f32]));
                    } else {
                        dispatch!(isa => four(tile: &Tile<'_>, out: &mut [f32]));
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn eight<S: Simd>(tile: &Tile<'_>, out: &mut [f32]) {
    if S::LANES == 16 { tiled::<S, 8>(tile, out) } else { tiled::<S, 4>(tile, out) }
}

#[inline(always)]
fn four<S: Simd>(tile: &Tile<'_>, out: &mut [f32]) {
    tiled::<S, 4>(tile, out);
}

#[inline(always)]
fn tiled<S: Simd, const ROWS: usize>(job: &Tile<'_>, out: &mut [f32]) {
    let Tile { rows, top, panel, width, add, step } = *job;
    let count = ROWS.min(rows.count - top);
    // Rows that are too many repeat the last.
    let mut starts = [0; ROWS];
    for (r, start) in starts.iter_mut().enumerate() {
        *start = (top + r.min(count - 1)) * rows.step;
    }
    let to = Target { step, add };
    if width > S::LANES {
        put::<S, ROWS, 2>(&tile::<S, ROWS, 2, ANY>(rows, &starts, panel), count, width, to, out);
    } else {
        put::<S, ROWS, 1>(&tile::<S, ROWS, 1, ANY>(rows, &starts, panel), count, width, to, out);
    }
}
