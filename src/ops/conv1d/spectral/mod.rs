//! The convolution on the CPU for long kernels: by products of spectra.
//!
//! The input is cut into tiles of [`TILE`] samples that overlap by the kernel's length less one
//! (overlap-save; for the input gradient, outputs are added where tiles overlap; Oppenheim and
//! Schafer, Discrete-Time Signal Processing, section 8.7.3). With spectra X, W and G of input,
//! kernel and output gradient, per frequency and tile:
//!
//! * y is the correlation of kernel and input: Y = sum over inputs of conj(W) X;
//! * the input gradient is the convolution of kernel and output gradient: sum over outputs of W G;
//! * the weight gradient is the correlation of output gradient and input: sum over tiles of conj(G) X.
//!
//! With 39 taps a tile gives 90 outputs for 65 complex products of each channel pair: 2.9
//! multiply-adds for an output in place of 39. Vectors hold the same sample of neighbouring channels,
//! so that transforms are plain vector arithmetic without shuffles.
//!
//! Each record is one piece of work, whatever the number of threads; weight gradients are summed in
//! the order of records within a piece of [`PIECE`] records, and pieces in their order.

use std::cell::RefCell;

use rayon::prelude::*;

use super::Sizes;
use super::kernel::{PIECE, lanes, zeroed};
use crate::ops::cpu::Isa;
use crate::ops::simd::{Simd, dispatch};

mod product;
mod tile;

use product::{Scalars, multiply, together};
use tile::{BINS, HALF, TILE, Tile};

thread_local! {
    /// Padded rows and the spectra of one record, kept from call to call.
    static SCRATCH: RefCell<[Vec<f32>; 3]> = const { RefCell::new([Vec::new(), Vec::new(), Vec::new()]) };
}

/// Whether spectra are faster than the direct sum; see `benches/conv.rs`.
pub(super) fn suits(s: Sizes) -> bool {
    s.stride == 1 && (9..=HALF).contains(&s.kernel) && s.input >= 8 && s.output >= 8 && s.output_length() >= HALF
}

/// How a record is cut, and where its spectra are.
#[derive(Clone, Copy)]
struct Cut {
    /// Outputs of a tile.
    valid: usize,
    /// Tiles, to a multiple of those multiplied at once.
    tiles: usize,
    /// Floats of a padded row.
    row: usize,
}

impl Cut {
    fn new(isa: Isa, s: Sizes) -> Self {
        let valid = TILE - s.kernel + 1;
        let tiles = s.output_length().div_ceil(valid).next_multiple_of(together(isa));
        Self { valid, tiles, row: (tiles - 1) * valid + TILE }
    }
}

/// Spectra by frequency, then row (tile or channel), then real and imaginary parts of `channels`.
#[derive(Clone, Copy)]
struct Spectra {
    channels: usize,
    /// From one frequency to the next; a little more than is needed, so that they share no cache set.
    step: usize,
}

impl Spectra {
    fn new(channels: usize, rows: usize, lanes: usize) -> Self {
        let channels = channels.next_multiple_of(lanes);
        Self { channels, step: rows * 2 * channels + 16 }
    }

    fn len(self) -> usize {
        BINS * self.step
    }

    fn place(self, row: usize, channel: usize) -> usize {
        row * 2 * self.channels + channel
    }
}

/// Padded rows of one record: `shift` zeros, then the samples.
fn pad(x: &[f32], length: usize, shift: usize, row: usize, padded: &mut [f32]) {
    for (row, x) in padded.chunks_exact_mut(row).zip(x.chunks_exact(length)) {
        let fits = length.min(row.len() - shift);
        row[shift..shift + fits].copy_from_slice(&x[..fits]);
    }
}

/// Spectra of overlapping tiles of padded rows.
#[inline(always)]
fn spectra<S: Simd>(padded: &[f32], cut: Cut, layout: Spectra, to: &mut [f32]) {
    let mut tile = Tile::new();
    for first in (0..layout.channels).step_by(S::LANES) {
        for number in 0..cut.tiles {
            tile.load::<S>(&padded[first * cut.row + number * cut.valid..], cut.row);
            tile.spectrum::<S>(&mut to[layout.place(number, first)..], layout.step, layout.channels);
        }
    }
}

