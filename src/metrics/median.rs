//! What every measurement must be better than: to say the training records' median of each record.

use super::regression;
use crate::statistics::clustered_interval;

/// What the median of the training records is worth as a measurement of others, in the target's unit, bpm or ms, and how
/// much better a network is.
#[derive(Clone, Debug, PartialEq)]
pub struct MedianScore {
    /// Of the training records that know the target.
    pub median: f64,
    /// Mean absolute error of the median. No other constant has a lower one on the training records.
    pub mae: f64,
    /// Its root mean squared error.
    pub rmse: f64,
    /// Its coefficient of determination, at most 0; `None` where the truth does not vary.
    pub r2: Option<f64>,
    /// By how much the network's mean absolute error is lower: 95% interval over patients, low and high
    /// ([`clustered_interval`]); `None` where it cannot be measured.
    pub gain: Option<(f64, f64)>,
}

/// How a network that measures compares with the median.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BesideMedian {
    /// Its error is lower, and the interval of the difference lies above 0.
    Better,
    /// Its error is lower, and other patients might have it otherwise.
    NotTold,
    /// Its error is no lower.
    NoBetter,
}

impl BesideMedian {
    /// Of these errors, with the interval of what the network gains.
    pub fn of(mae: f64, median_mae: f64, gain: Option<(f64, f64)>) -> Self {
        match gain {
            // NaN is no gain either.
            _ if mae.partial_cmp(&median_mae) != Some(std::cmp::Ordering::Less) => Self::NoBetter,
            Some((low, _)) if low > 0.0 => Self::Better,
            _ => Self::NotTold,
        }
    }

    /// In a table.
    pub fn in_short(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::NotTold => "not told",
            Self::NoBetter => "no better",
        }
    }

    /// What is said of a network that is not better; nothing of one that is.
    pub fn told(self) -> Option<&'static str> {
        match self {
            Self::Better => None,
            Self::NotTold => Some("not told from the median"),
            Self::NoBetter => Some("no better than the median"),
        }
    }
}

/// What networks that measure have elsewhere, beside their errors: see [`MedianScore::by_name`].
pub const MEDIAN_MAE: &str = "median_mae";

/// As [`MEDIAN_MAE`].
pub const GAIN_LOW: &str = "gain_low";

/// As [`MEDIAN_MAE`].
pub const GAIN_HIGH: &str = "gain_high";

impl MedianScore {
    /// The mean absolute error, and the ends of the interval of the gain, by name.
    pub fn by_name(&self) -> [(&'static str, Option<f64>); 3] {
        let (low, high) = self.gain.unzip();
        [(MEDIAN_MAE, Some(self.mae)), (GAIN_LOW, low), (GAIN_HIGH, high)]
    }

    /// Of records whose true and measured values these are, and of whom they are.
    ///
    /// # Errors
    /// As [`regression`].
    pub fn new(
        median: f64,
        truth: &[f64],
        measured: &[f64],
        patients: &[impl Eq + std::hash::Hash],
    ) -> Result<Self, String> {
        let of_median = regression(truth, &vec![median; truth.len()])?;
        let gain = |(truth, measured): (&f64, &f64)| (truth - median).abs() - (truth - measured).abs();
        let gains: Vec<f64> = truth.iter().zip(measured).map(gain).collect();
        let gain = clustered_interval(&gains, patients);
        Ok(Self { median, mae: of_median.mae, rmse: of_median.rmse, r2: of_median.r2, gain })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: the median's errors are 10, 0, 10, 20.
    #[test]
    fn a_network_is_judged_beside_the_median() {
        let truth = [70.0, 80.0, 90.0, 100.0];
        let who = ["a", "b", "c", "d"];
        let of = |measured: [f64; 4]| {
            let score = MedianScore::new(80.0, &truth, &measured, &who).unwrap();
            let mae = regression(&truth, &measured).unwrap().mae;
            (score.clone(), BesideMedian::of(mae, score.mae, score.gain))
        };
        // Gains 9, -1, 9, 19: mean 9, deviations 0, -10, 0, 10, standard error sqrt(200 / 12).
        let (score, beside) = of([71.0, 81.0, 91.0, 101.0]);
        assert_eq!((score.mae, score.rmse, score.median), (10.0, 150f64.sqrt(), 80.0));
        // 1 - 600 / 500
        assert!((score.r2.unwrap() + 0.2).abs() < 1e-12);
        let (low, high) = score.gain.unwrap();
        let half = 3.182446305284263 * (200.0f64 / 12.0).sqrt();
        assert!((low - (9.0 - half)).abs() < 1e-6 && (high - (9.0 + half)).abs() < 1e-6, "{low} {high}");
        assert_eq!((beside, beside.told()), (BesideMedian::NotTold, Some("not told from the median")));
        // Gains 9, 8, 9, 12.
        let truth = [70.0, 88.0, 90.0, 93.0];
        let measured = [71.0, 88.0, 91.0, 92.0];
        let score = MedianScore::new(80.0, &truth, &measured, &who).unwrap();
        assert_eq!(BesideMedian::of(0.75, score.mae, score.gain), BesideMedian::Better);
        // The median itself, and what is worse.
        assert_eq!(of([80.0; 4]).1, BesideMedian::NoBetter);
        assert_eq!(of([0.0; 4]).1, BesideMedian::NoBetter);
        // One patient has no interval.
        let one = MedianScore::new(80.0, &truth, &measured, &["a"; 4]).unwrap();
        assert_eq!(BesideMedian::of(0.75, one.mae, one.gain), BesideMedian::NotTold);
    }
}
