//! What a cell does in one time step of one record, once its products are known, and the way back.
//!
//! Vectors are whole: hidden units beyond the last are zeros, and stay so.

use super::activation::{sigmoid, tanh};
use crate::ops::cpu::Isa;
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::ops::layers::recurrent::{Cell, Sizes};

/// The longest vector of any instruction set.
const VECTOR: usize = 16;
/// Between rows: where their lengths are powers of two, rows would share a few lines of the cache.
pub(in crate::ops::layers::recurrent) const GAP: usize = 16;

/// Where the numbers of a time step lie in its row: blocks of one number for each hidden unit. Before the cell they are
/// products with the weights, after it what the way back needs, and on the way back gradients of the products:
///
/// - rnn: a; h itself is all that the way back needs
/// - lstm: i, f, g, o, and the cell state c
/// - gru: n, r, z, and q, the part of n that r scales
///
/// Gates with products of the input come first; those with products of the hidden state are side by side too.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops::layers::recurrent) struct Layout {
    cell: Cell,
    units: usize,
    /// Hidden units, to whole vectors.
    pub block: usize,
    /// Length of a row.
    pub row: usize,
    /// Length of the gates of one side: input or hidden state.
    pub gates: usize,
    /// Where the gates begin that have products of the hidden state.
    pub hidden: usize,
}

impl Layout {
    pub fn new(sizes: &Sizes) -> Self {
        let block = sizes.hidden.next_multiple_of(VECTOR);
        let (blocks, hidden) = match sizes.cell {
            Cell::Rnn => (1, 0),
            Cell::Lstm => (5, 0),
            Cell::Gru => (4, block),
        };
        let gates = sizes.cell.gates() * block;
        Self { cell: sizes.cell, units: sizes.hidden, block, row: blocks * block + GAP, gates, hidden }
    }

    /// For each place in the gates that have products of the input, the row of PyTorch's weight; none beyond the last unit.
    pub fn input_rows(self) -> Vec<Option<usize>> {
        match self.cell {
            Cell::Rnn => self.rows(&[0]),
            Cell::Lstm => self.rows(&[0, 1, 2, 3]),
            Cell::Gru => self.rows(&[2, 0, 1]),
        }
    }

    /// The same of those that have products of the hidden state.
    pub fn hidden_rows(self) -> Vec<Option<usize>> {
        match self.cell {
            Cell::Rnn => self.rows(&[0]),
            Cell::Lstm => self.rows(&[0, 1, 2, 3]),
            Cell::Gru => self.rows(&[0, 1, 2]),
        }
    }

    fn rows(self, gates: &[usize]) -> Vec<Option<usize>> {
        let of = |gate: usize| (0..self.block).map(move |unit| (unit < self.units).then_some(gate * self.units + unit));
        gates.iter().flat_map(|gate| of(*gate)).collect()
    }
}

/// What a record carries from step to step, a block each: h and, on the way back, its gradient; the lstm's c.
pub(in crate::ops::layers::recurrent) struct State<'a> {
    pub h: &'a mut [f32],
    pub c: &'a mut [f32],
}

