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
use std::f64::consts::PI;
use std::sync::OnceLock;

use rayon::prelude::*;

use super::Sizes;
use super::kernel::{PIECE, lanes, zeroed};
use crate::ops::cpu::Isa;
use crate::ops::simd::{Simd, dispatch};

/// Samples of a tile.
const TILE: usize = 128;
/// Its complex half.
const HALF: usize = TILE / 2;
/// Frequencies of a real spectrum.
const BINS: usize = HALF + 1;
/// Forward transforms give twice the spectrum, inverse ones TILE times the samples.
const SCALE: f32 = 1.0 / (4 * TILE) as f32;

thread_local! {
    /// Padded rows and the spectra of one record, kept from call to call.
    static SCRATCH: RefCell<[Vec<f32>; 3]> = const { RefCell::new([Vec::new(), Vec::new(), Vec::new()]) };
}

/// Whether spectra are faster than the direct sum; see `benches/conv.rs`.
pub(super) fn suits(s: Sizes) -> bool {
    s.stride == 1 && (9..=HALF).contains(&s.kernel) && s.input >= 8 && s.output >= 8 && s.output_length() >= HALF
}

/// Cosines and sines.
struct Factors {
    /// Of 2 pi n k / 64, at 8 n + k, n and k below 8.
    inner: [[f32; 2]; HALF],
    /// Of 2 pi k / 128, k to 32.
    outer: [[f32; 2]; HALF / 2 + 1],
}

fn factors() -> &'static Factors {
    static FACTORS: OnceLock<Factors> = OnceLock::new();
    FACTORS.get_or_init(|| {
        let at = |turns: f64| [(2.0 * PI * turns).cos() as f32, (2.0 * PI * turns).sin() as f32];
        Factors {
            inner: std::array::from_fn(|i| at((i / 8 * (i % 8)) as f64 / HALF as f64)),
            outer: std::array::from_fn(|k| at(k as f64 / TILE as f64)),
        }
    })
}

/// Where frequency or sample `k` of a transformed half is.
fn place(k: usize) -> usize {
    8 * (k % 8) + k / 8
}

/// A complex vector.
type Complex<S> = (<S as Simd>::V, <S as Simd>::V);

#[inline(always)]
fn plus<S: Simd>(a: Complex<S>, b: Complex<S>) -> Complex<S> {
    (S::add(a.0, b.0), S::add(a.1, b.1))
}

#[inline(always)]
fn minus<S: Simd>(a: Complex<S>, b: Complex<S>) -> Complex<S> {
    (S::sub(a.0, b.0), S::sub(a.1, b.1))
}

/// Four-point transform.
#[inline(always)]
fn dft4<S: Simd>(a: Complex<S>, b: Complex<S>, c: Complex<S>, d: Complex<S>) -> [Complex<S>; 4] {
    let (s, t, u, v) = (plus::<S>(a, c), minus::<S>(a, c), plus::<S>(b, d), minus::<S>(b, d));
    [plus::<S>(s, u), (S::add(t.0, v.1), S::sub(t.1, v.0)), minus::<S>(s, u), (S::sub(t.0, v.1), S::add(t.1, v.0))]
}

// Arrays are filled in loops: `array::from_fn` calls its closure, which is not compiled for the
// instruction set that `dispatch!` has chosen, once for each element.

/// Eight-point transform.
#[inline(always)]
fn dft8<S: Simd>(z: [Complex<S>; 8]) -> [Complex<S>; 8] {
    let even = dft4::<S>(z[0], z[2], z[4], z[6]);
    let odd = dft4::<S>(z[1], z[3], z[5], z[7]);
    let root = S::splat(std::f32::consts::FRAC_1_SQRT_2);
    let minus_i = (odd[2].1, S::sub(S::splat(0.0), odd[2].0));
    let first = (S::mul(root, S::add(odd[1].0, odd[1].1)), S::mul(root, S::sub(odd[1].1, odd[1].0)));
    let third =
        (S::mul(root, S::sub(odd[3].1, odd[3].0)), S::sub(S::splat(0.0), S::mul(root, S::add(odd[3].0, odd[3].1))));
    let turned = [odd[0], first, minus_i, third];
    let mut result = z;
    for k in 0..4 {
        result[k] = plus::<S>(even[k], turned[k]);
        result[k + 4] = minus::<S>(even[k], turned[k]);
    }
    result
}

