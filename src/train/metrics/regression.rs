//! How well numbers were measured.

/// How well numbers were measured.
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

/// Compares measured with true values, record by record.
///
/// With y the truth and p the prediction, R² is 1 - sum (y - p)² / sum (y - mean y)², which is
/// negative for predictions worse than the truth's mean; r is the product-moment correlation
/// (Pearson 1895), which knows no offset and no scale.
///
/// # Errors
/// Where there are no records, the slices differ in length, or a value is NaN or infinite; the
/// message says which.
///
/// # Examples
/// ```
/// let heart_rate = ecgraft::train::metrics::regression(&[60.0, 80.0], &[62.0, 79.0]).unwrap();
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
    let errors = || truth.iter().zip(predicted).map(|(y, p)| y - p);
    let squares: f64 = errors().map(|e| e * e).sum();
    let records = truth.len() as f64;
    Ok(RegressionMetrics {
        mae: errors().map(f64::abs).sum::<f64>() / records,
        rmse: (squares / records).sqrt(),
        r2: deviations(truth).map(|(_, spread)| 1.0 - errors().map(|e| (e / spread).powi(2)).sum::<f64>()),
        pearson_r: pearson(truth, predicted),
    })
}

/// Pearson's r; each factor is scaled to length 1 first, so that no product overflows or vanishes.
fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    let ((a, a_spread), (b, b_spread)) = (deviations(a)?, deviations(b)?);
    let r: f64 = a.iter().zip(&b).map(|(a, b)| (a / a_spread) * (b / b_spread)).sum();
    Some(r.clamp(-1.0, 1.0))
}

/// Deviations from the mean and the root of the sum of their squares; `None` where all values are equal.
fn deviations(values: &[f64]) -> Option<(Vec<f64>, f64)> {
    if values.iter().all(|value| *value == values[0]) {
        return None; // rounding of the mean would make a tiny spread of it
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let deviations: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let spread = deviations.iter().map(|d| d * d).sum::<f64>().sqrt();
    (spread > 0.0 && spread.is_finite()).then_some((deviations, spread))
}
