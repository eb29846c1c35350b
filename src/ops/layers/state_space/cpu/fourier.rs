//! Transforms of as many channels at once as a vector has lanes, for products of polynomials with x^n = -i.
//!
//! A record of up to n real samples is a polynomial p(x) = sum of p\[j\] x^j. It is evaluated at the n roots of x^n = -i:
//! its samples times exp(-i pi j / 2n), then a transform of n complex points, half as many as a cyclic convolution without
//! overlap would need. Terms x^(j + n) fold into -i x^j and x^(j - n) into i x^j, so of a product of real polynomials with
//! powers from -n + 1 to 2n - 1 the real part is that of the powers 0 to n - 1, exactly: what folds is imaginary (the
//! "right-angle" convolution; Nussbaumer 1982, Fast Fourier Transform and Convolution Algorithms, chapter 8).
//!
//! Transforms go from samples to frequencies by decimation in frequency and back by decimation in time, so that neither
//! has to sort: only products by frequency are between them. Where blocks of points fit in the first-level cache, all that
//! is between happens to one block before the next.

use std::f64::consts::PI;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ops::cpu::reading::{Reading, VectorNorm};
use crate::ops::cpu::simd::Simd;

/// Most points of a block that stays in the first-level cache.
const BLOCK: usize = 256;

/// A complex vector.
type Complex<S> = (<S as Simd>::V, <S as Simd>::V);

/// Butterflies of `radix` points that are `step` points apart.
#[derive(Debug)]
struct Level {
    radix: usize,
    step: usize,
    /// exp(-2 pi i j k / (radix step)), k from 1 on, of each j below `step`.
    factors: Vec<[f32; 2]>,
}

/// How records of one length are transformed.
#[derive(Debug)]
pub(in crate::ops::layers::state_space) struct Plan {
    /// Samples of a record.
    pub length: usize,
    /// Complex points, no fewer.
    pub points: usize,
    levels: Vec<Level>,
    /// The first level that works within blocks.
    within: usize,
    /// exp(-i pi j / 2n) of each point j.
    twist: Vec<[f32; 2]>,
}

impl Plan {
    /// That of records of `length` samples; made once.
    pub fn of(length: usize) -> Arc<Self> {
        static PLANS: Mutex<Vec<Arc<Plan>>> = Mutex::new(Vec::new());
        let mut plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = plans.iter().find(|plan| plan.length == length) {
            return plan.clone();
        }
        plans.push(Arc::new(Self::new(length)));
        plans[plans.len() - 1].clone()
    }

    fn new(length: usize) -> Self {
        let (points, radices) = radices(length);
        let turn = |part: f64| [(2.0 * PI * part).cos() as f32, -(2.0 * PI * part).sin() as f32];
        let (mut size, mut levels, mut within) = (points, Vec::new(), 0);
        for radix in radices {
            let step = size / radix;
            let factor = |i: usize| (i / (radix - 1)) as f64 * (i % (radix - 1) + 1) as f64 / size as f64;
            levels.push(Level { radix, step, factors: (0..step * (radix - 1)).map(|i| turn(factor(i))).collect() });
            if step >= BLOCK {
                within = levels.len();
            }
            size = step;
        }
        // The first level reads the record, so it never works within blocks.
        let within = within.max(1);
        let twist = (0..points).map(|j| turn(j as f64 / (4 * points) as f64)).collect();
        Self { length, points, levels, within, twist }
    }

    /// Points of a block.
    #[inline(always)]
    pub(super) fn block(&self) -> usize {
        self.levels[self.within - 1].step
    }

    /// Values of all points of a vector of channels: real parts of a point, then its imaginary ones.
    #[inline(always)]
    pub(super) fn size<S: Simd>(&self) -> usize {
        2 * S::LANES * self.points
    }

    /// From samples to what blocks begin with: rows `row` apart of `width` channels, as readers see them through `norm`.
    #[inline(always)]
    pub(super) fn enter<S: Simd>(&self, norm: VectorNorm<S>, from: Lines<'_>, to: &mut [f32]) {
        match self.levels[0].radix {
            1 => enter_by::<S, 1>(self, norm, from, to),
            2 => enter_by::<S, 2>(self, norm, from, to),
            3 => enter_by::<S, 3>(self, norm, from, to),
            5 => enter_by::<S, 5>(self, norm, from, to),
            _ => enter_by::<S, 4>(self, norm, from, to),
        }
        for level in &self.levels[1..self.within] {
            pass::<S, true>(level, to);
        }
    }

