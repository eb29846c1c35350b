//! Means over seeds, paired differences and Student's t.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

/// Mean and spread of one metric over the seeds of an arm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Number of values.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation, n - 1 in the denominator; `None` for one value.
    pub sd: Option<f64>,
}

impl Spread {
    /// Mean and standard deviation of `values`; `None` where there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self { n, mean, sd: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()) })
    }
}

/// Mean difference of pairs, and how well it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Number of pairs.
    pub pairs: usize,
    /// Mean of the differences.
    pub mean: f64,
    /// The 95% t interval, low and high: mean -+ t(0.975, pairs - 1) sd / sqrt(pairs), with the standard
    /// deviation of the differences; `None` for one pair.
    pub interval: Option<(f64, f64)>,
}

impl Difference {
    /// The mean of `differences` and its interval; `None` where there are none.
    pub fn of(differences: &[f64]) -> Option<Self> {
        let Spread { n, mean, sd } = Spread::of(differences)?;
        let interval = sd.map(|sd| {
            let half = t_quantile(0.975, n - 1) * sd / (n as f64).sqrt();
            (mean - half, mean + half)
        });
        Some(Self { pairs: n, mean, interval })
    }

    /// Whether there is an interval, and 0 is not in it.
    pub fn excludes_zero(&self) -> bool {
        self.interval.is_some_and(|(low, high)| low > 0.0 || high < 0.0)
    }
}

/// The value that Student's t with `degrees` (at least 1) degrees of freedom stays below with
/// probability `probability`; NaN where that is not above 0 and below 1.
///
/// Inverts the closed form of the distribution for whole degrees of freedom by halving
/// the range of the angle whose tangent is t / sqrt(degrees).
///
/// ```
/// use ecgraft::report::statistics::t_quantile;
/// assert!((t_quantile(0.975, 2) - 4.302652729749462).abs() < 1e-12);
/// ```
pub fn t_quantile(probability: f64, degrees: usize) -> f64 {
    if degrees == 0 || !(probability > 0.0 && probability < 1.0) {
        return f64::NAN;
    }
    let wanted = (2.0 * probability - 1.0).abs();
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if within(middle, degrees) < wanted { low = middle } else { high = middle }
    }
    let t = if wanted == 0.0 { 0.0 } else { low.tan() * (degrees as f64).sqrt() };
    if probability < 0.5 { -t } else { t }
}

/// P(|T| <= t) for Student's t, where t = tan(`angle`) sqrt(`degrees`).
///
/// Abramowitz and Stegun (1964), 26.7.3 and 26.7.4. With c the cosine and s the sine of the angle:
///
/// * odd degrees: 2/pi (angle + s (c + 2/3 c^3 + ... + (2 4 ... (degrees - 3)) / (3 5 ... (degrees - 2)) c^(degrees - 2))),
///   the bracket being empty for one degree;
/// * even degrees: s (1 + 1/2 c^2 + ... + (1 3 ... (degrees - 3)) / (2 4 ... (degrees - 2)) c^(degrees - 2)).
fn within(angle: f64, degrees: usize) -> f64 {
    let (sine, cosine) = angle.sin_cos();
    let odd = degrees % 2 == 1;
    // The terms have the powers `first`, `first` + 2 ... `degrees` - 2 of the cosine.
    let first = usize::from(odd);
    let mut term = if odd { cosine } else { 1.0 };
    let mut sum = 0.0;
    for power in (first..degrees.saturating_sub(1)).step_by(2) {
        sum += term;
        term *= cosine * cosine * (power + 1) as f64 / (power + 2) as f64;
    }
    if odd { FRAC_2_PI * (angle + sine * sum) } else { sine * sum }
}

#[cfg(test)]
mod tests {
    use super::t_quantile;

    #[test]
    fn quantiles_of_t_are_scipys() {
        // scipy 1.17.1: scipy.stats.t.ppf(probability, degrees)
        for (probability, degrees, expected) in [
            (0.975, 1, 12.706204736174694),
            (0.975, 2, 4.302652729749462),
            (0.975, 3, 3.1824463052837078),
            (0.975, 4, 2.7764451051977934),
            (0.975, 5, 2.5705818356363146),
            (0.975, 9, 2.262157162798205),
            (0.975, 10, 2.228138851986274),
            (0.975, 29, 2.045229642132703),
            (0.975, 30, 2.0422724563012378),
            (0.975, 100, 1.9839715185235518),
            (0.975, 1000, 1.9623390808264083),
            (0.975, 100001, 1.9599877072973786),
            (0.95, 1, 6.313751514675037),
            (0.95, 6, 1.9431802805153042),
            (0.995, 2, 9.924843200918287),
            (0.995, 7, 3.4994832973504924),
            (0.9995, 3, 12.923978636687961),
            (0.6, 4, 0.2707222947075976),
            (0.501, 5, 0.002634309180336549),
        ] {
            let found = t_quantile(probability, degrees);
            assert!((found - expected).abs() <= 1e-10 * expected.abs(), "{probability} {degrees}: {found} {expected}");
            let mirrored = t_quantile(1.0 - probability, degrees);
            assert!((mirrored + expected).abs() <= 1e-8 * expected.abs(), "{probability} {degrees}: {mirrored}");
        }
        assert_eq!(t_quantile(0.5, 7), 0.0);
        assert!(t_quantile(0.975, 0).is_nan());
        assert!(t_quantile(1.0, 3).is_nan() && t_quantile(f64::NAN, 3).is_nan());
    }
}
