//! What the ways to convolve by transforms share: pieces of work, and the order of sums, those of the direct one.
//!
//! Each record is one piece of work, whatever the number of threads; weight gradients of [`PIECE`] records are
//! summed in record order, and the pieces' sums in piece order.

use rayon::prelude::*;

use super::PIECE;
use crate::ops::cpu::Isa;
use crate::ops::cpu::reading::Reading;
use crate::ops::layers::conv1d::Sizes;
use crate::ops::layers::norm::{Back, Moments, measure, sum_gradient};
use crate::tensor::memory::{Buffer, pieces};
use crate::tensor::{Cpu, Gradient, View};

/// One record's input, (length, input), and how it is read.
#[derive(Clone, Copy)]
pub(in crate::ops::layers::conv1d) struct Input<'a> {
    pub reading: Option<Reading<'a>>,
    pub x: &'a [f32],
}

/// The gradient that comes in: of what readers see of y, and y as it is in memory.
#[derive(Clone, Copy)]
pub(in crate::ops::layers::conv1d) struct Flowing<'a> {
    pub back: &'a Back<'a>,
    pub z: &'a [f32],
    pub g: &'a [f32],
}

/// One record's backward pass.
pub(in crate::ops::layers::conv1d) struct Record<'a> {
    pub input: Input<'a>,
    pub flowing: Flowing<'a>,
    /// Where the gradient of the input goes, if it is wanted.
    pub gx: Option<&'a mut [f32]>,
    /// It is to be written, not added to.
    pub fresh: bool,
    /// Sums over the gradient of the input, for its batch norm.
    sums: Option<&'a mut [f32]>,
}

impl Record<'_> {
    /// To be called when the gradient of the input is whole.
    pub(in crate::ops::layers::conv1d) fn sum_gradient(&mut self, isa: Isa) {
        let Input { reading, x } = self.input;
        if let (Some(reading), Some(gx), Some(sums)) = (reading, self.gx.as_deref(), self.sums.as_deref_mut()) {
            sum_gradient(isa, reading, x, gx, sums);
        }
    }
}

/// y (batch, output length, output) of which `convolve` gives one record, with its moments if they are wanted.
pub(in crate::ops::layers::conv1d) fn forward(
    isa: Isa,
    s: Sizes,
    x: View<'_, Cpu>,
    wanted: bool,
    convolve: impl Fn(Input<'_>, &mut [f32]) + Sync,
) -> (Buffer, Option<Moments>) {
    let size = s.output_length() * s.output;
    let mut y = Buffer::stale(s.batch * size);
    let mut moments = wanted.then(|| Moments::new(s.output_shape()));
    let mut slots = pieces(moments.as_mut().map(|moments| &mut *moments.values), 2 * s.output, s.batch);
    y.par_chunks_exact_mut(size).zip(slots.par_iter_mut()).enumerate().for_each(|(record, (z, moments))| {
        convolve(Input { reading: x.reading(), x: x.record(record) }, z);
        if let Some(moments) = moments {
            measure(isa, z, moments);
        }
    });
    (y, moments)
}

/// Has `piece` work on the records of each piece; the sum of what it gives.
pub(in crate::ops::layers::conv1d) fn gradient(
    s: Sizes,
    x: View<'_, Cpu>,
    flowing: Flowing<'_>,
    gx: Option<&mut Gradient<Cpu>>,
    piece: impl Fn(Vec<Record<'_>>) -> Option<Buffer> + Send + Sync,
) -> Option<Buffer> {
    let fresh = gx.as_ref().is_some_and(|gx| gx.fresh);
    let size = s.output_length() * s.output;
    let mut of_x = gx.as_ref().and_then(|_| x.room_for_sums());
    let slots = pieces(of_x.as_deref_mut(), 2 * s.input, s.batch);
    let gxs = pieces(gx.map(|gx| &mut *gx.values), s.length * s.input, s.batch);
    let mut records = gxs.into_iter().zip(slots).enumerate().map(|(number, (gx, sums))| {
        let (z, g) = (&flowing.z[number * size..][..size], &flowing.g[number * size..][..size]);
        let input = Input { reading: x.reading(), x: x.record(number) };
        Record { input, flowing: Flowing { z, g, ..flowing }, gx, fresh, sums }
    });
    let works: Vec<Vec<Record<'_>>> =
        (0..s.batch.div_ceil(PIECE)).map(|_| records.by_ref().take(PIECE).collect()).collect();
    let sums: Vec<Option<Buffer>> = works.into_par_iter().map(piece).collect();
    x.keep_sums(of_x);
    let mut sums = sums.into_iter().flatten();
    let mut total = sums.next()?;
    let rest: Vec<Buffer> = sums.collect();
    const RUN: usize = 8192;
    total.par_chunks_mut(RUN).enumerate().for_each(|(number, total)| {
        for sum in &rest {
            total.iter_mut().zip(&sum[number * RUN..]).for_each(|(total, sum)| *total += sum);
        }
    });
    Some(total)
}

/// Adds a sum of rows (tap, input), each of `line` values of which the first are the outputs, to `gw`
/// (output, input, taps).
pub(in crate::ops) fn add_taps(s: Sizes, sum: &[f32], line: usize, gw: &mut [f32]) {
    for (o, gw) in gw.chunks_exact_mut(s.input * s.kernel).enumerate() {
        for (c, gw) in gw.chunks_exact_mut(s.kernel).enumerate() {
            for (tap, gw) in gw.iter_mut().enumerate() {
                *gw += sum[(tap * s.input + c) * line + o];
            }
        }
    }
}