/// One step: from the products in `row` to the new state; `bias` lies as `row` does.
pub(in crate::ops::layers::recurrent) fn forward(
    isa: Isa,
    cell: Cell,
    bias: &[f32],
    row: &mut [f32],
    state: &mut State<'_>,
) {
    match cell {
        Cell::Rnn => dispatch!(isa => rnn(bias: &[f32], row: &mut [f32], state: &mut State<'_>)),
        Cell::Lstm => dispatch!(isa => lstm(bias: &[f32], row: &mut [f32], state: &mut State<'_>)),
        Cell::Gru => dispatch!(isa => gru(bias: &[f32], row: &mut [f32], state: &mut State<'_>)),
    }
}

/// One step back: from the gradient of h (and c) to those of the products, into `row`, and what flows to the state
/// before without the products. `kept` is the state that the step needs, one block: for rnn its h, for lstm the c and
/// for gru the h of the step before.
pub(in crate::ops::layers::recurrent) fn backward(
    isa: Isa,
    cell: Cell,
    kept: &[f32],
    row: &mut [f32],
    gradient: &mut State<'_>,
) {
    match cell {
        Cell::Rnn => dispatch!(isa => rnn_back(kept: &[f32], row: &mut [f32], gradient: &mut State<'_>)),
        Cell::Lstm => dispatch!(isa => lstm_back(kept: &[f32], row: &mut [f32], gradient: &mut State<'_>)),
        Cell::Gru => dispatch!(isa => gru_back(kept: &[f32], row: &mut [f32], gradient: &mut State<'_>)),
    }
}

/// `COUNT` blocks of a row.
#[inline(always)]
fn blocks<const COUNT: usize>(row: &mut [f32], block: usize) -> [&mut [f32]; COUNT] {
    let mut rest = row;
    std::array::from_fn(|_| {
        let (first, others) = std::mem::take(&mut rest).split_at_mut(block);
        rest = others;
        first
    })
}

/// As [`blocks`], to read.
#[inline(always)]
fn blocks_of<const COUNT: usize>(row: &[f32], block: usize) -> [&[f32]; COUNT] {
    std::array::from_fn(|number| &row[number * block..][..block])
}

#[inline(always)]
fn sum<S: Simd>(a: &[f32], b: &[f32]) -> S::V {
    S::add(S::load(a), S::load(b))
}

/// y (1 - y) g: g through a logistic function that gave y.
#[inline(always)]
fn through_sigmoid<S: Simd>(y: S::V, g: S::V) -> S::V {
    S::mul(S::neg_mul_add(y, y, y), g)
}

/// (1 - y^2) g: g through a hyperbolic tangent that gave y.
#[inline(always)]
fn through_tanh<S: Simd>(y: S::V, g: S::V) -> S::V {
    S::mul(S::neg_mul_add(y, y, S::splat(1.0)), g)
}

/// h = tanh(a).
#[inline(always)]
fn rnn<S: Simd>(bias: &[f32], row: &mut [f32], state: &mut State<'_>) {
    let h = &mut *state.h;
    for u in (0..h.len()).step_by(S::LANES) {
        S::store(tanh::<S>(sum::<S>(&row[u..], &bias[u..])), &mut h[u..]);
    }
}

#[inline(always)]
fn rnn_back<S: Simd>(h: &[f32], row: &mut [f32], gradient: &mut State<'_>) {
    let dh = &*gradient.h;
    for u in (0..dh.len()).step_by(S::LANES) {
        S::store(through_tanh::<S>(S::load(&h[u..]), S::load(&dh[u..])), &mut row[u..]);
    }
}

/// c = f c' + i g, h = o tanh(c).
#[inline(always)]
fn lstm<S: Simd>(bias: &[f32], row: &mut [f32], state: &mut State<'_>) {
    let State { h, c } = state;
    let block = h.len();
    let [i, f, g, o, kept] = blocks::<5>(row, block);
    let [bi, bf, bg, bo] = blocks_of::<4>(bias, block);
    for u in (0..block).step_by(S::LANES) {
        let input = sigmoid::<S>(sum::<S>(&i[u..], &bi[u..]));
        let forget = sigmoid::<S>(sum::<S>(&f[u..], &bf[u..]));
        let new = tanh::<S>(sum::<S>(&g[u..], &bg[u..]));
        let output = sigmoid::<S>(sum::<S>(&o[u..], &bo[u..]));
        let cell = S::mul_add(forget, S::load(&c[u..]), S::mul(input, new));
        S::store(input, &mut i[u..]);
        S::store(forget, &mut f[u..]);
        S::store(new, &mut g[u..]);
        S::store(output, &mut o[u..]);
        S::store(cell, &mut kept[u..]);
        S::store(cell, &mut c[u..]);
        S::store(S::mul(output, tanh::<S>(cell)), &mut h[u..]);
    }
}

#[inline(always)]
fn lstm_back<S: Simd>(before: &[f32], row: &mut [f32], gradient: &mut State<'_>) {
    let State { h: dh, c: dc } = gradient;
    let block = dh.len();
    let [i, f, g, o, c] = blocks::<5>(row, block);
    for u in (0..block).step_by(S::LANES) {
        let [input, forget, new, output] = [S::load(&i[u..]), S::load(&f[u..]), S::load(&g[u..]), S::load(&o[u..])];
        let (through, flowing) = (tanh::<S>(S::load(&c[u..])), S::load(&dh[u..]));
        let cell = S::add(S::load(&dc[u..]), through_tanh::<S>(through, S::mul(flowing, output)));
        S::store(through_sigmoid::<S>(input, S::mul(cell, new)), &mut i[u..]);
        S::store(through_sigmoid::<S>(forget, S::mul(cell, S::load(&before[u..]))), &mut f[u..]);
        S::store(through_tanh::<S>(new, S::mul(cell, input)), &mut g[u..]);
        S::store(through_sigmoid::<S>(output, S::mul(flowing, through)), &mut o[u..]);
        S::store(S::mul(cell, forget), &mut dc[u..]);
    }
}

/// n = tanh(n' + r q), h = n + z (h' - n).
#[inline(always)]
fn gru<S: Simd>(bias: &[f32], row: &mut [f32], state: &mut State<'_>) {
    let h = &mut *state.h;
    let block = h.len();
    let [n, r, z, q] = blocks::<4>(row, block);
    let [bn, br, bz, bq] = blocks_of::<4>(bias, block);
    for u in (0..block).step_by(S::LANES) {
        let reset = sigmoid::<S>(sum::<S>(&r[u..], &br[u..]));
        let update = sigmoid::<S>(sum::<S>(&z[u..], &bz[u..]));
        let scaled = sum::<S>(&q[u..], &bq[u..]);
        let new = tanh::<S>(S::mul_add(reset, scaled, sum::<S>(&n[u..], &bn[u..])));
        let before = S::load(&h[u..]);
        S::store(new, &mut n[u..]);
        S::store(reset, &mut r[u..]);
        S::store(update, &mut z[u..]);
        S::store(scaled, &mut q[u..]);
        S::store(S::mul_add(update, S::sub(before, new), new), &mut h[u..]);
    }
}

#[inline(always)]
fn gru_back<S: Simd>(before: &[f32], row: &mut [f32], gradient: &mut State<'_>) {
    let dh = &mut *gradient.h;
    let block = dh.len();
    let [n, r, z, q] = blocks::<4>(row, block);
    for u in (0..block).step_by(S::LANES) {
        let [new, reset, update, scaled] = [S::load(&n[u..]), S::load(&r[u..]), S::load(&z[u..]), S::load(&q[u..])];
        let flowing = S::load(&dh[u..]);
        let of_new = through_tanh::<S>(new, S::neg_mul_add(flowing, update, flowing));
        S::store(of_new, &mut n[u..]);
        S::store(through_sigmoid::<S>(reset, S::mul(of_new, scaled)), &mut r[u..]);
        let of_update = S::mul(flowing, S::sub(S::load(&before[u..]), new));
        S::store(through_sigmoid::<S>(update, of_update), &mut z[u..]);
        S::store(S::mul(of_new, reset), &mut q[u..]);
        S::store(S::mul(flowing, update), &mut dh[u..]);
    }
}
