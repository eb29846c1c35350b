//! Metrics, equal to scikit-learn's: what each is called, and how it is computed, shown, resampled and tested.
//!
//! A metric is one struct in one file and one line of [`registry`]. Nothing else knows its name: training computes and
//! keeps whatever is listed there, `ecgraft verify` proves it, and `ecgraft compare --metric` shows and tests it.
//! docs/adding/metric.md walks through one.
//!
//! [`Predictions`] are class probabilities beside the truth, with what they decide: [`decision`] is the one place that
//! says when a class is predicted. [`regression`] is for measured numbers. Everything is computed in `f64`. Whatever is
//! not defined (the AUC of a class that no record has, R² of a constant truth) is `None`, never a stand-in number.

pub mod decision;
mod median;
mod named;
mod planned;
mod predictions;
pub mod registry;
mod regression;
mod resampled;
mod score;
#[cfg(test)]
mod tests;
mod threshold;
mod traits;

pub use median::{BesideMedian, GAIN_HIGH, GAIN_LOW, MEDIAN_MAE, MedianScore};
pub use named::{LOSS, NamedMetric};
pub use planned::with_known_metrics;
pub use predictions::Predictions;
pub use registry::{
    CALIBRATION_BINS, classifier_metric, classifier_metrics, expected_calibration_error, regression_metrics,
};
pub use regression::{RegressionMetrics, bias, regression};
pub use score::{ClassScore, Confusion};
pub use threshold::ThresholdRule;
pub use traits::{ClassifierMetric, Direction, Metric, Over, RegressionMetric, Rests, Tests, Unit};
