//! The way back through time on the CPU: gradients of all products first, record by record, with those of the input;
//! then those of the weights.

use rayon::prelude::*;

use super::cell::{self, GAP, Layout, State};
use super::forward::{CHUNK, Order, together};
use super::product::{Strip, product};
use super::weights::add_gradients;
use crate::ops::cpu::Isa;
use crate::ops::cpu::matmul::{Packed, Rows};
use crate::ops::layers::recurrent::{Cell, Sizes, Weights};
use crate::tensor::memory::{Buffer, pieces};
use crate::tensor::{Cpu, Flat, WantedGradients, flat};

struct Work<'a> {
    isa: Isa,
    s: &'a Sizes,
    layout: Layout,
    order: Order,
    /// Output channel of the first unit.
    column: usize,
    /// From gradients of the products to that of the input, if it is wanted, and of the hidden state.
    input: Option<Packed>,
    hidden: Packed,
    /// Whether the input's gradient is added to what is there.
    add: bool,
}

impl<'a> Work<'a> {
    fn new(isa: Isa, s: &'a Sizes, direction: usize, weights: &Weights<Flat<Cpu>>, wanted: bool, add: bool) -> Self {
        let layout = Layout::new(s);
        let [w, u, ..] = weights.each().map(flat);
        let input = wanted.then(|| {
            let rows = layout.input_rows();
            Packed::new(isa, layout.gates, s.input, |k, o| rows[k].map_or(0.0, |row| w[row * s.input + o]))
        });
        let (rows, units) = (layout.hidden_rows(), s.hidden);
        let hidden = Packed::new(isa, layout.gates, layout.block, |k, o| match rows[k] {
            Some(row) if o < units => u[row * units + o],
            _ => 0.0,
        });
        let order = Order { length: s.length, reversed: direction == 1 };
        Self { isa, s, layout, order, column: direction * s.hidden, input, hidden, add }
    }

    /// Some records from the last step to the first: `rows`, as the forward pass kept them, become gradients.
    fn records(&self, (y, gy): (&[f32], &[f32]), rows: &mut [f32], mut gx: Option<&mut [f32]>) {
        let Work { isa, s, layout, order, .. } = *self;
        let (block, gates) = (layout.block, layout.gates);
        let apart = s.length * layout.row;
        let count = rows.len() / apart;
        let (mut dh, mut dc) = (Buffer::zeros(count * block), Buffer::zeros(count * block));
        // Rows of one step side by side: where they are, they may share lines of the cache.
        let width = gates + GAP;
        let mut of_step = Buffer::zeros(count * width);
        let mut state = vec![0.0; block];
        let of_output = |record: usize, sample: usize| (record * s.length + sample) * s.output() + self.column;
        for end in (1..=s.length).rev().step_by(CHUNK) {
            let steps = CHUNK.min(end);
            for sample in (end - steps..end).rev().map(|step| order.sample(step)) {
                for (record, (dh, dc)) in dh.chunks_exact_mut(block).zip(dc.chunks_exact_mut(block)).enumerate() {
                    let flowing = &gy[of_output(record, sample)..][..s.hidden];
                    dh.iter_mut().zip(flowing).for_each(|(dh, flowing)| *dh += flowing);
                    let of_record = &mut rows[record * apart..][..apart];
                    // The state that the step needs: its own or that of the step before.
                    let needed = if s.cell == Cell::Rnn { Some(sample) } else { order.before(sample) };
                    match needed {
                        None => state.fill(0.0),
                        Some(at) if s.cell == Cell::Lstm => {
                            state.copy_from_slice(&of_record[at * layout.row + gates..][..block]);
                        }
                        Some(at) => state[..s.hidden].copy_from_slice(&y[of_output(record, at)..][..s.hidden]),
                    }
                    let row = &mut of_record[sample * layout.row..][..layout.row];
                    cell::backward(isa, s.cell, &state, row, &mut State { h: dh, c: dc });
                    of_step[record * width..][..gates].copy_from_slice(&row[layout.hidden..][..gates]);
                }
                let rows = Rows { values: &of_step, step: width, count, inner: gates };
                let past = s.cell == Cell::Gru;
                product(isa, &[Strip { rows, to: 0 }], &self.hidden, past, &mut dh, block);
            }
            if let (Some(packed), Some(gx)) = (&self.input, &mut gx) {
                let first = order.first(end - steps, steps);
                let strips: Vec<Strip<'_>> = (0..count)
                    .map(|record| {
                        let values = &rows[record * apart + first * layout.row..];
                        let rows = Rows { values, step: layout.row, count: steps, inner: gates };
                        Strip { rows, to: (record * s.length + first) * s.input }
                    })
                    .collect();
                product(isa, &strips, packed, self.add, gx, s.input);
            }
        }
    }
}

/// Adds to the gradients that are wanted.
pub(in crate::ops::layers::recurrent) fn gradient(
    isa: Isa,
    s: &Sizes,
    x: &[f32],
    weights: &[Weights<Flat<Cpu>>],
    (y, gy): (&[f32], &[f32]),
    kept: Vec<Buffer>,
    wanted: WantedGradients<'_, Cpu>,
) {
    let WantedGradients { x: mut gx, params: gparams } = wanted;
    let (together, row) = (together(s.batch), Layout::new(s).row);
    let mut kept = kept.into_iter();
    for (direction, (weights, gparams)) in weights.iter().zip(gparams.chunks_mut(4)).enumerate() {
        let mut rows = kept.next().unwrap_or_else(|| Buffer::stale(s.batch * s.length * row));
        let add = direction > 0 || gx.as_ref().is_some_and(|gx| !gx.fresh);
        let work = &Work::new(isa, s, direction, weights, gx.is_some(), add);
        let outputs = together * s.length * s.output();
        let slots =
            pieces(gx.as_mut().map(|gx| &mut gx.values[..]), together * s.length * s.input, s.batch.div_ceil(together));
        rows.par_chunks_mut(together * s.length * row)
            .zip(y.par_chunks(outputs).zip(gy.par_chunks(outputs)))
            .zip(slots)
            .for_each(|((rows, flowing), gx)| work.records(flowing, rows, gx));
        add_gradients(isa, s, work.order, work.column, (x, y, &rows), gparams);
    }
}
