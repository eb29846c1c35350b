//! Matrix products on the CPU, on rows that may overlap: what convolutions and linear layers are made of.

use rayon::prelude::*;

use crate::ops::cpu::Isa;
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::tensor::memory::Buffer;

/// Vectors of outputs in a tile.
pub(in crate::ops) const WIDTH: usize = 2;

/// Rows of a matrix: row t is `inner` values from `step` t on.
#[derive(Clone, Copy)]
pub(in crate::ops) struct Rows<'a> {
    pub values: &'a [f32],
    pub step: usize,
    pub count: usize,
    pub inner: usize,
}

/// A matrix (inner, outputs) as tiles read it: panels of two vectors of outputs, zeros beyond the last.
pub(in crate::ops) struct Packed {
    values: Buffer,
    inner: usize,
    outputs: usize,
    panel: usize,
}

impl Packed {
    /// `value` gives what is at (inner, output).
    pub(in crate::ops) fn new(isa: Isa, inner: usize, outputs: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        let mut packed = Self::stale(isa, inner, outputs);
        packed.values.fill(0.0);
        let panel = packed.panel;
        for (number, block) in packed.blank_panels().enumerate() {
            let first = number * panel;
            for (k, line) in block.chunks_exact_mut(panel).enumerate() {
                for (o, place) in line.iter_mut().enumerate().take(outputs - first) {
                    *place = value(k, first + o);
                }
            }
        }
        packed
    }

    /// All [`Packed::blank_panels`] are to be written, with zeros beyond the last output.
    pub(in crate::ops) fn stale(isa: Isa, inner: usize, outputs: usize) -> Self {
        let panel = WIDTH * isa.lanes();
        Self { values: Buffer::stale(outputs.div_ceil(panel) * inner * panel), inner, outputs, panel }
    }

    /// For each [`WIDTH`] vectors of outputs, what is at all rows.
    pub(in crate::ops) fn blank_panels(&mut self) -> std::slice::ChunksExactMut<'_, f32> {
        self.values.chunks_exact_mut(self.inner * self.panel)
    }

    /// `scale` times `rows`, each an inner one.
    pub(in crate::ops) fn straight(isa: Isa, rows: Rows<'_>, scale: f32) -> Self {
        Self::filled(isa, rows.count, rows.inner, |first, width, panel, block| {
            for (k, line) in block.chunks_exact_mut(panel).enumerate() {
                let row = &rows.values[k * rows.step + first..][..width];
                line.iter_mut().zip(row).for_each(|(place, x)| *place = scale * x);
            }
        })
    }

    /// `scale` times `rows`, each an output, as weights of linear layers are; 0 for those up to `outputs` that are not
    /// there.
    pub(in crate::ops) fn turned(isa: Isa, rows: Rows<'_>, outputs: usize, scale: f32) -> Self {
        Self::filled(isa, rows.inner, outputs, |first, width, panel, block| {
            let there = width.min(rows.count.saturating_sub(first));
            if there < width {
                block.fill(0.0);
            }
            for o in 0..there {
                let row = &rows.values[(first + o) * rows.step..][..rows.inner];
                block.chunks_exact_mut(panel).zip(row).for_each(|(line, x)| line[o] = scale * x);
            }
        })
    }

    /// `fill` writes the outputs of one panel: number of the first, how many, length of a row, where to.
    fn filled(isa: Isa, inner: usize, outputs: usize, fill: impl Fn(usize, usize, usize, &mut [f32]) + Sync) -> Self {
        /// Fewer are filled sooner than another thread begins.
        const MANY: usize = 1 << 14;
        let mut packed = Self::stale(isa, inner, outputs);
        let panel = packed.panel;
        let fill_panel = |(number, block): (usize, &mut [f32])| {
            let first = number * panel;
            let width = panel.min(outputs - first);
            if width < panel {
                block.fill(0.0);
            }
            fill(first, width, panel, block);
        };
        if packed.values.len() < MANY {
            packed.blank_panels().enumerate().for_each(fill_panel);
        } else {
            packed.values.par_chunks_exact_mut(inner * panel).enumerate().for_each(fill_panel);
        }
        packed
    }

    /// Rows of the matrix.
    pub(in crate::ops) fn inner(&self) -> usize {
        self.inner
    }

    /// Panels one after another: the first output of each, their number, its values (inner, [`WIDTH`] vectors).
    pub(in crate::ops) fn panels(&self) -> impl Iterator<Item = (usize, usize, &[f32])> {
        let panels = self.values.chunks_exact(self.inner * self.panel).enumerate();
        panels.map(|(number, values)| {
            let first = number * self.panel;
            (first, self.panel.min(self.outputs - first), values)
        })
    }
}

