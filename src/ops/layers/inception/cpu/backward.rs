//! The block's backward pass on the CPU: record by record, from the gradient of what readers see to that
//! of the input and of all weights.

use rayon::prelude::*;

use super::forward::{Method, Padded, narrow_again, one_tap};
use super::window::{CHUNK, HALO, give_back, maxima, window};
use crate::ops::cpu::Isa;
use crate::ops::cpu::matmul::{Packed, Right, Rows, accumulate, multiply, summed};
use crate::ops::layers::conv1d::cpu::PIECE;
use crate::ops::layers::conv1d::cpu::spectral::{SLACK, Towards, products};
use crate::ops::layers::inception::{Input, Sizes, Weights};
use crate::ops::layers::norm::{Back, sum_gradient};
use crate::tensor::memory::{Buffer, pieces};
use crate::tensor::{Cpu, Flat, View, WantedGradients, flat};

/// The gradient that comes in.
#[derive(Clone, Copy)]
pub(in crate::ops::layers::inception) struct Flowing<'a> {
    pub back: &'a Back<'a>,
    /// y as it is in memory; `None` where nothing normalises it.
    pub z: Option<&'a [f32]>,
    /// The gradient of what readers see of y; `None`: it is where that of the input will be.
    pub g: Option<&'a [f32]>,
}

struct Work<'a> {
    s: &'a Sizes,
    x: View<'a, Cpu>,
    narrow: Option<&'a [f32]>,
    flowing: Flowing<'a>,
    method: Method,
    padded: Padded,
    bottleneck: Packed,
    /// The 1-tap weights from outputs to inputs.
    bottleneck_back: Packed,
    pooled_back: Packed,
    fresh: bool,
    bank_wanted: bool,
}

/// Sums over the records of a piece.
struct Sums {
    bottleneck: Buffer,
    pooled: Buffer,
    bank: Vec<Buffer>,
}

impl Sums {
    fn new(isa: Isa, s: &Sizes, method: &Method) -> Self {
        let bank = match method {
            Method::Spectra(bank, ..) => vec![Buffer::zeros(bank.of_weights().len())],
            Method::Direct(_) => {
                let line = summed(isa, s.filters);
                s.kernels.iter().map(|kernel| Buffer::zeros(kernel * s.bottleneck * line)).collect()
            }
        };
        Self {
            bottleneck: Buffer::zeros(s.input * summed(isa, s.bottleneck)),
            pooled: Buffer::zeros(s.input * summed(isa, s.filters)),
            bank,
        }
    }

    fn add(&mut self, other: &Sums) {
        let add = |to: &mut Buffer, from: &Buffer| to.iter_mut().zip(&**from).for_each(|(to, from)| *to += from);
        add(&mut self.bottleneck, &other.bottleneck);
        add(&mut self.pooled, &other.pooled);
        self.bank.iter_mut().zip(&other.bank).for_each(|(to, from)| add(to, from));
    }
}

/// The gradient of one record's input and, if its batch norm wants them, the sums over that gradient.
struct OfInput<'a> {
    gx: &'a mut [f32],
    sums: Option<&'a mut [f32]>,
}

