//! The convolution on the CPU for short odd kernels that keep the length, by the minimal filtering of Toom, Cook
//! and Winograd: a tile of m outputs of r taps takes m + r - 1 products of each channel pair in place of m r.
//! See [`transform`] for the points and the sources.
//!
//! With d the samples that a tile reads, g its output gradients, w the taps, and A (m columns) and G (r columns)
//! the values of powers at the points, G divided by M', B their inverse:
//!
//! * outputs are A^T sum over inputs of (G w) (B^T d);
//! * input gradients are the same with turned taps;
//! * weight gradients are G^T sum over tiles of (A g) (B^T d).
//!
//! All tiles of a record take eight products each, so m is 6 for 3 taps, 4 for 5, 2 for 7: 2.25, 2.5 and 1.75 times
//! fewer. Transforms act on vectors of channels; the sums over inputs are one matrix product for each point.

use rayon::prelude::*;

use super::batch::{self, Flowing, Input, add_taps};
use crate::ops::cpu::Isa;
use crate::ops::cpu::matmul::{Packed, Right, Rows, WIDTH, accumulate, multiply, summed};
use crate::ops::cpu::reading::{Reading, VectorNorm};
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::ops::layers::conv1d::Sizes;
use crate::ops::layers::norm::Moments;
use crate::tensor::memory::{Buffer, give};
use crate::tensor::{Cpu, Gradient, View};

mod transform;

use transform::{POINTS, combine, evaluate, interpolate, share};

/// Fewest channels; no vector is wider.
const FEWEST: usize = 16;
/// Shorter records are not worth the transforms of weights and of their gradients.
const SHORTEST: usize = 32;
/// Values of tiles that are worked on at once: they stay in the second-level cache beside the weights.
const ROOM: usize = 1 << 16;
/// Tiles of a chunk are a multiple: the rows of a matrix product's tile.
const STEP: usize = 12;

/// A convolution that suits.
#[derive(Clone, Copy)]
pub(in crate::ops::layers::conv1d) struct Toom {
    isa: Isa,
    s: Sizes,
}

/// Neighbouring tiles of a record, of `outputs` outputs each.
#[derive(Clone, Copy)]
struct Tiles {
    first: usize,
    count: usize,
    outputs: usize,
}

/// What tiles have at the points: by point, then tile, then channel.
struct Planes {
    values: Buffer,
    channels: usize,
    /// From one point to the next; a little more than is needed, so that they share no cache set.
    step: usize,
}

impl Planes {
    fn stale(tiles: usize, channels: usize) -> Self {
        let step = tiles * channels + 16;
        Self { values: Buffer::stale(POINTS * step), channels, step }
    }

    /// Those of one point.
    fn rows(&self, point: usize, count: usize) -> Rows<'_> {
        Rows { values: &self.values[point * self.step..], step: self.channels, count, inner: self.channels }
    }
}

/// Some outputs' share of the weights, and of what is packed for each point.
struct Panel<'a> {
    s: Sizes,
    w: &'a [f32],
    turned: bool,
    first: usize,
    points: Vec<&'a mut [f32]>,
}

/// Rows of channels that tiles read, `before` of them further up.
#[derive(Clone, Copy)]
struct Source<'a> {
    input: Input<'a>,
    channels: usize,
    before: usize,
}

impl Toom {
    /// `None` where it is not possible.
    pub(in crate::ops::layers::conv1d) fn new(isa: Isa, s: Sizes) -> Option<Self> {
        let suits = s.keeps_length() && [3, 5, 7].contains(&s.kernel) && s.input.min(s.output) >= FEWEST;
        suits.then_some(Self { isa, s })
    }

    /// Whether it is faster than the direct sum; see `benches/conv.rs`.
    pub(in crate::ops::layers::conv1d) fn pays(&self) -> bool {
        let fewest = if self.s.kernel == 7 { 2 * FEWEST } else { FEWEST };
        self.s.length >= SHORTEST && self.s.input.min(self.s.output) >= fewest
    }

