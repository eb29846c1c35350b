//! Stated probabilities against what came true, bin by bin.

/// The normal quantile of a 95% interval.
const Z: f64 = 1.959963984540054;

/// Records of similar probability.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// How many.
    pub records: usize,
    /// Those that have the class.
    pub positives: usize,
    /// Sum of their probabilities.
    pub stated: f64,
}

/// Probabilities and what came true in `N` bins of equal width: bin m holds probabilities above (m - 1) / N and up to
/// m / N, the first also 0. What lies outside 0 to 1 counts in the nearest.
pub fn calibration_bins<const N: usize>(scored: impl Iterator<Item = (f64, bool)>) -> [Bin; N] {
    let mut bins = [Bin::default(); N];
    for (probability, has) in scored {
        let edge = (probability * N as f64).ceil().max(1.0) as usize;
        let bin = &mut bins[edge.min(N) - 1];
        bin.records += 1;
        bin.positives += usize::from(has);
        bin.stated += probability;
    }
    bins
}

/// The 95% score interval of a share (Wilson 1927).
pub fn wilson_interval(positives: usize, records: usize) -> (f64, f64) {
    let (n, share) = (records as f64, positives as f64 / records as f64);
    let middle = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_open_below_and_hold_everything() {
        let scored = [(0.0, false), (0.1, true), (0.11, true), (1.0, true), (1.2, false)];
        let bins = calibration_bins::<10>(scored.into_iter());
        assert_eq!(bins[0], Bin { records: 2, positives: 1, stated: 0.1 });
        assert_eq!((bins[1].records, bins[9].records, bins[9].positives), (1, 2, 1));
    }

    /// The ends p solve (share - p)^2 = z^2 p (1 - p) / n, which is what the interval is by definition.
    #[test]
    fn wilson_intervals_solve_their_equation() {
        for (positives, records) in [(0, 5), (1, 5), (8, 10), (10, 10), (333, 1000)] {
            let (low, high) = wilson_interval(positives, records);
            let (n, share) = (records as f64, positives as f64 / records as f64);
            for end in [low, high] {
                let off = (share - end).powi(2) - Z * Z * end * (1.0 - end) / n;
                assert!(off.abs() < 1e-12, "{positives} of {records}: {end} {off}");
            }
            assert!(low <= share + 1e-12 && share <= high + 1e-12, "{low} {share} {high}");
        }
    }
}