/// out\[t\] = rows\[t\] times `packed`, or with `add` added to it; rows of `out` are `step` apart.
pub(in crate::ops) fn multiply(isa: Isa, rows: Rows<'_>, packed: &Packed, add: bool, out: &mut [f32], step: usize) {
    debug_assert_eq!(rows.inner, packed.inner);
    let to = Target { step, add };
    dispatch!(isa => product(rows: Rows<'_>, packed: &Packed, to: Target, out: &mut [f32]));
}

/// Where products go: rows that are `step` apart, which they replace or are added to.
#[derive(Clone, Copy)]
pub(in crate::ops) struct Target {
    pub step: usize,
    pub add: bool,
}

/// A tile's rows lie as far apart as the compiler knows, where they do so often: one register then points to all of them.
#[inline(always)]
fn product<S: Simd>(rows: Rows<'_>, packed: &Packed, to: Target, out: &mut [f32]) {
    match (S::ROWS, rows.step) {
        (12, 16) => tiles::<S, 12, 8, 16>(rows, packed, to, out),
        (12, 32) => tiles::<S, 12, 8, 32>(rows, packed, to, out),
        (12, 64) => tiles::<S, 12, 8, 64>(rows, packed, to, out),
        (12, 128) => tiles::<S, 12, 8, 128>(rows, packed, to, out),
        (12, 256) => tiles::<S, 12, 8, 256>(rows, packed, to, out),
        (12, _) => tiles::<S, 12, 8, ANY>(rows, packed, to, out),
        (6, 16) => tiles::<S, 6, 4, 16>(rows, packed, to, out),
        (6, 32) => tiles::<S, 6, 4, 32>(rows, packed, to, out),
        (6, 64) => tiles::<S, 6, 4, 64>(rows, packed, to, out),
        (6, 128) => tiles::<S, 6, 4, 128>(rows, packed, to, out),
        (6, 256) => tiles::<S, 6, 4, 256>(rows, packed, to, out),
        (6, _) => tiles::<S, 6, 4, ANY>(rows, packed, to, out),
        _ => tiles::<S, 4, 2, ANY>(rows, packed, to, out),
    }
}

/// A step between rows that the compiler does not know.
pub(in crate::ops) const ANY: usize = 0;

/// All outputs of `ROWS` rows, then of the next; the last may go as `FEW`.
#[inline(always)]
fn tiles<S: Simd, const ROWS: usize, const FEW: usize, const STEP: usize>(
    rows: Rows<'_>,
    packed: &Packed,
    to: Target,
    out: &mut [f32],
) {
    for top in (0..rows.count).step_by(ROWS) {
        let left = rows.count - top;
        if left >= ROWS {
            band::<S, ROWS, STEP>(rows, packed, top, to, out);
        } else if left > FEW {
            band::<S, ROWS, ANY>(rows, packed, top, to, out);
        } else {
            band::<S, FEW, ANY>(rows, packed, top, to, out);
        }
    }
}

/// All outputs of `ROWS` rows from `top` on, or of as many as there are.
#[inline(always)]
fn band<S: Simd, const ROWS: usize, const STEP: usize>(
    rows: Rows<'_>,
    packed: &Packed,
    top: usize,
    to: Target,
    out: &mut [f32],
) {
    let count = ROWS.min(rows.count - top);
    // Rows that are too many repeat the last.
    let mut starts = [0; ROWS];
    for (r, start) in starts.iter_mut().enumerate() {
        *start = (top + r.min(count - 1)) * rows.step;
    }
    for (first, width, panel) in packed.panels() {
        let out = &mut out[top * to.step + first..];
        if width > S::LANES {
            let sums = tile::<S, ROWS, 2, STEP>(rows, &starts, panel);
            put::<S, ROWS, 2>(&sums, count, width, to, out);
        } else {
            let sums = tile::<S, ROWS, 1, STEP>(rows, &starts, panel);
            put::<S, ROWS, 1>(&sums, count, width, to, out);
        }
    }
}

/// Terms of a sum that are taken at once.
const TERMS: usize = 4;

/// The sums of one tile, in registers. `STEP` is the step between rows, or [`ANY`].
#[inline(always)]
pub(in crate::ops) fn tile<S: Simd, const ROWS: usize, const VECTORS: usize, const STEP: usize>(
    rows: Rows<'_>,
    starts: &[usize; ROWS],
    panel: &[f32],
) -> [[S::V; VECTORS]; ROWS] {
    let stride = WIDTH * S::LANES;
    let mut sums = [[S::splat(0.0); VECTORS]; ROWS];
    for (number, weights) in panel.chunks_exact(TERMS * stride).enumerate() {
        if STEP == ANY {
            let mut x: [&[f32]; ROWS] = [&[]; ROWS];
            for (x, &start) in x.iter_mut().zip(starts) {
                *x = &rows.values[start + TERMS * number..][..TERMS];
            }
            for k in 0..TERMS {
                let w = weights_of::<S, VECTORS>(&weights[k * stride..]);
                for r in 0..ROWS {
                    add_term::<S, VECTORS>(x[r][k], &w, &mut sums[r]);
                }
            }
        } else {
            let x = &rows.values[starts[0] + TERMS * number..][..(ROWS - 1) * STEP + TERMS];
            for k in 0..TERMS {
                let w = weights_of::<S, VECTORS>(&weights[k * stride..]);
                for r in 0..ROWS {
                    add_term::<S, VECTORS>(x[r * STEP + k], &w, &mut sums[r]);
                }
            }
        }
    }
    for k in rows.inner / TERMS * TERMS..rows.inner {
        let w = weights_of::<S, VECTORS>(&panel[k * stride..]);
        for r in 0..ROWS {
            add_term::<S, VECTORS>(rows.values[starts[r] + k], &w, &mut sums[r]);
        }
    }
    sums
}

#[inline(always)]
fn weights_of<S: Simd, const VECTORS: usize>(line: &[f32]) -> [S::V; VECTORS] {
    let mut w = [S::splat(0.0); VECTORS];
    for (i, w) in w.iter_mut().enumerate() {
        *w = S::load(&line[i * S::LANES..]);
    }
    w
}

#[inline(always)]
fn add_term<S: Simd, const VECTORS: usize>(x: f32, w: &[S::V; VECTORS], sums: &mut [S::V; VECTORS]) {
    let x = S::splat(x);
    for i in 0..VECTORS {
        sums[i] = S::mul_add(x, w[i], sums[i]);
    }
}

/// A tile's sums into `count` rows of `width` outputs.
#[inline(always)]
pub(in crate::ops) fn put<S: Simd, const ROWS: usize, const VECTORS: usize>(
    sums: &[[S::V; VECTORS]; ROWS],
    count: usize,
    width: usize,
    Target { step, add }: Target,
    out: &mut [f32],
) {
    if width == VECTORS * S::LANES && count == ROWS {
        for r in 0..ROWS {
            let out = &mut out[r * step..][..VECTORS * S::LANES];
            for i in 0..VECTORS {
                let to = &mut out[i * S::LANES..];
                S::store(if add { S::add(sums[r][i], S::load(to)) } else { sums[r][i] }, to);
            }
        }
        return;
    }
    // By numbers that the compiler knows: sums that are asked for by others would leave their registers.
    let mut line = [0f32; 32];
    for r in 0..ROWS {
        if r < count {
            for i in 0..VECTORS {
                S::store(sums[r][i], &mut line[i * S::LANES..]);
            }
            for (out, sum) in out[r * step..][..width].iter_mut().zip(&line) {
                *out = if add { *out + sum } else { *sum };
            }
        }
    }
}

/// The right side of [`accumulate`]: row t is `width` values from `start + step t` on; a vector's length after
/// the last must be there too.
#[derive(Clone, Copy)]
pub(in crate::ops) struct Right<'a> {
    pub values: &'a [f32],
    pub start: usize,
    pub step: usize,
    pub width: usize,
}

/// sum (inner, [`summed`] outputs) += the transpose of `rows` times `right`, row by row.
pub(in crate::ops) fn accumulate(isa: Isa, rows: Rows<'_>, right: Right<'_>, sum: &mut [f32]) {
    dispatch!(isa => outer_product(rows: Rows<'_>, right: Right<'_>, sum: &mut [f32]));
}

#[inline(always)]
fn outer_product<S: Simd>(rows: Rows<'_>, right: Right<'_>, sum: &mut [f32]) {
    let mut first = 0;
    while first < right.width {
        if right.width - first > S::LANES {
            match S::ROWS {
                12 => outer::<S, 12, 8, 4, 2>(rows, right, first, sum),
                6 => outer::<S, 6, 4, 2, 2>(rows, right, first, sum),
                _ => outer::<S, 4, 2, 1, 2>(rows, right, first, sum),
            }
            first += 2 * S::LANES;
        } else {
            match S::ROWS {
                12 => outer::<S, 12, 8, 4, 1>(rows, right, first, sum),
                6 => outer::<S, 6, 4, 2, 1>(rows, right, first, sum),
                _ => outer::<S, 4, 2, 1, 1>(rows, right, first, sum),
            }
            first += S::LANES;
        }
    }
}

/// Outputs of a row of [`accumulate`]'s sums: `width`, to whole vectors.
pub(in crate::ops) fn summed(isa: Isa, width: usize) -> usize {
    width.next_multiple_of(isa.lanes())
}

/// Rows that stay in the first-level cache while all tiles go over them.
const CHUNK: usize = 128;

/// By tiles of `ROWS` rows of sums; what is left by lower ones.
#[inline(always)]
fn outer<S: Simd, const ROWS: usize, const LOW: usize, const LOWEST: usize, const VECTORS: usize>(
    rows: Rows<'_>,
    right: Right<'_>,
    first: usize,
    sum: &mut [f32],
) {
    for start in (0..rows.count).step_by(CHUNK) {
        let part = (start, rows.count.min(start + CHUNK));
        let mut k = 0;
        while k + ROWS <= rows.inner {
            outer_tile::<S, ROWS, VECTORS, true>(rows, right, part, (k, ROWS), first, sum);
            k += ROWS;
        }
        if k + LOW <= rows.inner {
            outer_tile::<S, LOW, VECTORS, true>(rows, right, part, (k, LOW), first, sum);
            k += LOW;
        }
        if k + LOWEST <= rows.inner {
            outer_tile::<S, LOWEST, VECTORS, true>(rows, right, part, (k, LOWEST), first, sum);
            k += LOWEST;
        }
        if k < rows.inner {
            outer_tile::<S, LOWEST, VECTORS, false>(rows, right, part, (k, rows.inner - k), first, sum);
        }
    }
}

/// Adds the products of rows `start` to `end` to `many` rows of sums from `k` on: `ROWS` if `FULL`, else fewer.
#[inline(always)]
fn outer_tile<S: Simd, const ROWS: usize, const VECTORS: usize, const FULL: bool>(
    rows: Rows<'_>,
    right: Right<'_>,
    (start, end): (usize, usize),
    (k, many): (usize, usize),
    first: usize,
    sum: &mut [f32],
) {
    let many = if FULL { ROWS } else { many };
    let mut sums = [[S::splat(0.0); VECTORS]; ROWS];
    let mut g_at = right.start + start * right.step + first;
    let mut x_at = start * rows.step + k;
    for _ in start..end {
        let g = &right.values[g_at..g_at + VECTORS * S::LANES];
        let x = &rows.values[x_at..x_at + many];
        g_at += right.step;
        x_at += rows.step;
        let mut v = [S::splat(0.0); VECTORS];
        for (i, v) in v.iter_mut().enumerate() {
            *v = S::load(&g[i * S::LANES..]);
        }
        for r in 0..ROWS {
            // Rows that are too many repeat the last.
            let x = S::splat(x[if FULL { r } else { r.min(many - 1) }]);
            for i in 0..VECTORS {
                sums[r][i] = S::mul_add(x, v[i], sums[r][i]);
            }
        }
    }
    let line = right.width.next_multiple_of(S::LANES);
    for r in 0..ROWS {
        if r < many {
            for i in 0..VECTORS {
                let to = &mut sum[(k + r) * line + first + i * S::LANES..];
                S::store(S::add(sums[r][i], S::load(to)), to);
            }
        }
    }
}
