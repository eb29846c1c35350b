//! Arms across data sets: Friedman's test and Nemenyi's comparisons of mean ranks.
//!
//! Demšar J. Statistical comparisons of classifiers over multiple data sets. J Mach Learn Res 2006;7:1-30.

use super::distributions::{chi_squared_p, range_probability, range_quantile};

/// Mean ranks of arms over data sets.
#[derive(Clone, Debug, PartialEq)]
pub struct Friedman {
    /// Number of data sets.
    pub blocks: usize,
    /// Mean rank of each arm, 1 the best; equal values share the mean of their ranks.
    pub ranks: Vec<f64>,
    /// Friedman's statistic, corrected for ties.
    pub statistic: f64,
    /// P-value that all arms are equal: chi-squared, arms - 1 degrees of freedom.
    pub p: f64,
    /// Nemenyi's critical difference at 5%: arms whose mean ranks differ by at least this much differ.
    /// q(0.95, arms) / sqrt(2) sqrt(arms (arms + 1) / (6 blocks)), q the quantile of the studentised range.
    pub critical_difference: f64,
}

/// Friedman's test. `values` has one row for each data set, of as many arms each, larger being better. `None`
/// where there are fewer than two rows or arms, where rows differ in length, or a value is NaN.
pub fn friedman(values: &[Vec<f64>]) -> Option<Friedman> {
    let (blocks, arms) = (values.len(), values.first()?.len());
    let fits = |row: &Vec<f64>| row.len() == arms && row.iter().all(|value| !value.is_nan());
    if blocks < 2 || arms < 2 || !values.iter().all(fits) {
        return None;
    }
    let (mut sums, mut ties) = (vec![0.0; arms], 0.0);
    for row in values {
        let mut order: Vec<usize> = (0..arms).collect();
        order.sort_by(|&a, &b| row[b].total_cmp(&row[a]));
        let mut before = 0;
        for tied in order.chunk_by(|&a, &b| row[a] == row[b]) {
            let rank = (2 * before + tied.len() + 1) as f64 / 2.0;
            tied.iter().for_each(|&arm| sums[arm] += rank);
            ties += (tied.len() as f64).powi(3) - tied.len() as f64;
            before += tied.len();
        }
    }
    let (n, k) = (blocks as f64, arms as f64);
    let squares: f64 = sums.iter().map(|sum| sum * sum).sum();
    let untied = 1.0 - ties / (n * (k * k * k - k));
    let statistic = (12.0 / (n * k * (k + 1.0)) * squares - 3.0 * n * (k + 1.0)) / untied;
    // All values of every row equal: nothing speaks against equal arms.
    let statistic = if untied == 0.0 { 0.0 } else { statistic };
    let step = (k * (k + 1.0) / (6.0 * n)).sqrt();
    Some(Friedman {
        blocks,
        ranks: sums.into_iter().map(|sum| sum / n).collect(),
        statistic,
        p: chi_squared_p(statistic, arms - 1),
        critical_difference: range_quantile(0.95, arms) / std::f64::consts::SQRT_2 * step,
    })
}

impl Friedman {
    /// Nemenyi's p-value of two arms: that of the studentised range for
    /// |difference of mean ranks| sqrt(2) / sqrt(arms (arms + 1) / (6 blocks)). It holds for all pairs at once.
    pub fn nemenyi(&self, first: usize, second: usize) -> Option<f64> {
        let difference = (self.ranks.get(first)? - self.ranks.get(second)?).abs();
        let (n, k) = (self.blocks as f64, self.ranks.len() as f64);
        let q = difference * std::f64::consts::SQRT_2 / (k * (k + 1.0) / (6.0 * n)).sqrt();
        Some((1.0 - range_probability(q, self.ranks.len())).clamp(0.0, 1.0))
    }
}
