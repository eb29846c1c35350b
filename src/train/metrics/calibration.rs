//! Whether probabilities mean what they say.

/// Number of bins of [`expected_calibration_error`], as in Guo et al. 2017.
pub const CALIBRATION_BINS: usize = 15;

/// Expected calibration error of stated probabilities and what came true (Naeini et al. 2015; Guo et
/// al. 2017, eq. 3): sum over bins of n_bin / n * |share that came true - mean probability|.
///
/// Bins are 15 of equal width, bin m holding probabilities in ((m - 1) / 15, m / 15], and the first
/// also 0. What lies outside 0 to 1 counts in the nearest bin. 0 for no records.
pub fn expected_calibration_error(stated: impl Iterator<Item = (f64, bool)>) -> f64 {
    // Within a bin, n * |share - mean| is |number that came true - sum of probabilities|.
    let (mut surplus, mut records) = ([0.0; CALIBRATION_BINS], 0usize);
    for (probability, came_true) in stated {
        let edge = (probability * CALIBRATION_BINS as f64).ceil();
        let bin = (edge.max(1.0) as usize).min(CALIBRATION_BINS) - 1;
        surplus[bin] += f64::from(u8::from(came_true)) - probability;
        records += 1;
    }
    surplus.iter().map(|s| s.abs()).sum::<f64>() / records.max(1) as f64
}
