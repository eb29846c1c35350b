//! Whether probabilities mean what they say.

use crate::manifest::Labels;
use crate::metrics::{ClassifierMetric, Direction, Metric, Over, Predictions, Rests, Tests, decision};
use crate::statistics::bootstrap::Measure;

pub(super) const METRICS: &[&dyn ClassifierMetric] = &[&CalibrationError];

/// [Expected calibration error](expected_calibration_error), 0 the best. Single label: of the
/// most probable class (Guo et al. 2017). Several labels: of each class, mean over all classes.
#[derive(Clone, Copy, Debug)]
pub struct CalibrationError;

impl Metric for CalibrationError {
    fn name(&self) -> &'static str {
        "ece"
    }

    fn heading(&self) -> &'static str {
        "calibration error"
    }

    fn full_name(&self) -> &'static str {
        "expected calibration error"
    }

    fn direction(&self) -> Direction {
        Direction::Lower
    }
}

impl ClassifierMetric for CalibrationError {
    fn over(&self) -> Over {
        Over::Records
    }

    fn rests(&self) -> Rests {
        Rests::Records
    }

    /// It is of bins, which are not resampled.
    fn tests(&self, _labels: Option<Labels>) -> Tests {
        Tests { bootstrap: false, delong: false, mcnemar: false }
    }

    fn compute(&self, predictions: &Predictions, classes: &[usize]) -> Option<f64> {
        Some(match predictions.labels() {
            Labels::Single => expected_calibration_error(predictions.rows().map(|(row, truth)| {
                let top = decision::most_probable(row);
                (row[top], truth[top])
            })),
            Labels::Multi => {
                let of_class = |&class: &usize| {
                    let stated = predictions.rows().map(move |(row, truth)| (row[class], truth[class]));
                    expected_calibration_error(stated)
                };
                classes.iter().map(of_class).sum::<f64>() / classes.len() as f64
            }
        })
    }

    fn measure(&self, _predictions: &Predictions, _classes: &[usize]) -> Option<Box<dyn Measure>> {
        None
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    /// Of two probabilities of which only the first comes true: in one bin they make up for each
    /// other, |1 - (a + b)| / 2, in two they do not, ((1 - a) + b) / 2. All by hand.
    #[test]
    fn bins_are_open_below_and_closed_above() {
        for (a, b, expected) in [
            (0.2, 0.15, 0.325), // both in (2/15, 3/15]
            (0.2, 0.21, 0.505),
            (0.6, 0.55, 0.075), // both in (8/15, 9/15]
            (0.6, 0.61, 0.505),
            (0.0, 0.05, 0.475), // 0 is in the first bin
            (0.05, 0.1, 0.525),
            (0.95, 1.0, 0.475), // 1 is in the last
            (0.9, 0.95, 0.525),
        ] {
            let found = expected_calibration_error([(a, true), (b, false)].into_iter());
            assert!((found - expected).abs() < 1e-12, "{a} and {b}: {found}, expected {expected}");
        }
    }

    /// Every edge m / 15 belongs to the bin it closes.
    #[test]
    fn edges_are_where_they_are_said_to_be() {
        for m in 1..=CALIBRATION_BINS {
            let (edge, below) = (m as f64 / 15.0, (m as f64 - 0.5) / 15.0);
            let found = expected_calibration_error([(edge, true), (below, false)].into_iter());
            assert!((found - (1.0 - edge - below).abs() / 2.0).abs() < 1e-12, "edge {m}");
        }
    }
}
