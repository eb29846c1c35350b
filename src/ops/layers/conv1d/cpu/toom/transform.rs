//! The transforms of Toom-Cook convolution at eight points: 0, 1, -1, 2, -2, 1/2, -1/2 and infinity, in this
//! order. Points of opposite sign share the sums of even and of odd terms.
//!
//! With V the values of the powers 1, a, a^2 .. at the points a (infinity: the coefficient of the highest power
//! alone) and D its diagonal of M'(a), M(a) the product of a - b over the finite points b: two polynomials are
//! multiplied by V^-1 of the product of their values at the points, and V^-1 is, but for D, made of the
//! coefficients of M(a) / (a - b). Transposed this gives correlations (Winograd, Arithmetic Complexity of
//! Computations, 1980, chapter V; Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016).

use crate::ops::cpu::simd::Simd;

/// Points, products of a tile, and samples that it reads.
pub(super) const POINTS: usize = 8;

/// 1 / M'(a).
const SHARES: [f32; POINTS] = [-1.0, -2.0 / 9.0, -2.0 / 9.0, 1.0 / 90.0, 1.0 / 90.0, 32.0 / 45.0, 32.0 / 45.0, 1.0];

/// Values of a polynomial of `N` coefficients at the points.
#[inline(always)]
pub(super) fn evaluate<S: Simd, const N: usize>(x: &[S::V; N]) -> [S::V; POINTS] {
    let mut y = [x[0]; POINTS];
    for (number, &point) in [1.0, 2.0, 0.5].iter().enumerate() {
        // Horner in the square of the point, from the highest even and the highest odd term down.
        let (square, mut even, mut odd) = (S::splat(point * point), x[(N - 1) / 2 * 2], x[(N - 2) / 2 * 2 + 1]);
        for i in 1..N {
            if 2 * i < N {
                even = S::mul_add(even, square, x[(N - 1) / 2 * 2 - 2 * i]);
            }
            if 2 * i + 1 < N {
                odd = S::mul_add(odd, square, x[(N - 2) / 2 * 2 + 1 - 2 * i]);
            }
        }
        y[2 * number + 1] = S::mul_add(odd, S::splat(point), even);
        y[2 * number + 2] = S::neg_mul_add(odd, S::splat(point), even);
    }
    y[POINTS - 1] = x[N - 1];
    y
}

/// The transpose of [`evaluate`].
#[inline(always)]
pub(super) fn combine<S: Simd, const N: usize>(x: &[S::V; POINTS]) -> [S::V; N] {
    let mut y = [x[0]; N];
    let (mut sums, mut differences) = ([x[0]; 3], [x[0]; 3]);
    for i in 0..3 {
        sums[i] = S::add(x[2 * i + 1], x[2 * i + 2]);
        differences[i] = S::sub(x[2 * i + 1], x[2 * i + 2]);
    }
    for (n, y) in y.iter_mut().enumerate() {
        let part = if n % 2 == 0 { sums } else { differences };
        let power = (1 << n) as f32;
        *y = S::mul_add(part[1], S::splat(power), S::mul_add(part[2], S::splat(1.0 / power), part[0]));
    }
    y[0] = S::add(y[0], x[0]);
    y[N - 1] = S::add(y[N - 1], x[POINTS - 1]);
    y
}

/// The sums over eight samples that a correlation multiplies: coefficients of M(a) / (a - b), for infinity of M.
#[inline(always)]
pub(super) fn interpolate<S: Simd>(d: &[S::V; POINTS]) -> [S::V; POINTS] {
    let mut y = *d;
    let quarters = S::splat(5.25);
    y[0] = S::mul_add(S::sub(d[2], d[4]), quarters, S::sub(d[6], d[0]));
    y[7] = S::mul_add(S::sub(d[3], d[5]), quarters, S::sub(d[7], d[1]));
    // M / (a - b) = (a^2 + a b) (a^4 - middle a^2 + last).
    for (number, &[b, middle, last]) in [[1.0, 4.25, 1.0], [2.0, 1.25, 0.25], [0.5, 5.0, 4.0]].iter().enumerate() {
        let (middle, last, b) = (S::splat(middle), S::splat(last), S::splat(b));
        let even = S::mul_add(d[2], last, S::neg_mul_add(d[4], middle, d[6]));
        let odd = S::mul_add(d[1], last, S::neg_mul_add(d[3], middle, d[5]));
        y[2 * number + 1] = S::mul_add(odd, b, even);
        y[2 * number + 2] = S::neg_mul_add(odd, b, even);
    }
    y
}

/// Each divided by its M'(a).
#[inline(always)]
pub(super) fn share<S: Simd>(x: &mut [S::V; POINTS]) {
    for (x, &share) in x.iter_mut().zip(&SHARES) {
        *x = S::mul(*x, S::splat(share));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::cpu::simd::Portable;
    use crate::ops::gradient_check::assert_close;

    const FINITE: [f64; POINTS - 1] = [0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5];

    /// Row `number` of V.
    fn powers<const N: usize>(number: usize) -> [f64; N] {
        match FINITE.get(number) {
            Some(point) => std::array::from_fn(|n| point.powi(n as i32)),
            None => std::array::from_fn(|n| f64::from(n == N - 1)),
        }
    }

    /// The matrix of a transform, row by row, from what it makes of unit vectors.
    fn matrix<const I: usize, const O: usize>(transform: impl Fn(&[[f32; 4]; I]) -> [[f32; 4]; O]) -> Vec<f32> {
        let mut matrix = vec![0.0; O * I];
        for column in 0..I {
            let unit = std::array::from_fn(|i| [f32::from(u8::from(i == column)); 4]);
            for (row, value) in transform(&unit).iter().enumerate() {
                matrix[row * I + column] = value[0];
            }
        }
        matrix
    }

    fn values_and_transpose<const N: usize>() {
        let values: Vec<f32> = (0..POINTS).flat_map(powers::<N>).map(|value| value as f32).collect();
        assert_close("values", &matrix(evaluate::<Portable, N>), &values, 1e-7);
        let turned = crate::ops::gradient_check::turned(&values, POINTS, N);
        assert_close("transpose", &matrix(combine::<Portable, N>), &turned, 1e-7);
    }

    #[test]
    fn evaluation_is_that_of_powers_at_the_points() {
        values_and_transpose::<2>();
        values_and_transpose::<3>();
        values_and_transpose::<4>();
        values_and_transpose::<5>();
        values_and_transpose::<6>();
        values_and_transpose::<7>();
    }

    #[test]
    fn interpolation_is_the_inverse_of_evaluation() {
        let interpolation = matrix::<POINTS, POINTS>(|d| {
            let mut y = interpolate::<Portable>(d);
            share::<Portable>(&mut y);
            y
        });
        let found: Vec<f32> = (0..POINTS * POINTS)
            .map(|at| {
                let (row, column) = (at / POINTS, at % POINTS);
                let value = |n: usize| powers::<POINTS>(row)[n] * f64::from(interpolation[column * POINTS + n]);
                (0..POINTS).map(value).sum::<f64>() as f32
            })
            .collect();
        let unit: Vec<f32> = (0..POINTS * POINTS).map(|at| f32::from(u8::from(at % (POINTS + 1) == 0))).collect();
        assert_close("V times its inverse", &found, &unit, 1e-5);
    }
}