    /// A block from there to frequencies.
    #[inline(always)]
    pub(super) fn forward<S: Simd>(&self, block: &mut [f32]) {
        for level in &self.levels[self.within..] {
            pass::<S, true>(level, block);
        }
    }

    /// And back.
    #[inline(always)]
    pub(super) fn backward<S: Simd>(&self, block: &mut [f32]) {
        for level in self.levels[self.within..].iter().rev() {
            pass::<S, false>(level, block);
        }
    }

    /// From blocks to the real parts of all samples, into rows `row` apart, or added to them; n times what they were.
    #[inline(always)]
    pub(super) fn leave<S: Simd>(&self, from: &mut [f32], to: &mut [f32], (row, width): (usize, usize), add: bool) {
        self.untwisted::<S>(from);
        let mut line = [0f32; 16];
        for (j, point) in from.chunks_exact(2 * S::LANES).enumerate().take(self.length) {
            let to = &mut to[j * row..];
            if width == S::LANES {
                let value = S::load(point);
                S::store(if add { S::add(value, S::load(to)) } else { value }, to);
                continue;
            }
            S::store(S::load(point), &mut line);
            for (to, value) in to.iter_mut().zip(&line).take(width) {
                *to = if add { *to + value } else { *value };
            }
        }
    }

    /// From blocks to samples, both parts, in place.
    #[inline(always)]
    pub(super) fn untwisted<S: Simd>(&self, points: &mut [f32]) {
        for level in self.levels[..self.within].iter().rev() {
            pass::<S, false>(level, points);
        }
        for (point, &[cos, sin]) in points.chunks_exact_mut(2 * S::LANES).zip(&self.twist) {
            let (re, im) = (S::load(point), S::load(&point[S::LANES..]));
            let (cos, sin) = (S::splat(cos), S::splat(sin));
            // Times the conjugate.
            S::store(S::mul_add(im, sin, S::mul(re, cos)), point);
            S::store(S::neg_mul_add(re, sin, S::mul(im, cos)), &mut point[S::LANES..]);
        }
    }

    /// From samples, both parts, to frequencies, in place.
    #[inline(always)]
    pub(super) fn spectrum<S: Simd>(&self, points: &mut [f32]) {
        for (point, &[cos, sin]) in points.chunks_exact_mut(2 * S::LANES).zip(&self.twist) {
            let (re, im) = (S::load(point), S::load(&point[S::LANES..]));
            let (cos, sin) = (S::splat(cos), S::splat(sin));
            S::store(S::neg_mul_add(im, sin, S::mul(re, cos)), point);
            S::store(S::mul_add(im, cos, S::mul(re, sin)), &mut point[S::LANES..]);
        }
        for level in &self.levels {
            pass::<S, true>(level, points);
        }
    }
}

/// How many points suit a record, and the radices of their levels: a power of two, or three or five times one.
fn radices(length: usize) -> (usize, Vec<usize>) {
    let sizes = [1, 3, 5].map(|odd| (odd * length.div_ceil(odd).next_power_of_two(), odd));
    let (points, odd) = sizes.into_iter().min().unwrap_or((1, 1));
    let mut radices = vec![odd];
    let mut exponent = (points / odd).ilog2();
    let inner = BLOCK.ilog2();
    if odd == 1 {
        // The level that reads the record, then those that work across blocks.
        let first = if exponent > inner && (exponent - inner) % 2 == 1 { 1 } else { exponent.min(2) };
        radices[0] = 1 << first;
        exponent -= first;
    }
    while exponent > inner {
        let next = (exponent - inner).min(2);
        radices.push(1 << next);
        exponent -= next;
    }
    while exponent > 0 {
        let next = exponent.min(3);
        radices.push(1 << next);
        exponent -= next;
    }
    (points, radices)
}

/// Rows of a record, from the first of a vector's channels on.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a> {
    pub values: &'a [f32],
    /// Values from a row to the next.
    pub row: usize,
    /// Channels that there are, up to a vector's.
    pub width: usize,
}

impl Lines<'_> {
    #[inline(always)]
    fn get<S: Simd>(&self, number: usize) -> S::V {
        let line = &self.values[number * self.row..];
        if self.width == S::LANES {
            return S::load(line);
        }
        let mut room = [0f32; 16];
        room[..self.width].copy_from_slice(&line[..self.width]);
        S::load(&room)
    }
}

