//! Means over seeds, and paired differences of them.

use super::distributions::{t_p, t_quantile};

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

    /// The 95% t interval of the mean, low and high: mean -+ t(0.975, n - 1) sd / sqrt(n); `None` for one value.
    pub fn interval(&self) -> Option<(f64, f64)> {
        let half = t_quantile(0.975, (self.n - 1) as f64) * self.sd? / (self.n as f64).sqrt();
        Some((self.mean - half, self.mean + half))
    }
}

/// Mean difference of pairs, and how well it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Number of pairs.
    pub pairs: usize,
    /// Mean of the differences.
    pub mean: f64,
    /// The 95% interval, low and high; `None` where the test has none, or too few pairs.
    pub interval: Option<(f64, f64)>,
    /// Two-sided p-value of no difference; `None` where there are too few pairs.
    pub p: Option<f64>,
}

impl Difference {
    /// The mean of `differences`, with the t interval and the paired t test, pairs - 1 degrees of freedom;
    /// `None` where there are none. One pair has no interval and no p-value.
    pub fn of(differences: &[f64]) -> Option<Self> {
        let spread = Spread::of(differences)?;
        let p = spread.sd.map(|sd| {
            let t = spread.mean / (sd / (spread.n as f64).sqrt());
            // Differences that are all 0 say nothing against no difference.
            if spread.mean == 0.0 { 1.0 } else { t_p(t, (spread.n - 1) as f64) }
        });
        Some(Self { pairs: spread.n, mean: spread.mean, interval: spread.interval(), p })
    }

    /// Whether there is an interval, and 0 is not in it.
    pub fn excludes_zero(&self) -> bool {
        self.interval.is_some_and(|(low, high)| low > 0.0 || high < 0.0)
    }
}
