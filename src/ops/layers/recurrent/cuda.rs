//! The layer on the GPU: products with the input for all samples at once, then all time steps in one launch, and the
//! same backwards. Products with the hidden state are in f32, the others as products are.

use cudarc::driver::sys::CUdevice_attribute as Attribute;

use super::{Cell, Kernel, Sizes, Weights};
use crate::ops::cuda::product::{Layout, Rows, To, column_sums, packed, product, weight_gradient};
use crate::ops::cuda::{Buffer, Grid, OnCuda, ParamGradient, Source, int, launch, machine, reading};
use crate::tensor::{Cuda, Flat, View, WantedGradients, address};

/// The kernels.
pub(in crate::ops) const SOURCES: &[Source] = &[Source::whole("recurrent", include_str!("recurrent.cu"))];

/// The most threads of a block, as in recurrent.cu.
const THREADS: usize = 512;
/// The most records that a block takes through time.
const TOGETHER: usize = 8;

/// What the backward pass needs beside input and output, and works in.
#[derive(Debug)]
pub struct Kept {
    /// (directions, batch, length, gates, hidden); of a plain layer none.
    gates: Option<Buffer>,
    /// (directions, batch, length, hidden): an lstm's c, the part of a gru's n that r scales; of a plain layer none.
    units: Option<Buffer>,
}

impl Sizes {
    /// Samples of all records.
    fn samples(&self) -> usize {
        self.batch * self.length
    }

    /// Numbers that a sample has of all gates.
    fn wide(&self) -> usize {
        self.cell.gates() * self.hidden
    }

    /// How the kernels call the cell.
    fn code(&self) -> i32 {
        match self.cell {
            Cell::Rnn => 0,
            Cell::Lstm => 1,
            Cell::Gru => 2,
        }
    }

    /// The hidden states before those of all samples, in y.
    fn before(&self, y: &Buffer, direction: usize) -> Rows {
        Rows {
            records: self.batch,
            length: self.length,
            pitch: self.output(),
            offset: direction * self.hidden,
            channels: self.hidden,
            count: self.length,
            first: if direction == 1 { 1 } else { -1 },
            ..Rows::flat(y.address(), 1, 1)
        }
    }
}

/// The input's samples as rows.
fn samples(s: &Sizes, x: View<'_, Cuda>) -> Rows {
    Rows { reading: reading(x.norm), ..Rows::flat(x.values.address(), s.samples(), s.input) }
}

/// Where the value number `value` of `buffer` is.
fn place(buffer: &Buffer, value: usize) -> u64 {
    buffer.address() + 4 * value as u64
}

/// How blocks take records through time: in each step their vectors are multiplied with a matrix (depth, width).
#[derive(Clone, Copy, Debug)]
struct Sweep {
    depth: usize,
    /// Values from a row of the matrix to the next: whole vectors of four.
    pitch: usize,
    /// Runs that its rows are dealt to, each summed by threads of its own.
    runs: usize,
    /// Rows of each run that stay in shared memory.
    held: usize,
    /// Records of a block.
    together: usize,
    grid: Grid,
}

