//! The block on the CPU: record by record, from the input to the channels before the batch norm.

use rayon::prelude::*;

use super::window::{CHUNK, HALO, maxima, window};
use crate::ops::cpu::Isa;
use crate::ops::cpu::matmul::{Packed, Rows, multiply};
use crate::ops::cpu::reading::read;
use crate::ops::layers::conv1d::cpu::PIECE;
use crate::ops::layers::conv1d::cpu::spectral::{Bank, SLACK, Spectra, Towards, products};
use crate::ops::layers::inception::{Beside, Output, Sizes, Weights};
use crate::ops::layers::norm::{Moments, measure};
use crate::tensor::memory::{Buffer, pieces};
use crate::tensor::{Cpu, Flat, View, flat};

/// How the bank's kernels are applied, towards outputs or, for gradients, towards inputs.
pub(in crate::ops::layers::inception) enum Method {
    Spectra(Bank, Spectra, Buffer),
    /// Direct sums, a matrix each; towards inputs the taps are turned round.
    Direct(Vec<Packed>),
}

impl Method {
    pub(in crate::ops::layers::inception) fn new(
        isa: Isa,
        s: &Sizes,
        weights: &Weights<Flat<Cpu>>,
        towards: Towards,
    ) -> Self {
        let weights: Vec<&[f32]> = weights.bank.iter().map(flat).collect();
        if let Some(bank) = bank(isa, s) {
            let (layout, spectra) = bank.weights(&weights, towards);
            return Method::Spectra(bank, layout, spectra);
        }
        let matrix = |(w, &kernel): (&&[f32], &usize)| {
            let at = |o: usize, c: usize, tap: usize| w[(o * s.bottleneck + c) * kernel + tap];
            match towards {
                Towards::Outputs => Packed::new(isa, kernel * s.bottleneck, s.filters, |row, o| {
                    at(o, row % s.bottleneck, row / s.bottleneck)
                }),
                Towards::Inputs => Packed::new(isa, kernel * s.filters, s.bottleneck, |row, c| {
                    at(row % s.filters, c, kernel - 1 - row / s.filters)
                }),
            }
        };
        Method::Direct(weights.iter().zip(&s.kernels).map(matrix).collect())
    }
}

/// Spectra, where they are faster.
fn bank(isa: Isa, s: &Sizes) -> Option<Bank> {
    #[cfg(test)]
    if WITHOUT.get() {
        return None;
    }
    Bank::new(isa, s.bottleneck, s.filters, &s.kernels, s.length)
}

#[cfg(test)]
thread_local! {
    static WITHOUT: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs `act` with direct sums alone on this thread.
#[cfg(test)]
pub(in crate::ops::layers::inception) fn without_spectra<T>(act: impl FnOnce() -> T) -> T {
    WITHOUT.set(true);
    let done = act();
    WITHOUT.set(false);
    done
}

/// Where the bottleneck's rows lie, with zeros around them.
#[derive(Clone, Copy)]
pub(in crate::ops::layers::inception) struct Padded {
    pub before: usize,
    pub rows: usize,
    /// Values of a row.
    pub row: usize,
}

impl Padded {
    pub(in crate::ops::layers::inception) fn new(isa: Isa, s: &Sizes, method: &Method) -> Self {
        let longest = s.kernels.iter().copied().max().unwrap_or(1);
        match method {
            Method::Spectra(bank, ..) => {
                Self { before: bank.before(), rows: bank.rows(), row: s.bottleneck.next_multiple_of(isa.lanes()) }
            }
            Method::Direct(_) => Self { before: longest / 2, rows: s.length + longest - 1, row: s.bottleneck },
        }
    }

    pub(in crate::ops::layers::inception) fn zeros(self) -> Buffer {
        Buffer::zeros(self.rows * self.row + SLACK)
    }

    /// What kernel number `part` reads for its outputs.
    pub(in crate::ops::layers::inception) fn rows_of<'a>(
        self,
        s: &Sizes,
        kernel: usize,
        padded: &'a [f32],
    ) -> Rows<'a> {
        let values = &padded[(self.before - kernel / 2) * self.row..];
        Rows { values, step: self.row, count: s.length, inner: kernel * self.row }
    }
}

/// A 1-tap convolution's weights (outputs, inputs) as a matrix.
pub(in crate::ops::layers::inception) fn one_tap(isa: Isa, inputs: usize, outputs: usize, w: &[f32]) -> Packed {
    Packed::new(isa, inputs, outputs, |c, o| w[o * inputs + c])
}

struct Work<'a> {
    s: &'a Sizes,
    x: View<'a, Cpu>,
    bottleneck: Packed,
    pooled: Packed,
    method: Method,
    padded: Padded,
}

/// What one record's forward pass writes.
struct Forward<'a> {
    z: &'a mut [f32],
    moments: Option<&'a mut [f32]>,
    /// (length, row of the padded bottleneck).
    narrow: Option<&'a mut [f32]>,
}