/// What readers see of the vector of channels from `first` on. Where channels fill no vector there is no reading.
#[inline(always)]
pub(super) fn norm_of<S: Simd>(reading: Option<Reading<'_>>, first: usize) -> VectorNorm<S> {
    VectorNorm::new(reading, first)
}

#[inline(always)]
fn enter_by<S: Simd, const R: usize>(plan: &Plan, norm: VectorNorm<S>, from: Lines<'_>, to: &mut [f32]) {
    let Level { step, factors, .. } = &plan.levels[0];
    let zero = S::splat(0.0);
    for j in 0..*step {
        let mut z = [(zero, zero); R];
        for (i, z) in z.iter_mut().enumerate() {
            let sample = j + i * step;
            if sample < plan.length {
                let x = norm.apply(from.get::<S>(sample));
                let [cos, sin] = plan.twist[sample];
                *z = (S::mul(x, S::splat(cos)), S::mul(x, S::splat(sin)));
            }
        }
        transform::<S, R>(&mut z);
        for (k, &z) in z.iter().enumerate() {
            let z = if k > 0 { turned::<S>(z, factors[j * (R - 1) + k - 1]) } else { z };
            put::<S>(z, &mut to[(j + k * step) * 2 * S::LANES..]);
        }
    }
}

/// One level of all of `points`.
#[inline(always)]
fn pass<S: Simd, const FORWARD: bool>(level: &Level, points: &mut [f32]) {
    match level.radix {
        1 => {}
        2 => pass_by::<S, 2, FORWARD>(level, points),
        3 => pass_by::<S, 3, FORWARD>(level, points),
        5 => pass_by::<S, 5, FORWARD>(level, points),
        8 => pass_by::<S, 8, FORWARD>(level, points),
        _ => pass_by::<S, 4, FORWARD>(level, points),
    }
}

#[inline(always)]
fn pass_by<S: Simd, const R: usize, const FORWARD: bool>(level: &Level, points: &mut [f32]) {
    let (step, zero) = (level.step, S::splat(0.0));
    let apart = step * 2 * S::LANES;
    for points in points.chunks_exact_mut(R * apart) {
        for j in 0..step {
            let mut z = [(zero, zero); R];
            for (k, z) in z.iter_mut().enumerate() {
                let point = &points[k * apart + j * 2 * S::LANES..][..2 * S::LANES];
                *z = (S::load(point), S::load(&point[S::LANES..]));
            }
            let factors = &level.factors[j * (R - 1)..][..R - 1];
            if !FORWARD {
                // With parts exchanged, forward transforms are backward ones.
                for (k, z) in z.iter_mut().enumerate() {
                    let turn = if k > 0 && step > 1 { turned::<S>((z.1, z.0), factors[k - 1]) } else { (z.1, z.0) };
                    *z = turn;
                }
            }
            transform::<S, R>(&mut z);
            for (k, &z) in z.iter().enumerate() {
                let z = match FORWARD {
                    true if k > 0 && step > 1 => turned::<S>(z, factors[k - 1]),
                    true => z,
                    false => (z.1, z.0),
                };
                put::<S>(z, &mut points[k * apart + j * 2 * S::LANES..]);
            }
        }
    }
}

#[inline(always)]
fn put<S: Simd>((re, im): Complex<S>, to: &mut [f32]) {
    let to = &mut to[..2 * S::LANES];
    S::store(re, to);
    S::store(im, &mut to[S::LANES..]);
}

#[inline(always)]
fn turned<S: Simd>((re, im): Complex<S>, [cos, sin]: [f32; 2]) -> Complex<S> {
    let (cos, sin) = (S::splat(cos), S::splat(sin));
    (S::neg_mul_add(im, sin, S::mul(re, cos)), S::mul_add(im, cos, S::mul(re, sin)))
}

#[inline(always)]
fn plus<S: Simd>(a: Complex<S>, b: Complex<S>) -> Complex<S> {
    (S::add(a.0, b.0), S::add(a.1, b.1))
}

#[inline(always)]
fn minus<S: Simd>(a: Complex<S>, b: Complex<S>) -> Complex<S> {
    (S::sub(a.0, b.0), S::sub(a.1, b.1))
}

/// a - i b.
#[inline(always)]
fn less_i<S: Simd>(a: Complex<S>, b: Complex<S>) -> Complex<S> {
    (S::add(a.0, b.1), S::sub(a.1, b.0))
}