/// The transform of 64 complex vectors in place (8 times 8, Cooley and Tukey 1965); the result for k is
/// at [`place`] k. With `re` and `im` exchanged it is the inverse, times 64.
#[inline(always)]
fn transform<S: Simd>(re: &mut [f32], im: &mut [f32]) {
    let lanes = S::LANES;
    let (re, im) = (&mut re[..HALF * lanes], &mut im[..HALF * lanes]);
    let inner = &factors().inner;
    let zero = (S::splat(0.0), S::splat(0.0));
    for n in 0..8 {
        let mut z = [zero; 8];
        for (i, z) in z.iter_mut().enumerate() {
            let at = (8 * i + n) * lanes;
            *z = (S::load(&re[at..]), S::load(&im[at..]));
        }
        let z = dft8::<S>(z);
        for (k, &(r, i)) in z.iter().enumerate() {
            let [cos, sin] = inner[8 * n + k];
            let (cos, sin) = (S::splat(cos), S::splat(sin));
            let at = (8 * k + n) * lanes;
            // Times cos - i sin.
            S::store(S::mul_add(i, sin, S::mul(r, cos)), &mut re[at..]);
            S::store(S::neg_mul_add(r, sin, S::mul(i, cos)), &mut im[at..]);
        }
    }
    for k in 0..8 {
        let mut z = [zero; 8];
        for (n, z) in z.iter_mut().enumerate() {
            let at = (8 * k + n) * lanes;
            *z = (S::load(&re[at..]), S::load(&im[at..]));
        }
        let z = dft8::<S>(z);
        for (n, &(r, i)) in z.iter().enumerate() {
            let at = (8 * k + n) * lanes;
            S::store(r, &mut re[at..]);
            S::store(i, &mut im[at..]);
        }
    }
}

/// Samples of one tile of `LANES` channels: even ones, odd ones.
struct Tile {
    even: [f32; HALF * 16],
    odd: [f32; HALF * 16],
}

impl Tile {
    fn new() -> Self {
        Self { even: [0.0; HALF * 16], odd: [0.0; HALF * 16] }
    }

    /// From `rows`, one channel each, `row` apart.
    #[inline(always)]
    fn load<S: Simd>(&mut self, rows: &[f32], row: usize) {
        let lanes = S::LANES;
        let mut square = [0f32; 256];
        for start in (0..TILE).step_by(lanes) {
            S::transpose(&rows[start..], row, &mut square, lanes);
            for (i, sample) in square[..lanes * lanes].chunks_exact(lanes).enumerate() {
                let half = if (start + i).is_multiple_of(2) { &mut self.even } else { &mut self.odd };
                S::store(S::load(sample), &mut half[(start + i) / 2 * lanes..]);
            }
        }
    }

    /// Twice the spectrum: frequency k at `to[k step]`, real parts, and `im` further imaginary ones.
    #[inline(always)]
    fn spectrum<S: Simd>(&mut self, to: &mut [f32], step: usize, im: usize) {
        transform::<S>(&mut self.even, &mut self.odd);
        let lanes = S::LANES;
        for (k, &[cos, sin]) in factors().outer.iter().enumerate() {
            let (a, b) = (place(k) * lanes, place((HALF - k) % HALF) * lanes);
            let (zr, zi) = (S::load(&self.even[a..]), S::load(&self.odd[a..]));
            let (mr, mi) = (S::load(&self.even[b..]), S::load(&self.odd[b..]));
            let (sr, si, dr, di) = (S::add(zr, mr), S::sub(zi, mi), S::sub(zr, mr), S::add(zi, mi));
            let (cos, sin) = (S::splat(cos), S::splat(sin));
            let p = S::neg_mul_add(cos, di, S::mul(sin, dr));
            let q = S::mul_add(cos, dr, S::mul(sin, di));
            S::store(S::sub(sr, p), &mut to[k * step..]);
            S::store(S::sub(si, q), &mut to[k * step + im..]);
            S::store(S::add(sr, p), &mut to[(HALF - k) * step..]);
            S::store(S::sub(S::sub(S::splat(0.0), si), q), &mut to[(HALF - k) * step + im..]);
        }
    }

