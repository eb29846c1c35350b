//! Wilcoxon's signed-rank test: are paired differences centred on 0, whatever their distribution's shape?

use super::distributions::normal_p;

/// Up to so many differences that are not 0 the p-value is exact.
pub const EXACT: usize = 50;

/// Wilcoxon's signed-rank test (1945).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wilcoxon {
    /// Differences that are not 0; the others are left out, as Wilcoxon does.
    pub n: usize,
    /// Sum of the ranks of positive differences.
    pub positive: f64,
    /// Sum of the ranks of negative differences.
    pub negative: f64,
    /// Two-sided p-value.
    ///
    /// Up to [`EXACT`] differences it is exact, ties included: the share of the 2^n ways to give the ranks signs in
    /// which the smaller sum is as small as this one. Above, the normal approximation with the variance
    /// n (n + 1) (2 n + 1) / 24 less (t^3 - t) / 48 for each group of t equal ranks, without continuity correction.
    ///
    /// The smallest possible value is 2^(1 - n): five seeds cannot give less than 0.0625.
    pub p: f64,
}

/// The test of `differences`; `None` where one of them is NaN. Without a difference that is not 0, p is 1.
pub fn wilcoxon(differences: &[f64]) -> Option<Wilcoxon> {
    if differences.iter().any(|difference| difference.is_nan()) {
        return None;
    }
    let mut sorted: Vec<f64> = differences.iter().copied().filter(|difference| *difference != 0.0).collect();
    sorted.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let n = sorted.len();
    // Twice the ranks, which are whole numbers: equal differences share the mean of their ranks.
    let (mut twice, mut ties) = (Vec::with_capacity(n), 0.0);
    for tied in sorted.chunk_by(|a, b| a.abs() == b.abs()) {
        let (first, last) = (twice.len() + 1, twice.len() + tied.len());
        twice.resize(last, first + last);
        ties += (tied.len() as f64).powi(3) - tied.len() as f64;
    }
    let positive: usize = sorted.iter().zip(&twice).filter(|(d, _)| **d > 0.0).map(|(_, rank)| rank).sum();
    let negative = twice.iter().sum::<usize>() - positive;
    let smaller = positive.min(negative);
    let p = if n == 0 {
        1.0
    } else if n <= EXACT {
        exact(&twice, smaller)
    } else {
        let n = n as f64;
        let variance = n * (n + 1.0) * (2.0 * n + 1.0) / 24.0 - ties / 48.0;
        normal_p((0.5 * smaller as f64 - n * (n + 1.0) / 4.0) / variance.sqrt())
    };
    Some(Wilcoxon { n, positive: 0.5 * positive as f64, negative: 0.5 * negative as f64, p })
}

/// Twice the share of the subsets of `ranks` whose sum is at most `sum`, at most 1.
fn exact(ranks: &[usize], sum: usize) -> f64 {
    // The share of subsets with each sum.
    let mut shares = vec![0.0; ranks.iter().sum::<usize>() + 1];
    shares[0] = 1.0;
    let mut reached = 0;
    for &rank in ranks {
        reached += rank;
        for at in (0..=reached).rev() {
            let with = if at >= rank { shares[at - rank] } else { 0.0 };
            shares[at] = 0.5 * (shares[at] + with);
        }
    }
    (2.0 * shares[..=sum].iter().sum::<f64>()).min(1.0)
}
