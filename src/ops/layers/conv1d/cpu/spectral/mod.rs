//! Convolutions with long kernels by products of spectra; several kernels that read the same input share its
//! spectrum.
//!
//! The input is cut into tiles of [`TILE`] samples that overlap by the longest kernel's length less one
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
//! as activations do in memory, so that transforms are plain vector arithmetic without shuffles.

use crate::ops::cpu::Isa;
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::tensor::memory::Buffer;

mod product;
mod tile;

use product::{Scalars, multiply};
use tile::{BINS, HALF, SCALE, TILE, Tile};

/// Room after the rows of a buffer whose last vector may reach over its end.
pub(in crate::ops) const SLACK: usize = 16;

/// Odd kernels that keep the length, side by side on one input of (length, inputs).
#[derive(Clone, Debug)]
pub(in crate::ops) struct Bank {
    isa: Isa,
    inputs: usize,
    /// Outputs of each kernel.
    filters: usize,
    /// Taps of each.
    kernels: Vec<usize>,
    length: usize,
    /// Outputs of a tile.
    valid: usize,
    /// Tiles of a record.
    tiles: usize,
}

/// Spectra by frequency, then row (tile or channel), then real and imaginary parts of `channels`.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct Spectra {
    channels: usize,
    rows: usize,
    /// From one frequency to the next; a little more than is needed, so that they share no cache set.
    step: usize,
}

impl Spectra {
    fn new(channels: usize, rows: usize, lanes: usize) -> Self {
        let channels = channels.next_multiple_of(lanes);
        Self { channels, rows, step: rows * 2 * channels + 16 }
    }

    /// Room for them.
    pub(in crate::ops) fn room(self) -> Buffer {
        Buffer::stale(self.len())
    }

    pub(in crate::ops) fn len(self) -> usize {
        BINS * self.step
    }

    fn place(self, row: usize, channel: usize) -> usize {
        row * 2 * self.channels + channel
    }
}

/// What the weights' spectra are for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum Towards {
    Outputs,
    Inputs,
}

impl Bank {
    /// `None` where the direct sum is faster; see `benches/conv.rs`.
    pub(in crate::ops) fn new(
        isa: Isa,
        inputs: usize,
        filters: usize,
        kernels: &[usize],
        length: usize,
    ) -> Option<Self> {
        let longest = kernels.iter().copied().max()?;
        let suits = (9..=HALF).contains(&longest) && inputs >= 8 && filters >= 8 && length >= HALF;
        let valid = TILE + 1 - longest;
        let (kernels, tiles) = (kernels.to_vec(), length.div_ceil(valid));
        suits.then_some(Self { isa, inputs, filters, kernels, length, valid, tiles })
    }

    fn longest(&self) -> usize {
        TILE + 1 - self.valid
    }

    /// Rows of zeros before an input.
    pub(in crate::ops) fn before(&self) -> usize {
        self.longest() / 2
    }

    /// Rows of a padded input.
    pub(in crate::ops) fn rows(&self) -> usize {
        (self.tiles - 1) * self.valid + TILE
    }

    fn outputs(&self) -> usize {
        self.filters * self.kernels.len()
    }

    /// Spectra of a record's inputs.
    pub(in crate::ops) fn of_inputs(&self) -> Spectra {
        Spectra::new(self.inputs, self.tiles, self.isa.lanes())
    }

    /// Spectra of a record's outputs.
    pub(in crate::ops) fn of_outputs(&self) -> Spectra {
        Spectra::new(self.outputs(), self.tiles, self.isa.lanes())
    }

    /// Spectra of the weights, one row for each output.
    pub(in crate::ops) fn of_weights(&self) -> Spectra {
        Spectra::new(self.inputs, self.outputs(), self.isa.lanes())
    }

    /// Spectra of `weights`, each (filters, inputs, taps), scaled so that samples of products need no scaling.
    pub(in crate::ops) fn weights(&self, weights: &[&[f32]], towards: Towards) -> (Spectra, Buffer) {
        let (rows, channels) = match towards {
            Towards::Outputs => (self.inputs, self.outputs()),
            Towards::Inputs => (self.outputs(), self.inputs),
        };
        let layout = Spectra::new(channels, rows, self.isa.lanes());
        let mut room = layout.room();
        let (bank, to): (&Bank, &mut [f32]) = (self, &mut room);
        dispatch!(self.isa => taps(bank: &Bank, weights: &[&[f32]], towards: Towards, layout: Spectra, to: &mut [f32]));
        (layout, room)
    }

