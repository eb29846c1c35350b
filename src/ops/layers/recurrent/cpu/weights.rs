//! Gradients of a direction's weights on the CPU: sums over all records and time steps, as large products.

use rayon::prelude::*;

use super::cell::Layout;
use super::forward::Order;
use crate::ops::cpu::Isa;
use crate::ops::cpu::matmul::{Right, Rows, accumulate, summed};
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::ops::layers::recurrent::Sizes;
use crate::tensor::memory::Buffer;

/// Sums that are made beside each other and then added up, whatever the number of threads.
const GROUPS: usize = 8;
/// Time steps that stay in the second-level cache while all tiles of a product go over them.
const CHUNK: usize = 128;

/// The sums of some records: of weights (gates, [`summed`] columns) and of a row's gates.
struct Sums {
    input: Buffer,
    hidden: Buffer,
    row: Vec<f32>,
}

/// What the sums of one direction are made of.
struct Work<'a> {
    isa: Isa,
    s: &'a Sizes,
    layout: Layout,
    order: Order,
    /// Output channel of the first unit.
    column: usize,
    x: &'a [f32],
    y: &'a [f32],
    /// Gradients of the products.
    rows: &'a [f32],
    /// Which weights want a gradient: input, hidden.
    wanted: [bool; 2],
}

/// Adds the beginning of each of `many` rows of `row` values to `sum`.
#[inline(always)]
fn add_up<S: Simd>(many: &[f32], row: usize, sum: &mut [f32]) {
    for row in many.chunks_exact(row) {
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
}

impl Work<'_> {
    fn sums(&self, records: std::ops::Range<usize>) -> Sums {
        let Work { isa, s, layout, order, .. } = *self;
        let lines = [s.input, s.hidden].map(|width| summed(isa, width));
        let [input, hidden] = [0, 1].map(|side| if self.wanted[side] { layout.gates * lines[side] } else { 0 });
        let mut sums = Sums {
            input: Buffer::zeros(input),
            hidden: Buffer::zeros(hidden),
            row: vec![0.0; layout.hidden + layout.gates],
        };
        // Whole vectors, zeros beyond the last value.
        let mut inputs = Buffer::zeros(CHUNK * lines[0]);
        let mut states = Buffer::zeros(CHUNK * lines[1]);
        for record in records {
            for start in (0..s.length).step_by(CHUNK) {
                let count = CHUNK.min(s.length - start);
                let values = &self.rows[(record * s.length + start) * layout.row..];
                let (many, sum) = (&values[..count * layout.row], &mut sums.row[..]);
                let row = layout.row;
                dispatch!(isa => add_up(many: &[f32], row: usize, sum: &mut [f32]));
                let rows = Rows { values, step: layout.row, count, inner: layout.gates };
                let samples = start..start + count;
                if self.wanted[0] {
                    for (line, sample) in inputs.chunks_exact_mut(lines[0]).zip(samples.clone()) {
                        line[..s.input].copy_from_slice(&self.x[(record * s.length + sample) * s.input..][..s.input]);
                    }
                    let right = Right { values: &inputs, start: 0, step: lines[0], width: s.input };
                    accumulate(isa, rows, right, &mut sums.input);
                }
                if self.wanted[1] {
                    for (line, sample) in states.chunks_exact_mut(lines[1]).zip(samples) {
                        match order.before(sample) {
                            None => line.fill(0.0),
                            Some(before) => {
                                let at = (record * s.length + before) * s.output() + self.column;
                                line[..s.hidden].copy_from_slice(&self.y[at..][..s.hidden]);
                            }
                        }
                    }
                    let rows = Rows { values: &values[layout.hidden..], ..rows };
                    let right = Right { values: &states, start: 0, step: lines[1], width: s.hidden };
                    accumulate(isa, rows, right, &mut sums.hidden);
                }
            }
        }
        sums
    }
}

/// Adds to those of a direction's four gradients that are wanted. `rows` are gradients of the products.
pub(in crate::ops::layers::recurrent) fn add_gradients(
    isa: Isa,
    s: &Sizes,
    order: Order,
    column: usize,
    (x, y, rows): (&[f32], &[f32], &[f32]),
    gparams: &mut [Option<Vec<f32>>],
) {
    let [input, hidden, input_bias, hidden_bias] = gparams else { return };
    if [&input, &hidden, &input_bias, &hidden_bias].iter().all(|gradient| gradient.is_none()) {
        return;
    }
    let layout = Layout::new(s);
    let work = Work { isa, s, layout, order, column, x, y, rows, wanted: [input.is_some(), hidden.is_some()] };
    let each = s.batch.div_ceil(GROUPS);
    let groups: Vec<usize> = (0..s.batch).step_by(each).collect();
    let sums: Vec<Sums> = groups.into_par_iter().map(|first| work.sums(first..s.batch.min(first + each))).collect();
    let (of_input, of_hidden) = (layout.input_rows(), layout.hidden_rows());
    if let Some(gradient) = input {
        add_rows(isa, gradient, s.input, &sums, |sums| &sums.input, &of_input);
    }
    if let Some(gradient) = hidden {
        add_rows(isa, gradient, s.hidden, &sums, |sums| &sums.hidden, &of_hidden);
    }
    for (gradient, first, rows) in [(input_bias, 0, &of_input), (hidden_bias, layout.hidden, &of_hidden)] {
        let Some(gradient) = gradient else { continue };
        for (place, row) in rows.iter().enumerate() {
            let Some(row) = *row else { continue };
            sums.iter().for_each(|sums| gradient[row] += sums.row[first + place]);
        }
    }
}

/// Adds the groups' sums to a weight's gradient (rows, width), one group after another; `rows` are those of the sums.
fn add_rows(
    isa: Isa,
    gradient: &mut [f32],
    width: usize,
    sums: &[Sums],
    of: impl Fn(&Sums) -> &[f32] + Sync,
    rows: &[Option<usize>],
) {
    let line = summed(isa, width);
    let mut places = vec![0; gradient.len() / width];
    for (place, row) in rows.iter().enumerate().filter_map(|(place, row)| Some((place, (*row)?))) {
        places[row] = place;
    }
    gradient.par_chunks_exact_mut(width).zip(places).for_each(|(gradient, place)| {
        for sums in sums {
            let from = &of(sums)[place * line..][..width];
            gradient.iter_mut().zip(from).for_each(|(gradient, sum)| *gradient += sum);
        }
    });
}
