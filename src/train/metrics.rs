//! Metrics, equal to scikit-learn's.

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