    /// Spectra of the padded input (rows of `row` values) of a record.
    pub(in crate::ops) fn transform_input(&self, padded: &[f32], row: usize, layout: Spectra, to: &mut [f32]) {
        let bank = self;
        dispatch!(self.isa => transform_input(bank: &Bank, padded: &[f32], row: usize, layout: Spectra, to: &mut [f32]));
    }

    /// Spectra of the output gradient (rows of `row` values) of a record.
    pub(in crate::ops) fn transform_gradient(&self, gz: &[f32], row: usize, layout: Spectra, to: &mut [f32]) {
        let bank = self;
        dispatch!(self.isa => transform_gradient(bank: &Bank, gz: &[f32], row: usize, layout: Spectra, to: &mut [f32]));
    }

    /// Outputs of a record into rows of `z`, `row` apart.
    pub(in crate::ops) fn outputs_of(&self, layout: Spectra, from: &[f32], z: &mut [f32], row: usize) {
        let bank = self;
        dispatch!(self.isa => outputs_of(bank: &Bank, layout: Spectra, from: &[f32], z: &mut [f32], row: usize));
    }

    /// Adds the input gradient of a record to padded rows, `row` apart.
    pub(in crate::ops) fn input_gradient_of(&self, layout: Spectra, from: &[f32], padded: &mut [f32], row: usize) {
        let bank = self;
        dispatch!(self.isa => input_gradient_of(bank: &Bank, layout: Spectra, from: &[f32], padded: &mut [f32], row: usize));
    }

    /// Adds to the spectra of the weight gradient those of a record.
    pub(in crate::ops) fn add_weight_gradient(
        &self,
        inputs: (Spectra, &[f32]),
        outputs: (Spectra, &[f32]),
        sum: &mut [f32],
    ) {
        let bank = self;
        dispatch!(self.isa => add_weight_gradient(bank: &Bank, inputs: (Spectra, &[f32]), outputs: (Spectra, &[f32]), sum: &mut [f32]));
    }

    /// Adds the taps of a summed weight gradient to `gw`, each (filters, inputs, taps), where wanted.
    pub(in crate::ops) fn add_taps(&self, sum: &[f32], gw: &mut [Option<Vec<f32>>]) {
        let bank = self;
        dispatch!(self.isa => untransform(bank: &Bank, sum: &[f32], gw: &mut [Option<Vec<f32>>]));
    }
}

/// Spectra of all rows of a product: to (+)= sum over the terms of `from` of `weights` times it.
pub(in crate::ops) fn products(
    isa: Isa,
    weights: (Spectra, &[f32]),
    from: (Spectra, &[f32]),
    layout: Spectra,
    to: &mut [f32],
) {
    dispatch!(isa => multiply_spectra(weights: (Spectra, &[f32]), from: (Spectra, &[f32]), layout: Spectra, to: &mut [f32]));
}

#[inline(always)]
fn multiply_spectra<S: Simd>(weights: (Spectra, &[f32]), from: (Spectra, &[f32]), of_to: Spectra, to: &mut [f32]) {
    let ((of_weights, weights), (of_from, from)) = (weights, from);
    for bin in 0..BINS {
        let values = &from[bin * of_from.step..];
        let scalars = Scalars { values, row: 2 * of_from.channels, column: 1, im: of_from.channels };
        let weights = &weights[bin * of_weights.step..][..of_weights.step];
        let to = &mut to[bin * of_to.step..][..of_to.step];
        multiply::<S, false, false>(weights, of_weights.rows, scalars, of_from.rows, of_to.channels, to);
    }
}

#[inline(always)]
fn taps<S: Simd>(bank: &Bank, weights: &[&[f32]], towards: Towards, layout: Spectra, to: &mut [f32]) {
    let mut tile = Tile::new();
    let mut lines = [0f32; TILE * 16];
    let longest = bank.longest();
    for row in 0..layout.rows {
        for first in (0..layout.channels).step_by(S::LANES) {
            lines[..longest * S::LANES].fill(0.0);
            for lane in 0..S::LANES {
                let (o, c) = match towards {
                    Towards::Outputs => (first + lane, row),
                    Towards::Inputs => (row, first + lane),
                };
                if o >= bank.outputs() || c >= bank.inputs {
                    continue;
                }
                let (part, o) = (o / bank.filters, o % bank.filters);
                let kernel = bank.kernels[part];
                let shift = (longest - kernel) / 2;
                let taps = &weights[part][(o * bank.inputs + c) * kernel..][..kernel];
                for (tap, value) in taps.iter().enumerate() {
                    lines[(shift + tap) * S::LANES + lane] = value * SCALE;
                }
            }
            let to = &mut to[layout.place(row, first)..];
            tile.spectrum::<S>((&lines, S::LANES, longest), to, layout.step, layout.channels);
        }
    }
    if towards == Towards::Outputs {
        for bin in to.chunks_exact_mut(layout.step) {
            for line in bin[..layout.rows * 2 * layout.channels].chunks_exact_mut(2 * layout.channels) {
                line[layout.channels..].iter_mut().for_each(|im| *im = -*im);
            }
        }
    }
}

