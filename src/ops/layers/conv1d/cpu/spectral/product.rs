//! Products of spectra: one small complex matrix product for each frequency.

use crate::ops::cpu::simd::Simd;

/// Rows of results that are in registers at once, with 32 registers and with 16.
const TOGETHER: [usize; 2] = [6, 2];

/// One side of a product: numbers at `row` a + `column` b, imaginary parts `im` further.
#[derive(Clone, Copy)]
pub(super) struct Scalars<'a> {
    pub values: &'a [f32],
    pub row: usize,
    pub column: usize,
    pub im: usize,
}

/// to\[row\] (+)= sum over terms of vectors\[term\] scalars\[row, term\], complex; with `CONJUGATE` the conjugate
/// of the scalars. `channels` is the width of a row of vectors and of results.
#[inline(always)]
pub(super) fn multiply<S: Simd, const CONJUGATE: bool, const ADD: bool>(
    vectors: &[f32],
    terms: usize,
    scalars: Scalars<'_>,
    rows: usize,
    channels: usize,
    to: &mut [f32],
) {
    match S::ROWS {
        12 => multiply_rows::<S, CONJUGATE, ADD, { TOGETHER[0] }>(vectors, terms, scalars, rows, channels, to),
        _ => multiply_rows::<S, CONJUGATE, ADD, { TOGETHER[1] }>(vectors, terms, scalars, rows, channels, to),
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
#[expect(clippy::too_many_arguments, reason = "the innermost loop: a struct would have to be taken apart in it")]
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
