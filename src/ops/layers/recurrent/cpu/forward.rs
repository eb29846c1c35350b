//! The layer on the CPU, from the first time step to the last.

use rayon::prelude::*;

use super::cell::{self, Layout, State};
use super::product::{Strip, product};
use crate::ops::cpu::Isa;
use crate::ops::cpu::matmul::{Packed, Rows};
use crate::ops::layers::recurrent::{Cell, Sizes, Weights};
use crate::tensor::memory::{Buffer, pieces};
use crate::tensor::{Cpu, Flat, flat};

/// Most records that go through the time steps together: enough to hide that the weights come from the second- or
/// third-level cache, few enough for several threads.
const TOGETHER: usize = 16;
/// Time steps whose products with the input are made at once: their rows stay in the cache until the cell reads them.
pub(in crate::ops::layers::recurrent) const CHUNK: usize = 16;

/// How many records go together: as many for each thread. A record's numbers do not depend on it.
pub(in crate::ops::layers::recurrent) fn together(batch: usize) -> usize {
    let threads = rayon::current_num_threads();
    let rounds = batch.div_ceil(threads * TOGETHER);
    batch.div_ceil(threads * rounds)
}

/// The time steps of one direction.
#[derive(Clone, Copy)]
pub(in crate::ops::layers::recurrent) struct Order {
    pub length: usize,
    /// From the last sample to the first.
    pub reversed: bool,
}

impl Order {
    /// The sample of step `step`.
    pub fn sample(self, step: usize) -> usize {
        if self.reversed { self.length - 1 - step } else { step }
    }

    /// The first sample of `count` steps from `step` on.
    pub fn first(self, step: usize, count: usize) -> usize {
        if self.reversed { self.length - step - count } else { step }
    }

    /// The sample of the step before that of `sample`.
    pub fn before(self, sample: usize) -> Option<usize> {
        if self.reversed { Some(sample + 1).filter(|next| *next < self.length) } else { sample.checked_sub(1) }
    }
}

struct Work<'a> {
    isa: Isa,
    s: &'a Sizes,
    layout: Layout,
    order: Order,
    /// Output channel of the first unit.
    column: usize,
    input: Packed,
    /// Products with the hidden state: the weights, where their outputs begin, and whether these are added there.
    hidden: Vec<(Packed, usize, bool)>,
    bias: Vec<f32>,
}

impl<'a> Work<'a> {
    fn new(isa: Isa, s: &'a Sizes, direction: usize, weights: &Weights<Flat<Cpu>>) -> Self {
        let layout = Layout::new(s);
        let [w, u, b, d] = weights.each().map(flat);
        let (block, units) = (layout.block, s.hidden);
        let (of_input, of_hidden) = (layout.input_rows(), layout.hidden_rows());
        let input = Packed::new(isa, s.input, layout.gates, |k, o| of_input[o].map_or(0.0, |row| w[row * s.input + k]));
        let hidden = |gates: std::ops::Range<usize>, add: bool| {
            let rows = &of_hidden[gates.start * block..gates.end * block];
            let packed = Packed::new(isa, units, rows.len(), |k, o| rows[o].map_or(0.0, |row| u[row * units + k]));
            (packed, layout.hidden + gates.start * block, add)
        };
        let hidden = match s.cell {
            // Nothing else is in the block of q.
            Cell::Gru => vec![hidden(0..2, true), hidden(2..3, false)],
            _ => vec![hidden(0..s.cell.gates(), true)],
        };
        let mut bias = vec![0.0; layout.row];
        for (first, rows, from) in [(0, &of_input, b), (layout.hidden, &of_hidden, d)] {
            for (bias, row) in bias[first..].iter_mut().zip(rows) {
                *bias += row.map_or(0.0, |row| from[row]);
            }
        }
        let order = Order { length: s.length, reversed: direction == 1 };
        Self { isa, s, layout, order, column: direction * units, input, hidden, bias }
    }

    /// Some records (length, channels) through all steps.
    fn records(&self, x: &[f32], y: &mut [f32], mut kept: Option<&mut [f32]>) {
        let Work { isa, s, layout, order, .. } = *self;
        let count = x.len() / (s.length * s.input);
        let block = layout.block;
        let (mut h, mut c) = (Buffer::zeros(count * block), Buffer::zeros(count * block));
        // Rows of one chunk, step by step: they stay in the cache, and what is kept is written once.
        let mut rows = Buffer::stale(CHUNK * count * layout.row);
        for start in (0..s.length).step_by(CHUNK) {
            let steps = CHUNK.min(s.length - start);
            let first = order.first(start, steps);
            let inputs: Vec<Strip<'_>> = (0..count)
                .map(|record| {
                    let values = &x[(record * s.length + first) * s.input..];
                    let rows = Rows { values, step: s.input, count: steps, inner: s.input };
                    Strip { rows, to: record * layout.row }
                })
                .collect();
            product(isa, &inputs, &self.input, false, &mut rows, count * layout.row);
            for sample in (start..start + steps).map(|step| order.sample(step)) {
                let rows = &mut rows[(sample - first) * count * layout.row..][..count * layout.row];
                for (packed, column, add) in &self.hidden {
                    let states = Rows { values: &h, step: block, count, inner: s.hidden };
                    product(isa, &[Strip { rows: states, to: *column }], packed, *add, rows, layout.row);
                }
                let states = h.chunks_exact_mut(block).zip(c.chunks_exact_mut(block));
                for (record, (row, (h, c))) in rows.chunks_exact_mut(layout.row).zip(states).enumerate() {
                    cell::forward(isa, s.cell, &self.bias, row, &mut State { h, c });
                    let at = record * s.length + sample;
                    y[at * s.output() + self.column..][..s.hidden].copy_from_slice(&h[..s.hidden]);
                    if let Some(kept) = &mut kept {
                        kept[at * layout.row..][..layout.row].copy_from_slice(row);
                    }
                }
            }
        }
    }
}

/// The hidden states (batch, length, output) of `x` (batch, length, input), and what is kept of them if `keep`.
pub(in crate::ops::layers::recurrent) fn forward(
    isa: Isa,
    s: &Sizes,
    x: &[f32],
    weights: &[Weights<Flat<Cpu>>],
    keep: bool,
) -> (Buffer, Option<Vec<Buffer>>) {
    let (together, row) = (together(s.batch), Layout::new(s).row);
    let mut y = Buffer::stale(s.batch * s.length * s.output());
    let mut all_kept = Vec::new();
    for (direction, weights) in weights.iter().enumerate() {
        let work = Work::new(isa, s, direction, weights);
        let mut kept = (keep && s.cell != Cell::Rnn).then(|| Buffer::stale(s.batch * s.length * row));
        y.par_chunks_mut(together * s.length * s.output())
            .zip(x.par_chunks(together * s.length * s.input))
            .zip(pieces(kept.as_deref_mut(), together * s.length * row, s.batch.div_ceil(together)))
            .for_each(|((y, x), kept)| work.records(x, y, kept));
        all_kept.extend(kept);
    }
    (y, keep.then_some(all_kept))
}