impl Sweep {
    fn new(s: &Sizes, depth: usize, width: usize) -> OnCuda<Self> {
        let machine = machine()?;
        let room = machine.device.attribute(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?;
        Ok(Self::fit(s, depth, width, machine.multiprocessors, room as usize / 4))
    }

    /// For `room` numbers in a block's shared memory. How the products are summed does not depend on the batch.
    fn fit(s: &Sizes, depth: usize, width: usize, multiprocessors: usize, room: usize) -> Self {
        let pitch = width.next_multiple_of(4);
        let quads = pitch / 4;
        // At least eight rows a thread, so that it has enough to do between two barriers.
        let each = depth.div_ceil((THREADS / quads).clamp(1, depth.div_ceil(8)));
        let runs = depth.div_ceil(each);
        let threads = (runs * quads).max(s.hidden).min(THREADS).next_multiple_of(32);
        // The sums, the vectors, what a step leaves for the next.
        let needed = |together: usize| together * (runs * pitch + depth + s.hidden);
        let held = |together: usize| (room.saturating_sub(needed(together)) / (runs * pitch)).min(each);
        let blocks = |together: usize| s.batch.div_ceil(together) * s.directions;
        let mut together = 1;
        while together < TOGETHER && needed(2 * together) <= room {
            // All blocks run at once. Where they read the whole matrix from the second-level cache, a third of the
            // multiprocessors can take all that this cache gives.
            let far = each - held(together);
            let most = (multiprocessors * each / (3 * far).max(1)).min(multiprocessors);
            if blocks(together) <= most.max(1) {
                break;
            }
            together *= 2;
        }
        let held = held(together);
        let shared = 4 * (needed(together) + runs * held * pitch);
        let grid = Grid { blocks: [s.batch.div_ceil(together), s.directions, 1], threads: [threads, 1], shared };
        Self { depth, pitch, runs, held, together, grid }
    }

    /// U of each direction, (depth, pitch), `turned` or not.
    fn matrices(&self, s: &Sizes, weights: &[Weights<Flat<Cuda>>], turned: bool) -> OnCuda<Buffer> {
        let size = self.depth * self.pitch;
        let matrices = Buffer::stale(weights.len() * size)?;
        for (direction, weights) in weights.iter().enumerate() {
            launch!("rnn_matrix", Grid::each(size); address(&weights.hidden), place(&matrices, direction * size),
                int(s.wide())?, int(s.hidden)?, int(self.pitch)?, turned)?;
        }
        Ok(matrices)
    }
}

impl Kernel for Cuda {
    type Kept = Kept;

    fn recurrent(
        &self,
        s: &Sizes,
        x: View<'_, Cuda>,
        weights: &[Weights<Flat<Cuda>>],
        keep: bool,
    ) -> OnCuda<(Buffer, Option<Kept>)> {
        let (samples_all, wide) = (s.samples(), s.wide());
        let gates = Buffer::stale(s.directions * samples_all * wide)?;
        for (direction, weights) in weights.iter().enumerate() {
            let matrix = packed(&weights.input, Layout::linear(s.input, wide))?;
            let to = To::flat(place(&gates, direction * samples_all * wide), wide);
            let to = To { bias: address(&weights.input_bias), ..to };
            product(&samples(s, x), matrix.address(), wide, &to)?;
        }
        let y = Buffer::stale(samples_all * s.output())?;
        let units = match keep && s.cell != Cell::Rnn {
            true => Some(Buffer::stale(s.directions * samples_all * s.hidden)?),
            false => None,
        };
        let sweep = Sweep::new(s, s.hidden, wide)?;
        let matrices = sweep.matrices(s, weights, true)?;
        let bias = [0, s.directions - 1].map(|direction| address(&weights[direction].hidden_bias));
        launch!("rnn_forward", sweep.grid; gates.address(), units.as_ref().map_or(0, Buffer::address), y.address(),
            matrices.address(), bias[0], bias[1], s.code(), int(s.batch)?, int(s.length)?, int(s.hidden)?,
            int(sweep.together)?, int(sweep.pitch)?, int(sweep.runs)?, int(sweep.held)?)?;
        let kept = keep.then(|| Kept { gates: units.is_some().then_some(gates), units });
        Ok((y, kept))
    }