/// Spectra of tiles of `valid` samples followed by zeros.
#[inline(always)]
fn blocks<S: Simd>(padded: &[f32], cut: Cut, layout: Spectra, to: &mut [f32]) {
    let mut tile = Tile::new();
    let mut rows = [0f32; TILE * 16];
    for first in (0..layout.channels).step_by(S::LANES) {
        for number in 0..cut.tiles {
            for (lane, row) in rows.chunks_exact_mut(TILE).enumerate().take(S::LANES) {
                let from = &padded[(first + lane) * cut.row + number * cut.valid..][..cut.valid];
                row[..cut.valid].copy_from_slice(from);
            }
            tile.load::<S>(&rows, TILE);
            tile.spectrum::<S>(&mut to[layout.place(number, first)..], layout.step, layout.channels);
        }
    }
}

/// Spectra of the taps as vectors of `channels`, one row for each of `rows`; `weight` gives the taps.
#[inline(always)]
fn taps<S: Simd>(weights: &Taps<'_>, layout: Spectra, to: &mut [f32]) {
    let mut tile = Tile::new();
    let mut lines = [0f32; TILE * 16];
    for row in 0..weights.rows {
        for first in (0..layout.channels).step_by(S::LANES) {
            for (lane, line) in lines.chunks_exact_mut(TILE).enumerate().take(S::LANES) {
                match weights.of(row, first + lane) {
                    Some(taps) => line[..taps.len()].copy_from_slice(taps),
                    None => line.fill(0.0),
                }
            }
            tile.load::<S>(&lines, TILE);
            tile.spectrum::<S>(&mut to[layout.place(row, first)..], layout.step, layout.channels);
        }
    }
    if weights.conjugate {
        for bin in to.chunks_exact_mut(layout.step) {
            for line in bin.chunks_exact_mut(2 * layout.channels) {
                line[layout.channels..].iter_mut().for_each(|im| *im = -*im);
            }
        }
    }
}

/// The weights, by output and input or the other way round.
struct Taps<'a> {
    w: &'a [f32],
    kernel: usize,
    rows: usize,
    channels: usize,
    /// From one row to the next, and from one channel to the next, in taps.
    row: usize,
    channel: usize,
    conjugate: bool,
}

impl Taps<'_> {
    fn of(&self, row: usize, channel: usize) -> Option<&[f32]> {
        let start = (row * self.row + channel * self.channel) * self.kernel;
        (channel < self.channels).then(|| &self.w[start..][..self.kernel])
    }
}

/// y of one record from its padded rows.
#[inline(always)]
fn forward_record<S: Simd>(record: &mut Record<'_>) {
    let Record { room: Room { cut, from, to, padded, first, second }, weights, out, length, .. } = record;
    spectra::<S>(padded, *cut, *from, first);
    products::<S>(*cut, *from, *to, weights, first, second);
    let mut tile = Tile::new();
    let mut rows = [0f32; TILE * 16];
    for channel in (0..to.channels).step_by(S::LANES) {
        for number in 0..cut.tiles {
            let start = number * cut.valid;
            if start >= *length {
                break;
            }
            tile.samples::<S>(&second[to.place(number, channel)..], to.step, to.channels);
            tile.rows::<S>(&mut rows);
            let count = cut.valid.min(*length - start);
            let outs = out.chunks_exact_mut(*length).skip(channel).take(S::LANES);
            for (out, row) in outs.zip(rows.chunks_exact(TILE)) {
                out[start..start + count].copy_from_slice(&row[..count]);
            }
        }
    }
}