#[inline(always)]
fn untransform<S: Simd>(bank: &Bank, sum: &[f32], gw: &mut [Option<Vec<f32>>]) {
    let layout = bank.of_weights();
    let mut tile = Tile::new();
    let mut lines = [0f32; TILE * 16];
    let longest = bank.longest();
    for (part, (gw, &kernel)) in gw.iter_mut().zip(&bank.kernels).enumerate() {
        let Some(gw) = gw else { continue };
        let shift = (longest - kernel) / 2;
        for o in 0..bank.filters {
            for first in (0..bank.inputs).step_by(S::LANES) {
                let from = &sum[layout.place(part * bank.filters + o, first)..];
                tile.samples::<S>(from, layout.step, layout.channels);
                tile.store::<S, false>(&mut lines, S::LANES, longest, S::LANES);
                for lane in 0..S::LANES.min(bank.inputs - first) {
                    let gw = &mut gw[(o * bank.inputs + first + lane) * kernel..][..kernel];
                    for (tap, gw) in gw.iter_mut().enumerate() {
                        *gw += SCALE * lines[(shift + tap) * S::LANES + lane];
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn transform_input<S: Simd>(bank: &Bank, padded: &[f32], row: usize, layout: Spectra, to: &mut [f32]) {
    let mut tile = Tile::new();
    for tile_number in 0..bank.tiles {
        for first in (0..bank.inputs).step_by(S::LANES) {
            let from = &padded[tile_number * bank.valid * row + first..];
            let to = &mut to[layout.place(tile_number, first)..];
            tile.spectrum::<S>((from, row, TILE), to, layout.step, layout.channels);
        }
    }
}

#[inline(always)]
fn transform_gradient<S: Simd>(bank: &Bank, gz: &[f32], row: usize, layout: Spectra, to: &mut [f32]) {
    let mut tile = Tile::new();
    for tile_number in 0..bank.tiles {
        let start = tile_number * bank.valid;
        let samples = bank.valid.min(bank.length - start);
        // Its rows stay in the first-level cache from one vector of channels to the next.
        for first in (0..bank.outputs()).step_by(S::LANES) {
            let to = &mut to[layout.place(tile_number, first)..];
            tile.spectrum::<S>((&gz[start * row + first..], row, samples), to, layout.step, layout.channels);
        }
    }
}

#[inline(always)]
fn outputs_of<S: Simd>(bank: &Bank, layout: Spectra, from: &[f32], z: &mut [f32], row: usize) {
    let mut tile = Tile::new();
    for tile_number in 0..bank.tiles {
        let start = tile_number * bank.valid;
        let count = bank.valid.min(bank.length - start);
        for first in (0..bank.outputs()).step_by(S::LANES) {
            let from = &from[layout.place(tile_number, first)..];
            tile.samples::<S>(from, layout.step, layout.channels);
            tile.store::<S, false>(&mut z[start * row + first..], row, count, bank.outputs() - first);
        }
    }
}

#[inline(always)]
fn input_gradient_of<S: Simd>(bank: &Bank, layout: Spectra, from: &[f32], padded: &mut [f32], row: usize) {
    let mut tile = Tile::new();
    for tile_number in 0..bank.tiles {
        for first in (0..bank.inputs).step_by(S::LANES) {
            let from = &from[layout.place(tile_number, first)..];
            tile.samples::<S>(from, layout.step, layout.channels);
            let to = &mut padded[tile_number * bank.valid * row + first..];
            tile.store::<S, true>(to, row, TILE, bank.inputs - first);
        }
    }
}

#[inline(always)]
fn add_weight_gradient<S: Simd>(bank: &Bank, inputs: (Spectra, &[f32]), outputs: (Spectra, &[f32]), sum: &mut [f32]) {
    let ((inputs, x), (outputs, g), layout) = (inputs, outputs, bank.of_weights());
    for bin in 0..BINS {
        let values = &g[bin * outputs.step..];
        let scalars = Scalars { values, row: 1, column: 2 * outputs.channels, im: outputs.channels };
        let x = &x[bin * inputs.step..][..inputs.step];
        let sum = &mut sum[bin * layout.step..][..layout.step];
        multiply::<S, true, true>(x, inputs.rows, scalars, bank.outputs(), inputs.channels, sum);
    }
}