/// The channels of one record.
fn forward_record(isa: Isa, work: &Work<'_>, record: usize, to: Forward<'_>) {
    let Forward { z, moments, narrow: kept } = to;
    let Work { s, x, bottleneck, pooled, method, padded } = work;
    let (input, output, filters) = (s.input, s.output(), s.filters);
    let from = x.record(record);
    let mut narrow = padded.zeros();
    let chunk = chunk(input);
    let (mut a, mut p) = (Buffer::stale((chunk + 2 * HALO) * input), Buffer::stale(chunk * input));
    for start in (0..s.length).step_by(chunk) {
        let count = chunk.min(s.length - start);
        window(isa, x.reading(), from, input, start, count, &mut a);
        maxima(isa, &a, input, count, &mut p);
        let rows = |values| Rows { values, step: input, count, inner: input };
        let to = &mut narrow[(padded.before + start) * padded.row..];
        multiply(isa, rows(&a[HALO * input..]), bottleneck, false, to, padded.row);
        let to = &mut z[start * output + output - filters..];
        multiply(isa, rows(&p), pooled, false, to, output);
    }
    if let Some(kept) = kept {
        kept.copy_from_slice(&narrow[padded.before * padded.row..][..s.length * padded.row]);
    }
    match method {
        Method::Spectra(bank, of_weights, weights) => {
            let (inputs, outputs) = (bank.of_inputs(), bank.of_outputs());
            let (mut spectra, mut results) = (inputs.room(), outputs.room());
            bank.transform_input(&narrow, padded.row, inputs, &mut spectra);
            products(isa, (*of_weights, weights), (inputs, &spectra), outputs, &mut results);
            bank.outputs_of(outputs, &results, z, output);
        }
        Method::Direct(parts) => {
            for (part, (packed, &kernel)) in parts.iter().zip(&s.kernels).enumerate() {
                multiply(isa, padded.rows_of(s, kernel, &narrow), packed, false, &mut z[part * filters..], output);
            }
        }
    }
    if let Some(moments) = moments {
        measure(isa, z, moments);
    }
}

/// Samples whose channels, and the maxima of these, stay in the first-level cache; no sum goes over them.
fn chunk(channels: usize) -> usize {
    /// Rows of the tile of a matrix product.
    const ROWS: usize = 12;
    const ROOM: usize = 6144;
    (ROOM / (2 * channels) / ROWS * ROWS).clamp(ROWS, CHUNK)
}

/// The channels before the batch norm (batch, length, output), and what is wanted beside.
pub(in crate::ops::layers::inception) fn forward(
    isa: Isa,
    s: &Sizes,
    x: View<'_, Cpu>,
    weights: &Weights<Flat<Cpu>>,
    beside: Beside,
) -> Output<Cpu> {
    let method = Method::new(isa, s, weights, Towards::Outputs);
    let padded = Padded::new(isa, s, &method);
    let bottleneck = one_tap(isa, s.input, s.bottleneck, flat(&weights.bottleneck));
    let pooled = one_tap(isa, s.input, s.filters, flat(&weights.pooled));
    let work = &Work { s, x, bottleneck, pooled, method, padded };
    let size = s.length * s.output();
    let mut z = Buffer::stale(s.batch * size);
    let mut moments = beside.moments.then(|| Moments::new((s.batch, s.length, s.output())));
    let kept = s.length * padded.row;
    let mut narrow = beside.narrow.then(|| Buffer::stale(s.batch * kept));
    let slots = pieces(moments.as_mut().map(|moments| &mut *moments.values), 2 * s.output(), s.batch);
    let narrows = pieces(narrow.as_deref_mut(), kept, s.batch);
    z.par_chunks_exact_mut(size)
        .zip(slots)
        .zip(narrows)
        .with_min_len(PIECE)
        .enumerate()
        .for_each(|(record, ((z, moments), narrow))| forward_record(isa, work, record, Forward { z, moments, narrow }));
    Output { values: z, moments, narrow }
}

/// The padded bottleneck of one record, made again for the backward pass.
pub(in crate::ops::layers::inception) fn narrow_again(
    isa: Isa,
    s: &Sizes,
    x: View<'_, Cpu>,
    record: usize,
    bottleneck: &Packed,
    padded: Padded,
    narrow: &mut [f32],
) {
    let from = x.record(record);
    let mut a = Buffer::stale(CHUNK * s.input);
    for start in (0..s.length).step_by(CHUNK) {
        let count = CHUNK.min(s.length - start);
        read(isa, x.reading(), &from[start * s.input..][..count * s.input], &mut a[..count * s.input]);
        let rows = Rows { values: &a, step: s.input, count, inner: s.input };
        multiply(isa, rows, bottleneck, false, &mut narrow[(padded.before + start) * padded.row..], padded.row);
    }
}