/// a + i b.
#[inline(always)]
fn plus_i<S: Simd>(a: Complex<S>, b: Complex<S>) -> Complex<S> {
    (S::sub(a.0, b.1), S::add(a.1, b.0))
}

/// a + f b.
#[inline(always)]
fn scaled<S: Simd>(a: Complex<S>, f: f32, b: Complex<S>) -> Complex<S> {
    let f = S::splat(f);
    (S::mul_add(f, b.0, a.0), S::mul_add(f, b.1, a.1))
}

/// The transform of `R` points, in place.
#[inline(always)]
fn transform<S: Simd, const R: usize>(z: &mut [Complex<S>; R]) {
    match R {
        2 => (z[0], z[1]) = (plus::<S>(z[0], z[1]), minus::<S>(z[0], z[1])),
        3 => transform3::<S, R>(z),
        4 => [z[0], z[1], z[2], z[3]] = transform4::<S>(z[0], z[1], z[2], z[3]),
        5 => transform5::<S, R>(z),
        8 => {
            let even = transform4::<S>(z[0], z[2], z[4], z[6]);
            let odd = transform4::<S>(z[1], z[3], z[5], z[7]);
            let (root, none) = (S::splat(std::f32::consts::FRAC_1_SQRT_2), S::splat(0.0));
            // Times exp(-i pi / 4) and exp(-3 i pi / 4).
            let first = (S::mul(root, S::add(odd[1].0, odd[1].1)), S::mul(root, S::sub(odd[1].1, odd[1].0)));
            let third =
                (S::mul(root, S::sub(odd[3].1, odd[3].0)), S::sub(none, S::mul(root, S::add(odd[3].0, odd[3].1))));
            (z[0], z[4]) = (plus::<S>(even[0], odd[0]), minus::<S>(even[0], odd[0]));
            (z[1], z[5]) = (plus::<S>(even[1], first), minus::<S>(even[1], first));
            (z[2], z[6]) = (less_i::<S>(even[2], odd[2]), plus_i::<S>(even[2], odd[2]));
            (z[3], z[7]) = (plus::<S>(even[3], third), minus::<S>(even[3], third));
        }
        _ => {}
    }
}

#[inline(always)]
fn transform3<S: Simd, const R: usize>(z: &mut [Complex<S>; R]) {
    const SINE: f32 = 0.866_025_4;
    let (sum, difference) = (plus::<S>(z[1], z[2]), minus::<S>(z[1], z[2]));
    let middle = scaled::<S>(z[0], -0.5, sum);
    let side = scaled::<S>((S::splat(0.0), S::splat(0.0)), SINE, difference);
    z[0] = plus::<S>(z[0], sum);
    (z[1], z[2]) = (less_i::<S>(middle, side), plus_i::<S>(middle, side));
}

#[inline(always)]
fn transform4<S: Simd>(a: Complex<S>, b: Complex<S>, c: Complex<S>, d: Complex<S>) -> [Complex<S>; 4] {
    let (s, t, u, v) = (plus::<S>(a, c), minus::<S>(a, c), plus::<S>(b, d), minus::<S>(b, d));
    [plus::<S>(s, u), less_i::<S>(t, v), minus::<S>(s, u), plus_i::<S>(t, v)]
}

#[inline(always)]
fn transform5<S: Simd, const R: usize>(z: &mut [Complex<S>; R]) {
    // Cosines and sines of 72 and 144 degrees.
    const COS: [f32; 2] = [0.309_017, -0.809_017];
    const SIN: [f32; 2] = [0.951_056_5, 0.587_785_25];
    let none = (S::splat(0.0), S::splat(0.0));
    let (near, far) = (plus::<S>(z[1], z[4]), plus::<S>(z[2], z[3]));
    let (side, wide) = (minus::<S>(z[1], z[4]), minus::<S>(z[2], z[3]));
    let first = scaled::<S>(scaled::<S>(z[0], COS[0], near), COS[1], far);
    let second = scaled::<S>(scaled::<S>(z[0], COS[1], near), COS[0], far);
    let of_first = scaled::<S>(scaled::<S>(none, SIN[0], side), SIN[1], wide);
    let of_second = scaled::<S>(scaled::<S>(none, SIN[1], side), -SIN[0], wide);
    z[0] = plus::<S>(z[0], plus::<S>(near, far));
    (z[1], z[4]) = (less_i::<S>(first, of_first), plus_i::<S>(first, of_first));
    (z[2], z[3]) = (less_i::<S>(second, of_second), plus_i::<S>(second, of_second));
}
