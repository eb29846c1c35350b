//! Scaled dot-product attention (Vaswani 2017) of one record on the CPU: softmax(Q K^T / sqrt(d)) V in each head.
//!
//! Probabilities lie with queries side by side, (keys, queries): the softmax over keys works on vectors of queries
//! and needs no sums within a vector. They are kept for the backward pass, those that dropout zeroed with a minus.

use crate::ops::cpu::Isa;
use crate::ops::cpu::gelu::exp;
use crate::ops::cpu::matmul::{Packed, Right, Rows, accumulate, multiply, summed};
use crate::ops::cpu::philox::{Dropping, factors};
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::tensor::memory::Buffer;

/// The heads of one record: of each, `length` queries, keys and values of `width` channels.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops::layers::transformer) struct Heads {
    pub count: usize,
    pub length: usize,
    pub width: usize,
}

impl Heads {
    /// Queries in a row of probabilities: whole vectors on every machine, so that dropout is the same on all.
    fn row(self) -> usize {
        self.length.next_multiple_of(16)
    }

    /// Values in a row of queries, keys and values: first all queries' channels, then keys', then values'.
    fn step(self) -> usize {
        3 * self.dim()
    }

    fn dim(self) -> usize {
        self.count * self.width
    }

    /// Probabilities of one head.
    fn square(self) -> usize {
        self.length * self.row()
    }

    /// Probabilities of a record.
    pub fn kept(self) -> usize {
        self.count * self.square()
    }

    /// 1 / sqrt(d).
    fn scale(self) -> f32 {
        1.0 / (self.width as f32).sqrt()
    }

    /// A head's channels, from `first` on, of each row of `x`.
    fn rows(self, x: &[f32], step: usize, first: usize) -> Rows<'_> {
        Rows { values: &x[first..], step, count: self.length, inner: self.width }
    }

    /// Sums over keys of `square` (keys, queries) times the channels of `x` from `first` on, for each query and
    /// channel; rows are whole vectors.
    fn gathered<'a>(self, isa: Isa, square: &[f32], x: &[f32], first: usize, room: &'a mut Room) -> &'a [f32] {
        let line = summed(isa, self.width);
        for (to, x) in room.right.chunks_exact_mut(line).zip(x.chunks_exact(self.step())) {
            to[..self.width].copy_from_slice(&x[first..first + self.width]);
        }
        room.sums.fill(0.0);
        let rows = Rows { values: square, step: self.row(), count: self.length, inner: self.length };
        accumulate(isa, rows, Right { values: &room.right, start: 0, step: line, width: self.width }, &mut room.sums);
        &room.sums
    }

    /// For each key and channel the sum over queries of `square` (keys, queries) times `packed` (queries, channels),
    /// into the channels of `out` from `first` on.
    fn spread(self, isa: Isa, square: &[f32], packed: &Packed, out: &mut [f32], first: usize) {
        let rows = Rows { values: square, step: self.row(), count: self.length, inner: self.length };
        multiply(isa, rows, packed, false, &mut out[first..], self.step());
    }

    /// `rows` of a head into the channels of `out` from `first` on, times `scale`.
    fn put(self, isa: Isa, rows: &[f32], scale: f32, out: &mut [f32], step: usize, first: usize) {
        for (out, row) in out.chunks_exact_mut(step).zip(rows.chunks_exact(summed(isa, self.width))) {
            out[first..first + self.width].iter_mut().zip(row).for_each(|(out, row)| *out = scale * row);
        }
    }
}

/// Memory for one head at a time.
struct Room {
    right: Buffer,
    sums: Buffer,
    factors: Buffer,
    columns: Buffer,
}

impl Room {
    fn new(isa: Isa, heads: Heads) -> Self {
        let line = heads.length * summed(isa, heads.width);
        Self {
            right: Buffer::zeros(line),
            sums: Buffer::stale(line),
            factors: Buffer::stale(heads.square()),
            columns: Buffer::stale(2 * heads.row()),
        }
    }
}

/// `out` (length, channels) from `qkv` (length, 3 x channels) of record number `record`; what the backward pass needs
/// goes into `kept` if it is wanted.
pub(in crate::ops::layers::transformer) fn forward(
    isa: Isa,
    heads: Heads,
    qkv: &[f32],
    dropping: Option<(Dropping, usize)>,
    mut kept: Option<&mut [f32]>,
    out: &mut [f32],
) {
    let (dim, size, step) = (heads.dim(), heads.square(), heads.step());
    let (mut room, mut square) = (Room::new(isa, heads), Buffer::stale(size));
    for head in 0..heads.count {
        let first = head * heads.width;
        let queries = Packed::turned(isa, heads.rows(qkv, step, first), heads.row(), heads.scale());
        multiply(isa, heads.rows(qkv, step, dim + first), &queries, false, &mut square, heads.row());
        softmax(isa, &mut square, &mut room.columns);
        let slot = kept.as_deref_mut().map(|kept| &mut kept[head * size..][..size]);
        if let Some((dropping, record)) = dropping {
            factors(isa, Some(dropping), [head + 1, record], &mut room.factors);
            drop_some(isa, &room.factors, &mut square, slot);
        } else if let Some(slot) = slot {
            slot.copy_from_slice(&square);
        }
        let attended = heads.gathered(isa, &square, qkv, 2 * dim + first, &mut room);
        heads.put(isa, attended, 1.0, out, dim, first);
    }
}

