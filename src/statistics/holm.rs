//! Correction for looking at several differences.

/// Holm's (1979) adjusted p-values, in the order of `p`: the i-th smallest of m, from 0, times m - i, at least
/// that of the one before it and at most 1. Rejecting those of at most alpha keeps the probability of any false
/// rejection at alpha, however the tests depend on each other. NaN stays NaN and does not count.
///
/// Holm S. A simple sequentially rejective multiple test procedure. Scand J Stat 6:65-70.
///
/// ```
/// use ecgraft::statistics::holm;
/// assert_eq!(holm(&[0.25, 0.01, 0.5]), [0.5, 0.03, 0.5]);
/// ```
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).filter(|&at| !p[at].is_nan()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![f64::NAN; p.len()];
    let mut least: f64 = 0.0;
    for (done, &at) in order.iter().enumerate() {
        least = least.max(((order.len() - done) as f64 * p[at]).min(1.0));
        adjusted[at] = least;
    }
    adjusted
}