/// One record; `to` is of that record.
fn backward_record(isa: Isa, work: &Work<'_>, record: usize, to: Option<OfInput<'_>>, sums: &mut Sums) {
    let Work { s, x, flowing, method, padded, bank_wanted, .. } = work;
    let (output, filters) = (s.output(), s.filters);
    let size = s.length * output;
    let mut gz = Buffer::stale(size + SLACK);
    gz[size..].fill(0.0);
    let at = record * size;
    let g = match (flowing.g, &to) {
        (Some(g), _) => &g[at..][..size],
        (None, Some(to)) => &*to.gx,
        (None, None) => return,
    };
    flowing.back.rows(isa, flowing.z.map_or(g, |z| &z[at..][..size]), g, &mut gz[..size]);
    let narrow = bank_wanted.then(|| {
        let (mut narrow, size) = (padded.zeros(), s.length * padded.row);
        match work.narrow {
            Some(kept) => narrow[padded.before * padded.row..][..size].copy_from_slice(&kept[record * size..][..size]),
            None => narrow_again(isa, s, *x, record, &work.bottleneck, *padded, &mut narrow),
        }
        narrow
    });
    let mut narrow_gradient = padded.zeros();
    match method {
        Method::Spectra(bank, of_weights, weights) => {
            let (inputs, outputs) = (bank.of_inputs(), bank.of_outputs());
            let (mut of_inputs, mut of_outputs) = (inputs.room(), outputs.room());
            bank.transform_gradient(&gz, output, outputs, &mut of_outputs);
            if let Some(narrow) = narrow {
                bank.transform_input(&narrow, padded.row, inputs, &mut of_inputs);
                bank.add_weight_gradient((inputs, &of_inputs), (outputs, &of_outputs), &mut sums.bank[0]);
            }
            products(isa, (*of_weights, weights), (outputs, &of_outputs), inputs, &mut of_inputs);
            bank.input_gradient_of(inputs, &of_inputs, &mut narrow_gradient, padded.row);
        }
        Method::Direct(parts) => {
            for (part, (packed, &kernel)) in parts.iter().zip(&s.kernels).enumerate() {
                let mut wide = Buffer::zeros((s.length + kernel - 1) * filters);
                let rows = wide[kernel / 2 * filters..].chunks_exact_mut(filters);
                for (wide, gz) in rows.zip(gz[..size].chunks_exact(output)) {
                    wide.copy_from_slice(&gz[part * filters..][..filters]);
                }
                let rows = Rows { values: &wide, step: filters, count: s.length, inner: kernel * filters };
                let to = &mut narrow_gradient[padded.before * padded.row..];
                multiply(isa, rows, packed, true, to, padded.row);
                if let Some(narrow) = &narrow {
                    let right = Right { values: &gz, start: part * filters, step: output, width: filters };
                    accumulate(isa, padded.rows_of(s, kernel, narrow), right, &mut sums.bank[part]);
                }
            }
        }
    }
    branches(isa, work, record, &narrow_gradient, &gz, to, sums);
}

/// From the gradients of bottleneck and pooled branch to those of the input and of their weights.
fn branches(
    isa: Isa,
    work: &Work<'_>,
    record: usize,
    narrow_gradient: &[f32],
    gz: &[f32],
    mut to: Option<OfInput<'_>>,
    sums: &mut Sums,
) {
    let Work { s, x, padded, .. } = work;
    let (input, output, filters) = (s.input, s.output(), s.filters);
    let from = x.record(record);
    let (mut a, mut p) = (Buffer::stale((CHUNK + 2 * HALO) * input), Buffer::stale(CHUNK * input));
    let mut gp = Buffer::stale((CHUNK + 2) * input);
    for start in (0..s.length).step_by(CHUNK) {
        let count = CHUNK.min(s.length - start);
        window(isa, x.reading(), from, input, start, count, &mut a);
        maxima(isa, &a, input, count, &mut p);
        let at = (padded.before + start) * padded.row;
        let rows = |values| Rows { values, step: input, count, inner: input };
        let right = Right { values: narrow_gradient, start: at, step: padded.row, width: s.bottleneck };
        accumulate(isa, rows(&a[HALO * input..]), right, &mut sums.bottleneck);
        let right = Right { values: gz, start: start * output + output - filters, step: output, width: filters };
        accumulate(isa, rows(&p), right, &mut sums.pooled);
        let Some(to) = &mut to else { continue };
        let chunk = start * input..(start + count) * input;
        let gx = &mut to.gx[chunk.clone()];
        let rows = Rows { values: &narrow_gradient[at..], step: padded.row, count, inner: s.bottleneck };
        if work.fresh {
            multiply(isa, rows, &work.bottleneck_back, false, gx, input);
        } else {
            multiply(isa, rows, &work.bottleneck_back, true, gx, input);
        }
        // One maximum before the chunk and one after it may lie in it.
        let (low, high) = (start.saturating_sub(1), (start + count + 1).min(s.length));
        let skipped = (low + 1 - start) * input;
        gp[..skipped].fill(0.0);
        gp[(high + 1 - start) * input..].fill(0.0);
        let values = &gz[low * output + output - filters..];
        let rows = Rows { values, step: output, count: high - low, inner: filters };
        multiply(isa, rows, &work.pooled_back, false, &mut gp[skipped..], input);
        give_back(isa, &a, input, count, &gp, gx);
        if let (Some(reading), Some(sums)) = (x.reading(), &mut to.sums) {
            sum_gradient(isa, reading, &from[chunk], gx, sums);
        }
    }
}