/// The softmax over keys, for each query.
fn softmax(isa: Isa, square: &mut [f32], columns: &mut [f32]) {
    dispatch!(isa => softmax_columns(square: &mut [f32], columns: &mut [f32]));
}

#[inline(always)]
fn softmax_columns<S: Simd>(square: &mut [f32], columns: &mut [f32]) {
    let row = columns.len() / 2;
    let (tops, sums) = columns.split_at_mut(row);
    tops.copy_from_slice(&square[..row]);
    for line in square.chunks_exact(row) {
        tops.iter_mut().zip(line).for_each(|(top, x)| *top = if *x > *top { *x } else { *top });
    }
    sums.fill(0.0);
    for line in square.chunks_exact_mut(row) {
        for ((x, top), sum) in line.iter_mut().zip(&*tops).zip(&mut *sums) {
            *x = exp::<S>(*x - top);
            *sum += *x;
        }
    }
    sums.iter_mut().for_each(|sum| *sum = 1.0 / *sum);
    for line in square.chunks_exact_mut(row) {
        line.iter_mut().zip(&*sums).for_each(|(x, share)| *x *= share);
    }
}

/// Dropout of probabilities; into `kept` as they were, those that are dropped with a minus.
fn drop_some(isa: Isa, factors: &[f32], square: &mut [f32], kept: Option<&mut [f32]>) {
    if let Some(kept) = kept {
        let square: &[f32] = square;
        dispatch!(isa => mark(factors: &[f32], square: &[f32], kept: &mut [f32]));
    }
    dispatch!(isa => times(factors: &[f32], square: &mut [f32]));
}

#[inline(always)]
fn mark<S: Simd>(factors: &[f32], square: &[f32], kept: &mut [f32]) {
    kept.iter_mut().zip(square).zip(factors).for_each(|((kept, p), f)| *kept = if *f > 0.0 { *p } else { -*p });
}

#[inline(always)]
fn times<S: Simd>(factors: &[f32], square: &mut [f32]) {
    square.iter_mut().zip(factors).for_each(|(p, factor)| *p *= factor);
}

/// In place of `qkv` (length, 3 x channels) its gradient, from that of the output, `g` (length, channels), and what the
/// forward pass kept; `scale` is what dropout scaled by.
pub(in crate::ops::layers::transformer) fn gradient(
    isa: Isa,
    heads: Heads,
    qkv: &mut [f32],
    kept: &[f32],
    scale: f32,
    g: &[f32],
) {
    let (dim, size, step) = (heads.dim(), heads.square(), heads.step());
    let (mut room, mut square) = (Room::new(isa, heads), Buffer::stale(size));
    for (head, kept) in kept.chunks_exact(size).enumerate() {
        let first = head * heads.width;
        let turned = Packed::turned(isa, heads.rows(g, dim, first), heads.row(), 1.0);
        multiply(isa, heads.rows(qkv, step, 2 * dim + first), &turned, false, &mut square, heads.row());
        softmax_gradient(isa, kept, scale, &mut square, &mut room.factors, &mut room.columns);
        let packed = Packed::straight(isa, heads.rows(g, dim, first), 1.0);
        heads.spread(isa, &room.factors, &packed, qkv, 2 * dim + first);
        let queries = Packed::straight(isa, heads.rows(qkv, step, first), heads.scale());
        let of_queries = heads.gathered(isa, &square, qkv, dim + first, &mut room);
        heads.put(isa, of_queries, heads.scale(), qkv, step, first);
        heads.spread(isa, &square, &queries, qkv, dim + first);
    }
}

/// In place of the gradients of dropped-out probabilities, `square`, those of scores; the dropped-out probabilities
/// themselves into `dropped`.
fn softmax_gradient(isa: Isa, kept: &[f32], scale: f32, square: &mut [f32], dropped: &mut [f32], columns: &mut [f32]) {
    dispatch!(isa => softmax_back(
        kept: &[f32], scale: f32, square: &mut [f32], dropped: &mut [f32], columns: &mut [f32]
    ));
}

#[inline(always)]
fn softmax_back<S: Simd>(kept: &[f32], scale: f32, square: &mut [f32], dropped: &mut [f32], columns: &mut [f32]) {
    let row = columns.len() / 2;
    let (dots, _) = columns.split_at_mut(row);
    dots.fill(0.0);
    let lines = square.chunks_exact_mut(row).zip(kept.chunks_exact(row)).zip(dropped.chunks_exact_mut(row));
    for ((line, kept), dropped) in lines {
        for (((g, p), dropped), dot) in line.iter_mut().zip(kept).zip(dropped).zip(&mut *dots) {
            let factor = if *p > 0.0 { scale } else { 0.0 };
            *g *= factor;
            *dropped = *p * factor;
            *dot += *g * p.abs();
        }
    }
    for (line, kept) in square.chunks_exact_mut(row).zip(kept.chunks_exact(row)) {
        for ((g, p), dot) in line.iter_mut().zip(kept).zip(&*dots) {
            *g = p.abs() * (*g - dot);
        }
    }
}