    fn recurrent_gradient(
        &self,
        s: &Sizes,
        x: View<'_, Cuda>,
        weights: &[Weights<Flat<Cuda>>],
        (y, kept): (&Buffer, Kept),
        gy: &Buffer,
        wanted: WantedGradients<'_, Cuda>,
    ) -> OnCuda<()> {
        let WantedGradients { x: mut gx, params: gparams } = wanted;
        let (samples_all, wide) = (s.samples(), s.wide());
        let gates = match kept.gates {
            Some(gates) => gates,
            None => Buffer::stale(s.directions * samples_all * wide)?,
        };
        let sweep = Sweep::new(s, wide, s.hidden)?;
        let matrices = sweep.matrices(s, weights, false)?;
        launch!("rnn_backward", sweep.grid; gates.address(), kept.units.as_ref().map_or(0, Buffer::address), y.address(),
            gy.address(), matrices.address(), s.code(), int(s.batch)?, int(s.length)?, int(s.hidden)?,
            int(sweep.together)?, int(sweep.pitch)?, int(sweep.runs)?, int(sweep.held)?)?;
        for (direction, (weights, gparams)) in weights.iter().zip(gparams.chunks(4)).enumerate() {
            let of_gates = place(&gates, direction * samples_all * wide);
            let of_units = kept.units.as_ref().map(|units| place(units, direction * samples_all * s.hidden));
            add_gradients(s, direction, x, y, (of_gates, of_units), gparams)?;
            if let Some(gx) = &mut gx {
                let rows = Rows::flat(of_gates, samples_all, wide);
                let to = To { add: direction > 0 || !gx.fresh, ..To::flat(gx.values.address(), s.input) };
                // W (gates, inputs) as it is.
                product(&rows, address(&weights.input), s.input, &to)?;
            }
        }
        Ok(())
    }
}

/// Adds to those of a direction's four gradients that are wanted; `of_gates` and, for a gru's n, `of_units` are
/// gradients of the products.
fn add_gradients(
    s: &Sizes,
    direction: usize,
    x: View<'_, Cuda>,
    y: &Buffer,
    (of_gates, of_units): (u64, Option<u64>),
    gparams: &[Option<ParamGradient>],
) -> OnCuda<()> {
    let [input, hidden, input_bias, hidden_bias] = gparams else { return Ok(()) };
    let (wide, units, all) = (s.wide(), s.hidden, s.samples());
    if let Some(input) = input {
        weight_gradient(&samples(s, x), of_gates, (wide, 0), Layout::linear(s.input, wide), input.address)?;
    }
    if let Some(bias) = input_bias {
        column_sums(of_gates, all, (wide, 0), wide, bias.address)?;
    }
    // Gradients, from one sample to the next, the first unit's row of U, and how many rows there are.
    let of_hidden = match of_units {
        Some(of_units) if s.cell == Cell::Gru => {
            vec![(of_gates, wide, 0, 2 * units), (of_units, units, 2 * units, units)]
        }
        _ => vec![(of_gates, wide, 0, wide)],
    };
    for (gradient, pitch, row, rows) in of_hidden {
        if let Some(hidden) = hidden {
            let layout = Layout { first: row * units, ..Layout::linear(units, rows) };
            weight_gradient(&s.before(y, direction), gradient, (pitch, 0), layout, hidden.address)?;
        }
        if let Some(bias) = hidden_bias {
            column_sums(gradient, all, (pitch, 0), rows, bias.address + 4 * row as u64)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::Backend;
    use crate::ops::cuda_twins::{TF32, compare_within, twin};
    use crate::ops::gradient_check::Input;
    use crate::ops::layers::norm::{Normalizer, batch_norm};
    use crate::ops::layers::recurrent::recurrent;
    use crate::tensor::{Mode, Param, Statistics, Trace, Var};

    /// The layer on `x` with four weights for each direction.
    fn layer<D: Backend>(trace: &mut Trace<D>, x: &Var<D>, cell: Cell, weights: &[Input<D>]) -> crate::Result<Var<D>> {
        let weights: Vec<Weights<&Param<D>>> = weights
            .chunks_exact(4)
            .map(|of| {
                let [input, hidden, input_bias, hidden_bias] = [0, 1, 2, 3].map(|i| &of[i].param);
                Weights { input, hidden, input_bias, hidden_bias }
            })
            .collect();
        recurrent(trace, x, cell, &weights)
    }

    /// Through many units that feed each other, what TF32 rounds off of the input grows from step to step.
    const GROWN: f32 = 0.05;

    /// Tests `$name` of a layer on `$x`, (batch, length, channels), in one direction and in both; in TF32 within
    /// `$rounded`.
    macro_rules! twins {
        ($name:ident, $rounded:expr, $cell:expr, $x:expr, $hidden:expr) => {
            mod $name {
                use super::*;

                fn run<D: Backend>(trace: &mut Trace<D>, inputs: &[Input<D>]) -> crate::Result<Var<D>> {
                    layer(trace, &inputs[0].var, $cell, &inputs[1..])
                }

                fn shapes(directions: usize) -> Vec<Vec<usize>> {
                    let (x, rows): ([usize; 3], usize) = ($x, $cell.gates() * $hidden);
                    let weights = [vec![rows, x[2]], vec![rows, $hidden], vec![rows], vec![rows]];
                    std::iter::once(x.to_vec()).chain(std::iter::repeat_n(weights, directions).flatten()).collect()
                }

                #[test]
                fn in_one_direction() {
                    compare_within($rounded, stringify!($name), &shapes(1), run, run);
                }

                #[test]
                fn in_both_directions() {
                    compare_within($rounded, stringify!($name), &shapes(2), run, run);
                }
            }
        };
    }

    twins!(rnn_of_few_units, TF32, Cell::Rnn, [3, 9, 2], 5);
    twins!(lstm_of_few_units, TF32, Cell::Lstm, [1, 9, 2], 5);
    twins!(gru_of_few_units, TF32, Cell::Gru, [3, 9, 2], 5);
    twins!(rnn_of_many_units, GROWN, Cell::Rnn, [1, 6, 12], 64);
    twins!(lstm_of_many_units, TF32, Cell::Lstm, [3, 6, 12], 32);
    twins!(gru_of_many_units, GROWN, Cell::Gru, [3, 6, 12], 64);
    // More records than blocks at once: some go together, in the last block fewer.
    twins!(rnn_of_many_records, TF32, Cell::Rnn, [11, 4, 3], 7);
    twins!(lstm_of_many_records, TF32, Cell::Lstm, [19, 4, 3], 6);
    twins!(gru_of_many_records, TF32, Cell::Gru, [6, 4, 3], 6);
    // Of a matrix that does not fit, the rest is read from global memory.
    twins!(lstm_that_does_not_fit, GROWN, Cell::Lstm, [2, 3, 4], 160);
    twins!(of_one_sample, TF32, Cell::Lstm, [2, 1, 3], 6);

    twin!(through_a_norm, [[2, 7, 5], [5], [5], [12, 5], [12, 4], [12], [12]], |trace, inputs| {
        let device = inputs[0].var.device.clone();
        let mut mean = Param::new(&device, vec![5], vec![0.1; 5])?;
        let mut var = Param::new(&device, vec![5], vec![0.7; 5])?;
        let (gamma, beta) = (&inputs[1].param, &inputs[2].param);
        let mode = Mode { statistics: Statistics::Running, relu: true };
        let by = Normalizer { gamma, beta, running_mean: &mut mean, running_var: &mut var, mode };
        let x = batch_norm(trace, &inputs[0].var, by)?;
        layer(trace, &x, Cell::Gru, &inputs[3..])
    });

    #[test]
    fn blocks_fit_in_shared_memory() {
        for room in [99 << 8, 163 << 8, 227 << 8] {
            for hidden in [1, 5, 64, 256, 512, 1024] {
                for batch in [1, 64, 128, 5000] {
                    let s = Sizes { cell: Cell::Lstm, batch, length: 9, input: 12, hidden, directions: 2 };
                    for (depth, width) in [(hidden, s.wide()), (s.wide(), hidden)] {
                        let sweep = Sweep::fit(&s, depth, width, 132, room);
                        let Grid { blocks, threads, shared } = sweep.grid;
                        assert!(shared <= 4 * room && threads[0] <= THREADS, "{sweep:?}");
                        assert!(blocks[0] * sweep.together >= batch && sweep.together <= TOGETHER, "{sweep:?}");
                        assert!(sweep.held * sweep.runs < depth + sweep.runs, "{sweep:?}");
                    }
                }
            }
        }
    }
}