/// gx += of one record from the padded rows of gy.
#[inline(always)]
fn gradient_record<S: Simd>(record: &mut Record<'_>) {
    let Record { room: Room { cut, from, to, padded, first, second }, weights, out, length, padding } = record;
    blocks::<S>(padded, *cut, *from, first);
    products::<S>(*cut, *from, *to, weights, first, second);
    let mut tile = Tile::new();
    let mut rows = [0f32; TILE * 16];
    for channel in (0..to.channels).step_by(S::LANES) {
        for number in 0..cut.tiles {
            // Sample n of the tile belongs to input start + n - padding.
            let start = number * cut.valid;
            let skip = padding.saturating_sub(start);
            let begin = (start + skip).saturating_sub(*padding);
            if begin >= *length {
                break;
            }
            tile.samples::<S>(&second[to.place(number, channel)..], to.step, to.channels);
            tile.rows::<S>(&mut rows);
            let count = (TILE - skip).min(*length - begin);
            let outs = out.chunks_exact_mut(*length).skip(channel).take(S::LANES);
            for (out, row) in outs.zip(rows.chunks_exact(TILE)) {
                out[begin..begin + count].iter_mut().zip(&row[skip..]).for_each(|(out, value)| *out += value);
            }
        }
    }
}

/// One record's padded rows, and room for the spectra of its two sides.
struct Room<'a> {
    cut: Cut,
    from: Spectra,
    to: Spectra,
    padded: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

/// One record's convolution or input gradient.
struct Record<'a> {
    room: Room<'a>,
    weights: &'a [f32],
    out: &'a mut [f32],
    length: usize,
    padding: usize,
}

/// Spectra of the results of all tiles.
#[inline(always)]
fn products<S: Simd>(cut: Cut, from: Spectra, to: Spectra, weights: &[f32], x: &[f32], y: &mut [f32]) {
    let step = weights.len() / BINS;
    for bin in 0..BINS {
        let scalars = Scalars { values: &x[bin * from.step..], row: 2 * from.channels, column: 1, im: from.channels };
        let terms = (step - 16) / (2 * to.channels);
        let y = &mut y[bin * to.step..][..to.step];
        multiply::<S, false, false>(&weights[bin * step..][..step], terms, scalars, cut.tiles, to.channels, y);
    }
}

