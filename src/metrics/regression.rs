//! How well numbers were measured.

use super::registry::agreement::{PearsonR, R2};
use super::registry::error::{MeanAbsoluteError, RootMeanSquaredError};
use super::{Metric, RegressionMetric};
use crate::statistics::Spread;

/// How well numbers were measured: what the store has columns for.
#[derive(Clone, Debug, PartialEq)]
pub struct RegressionMetrics {
    /// Mean absolute error, in the target's unit.
    pub mae: f64,
    /// Root mean squared error, in the target's unit.
    pub rmse: f64,
    /// Coefficient of determination; `None` where the truth does not vary.
    pub r2: Option<f64>,
    /// Pearson's r; `None` where either does not vary.
    pub pearson_r: Option<f64>,
}

impl RegressionMetrics {
    /// All of them, by name.
    pub fn by_name(&self) -> [(&'static str, Option<f64>); 4] {
        [
            (MeanAbsoluteError.name(), Some(self.mae)),
            (RootMeanSquaredError.name(), Some(self.rmse)),
            (R2.name(), self.r2),
            (PearsonR.name(), self.pearson_r),
        ]
    }
}

/// Mean and standard deviation of measured less true values; `None` without records.
pub fn bias(truth: &[f64], measured: &[f64]) -> Option<Spread> {
    Spread::from_values(&measured.iter().zip(truth).map(|(measured, truth)| measured - truth).collect::<Vec<_>>())
}

/// Compares measured with true values, record by record.
///
/// # Errors
/// Where there are no records, the slices differ in length, or a value is NaN or infinite; the
/// message says which.
///
/// # Examples
/// ```
/// let heart_rate = ecgraft::metrics::regression(&[60.0, 80.0], &[62.0, 79.0]).unwrap();
/// assert_eq!(heart_rate.mae, 1.5);
/// ```
pub fn regression(truth: &[f64], predicted: &[f64]) -> Result<RegressionMetrics, String> {
    if truth.len() != predicted.len() {
        return Err(format!("{} true values but {} predictions", truth.len(), predicted.len()));
    }
    if truth.is_empty() {
        return Err("no records to compute metrics of".into());
    }
    for (name, values) in [("true value", truth), ("prediction", predicted)] {
        if let Some(record) = values.iter().position(|value| !value.is_finite()) {
            return Err(format!("the {name} of record {} of {} is {}", record + 1, values.len(), values[record]));
        }
    }
    let defined = |metric: &dyn RegressionMetric| metric.compute(truth, predicted).unwrap_or(f64::NAN);
    Ok(RegressionMetrics {
        mae: defined(&MeanAbsoluteError),
        rmse: defined(&RootMeanSquaredError),
        r2: R2.compute(truth, predicted),
        pearson_r: PearsonR.compute(truth, predicted),
    })
}
