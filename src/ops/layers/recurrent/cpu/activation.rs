//! Logistic function and hyperbolic tangent of vectors, with a relative error of about 1e-7 everywhere.
//!
//! Both come from e^x = 2^n e^r with n = round(x / ln 2), so |r| <= ln 2 / 2 (Cody and Waite 1980), and the Taylor
//! series of e^r - 1 to the seventh power, whose remainder is below 2e-8 of it.

use crate::ops::cpu::simd::Simd;

/// ln 2 in two parts: the first has so few digits that whole multiples of it are exact.
const LN_2: [f32; 2] = [355.0 / 512.0, -2.121_944_4e-4];
/// Added to a number below 2^22 and taken off again, it leaves the nearest whole number.
const ROUNDER: f32 = 12_582_912.0;
/// 1 / 7! to 1 / 2!.
const INVERSE_FACTORIALS: [f32; 6] = [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5];

/// 2^n and e^r - 1, of x between -87 and 87.
#[inline(always)]
fn parts<S: Simd>(x: S::V) -> (S::V, S::V) {
    let rounder = S::splat(ROUNDER);
    let n = S::sub(S::mul_add(x, S::splat(std::f32::consts::LOG2_E), rounder), rounder);
    let r = S::neg_mul_add(n, S::splat(LN_2[0]), x);
    let r = S::neg_mul_add(n, S::splat(LN_2[1]), r);
    let mut series = S::splat(INVERSE_FACTORIALS[0]);
    for &factor in &INVERSE_FACTORIALS[1..] {
        series = S::mul_add(series, r, S::splat(factor));
    }
    (S::power_of_two(n), S::mul_add(S::mul(r, r), series, r))
}

/// x, but at least -`bound` and at most `bound`; what is not a number stays so.
#[inline(always)]
fn clamp<S: Simd>(x: S::V, bound: f32) -> S::V {
    S::min(S::splat(bound), S::max(S::splat(-bound), x))
}

/// 1 / (1 + e^-x); of x below -87 what it is at -87, 1.6e-38.
#[inline(always)]
pub(in crate::ops::layers::recurrent) fn sigmoid<S: Simd>(x: S::V) -> S::V {
    let (scale, less_one) = parts::<S>(clamp::<S>(S::sub(S::splat(0.0), x), 87.0));
    let one = S::splat(1.0);
    S::div(one, S::add(one, S::mul_add(scale, less_one, scale)))
}

/// m / (m + 2) with m = e^2x - 1: no digits are lost where x is small.
#[inline(always)]
pub(in crate::ops::layers::recurrent) fn tanh<S: Simd>(x: S::V) -> S::V {
    // Where |x| reaches 10 the nearest f32 is 1.
    let (scale, less_one) = parts::<S>(clamp::<S>(S::add(x, x), 20.0));
    let m = S::mul_add(scale, less_one, S::sub(scale, S::splat(1.0)));
    S::div(m, S::add(m, S::splat(2.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::cpu::Isa;
    use crate::ops::cpu::simd::dispatch;

    #[inline(always)]
    fn both<S: Simd>(x: &[f32], sigmoids: &mut [f32], tanhs: &mut [f32]) {
        for i in (0..x.len()).step_by(S::LANES) {
            S::store(sigmoid::<S>(S::load(&x[i..])), &mut sigmoids[i..]);
            S::store(tanh::<S>(S::load(&x[i..])), &mut tanhs[i..]);
        }
    }

    fn of(isa: Isa, x: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (mut sigmoids, mut tanhs) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        let (a, b) = (&mut sigmoids[..], &mut tanhs[..]);
        dispatch!(isa => both(x: &[f32], a: &mut [f32], b: &mut [f32]));
        (sigmoids, tanhs)
    }

    #[test]
    fn relative_errors_are_below_a_millionth() {
        // Both signs, from the smallest numbers to where the functions have reached their limits.
        let x: Vec<f32> = (0..64_000).map(|i| (i as f32 / 32_000.0 - 1.0).powi(7) * 86.9).chain([0.0; 16]).collect();
        for isa in Isa::available() {
            let (sigmoids, tanhs) = of(isa, &x);
            for ((x, sigmoid), tanh) in x.iter().zip(sigmoids).zip(tanhs) {
                let exact = f64::from(*x);
                let close = |found: f32, wanted: f64| (f64::from(found) - wanted).abs() <= 1e-6 * wanted.abs();
                assert!(close(sigmoid, 1.0 / (1.0 + (-exact).exp())), "sigmoid({x}) = {sigmoid}, {isa:?}");
                assert!(close(tanh, exact.tanh()), "tanh({x}) = {tanh}, {isa:?}");
            }
        }
    }

    #[test]
    fn limits_are_reached_and_what_is_no_number_stays_so() {
        let mut x = [0.0; 16];
        x[..4].copy_from_slice(&[f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX]);
        for isa in Isa::available() {
            let (sigmoids, tanhs) = of(isa, &x);
            assert!(sigmoids[0] == 1.0 && sigmoids[1] < 1e-37 && sigmoids[2].is_nan() && sigmoids[3] == 1.0, "{isa:?}");
            assert!(tanhs[0] == 1.0 && tanhs[1] == -1.0 && tanhs[2].is_nan() && tanhs[3] == 1.0, "{isa:?}");
        }
    }
}