/// Adds to the gradients that are wanted: of the input, and in `wanted.params` of bottleneck, pooled and bank.
pub(in crate::ops::layers::inception) fn gradient(
    isa: Isa,
    s: &Sizes,
    input: Input<'_, Cpu>,
    weights: &Weights<Flat<Cpu>>,
    flowing: Flowing<'_>,
    wanted: WantedGradients<'_, Cpu>,
) {
    let (WantedGradients { x: gx, params: gparams }, x) = (wanted, input.x);
    if gx.is_none() && gparams.iter().all(Option::is_none) {
        return;
    }
    let method = Method::new(isa, s, weights, Towards::Inputs);
    let padded = Padded::new(isa, s, &method);
    let (bottleneck, pooled) = (flat(&weights.bottleneck), flat(&weights.pooled));
    let work = &Work {
        s,
        x,
        narrow: input.narrow.map(|narrow| &**narrow),
        flowing,
        method,
        padded,
        bottleneck: one_tap(isa, s.input, s.bottleneck, bottleneck),
        bottleneck_back: Packed::new(isa, s.bottleneck, s.input, |o, c| bottleneck[o * s.input + c]),
        pooled_back: Packed::new(isa, s.filters, s.input, |o, c| pooled[o * s.input + c]),
        fresh: gx.as_ref().is_some_and(|gx| gx.fresh),
        bank_wanted: gparams.iter().skip(2).any(Option::is_some),
    };
    let size = s.length * s.input;
    let mut of_x = gx.as_ref().and_then(|_| x.room_for_sums());
    let count = s.batch.div_ceil(PIECE);
    let gxs = pieces(gx.map(|gx| &mut *gx.values), PIECE * size, count);
    let slots = pieces(of_x.as_deref_mut(), PIECE * 2 * s.input, count);
    let mut sums = gxs
        .into_par_iter()
        .zip(slots)
        .enumerate()
        .map(|(piece, (mut gx, mut slots))| {
            let mut sums = Sums::new(isa, s, &work.method);
            let end = s.batch.min((piece + 1) * PIECE);
            for record in piece * PIECE..end {
                let number = record - piece * PIECE;
                let of_record = slots.as_deref_mut().map(|slots| &mut slots[number * 2 * s.input..][..2 * s.input]);
                let gx = gx.as_deref_mut().map(|gx| &mut gx[number * size..][..size]);
                backward_record(isa, work, record, gx.map(|gx| OfInput { gx, sums: of_record }), &mut sums);
            }
            sums
        })
        .collect::<Vec<Sums>>()
        .into_iter();
    x.keep_sums(of_x);
    let Some(mut total) = sums.next() else { return };
    sums.for_each(|sums| total.add(&sums));
    add_to_weights(isa, work, &total, gparams);
}

/// Adds `total`, the sums over all records, to the gradients of bottleneck, pooled and the bank that are wanted.
fn add_to_weights(isa: Isa, work: &Work<'_>, total: &Sums, gparams: &mut [Option<Vec<f32>>]) {
    let s = work.s;
    add_matrix(isa, &total.bottleneck, s.input, s.bottleneck, gparams.first_mut());
    add_matrix(isa, &total.pooled, s.input, s.filters, gparams.get_mut(1));
    let Some(of_bank) = gparams.get_mut(2..) else { return };
    match &work.method {
        Method::Spectra(bank, ..) => bank.add_taps(&total.bank[0], of_bank),
        Method::Direct(_) => {
            for ((sum, &kernel), gw) in total.bank.iter().zip(&s.kernels).zip(of_bank) {
                let Some(gw) = gw else { continue };
                for (row, sum) in sum.chunks_exact(summed(isa, s.filters)).enumerate() {
                    let (tap, c) = (row / s.bottleneck, row % s.bottleneck);
                    for (o, sum) in sum.iter().enumerate().take(s.filters) {
                        gw[(o * s.bottleneck + c) * kernel + tap] += sum;
                    }
                }
            }
        }
    }
}

/// gw (outputs, inputs) += the transpose of `sum`, if it is wanted.
fn add_matrix(isa: Isa, sum: &[f32], inputs: usize, outputs: usize, gw: Option<&mut Option<Vec<f32>>>) {
    let Some(Some(gw)) = gw else { return };
    for (c, sum) in sum.chunks_exact(summed(isa, outputs)).enumerate() {
        for (o, sum) in sum.iter().enumerate().take(outputs) {
            gw[o * inputs + c] += sum;
        }
    }
}
