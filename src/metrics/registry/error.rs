//! How far measured numbers are from the truth.

use crate::manifest::Labels;
use crate::metrics::moments::OfMoments;
use crate::metrics::{Direction, Metric, RegressionMetric, Unit};
use crate::statistics::bootstrap::Measure;

pub(super) const METRICS: &[&dyn RegressionMetric] = &[&MeanAbsoluteError, &RootMeanSquaredError];

/// Mean absolute error, in the target's unit.
#[derive(Clone, Copy, Debug)]
pub struct MeanAbsoluteError;

impl Metric for MeanAbsoluteError {
    fn name(&self) -> &'static str {
        "mae"
    }

    fn heading(&self) -> &'static str {
        "MAE"
    }

    fn unit(&self) -> Unit {
        Unit::OfTarget
    }

    fn direction(&self) -> Direction {
        Direction::Lower
    }

    fn range(&self, _labels: Option<Labels>) -> (f64, f64) {
        (0.0, f64::INFINITY)
    }

    /// Milliseconds and beats per minute to a tenth.
    fn digits(&self) -> usize {
        1
    }
}

impl RegressionMetric for MeanAbsoluteError {
    fn compute(&self, truth: &[f64], measured: &[f64]) -> Option<f64> {
        Some(errors(truth, measured).map(f64::abs).sum::<f64>() / truth.len() as f64)
    }

    fn measure(&self, pairs: Vec<Option<(f64, f64)>>) -> Option<Box<dyn Measure>> {
        OfMoments::boxed(pairs, |moments| moments.error / moments.weight)
    }
}

/// Root mean squared error, in the target's unit.
#[derive(Clone, Copy, Debug)]
pub struct RootMeanSquaredError;

impl Metric for RootMeanSquaredError {
    fn name(&self) -> &'static str {
        "rmse"
    }

    fn heading(&self) -> &'static str {
        "RMSE"
    }

    fn unit(&self) -> Unit {
        Unit::OfTarget
    }

    fn direction(&self) -> Direction {
        Direction::Lower
    }

    fn range(&self, _labels: Option<Labels>) -> (f64, f64) {
        (0.0, f64::INFINITY)
    }

    fn digits(&self) -> usize {
        1
    }
}

impl RegressionMetric for RootMeanSquaredError {
    fn compute(&self, truth: &[f64], measured: &[f64]) -> Option<f64> {
        let squares: f64 = errors(truth, measured).map(|e| e * e).sum();
        Some((squares / truth.len() as f64).sqrt())
    }

    fn measure(&self, pairs: Vec<Option<(f64, f64)>>) -> Option<Box<dyn Measure>> {
        OfMoments::boxed(pairs, |moments| (moments.square / moments.weight).sqrt())
    }
}

/// True less measured values.
pub(super) fn errors<'a>(truth: &'a [f64], measured: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    truth.iter().zip(measured).map(|(y, p)| y - p)
}