    /// The samples of a spectrum, times TILE: sample n in the even or odd half at [`place`] n / 2.
    #[inline(always)]
    fn samples<S: Simd>(&mut self, from: &[f32], step: usize, im: usize) {
        let lanes = S::LANES;
        for (k, &[cos, sin]) in factors().outer.iter().enumerate() {
            let m = HALF - k;
            let (yr, yi) = (S::load(&from[k * step..]), S::load(&from[k * step + im..]));
            let (mr, mi) = (S::load(&from[m * step..]), S::load(&from[m * step + im..]));
            let (sr, si, dr, di) = (S::add(yr, mr), S::sub(yi, mi), S::sub(yr, mr), S::add(yi, mi));
            let (cos, sin) = (S::splat(cos), S::splat(sin));
            let p = S::mul_add(cos, di, S::mul(sin, dr));
            let q = S::neg_mul_add(sin, di, S::mul(cos, dr));
            S::store(S::sub(sr, p), &mut self.even[k * lanes..]);
            S::store(S::add(si, q), &mut self.odd[k * lanes..]);
            if k > 0 {
                S::store(S::add(sr, p), &mut self.even[m * lanes..]);
                S::store(S::sub(q, si), &mut self.odd[m * lanes..]);
            }
        }
        transform::<S>(&mut self.odd, &mut self.even);
    }

    /// Sample `n` of all lanes, after [`Tile::samples`].
    #[inline(always)]
    fn sample<S: Simd>(&self, n: usize) -> S::V {
        let half = if n.is_multiple_of(2) { &self.even } else { &self.odd };
        S::load(&half[place(n / 2) * S::LANES..])
    }