    /// Outputs of a tile.
    fn outputs(&self) -> usize {
        POINTS + 1 - self.s.kernel
    }

    /// How many tiles of a record are worked on at once, with so many channels in all: about equal parts.
    fn together(&self, channels: usize) -> usize {
        let all = self.s.length.div_ceil(self.outputs());
        let fitting = (ROOM / (POINTS * channels)).max(STEP);
        all.div_ceil(all.div_ceil(fitting)).next_multiple_of(STEP)
    }

    /// The tiles of a record, `together` at once.
    fn tiles(&self, together: usize) -> impl Iterator<Item = Tiles> + use<> {
        let outputs = self.outputs();
        let all = self.s.length.div_ceil(outputs);
        (0..all).step_by(together).map(move |first| Tiles { first, count: together.min(all - first), outputs })
    }

    /// The weights (output, input, taps) at the points, to go from inputs to outputs or, turned, back.
    fn weights(&self, w: &[f32], turned: bool) -> Vec<Packed> {
        let (isa, s) = (self.isa, self.s);
        let (inner, columns) = if turned { (s.output, s.input) } else { (s.input, s.output) };
        let mut all: Vec<Packed> = (0..POINTS).map(|_| Packed::stale(isa, inner, columns)).collect();
        let width = WIDTH * isa.lanes();
        let mut panels: Vec<Panel<'_>> = (0..columns.div_ceil(width))
            .map(|number| Panel { s, w, turned, first: number * width, points: Vec::with_capacity(POINTS) })
            .collect();
        for packed in &mut all {
            panels.iter_mut().zip(packed.blank_panels()).for_each(|(panel, values)| panel.points.push(values));
        }
        panels.par_iter_mut().for_each(|panel| dispatch!(isa => evaluate_taps(panel: &mut Panel<'_>)));
        all
    }

    /// `z` (length, `to`) from an input of `from` channels.
    fn convolve(&self, weights: &[Packed], input: Input<'_>, [from, to]: [usize; 2], z: &mut [f32]) {
        let source = Source { input, channels: from, before: self.s.padding };
        let together = self.together(from + to);
        let (mut points, mut products) = (Planes::stale(together, from), Planes::stale(together, to));
        for tiles in self.tiles(together) {
            self.read(source, tiles, &mut points);
            for (point, packed) in weights.iter().enumerate() {
                let out = &mut products.values[point * products.step..];
                multiply(self.isa, points.rows(point, tiles.count), packed, false, out, to);
            }
            let from = &products;
            dispatch!(self.isa => write_outputs(from: &Planes, tiles: Tiles, z: &mut [f32]));
        }
    }

    /// What tiles see of their samples, at the points.
    fn read(&self, source: Source<'_>, tiles: Tiles, to: &mut Planes) {
        dispatch!(self.isa => read_samples(source: Source<'_>, tiles: Tiles, to: &mut Planes));
    }

    /// As the direct one's.
    pub(in crate::ops::layers::conv1d) fn forward(
        &self,
        x: View<'_, Cpu>,
        w: &[f32],
        wanted: bool,
    ) -> (Buffer, Option<Moments>) {
        let (s, weights) = (self.s, self.weights(w, false));
        batch::forward(self.isa, s, x, wanted, |input, z| self.convolve(&weights, input, [s.input, s.output], z))
    }

    /// As the direct one's.
    pub(in crate::ops::layers::conv1d) fn gradient(
        &self,
        x: View<'_, Cpu>,
        w: &[f32],
        flowing: Flowing<'_>,
        gx: Option<&mut Gradient<Cpu>>,
        gw: Option<&mut Vec<f32>>,
    ) {
        if gx.is_none() && gw.is_none() {
            return;
        }
        let (isa, s) = (self.isa, self.s);
        let turned = gx.is_some().then(|| self.weights(w, true));
        let (line, wanted) = (summed(isa, s.output), gw.is_some());
        let plane = s.input * line;
        let total = batch::gradient(s, x, flowing, gx, |records| {
            let mut sum = wanted.then(|| Buffer::zeros(POINTS * plane));
            let mut gz = Buffer::stale(s.length * s.output);
            for mut record in records {
                record.flowing.back.rows(isa, record.flowing.z, record.flowing.g, &mut gz);
                if let Some(sum) = &mut sum {
                    self.add_products(record.input, &gz, sum, line);
                }
                let (Some(gx), Some(turned)) = (record.gx.as_deref_mut(), &turned) else { continue };
                let gz = Input { reading: None, x: &gz };
                if record.fresh {
                    self.convolve(turned, gz, [s.output, s.input], gx);
                } else {
                    let mut more = Buffer::stale(gx.len());
                    self.convolve(turned, gz, [s.output, s.input], &mut more);
                    give(false, &more, gx);
                }
                record.sum_gradient(isa);
            }
            sum.map(|sum| {
                let mut taps = Buffer::stale(s.kernel * plane);
                let (sum, to): (&[f32], &mut [f32]) = (&sum, &mut taps);
                dispatch!(isa => combine_taps(plane: usize, sum: &[f32], to: &mut [f32]));
                taps
            })
        });
        if let (Some(total), Some(gw)) = (total, gw) {
            add_taps(s, &total, line, gw);
        }
    }

    /// Adds a record's products of input and output gradient at the points to `sum`, by point, then input, then
    /// `line` outputs.
    fn add_products(&self, input: Input<'_>, gz: &[f32], sum: &mut [f32], line: usize) {
        let s = self.s;
        let source = Source { input, channels: s.input, before: s.padding };
        let together = self.together(s.input + s.output);
        let (mut points, mut gradients) = (Planes::stale(together, s.input), Planes::stale(together, s.output));
        for tiles in self.tiles(together) {
            self.read(source, tiles, &mut points);
            let to = &mut gradients;
            dispatch!(self.isa => read_gradients(gz: &[f32], tiles: Tiles, to: &mut Planes));
            for (point, sum) in sum.chunks_exact_mut(s.input * line).enumerate() {
                let start = point * gradients.step;
                let right = Right { values: &gradients.values, start, step: s.output, width: s.output };
                accumulate(self.isa, points.rows(point, tiles.count), right, sum);
            }
        }
    }
}

// Vectors of channels: the last one ends with the last channel and may overlap the one before it. Tiles that
// reach over an end of the record are worked on in a room of their own. Rows and planes are slices of one length,
// so that one check of a vector's place does for all.

/// `N` rows.
#[inline(always)]
fn rows_of<const N: usize>(values: &[f32], channels: usize) -> [&[f32]; N] {
    let mut rows = [values; N];
    for (i, row) in rows.iter_mut().enumerate() {
        *row = &values[i * channels..][..channels];
    }
    rows
}

/// `N` rows to be written.
#[inline(always)]
fn rows_to<const N: usize>(mut values: &mut [f32], channels: usize) -> [&mut [f32]; N] {
    let mut rows: [&mut [f32]; N] = std::array::from_fn(|_| Default::default());
    for row in &mut rows {
        (*row, values) = values.split_at_mut(channels);
    }
    rows
}

/// Where the vector `number` of `channels` starts.
#[inline(always)]
fn place<S: Simd>(number: usize, channels: usize) -> usize {
    (number * S::LANES).min(channels - S::LANES)
}

/// B^T d.
#[inline(always)]
fn read_samples<S: Simd>(source: Source<'_>, tiles: Tiles, to: &mut Planes) {
    match source.input.reading {
        None => read_seen::<S, false>(source, tiles, to),
        Some(_) => read_seen::<S, true>(source, tiles, to),
    }
}

#[inline(always)]
fn read_seen<S: Simd, const NORM: bool>(source: Source<'_>, tiles: Tiles, to: &mut Planes) {
    let Source { input: Input { reading, x }, channels, before } = source;
    let end = x.len() / channels + before;
    let mut planes = rows_to::<POINTS>(&mut to.values, to.step);
    for tile in 0..tiles.count {
        let start = (tiles.first + tile) * tiles.outputs;
        if start >= before && start + POINTS <= end {
            interpolate_tile::<S, NORM>(&x[(start - before) * channels..], reading, channels, tile, &mut planes);
            continue;
        }
        let mut room = Buffer::zeros(POINTS * channels);
        for row in start.max(before)..(start + POINTS).min(end) {
            let x = &x[(row - before) * channels..][..channels];
            for (c, (to, &x)) in room[(row - start) * channels..].iter_mut().zip(x).enumerate() {
                *to = reading.map_or(x, |reading| reading.value(x, c));
            }
        }
        interpolate_tile::<S, false>(&room, None, channels, tile, &mut planes);
    }
}

#[inline(always)]
fn interpolate_tile<S: Simd, const NORM: bool>(
    x: &[f32],
    reading: Option<Reading<'_>>,
    channels: usize,
    tile: usize,
    planes: &mut [&mut [f32]; POINTS],
) {
    let rows = rows_of::<POINTS>(x, channels);
    for number in 0..channels.div_ceil(S::LANES) {
        let c = place::<S>(number, channels);
        let norm = VectorNorm::<S>::new(reading, c);
        let mut d = [S::splat(0.0); POINTS];
        for (d, row) in d.iter_mut().zip(&rows) {
            let x = S::load(&row[c..]);
            *d = if NORM { norm.apply(x) } else { x };
        }
        for (plane, &y) in planes.iter_mut().zip(&interpolate::<S>(&d)) {
            S::store(y, &mut plane[tile * channels + c..]);
        }
    }
}

/// A g.
#[inline(always)]
fn read_gradients<S: Simd>(gz: &[f32], tiles: Tiles, to: &mut Planes) {
    match tiles.outputs {
        6 => evaluate_tiles::<S, 6>(gz, tiles, to),
        4 => evaluate_tiles::<S, 4>(gz, tiles, to),
        _ => evaluate_tiles::<S, 2>(gz, tiles, to),
    }
}

#[inline(always)]
fn evaluate_tiles<S: Simd, const OUTPUTS: usize>(gz: &[f32], tiles: Tiles, to: &mut Planes) {
    let channels = to.channels;
    let mut planes = rows_to::<POINTS>(&mut to.values, to.step);
    for tile in 0..tiles.count {
        let g = &gz[(tiles.first + tile) * OUTPUTS * channels..];
        if g.len() >= OUTPUTS * channels {
            evaluate_tile::<S, OUTPUTS>(g, channels, tile, &mut planes);
        } else {
            let mut room = Buffer::zeros(OUTPUTS * channels);
            room[..g.len()].copy_from_slice(g);
            evaluate_tile::<S, OUTPUTS>(&room, channels, tile, &mut planes);
        }
    }
}

#[inline(always)]
fn evaluate_tile<S: Simd, const OUTPUTS: usize>(
    g: &[f32],
    channels: usize,
    tile: usize,
    planes: &mut [&mut [f32]; POINTS],
) {
    let rows = rows_of::<OUTPUTS>(g, channels);
    for number in 0..channels.div_ceil(S::LANES) {
        let c = place::<S>(number, channels);
        let mut g = [S::splat(0.0); OUTPUTS];
        for (g, row) in g.iter_mut().zip(&rows) {
            *g = S::load(&row[c..]);
        }
        for (plane, &y) in planes.iter_mut().zip(&evaluate::<S, OUTPUTS>(&g)) {
            S::store(y, &mut plane[tile * channels + c..]);
        }
    }
}

/// A^T of the products.
#[inline(always)]
fn write_outputs<S: Simd>(from: &Planes, tiles: Tiles, z: &mut [f32]) {
    match tiles.outputs {
        6 => combine_tiles::<S, 6>(from, tiles, z),
        4 => combine_tiles::<S, 4>(from, tiles, z),
        _ => combine_tiles::<S, 2>(from, tiles, z),
    }
}

#[inline(always)]
fn combine_tiles<S: Simd, const OUTPUTS: usize>(from: &Planes, tiles: Tiles, z: &mut [f32]) {
    let channels = from.channels;
    let planes = rows_of::<POINTS>(&from.values, from.step);
    for tile in 0..tiles.count {
        let z = &mut z[(tiles.first + tile) * OUTPUTS * channels..];
        if z.len() >= OUTPUTS * channels {
            combine_tile::<S, OUTPUTS>(&planes, channels, tile, z);
        } else {
            let mut room = Buffer::stale(OUTPUTS * channels);
            combine_tile::<S, OUTPUTS>(&planes, channels, tile, &mut room);
            z.copy_from_slice(&room[..z.len()]);
        }
    }
}

#[inline(always)]
fn combine_tile<S: Simd, const OUTPUTS: usize>(planes: &[&[f32]; POINTS], channels: usize, tile: usize, z: &mut [f32]) {
    let mut rows = rows_to::<OUTPUTS>(z, channels);
    for number in 0..channels.div_ceil(S::LANES) {
        let c = place::<S>(number, channels);
        let mut products = [S::splat(0.0); POINTS];
        for (product, plane) in products.iter_mut().zip(planes) {
            *product = S::load(&plane[tile * channels + c..]);
        }
        for (row, &y) in rows.iter_mut().zip(&combine::<S, OUTPUTS>(&products)) {
            S::store(y, &mut row[c..]);
        }
    }
}

/// G w, as matrix products read it.
#[inline(always)]
fn evaluate_taps<S: Simd>(panel: &mut Panel<'_>) {
    match panel.s.kernel {
        3 => evaluate_kernel::<S, 3>(panel),
        5 => evaluate_kernel::<S, 5>(panel),
        _ => evaluate_kernel::<S, 7>(panel),
    }
}

#[inline(always)]
fn evaluate_kernel<S: Simd, const TAPS: usize>(panel: &mut Panel<'_>) {
    let Panel { s, w, turned, first, ref mut points } = *panel;
    let (inner, columns) = if turned { (s.output, s.input) } else { (s.input, s.output) };
    let width = WIDTH * S::LANES;
    for k in 0..inner {
        let mut lines = [[0f32; WIDTH * FEWEST]; TAPS];
        for (lane, column) in (first..columns).take(width).enumerate() {
            let (o, c) = if turned { (k, column) } else { (column, k) };
            let taps = &w[(o * s.input + c) * TAPS..][..TAPS];
            for (tap, &value) in taps.iter().enumerate() {
                lines[if turned { TAPS - 1 - tap } else { tap }][lane] = value;
            }
        }
        for at in (0..width).step_by(S::LANES) {
            let mut taps = [S::splat(0.0); TAPS];
            for (tap, line) in taps.iter_mut().zip(&lines) {
                *tap = S::load(&line[at..]);
            }
            let mut values = evaluate::<S, TAPS>(&taps);
            share::<S>(&mut values);
            for (to, &value) in points.iter_mut().zip(&values) {
                S::store(value, &mut to[k * width + at..]);
            }
        }
    }
}

/// G^T of summed products: taps of `plane` values from points of as many.
#[inline(always)]
fn combine_taps<S: Simd>(plane: usize, sum: &[f32], to: &mut [f32]) {
    match to.len() / plane {
        3 => combine_kernel::<S, 3>(plane, sum, to),
        5 => combine_kernel::<S, 5>(plane, sum, to),
        _ => combine_kernel::<S, 7>(plane, sum, to),
    }
}

#[inline(always)]
fn combine_kernel<S: Simd, const TAPS: usize>(plane: usize, sum: &[f32], to: &mut [f32]) {
    for at in (0..plane).step_by(S::LANES) {
        let mut products = [S::splat(0.0); POINTS];
        for (point, product) in products.iter_mut().enumerate() {
            *product = S::load(&sum[point * plane + at..]);
        }
        share::<S>(&mut products);
        for (tap, &y) in combine::<S, TAPS>(&products).iter().enumerate() {
            S::store(y, &mut to[tap * plane + at..]);
        }
    }
}