/// y (batch, output, output length).
pub(super) fn forward(isa: Isa, s: Sizes, x: &[f32], w: &[f32]) -> Vec<f32> {
    let weights =
        Taps { w, kernel: s.kernel, rows: s.input, channels: s.output, row: 1, channel: s.input, conjugate: true };
    let mut y = vec![0.0; s.batch * s.output * s.output_length()];
    let work = Work { isa, s, from: s.input, to: s.output, x, length: s.length, shift: s.padding };
    work.each(&weights, &mut y, s.output_length(), |record| dispatch!(isa => forward_record(record: &mut Record<'_>)));
    y
}

/// gx += the input gradient.
pub(super) fn input_gradient(isa: Isa, s: Sizes, w: &[f32], gy: &[f32], gx: &mut [f32]) {
    let weights =
        Taps { w, kernel: s.kernel, rows: s.output, channels: s.input, row: s.input, channel: 1, conjugate: false };
    let work = Work { isa, s, from: s.output, to: s.input, x: gy, length: s.output_length(), shift: 0 };
    work.each(&weights, gx, s.length, |record| dispatch!(isa => gradient_record(record: &mut Record<'_>)));
}

/// A convolution or an input gradient, record by record.
struct Work<'a> {
    isa: Isa,
    s: Sizes,
    from: usize,
    to: usize,
    x: &'a [f32],
    length: usize,
    shift: usize,
}

impl Work<'_> {
    fn each(&self, weights: &Taps<'_>, out: &mut [f32], length: usize, run: impl Fn(&mut Record<'_>) + Sync) {
        let (isa, s, width) = (self.isa, self.s, lanes(self.isa));
        let cut = Cut::new(isa, s);
        let (from, to) = (Spectra::new(self.from, cut.tiles, width), Spectra::new(self.to, cut.tiles, width));
        let layout = Spectra::new(self.to, weights.rows, width);
        let mut spectra = vec![0.0; layout.len()];
        let place: &mut [f32] = &mut spectra;
        dispatch!(isa => taps(weights: &Taps<'_>, layout: Spectra, place: &mut [f32]));
        let records = out.par_chunks_exact_mut(self.to * length);
        records.zip(self.x.par_chunks_exact(self.from * self.length)).for_each(|(out, x)| {
            SCRATCH.with_borrow_mut(|[padded, first, second]| {
                let padded = zeroed(padded, from.channels * cut.row);
                pad(x, self.length, self.shift, cut.row, padded);
                first.resize(from.len(), 0.0);
                second.resize(to.len(), 0.0);
                let (first, second) = (&mut first[..from.len()], &mut second[..to.len()]);
                let room = Room { cut, from, to, padded, first, second };
                run(&mut Record { room, weights: &spectra, out, length, padding: s.padding });
            });
        });
    }
}

/// Adds one record to the spectra of the weight gradient.
#[inline(always)]
fn weight_record<S: Simd>(room: &mut Room<'_>, gy: &[f32], sum: &mut [f32]) {
    let Room { cut, from, to, padded, first, second } = room;
    let outputs = sum.len() / BINS;
    let rows = (outputs - 16) / (2 * from.channels);
    spectra::<S>(padded, *cut, *from, first);
    blocks::<S>(gy, *cut, *to, second);
    for bin in 0..BINS {
        let scalars = Scalars { values: &second[bin * to.step..], row: 1, column: 2 * to.channels, im: to.channels };
        let x = &first[bin * from.step..][..from.step];
        let sum = &mut sum[bin * outputs..][..outputs];
        multiply::<S, true, true>(x, cut.tiles, scalars, rows, from.channels, sum);
    }
}

/// gw += the taps of the summed spectra.
#[inline(always)]
fn weight_taps<S: Simd>(s: Sizes, layout: Spectra, sum: &[f32], gw: &mut [f32]) {
    let mut tile = Tile::new();
    let mut rows = [0f32; TILE * 16];
    for output in 0..s.output {
        for channel in (0..s.input).step_by(S::LANES) {
            tile.samples::<S>(&sum[layout.place(output, channel)..], layout.step, layout.channels);
            tile.rows::<S>(&mut rows);
            let gw = &mut gw[(output * s.input + channel) * s.kernel..];
            for (gw, row) in
                gw.chunks_exact_mut(s.kernel).zip(rows.chunks_exact(TILE)).take(S::LANES.min(s.input - channel))
            {
                gw.iter_mut().zip(row).for_each(|(gw, value)| *gw += value);
            }
        }
    }
}

/// gw += the weight gradient.
pub(super) fn weights(isa: Isa, s: Sizes, x: &[f32], gy: &[f32], gw: &mut [f32]) {
    let (width, m) = (lanes(isa), s.output_length());
    let cut = Cut::new(isa, s);
    let (from, to) = (Spectra::new(s.input, cut.tiles, width), Spectra::new(s.output, cut.tiles, width));
    let layout = Spectra::new(s.input, s.output, width);
    let sums: Vec<Vec<f32>> = x
        .par_chunks(PIECE * s.input * s.length)
        .zip(gy.par_chunks(PIECE * s.output * m))
        .map(|(x, gy)| {
            let mut sum = vec![0.0; layout.len()];
            let mut whole = vec![0.0; to.channels * cut.row];
            SCRATCH.with_borrow_mut(|[padded, first, second]| {
                first.resize(from.len(), 0.0);
                second.resize(to.len(), 0.0);
                for (x, gy) in x.chunks_exact(s.input * s.length).zip(gy.chunks_exact(s.output * m)) {
                    let padded = zeroed(padded, from.channels * cut.row);
                    pad(x, s.length, s.padding, cut.row, padded);
                    pad(gy, m, 0, cut.row, &mut whole);
                    let (first, second) = (&mut first[..from.len()], &mut second[..to.len()]);
                    let mut room = Room { cut, from, to, padded, first, second };
                    let (room, gy, sum): (&mut Room<'_>, &[f32], &mut [f32]) = (&mut room, &whole, &mut sum);
                    dispatch!(isa => weight_record(room: &mut Room<'_>, gy: &[f32], sum: &mut [f32]));
                }
            });
            sum
        })
        .collect();
    let mut sums = sums.into_iter();
    let Some(mut total) = sums.next() else { return };
    for sum in sums {
        total.iter_mut().zip(&sum).for_each(|(total, sum)| *total += sum);
    }
    let total: &[f32] = &total;
    dispatch!(isa => weight_taps(s: Sizes, layout: Spectra, total: &[f32], gw: &mut [f32]));
}