    /// The samples as rows, one channel each, [`TILE`] apart, scaled.
    #[inline(always)]
    fn rows<S: Simd>(&self, rows: &mut [f32; TILE * 16]) {
        let lanes = S::LANES;
        let scale = S::splat(SCALE);
        let mut square = [0f32; 256];
        for start in (0..TILE).step_by(lanes) {
            for i in 0..lanes {
                S::store(S::mul(scale, self.sample::<S>(start + i)), &mut square[i * lanes..]);
            }
            S::transpose(&square, lanes, &mut rows[start..], TILE);
        }
    }
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

/// Tiles whose products are in registers at once.
fn together(isa: Isa) -> usize {
    if lanes(isa) == 16 { 6 } else { 2 }
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

/// One side of a product: numbers at `row` a + `column` b, imaginary parts `im` further.
#[derive(Clone, Copy)]
struct Scalars<'a> {
    values: &'a [f32],
    row: usize,
    column: usize,
    im: usize,
}

/// to\[row\] (+)= sum over terms of vectors\[term\] scalars\[row, term\], complex; with `CONJUGATE` the conjugate
/// of the scalars. `channels` is the width of a row of vectors and of results.
#[inline(always)]
fn multiply<S: Simd, const CONJUGATE: bool, const ADD: bool>(
    vectors: &[f32],
    terms: usize,
    scalars: Scalars<'_>,
    rows: usize,
    channels: usize,
    to: &mut [f32],
) {
    match S::ROWS {
        8 => multiply_rows::<S, CONJUGATE, ADD, 6>(vectors, terms, scalars, rows, channels, to),
        _ => multiply_rows::<S, CONJUGATE, ADD, 2>(vectors, terms, scalars, rows, channels, to),
    }
}

#[inline(always)]
fn multiply_rows<S: Simd, const CONJUGATE: bool, const ADD: bool, const ROWS: usize>(
    vectors: &[f32],
    terms: usize,
    scalars: Scalars<'_>,
    rows: usize,
    channels: usize,
    to: &mut [f32],
) {
    let mut first = 0;
    while first < channels {
        let wide = channels - first >= 2 * S::LANES;
        for row in (0..rows).step_by(ROWS) {
            let count = ROWS.min(rows - row);
            if wide {
                block::<S, CONJUGATE, ADD, ROWS, 2>(vectors, terms, scalars, row, count, first, channels, to);
            } else {
                block::<S, CONJUGATE, ADD, ROWS, 1>(vectors, terms, scalars, row, count, first, channels, to);
            }
        }
        first += if wide { 2 * S::LANES } else { S::LANES };
    }
}

/// `ROWS` rows by `WIDTH` vectors of results in registers.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn block<S: Simd, const CONJUGATE: bool, const ADD: bool, const ROWS: usize, const WIDTH: usize>(
    vectors: &[f32],
    terms: usize,
    scalars: Scalars<'_>,
    row: usize,
    count: usize,
    first: usize,
    channels: usize,
    to: &mut [f32],
) {
    let zero = S::splat(0.0);
    let mut sums = [[(zero, zero); WIDTH]; ROWS];
    // Rows that are too many repeat the last.
    let starts: [usize; ROWS] = std::array::from_fn(|r| (row + r.min(count - 1)) * scalars.row);
    for term in 0..terms {
        let line = &vectors[term * 2 * channels + first..][..channels + WIDTH * S::LANES];
        let mut v = [(zero, zero); WIDTH];
        for (i, v) in v.iter_mut().enumerate() {
            *v = (S::load(&line[i * S::LANES..]), S::load(&line[channels + i * S::LANES..]));
        }
        for r in 0..ROWS {
            let at = starts[r] + term * scalars.column;
            let (re, im) = (S::splat(scalars.values[at]), S::splat(scalars.values[at + scalars.im]));
            for i in 0..WIDTH {
                let (sr, si) = sums[r][i];
                let (vr, vi) = v[i];
                sums[r][i] = if CONJUGATE {
                    (S::mul_add(vi, im, S::mul_add(vr, re, sr)), S::neg_mul_add(vr, im, S::mul_add(vi, re, si)))
                } else {
                    (S::neg_mul_add(vi, im, S::mul_add(vr, re, sr)), S::mul_add(vr, im, S::mul_add(vi, re, si)))
                };
            }
        }
    }
    for (r, sums) in sums.iter().enumerate().take(count) {
        let line = &mut to[(row + r) * 2 * channels + first..][..channels + WIDTH * S::LANES];
        for (i, &(re, im)) in sums.iter().enumerate() {
            for (value, at) in [(re, i * S::LANES), (im, channels + i * S::LANES)] {
                let value = if ADD { S::add(value, S::load(&line[at..])) } else { value };
                S::store(value, &mut line[at..]);
            }
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
    let Record { cut, from, to, weights, padded, first, second, out, length, .. } = record;
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
    let Record { cut, from, to, weights, padded, first, second, out, length, padding } = record;
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

/// One record's work.
struct Record<'a> {
    cut: Cut,
    from: Spectra,
    to: Spectra,
    weights: &'a [f32],
    padded: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
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
                run(&mut Record {
                    cut,
                    from,
                    to,
                    weights: &spectra,
                    padded,
                    first: &mut first[..from.len()],
                    second: &mut second[..to.len()],
                    out,
                    length,
                    padding: s.padding,
                });
            });
        });
    }
}

/// Adds one record to the spectra of the weight gradient.
#[inline(always)]
fn weight_record<S: Simd>(record: &mut Record<'_>, gy: &[f32], sum: &mut [f32]) {
    let Record { cut, from, to, padded, first, second, .. } = record;
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
                    let mut record = Record {
                        cut,
                        from,
                        to,
                        weights: &[],
                        padded,
                        first: &mut first[..from.len()],
                        second: &mut second[..to.len()],
                        out: &mut [],
                        length: s.length,
                        padding: s.padding,
                    };
                    let (record, gy, sum): (&mut Record<'_>, &[f32], &mut [f32]) = (&mut record, &whole, &mut sum);
                    dispatch!(isa => weight_record(record: &mut Record<'_>, gy: &[f32], sum: &mut [f32]));
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
