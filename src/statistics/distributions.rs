//! Distributions that tests compare their statistics with.

use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};
use statrs::function::beta::beta_reg;

/// Two-sided p-value of a standard normal statistic: P(|Z| >= |z|); NaN for NaN.
pub fn normal_p(z: f64) -> f64 {
    statrs::function::erf::erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// The value that a standard normal variable stays below with `probability`; NaN where that is not above 0
/// and below 1.
pub fn normal_quantile(probability: f64) -> f64 {
    if probability > 0.0 && probability < 1.0 { Normal::standard().inverse_cdf(probability) } else { f64::NAN }
}

/// Two-sided p-value of Student's t with `degrees` (above 0, not always whole) degrees of freedom: P(|T| >= |t|);
/// NaN for NaN or other degrees.
///
/// I(degrees / (degrees + t^2); degrees / 2, 1 / 2), the regularised incomplete beta function (Abramowitz and
/// Stegun 1964, 26.7.1).
pub fn t_p(t: f64, degrees: f64) -> f64 {
    if t.is_nan() || degrees.is_nan() || degrees <= 0.0 {
        return f64::NAN;
    }
    if degrees > MANY || t.is_infinite() {
        return normal_p(t);
    }
    if t == 0.0 { 1.0 } else { beta_reg(0.5 * degrees, 0.5, degrees / (degrees + t * t)) }
}

/// Above so many degrees of freedom Student's t is the normal distribution to nine digits.
const MANY: f64 = 1e9;

/// The value that Student's t with `degrees` (above 0) degrees of freedom stays below with `probability`; NaN
/// where that is not above 0 and below 1.
///
/// Inverts [`t_p`] by halving.
///
/// ```
/// use ecgraft::statistics::t_quantile;
/// assert!((t_quantile(0.975, 2.0) - 4.302652729749462).abs() < 1e-9);
/// ```
pub fn t_quantile(probability: f64, degrees: f64) -> f64 {
    if !(degrees > 0.0 && probability > 0.0 && probability < 1.0) {
        return f64::NAN;
    }
    // The upper half; both tails together have this much.
    let tails = 2.0 * probability.min(1.0 - probability);
    let t = root(|t| t_p(t, degrees) - tails);
    if probability < 0.5 { -t } else { t }
}

/// P(X >= `x`) of a chi-squared variable with `degrees` (at least 1) degrees of freedom.
pub fn chi_squared_p(x: f64, degrees: usize) -> f64 {
    ChiSquared::new(degrees as f64).map_or(f64::NAN, |chi| chi.sf(x))
}

/// P(Q <= `q`) of the studentised range of `groups` (at least 2) normal variables whose variance is known:
/// groups times the integral of phi(z) (Phi(z) - Phi(z - q))^(groups - 1) (Tukey; Copenhaver and Holland 1988).
pub fn range_probability(q: f64, groups: usize) -> f64 {
    if q.is_nan() || groups < 2 {
        return f64::NAN;
    }
    if q <= 0.0 {
        return 0.0;
    }
    // The trapezoidal rule on a function that is smooth and 0 at both ends errs less than rounding does here.
    const STEPS: usize = 1600;
    let (low, width) = (-8.0, (16.0 + q.min(40.0)) / STEPS as f64);
    let normal = Normal::standard();
    let sum: f64 = (0..=STEPS)
        .map(|step| {
            let z = low + width * step as f64;
            let density = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
            density * (normal.cdf(z) - normal.cdf(z - q)).powi(groups as i32 - 1)
        })
        .sum();
    (groups as f64 * width * sum).min(1.0)
}

/// The value that the studentised range of `groups` normal variables stays below with `probability`; NaN
/// where that is not above 0 and below 1.
pub fn range_quantile(probability: f64, groups: usize) -> f64 {
    if groups < 2 || !(probability > 0.0 && probability < 1.0) {
        return f64::NAN;
    }
    root(|q| probability - range_probability(q, groups))
}

/// Where a falling function of positive numbers is 0.
fn root(falling: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while falling(high) > 0.0 && high < 1e15 {
        (low, high) = (high, 2.0 * high);
    }
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if falling(middle) > 0.0 { low = middle } else { high = middle }
    }
}
