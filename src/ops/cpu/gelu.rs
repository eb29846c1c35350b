//! The exact GELU, x Phi(x) (Hendrycks and Gimpel 2016), Phi being the standard normal distribution, the
//! exponential and the logistic function, for compilers to turn into vectors.

use crate::ops::cpu::Isa;
use crate::ops::cpu::simd::{Portable, Simd, dispatch};

/// a b + c, in one rounding where the machine has that.
#[inline(always)]
pub(in crate::ops) fn mul_add<S: Simd>(a: f32, b: f32, c: f32) -> f32 {
    if S::LANES > Portable::LANES { a.mul_add(b, c) } else { a * b + c }
}

/// e^x for x up to 0, to about 1e-7 of it; below -87 that of -87.
///
/// e^x = 2^n e^r with n = x / ln 2 rounded, so that r is at most ln 2 / 2; of e^r the terms up to r^7 / 7!.
#[inline(always)]
pub(in crate::ops) fn exp<S: Simd>(x: f32) -> f32 {
    /// Added to a small number, rounds it to a whole one, which is then in the last bits.
    const ROUNDING: f32 = 12_582_912.0;
    /// ln 2 in two parts: the product of n and the first is exact.
    const LN_2: [f32; 2] = [355.0 / 512.0, (std::f64::consts::LN_2 - 355.0 / 512.0) as f32];
    let x = if x < -87.0 { -87.0 } else { x };
    let rounded = mul_add::<S>(x, std::f32::consts::LOG2_E, ROUNDING);
    let n = rounded - ROUNDING;
    let r = mul_add::<S>(n, -LN_2[1], mul_add::<S>(n, -LN_2[0], x));
    let mut sum = 1.0 / 5040.0;
    for term in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = mul_add::<S>(sum, r, term);
    }
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(1f32.to_bits()));
    sum * power
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub(in crate::ops) fn logistic<S: Simd>(x: f32) -> f32 {
    let small = exp::<S>(-x.abs());
    let share = 1.0 / (1.0 + small);
    if x > 0.0 { share } else { small * share }
}

/// Phi(x), to rounding, and e^(-x^2 / 2).
///
/// Phi(-a) = e^(-a^2 / 2) (a1 t + .. + a6 t^6) / 2 with t = 1 / (1 + p a / sqrt 2): the form of Hastings 1955 (Abramowitz
/// and Stegun 7.1.26) with one term more, fitted by weighted least squares (Lawson 1961) so that the largest error of
/// x Phi(x) is least; that of the sum, without rounding, is 1.3e-8.
#[inline(always)]
pub(in crate::ops) fn normal<S: Simd>(x: f32) -> (f32, f32) {
    const P: f32 = 0.39;
    const A: [f32; 6] = [-0.226_477_03, 0.882_385_2, -0.628_538_4, 0.644_096_8, 0.093_546_8, 0.234_986_67];
    let a = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let bell = exp::<S>(-a * a);
    let t = 1.0 / mul_add::<S>(P, a, 1.0);
    let mut sum = A[0];
    for term in &A[1..] {
        sum = mul_add::<S>(sum, t, *term);
    }
    let tail = 0.5 * sum * t * bell;
    (if x > 0.0 { 1.0 - tail } else { tail }, bell)
}

/// z = gelu(h), each times its factor.
pub(in crate::ops) fn gelu(isa: Isa, h: &[f32], factors: &[f32], z: &mut [f32]) {
    dispatch!(isa => forward(h: &[f32], factors: &[f32], z: &mut [f32]));
}

#[inline(always)]
fn forward<S: Simd>(h: &[f32], factors: &[f32], z: &mut [f32]) {
    for ((z, &h), &factor) in z.iter_mut().zip(h).zip(factors) {
        *z = h * normal::<S>(h).0 * factor;
    }
}

/// In place of h its gradient, and in place of the gradient of z (see [`gelu`]) z.
pub(in crate::ops) fn gelu_gradient(isa: Isa, h: &mut [f32], factors: &[f32], z: &mut [f32]) {
    dispatch!(isa => backward(h: &mut [f32], factors: &[f32], z: &mut [f32]));
}

#[inline(always)]
fn backward<S: Simd>(h: &mut [f32], factors: &[f32], z: &mut [f32]) {
    // 1 / sqrt(2 pi)
    const DENSITY: f32 = 0.398_942_3;
    for ((z, h), &factor) in z.iter_mut().zip(h).zip(factors) {
        let (phi, bell) = normal::<S>(*h);
        let slope = mul_add::<S>(*h * DENSITY, bell, phi);
        (*z, *h) = (*h * phi * factor, *z * factor * slope);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(always)]
    fn exps<S: Simd>(x: &[f32], y: &mut [f32]) {
        y.iter_mut().zip(x).for_each(|(y, x)| *y = exp::<S>(*x));
    }

    #[test]
    fn exp_is_exact_to_rounding() {
        let x: &[f32] = &(0..87_000).map(|i| i as f32 * -1e-3).collect::<Vec<_>>();
        for isa in Isa::available() {
            let mut y = vec![0.0; x.len()];
            let out: &mut [f32] = &mut y;
            dispatch!(isa => exps(x: &[f32], out: &mut [f32]));
            for (x, y) in x.iter().zip(&y) {
                let exact = f64::from(*x).exp();
                assert!((f64::from(*y) / exact - 1.0).abs() < 2e-7, "{isa:?}: e^{x} is {exact}, not {y}");
            }
        }
    }

    /// The standard normal distribution by its series x (1 + x^2 / 3 + x^4 / 15 + ..) phi(x) + 1/2 (Abramowitz and
    /// Stegun 26.2.11).
    fn exact(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for k in 1..400 {
            term *= x * x / f64::from(2 * k + 1);
            sum += term;
        }
        0.5 + sum * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
    }

    #[test]
    fn gelu_and_its_slope_are_exact_to_a_ten_millionth() {
        let x: Vec<f32> = (-6000..6000).map(|i| i as f32 * 1e-3).collect();
        let ones = vec![1.0; x.len()];
        for isa in Isa::available() {
            let mut y = vec![0.0; x.len()];
            gelu(isa, &x, &ones, &mut y);
            let (mut slope, mut again) = (x.clone(), ones.clone());
            gelu_gradient(isa, &mut slope, &ones, &mut again);
            assert_eq!(y, again, "{isa:?}");
            for ((x, y), slope) in x.iter().map(|x| f64::from(*x)).zip(&y).zip(&slope) {
                let phi = exact(x);
                let near = |ours: f32, exact: f64| (f64::from(ours) - exact).abs() < 2.5e-7 * exact.abs().max(1.0);
                assert!(near(*y, x * phi), "{isa:?}: gelu({x}) is {}, not {y}", x * phi);
                let exact_slope = phi + x * (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
                assert!(near(*slope, exact_slope), "{isa:?}: slope at {x} is {exact_slope}, not {slope}");
            }
        }
    }
}
