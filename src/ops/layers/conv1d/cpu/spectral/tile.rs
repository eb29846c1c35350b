//! Real transforms of one tile, of as many channels at once as a vector has lanes.

use std::f64::consts::PI;
use std::sync::OnceLock;

use crate::ops::cpu::simd::Simd;

/// Samples of a tile.
pub(super) const TILE: usize = 128;
/// Its complex half.
pub(super) const HALF: usize = TILE / 2;
/// Frequencies of a real spectrum.
pub(super) const BINS: usize = HALF + 1;
/// Forward transforms give twice the spectrum, inverse ones TILE times the samples.
pub(super) const SCALE: f32 = 1.0 / (4 * TILE) as f32;

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

/// Every `step`-th of 64 complex vectors, from `first` on.
#[inline(always)]
fn eight<S: Simd>(re: &[f32], im: &[f32], first: usize, step: usize) -> [Complex<S>; 8] {
    let mut z = [(S::splat(0.0), S::splat(0.0)); 8];
    for (i, z) in z.iter_mut().enumerate() {
        let at = (first + i * step) * S::LANES;
        *z = (S::load(&re[at..]), S::load(&im[at..]));
    }
    z
}

/// One of the eight first transforms of the 64-point one (8 times 8, Cooley and Tukey 1965), into its place.
#[inline(always)]
fn inner<S: Simd>(z: [Complex<S>; 8], n: usize, re: &mut [f32], im: &mut [f32]) {
    let z = dft8::<S>(z);
    let inner = &factors().inner;
    for (k, &(r, i)) in z.iter().enumerate() {
        let [cos, sin] = inner[8 * n + k];
        let (cos, sin) = (S::splat(cos), S::splat(sin));
        let at = (8 * k + n) * S::LANES;
        // Times cos - i sin.
        S::store(S::mul_add(i, sin, S::mul(r, cos)), &mut re[at..]);
        S::store(S::neg_mul_add(r, sin, S::mul(i, cos)), &mut im[at..]);
    }
}

/// The eight second transforms, in place; the result for k is at [`place`] k. With `re` and `im` exchanged the
/// whole is the inverse, times 64.
#[inline(always)]
fn outer<S: Simd>(re: &mut [f32], im: &mut [f32]) {
    for k in 0..8 {
        let z = dft8::<S>(eight::<S>(re, im, 8 * k, 1));
        for (n, &(r, i)) in z.iter().enumerate() {
            let at = (8 * k + n) * S::LANES;
            S::store(r, &mut re[at..]);
            S::store(i, &mut im[at..]);
        }
    }
}

/// Samples of one tile of `LANES` channels: even ones, odd ones.
pub(super) struct Tile {
    even: [f32; HALF * 16],
    odd: [f32; HALF * 16],
}

impl Tile {
    pub(super) fn new() -> Self {
        Self { even: [0.0; HALF * 16], odd: [0.0; HALF * 16] }
    }

    /// Twice the spectrum of `samples` rows of channels, `row` apart, followed by zeros: frequency k at
    /// `to[k step]`, real parts, and `im` further imaginary ones.
    #[inline(always)]
    pub(super) fn spectrum<S: Simd>(
        &mut self,
        (from, row, samples): (&[f32], usize, usize),
        to: &mut [f32],
        step: usize,
        im: usize,
    ) {
        let zero = S::splat(0.0);
        for n in 0..8 {
            let mut z = [(zero, zero); 8];
            for (i, z) in z.iter_mut().enumerate() {
                let sample = 2 * (n + 8 * i);
                if sample + 1 < samples {
                    *z = (S::load(&from[sample * row..]), S::load(&from[(sample + 1) * row..]));
                } else if sample < samples {
                    z.0 = S::load(&from[sample * row..]);
                }
            }
            inner::<S>(z, n, &mut self.even, &mut self.odd);
        }
        outer::<S>(&mut self.even, &mut self.odd);
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
    pub(super) fn samples<S: Simd>(&mut self, from: &[f32], step: usize, im: usize) {
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
        for n in 0..8 {
            inner::<S>(eight::<S>(&self.odd, &self.even, n, 8), n, &mut self.odd, &mut self.even);
        }
        outer::<S>(&mut self.odd, &mut self.even);
    }

    /// Samples 2 `pair` and 2 `pair` + 1 of all lanes, after [`Tile::samples`].
    #[inline(always)]
    fn pair<S: Simd>(&self, pair: usize) -> [S::V; 2] {
        let at = place(pair) * S::LANES;
        [S::load(&self.even[at..]), S::load(&self.odd[at..])]
    }

    /// The first `count` samples into rows of `width` channels, `row` apart, or added to them.
    #[inline(always)]
    pub(super) fn store<S: Simd, const ADD: bool>(&self, to: &mut [f32], row: usize, count: usize, width: usize) {
        if width < S::LANES {
            return self.store_few::<S, ADD>(to, row, count, width);
        }
        for pair in 0..count / 2 {
            let values = self.pair::<S>(pair);
            let to = &mut to[2 * pair * row..][..row + S::LANES];
            for (i, value) in values.into_iter().enumerate() {
                let to = &mut to[i * row..];
                S::store(if ADD { S::add(value, S::load(to)) } else { value }, to);
            }
        }
        if !count.is_multiple_of(2) {
            let ([value, _], to) = (self.pair::<S>(count / 2), &mut to[(count - 1) * row..]);
            S::store(if ADD { S::add(value, S::load(to)) } else { value }, to);
        }
    }

    /// The same of fewer channels than a vector has.
    #[inline(always)]
    fn store_few<S: Simd, const ADD: bool>(&self, to: &mut [f32], row: usize, count: usize, width: usize) {
        let mut line = [0f32; 16];
        for n in 0..count {
            S::store(self.pair::<S>(n / 2)[n % 2], &mut line);
            for (to, value) in to[n * row..].iter_mut().zip(&line).take(width) {
                *to = if ADD { *to + value } else { *value };
            }
        }
    }
}
