//! How well measured numbers vary as the truth does.

use super::error::errors;
use crate::manifest::Labels;
use crate::metrics::moments::OfMoments;
use crate::metrics::{Metric, RegressionMetric};
use crate::statistics::bootstrap::Measure;

pub(super) const METRICS: &[&dyn RegressionMetric] = &[&R2, &PearsonR];

/// Coefficient of determination; not defined where the truth does not vary.
///
/// With y the truth and p the prediction it is 1 - sum (y - p)² / sum (y - mean y)², which is negative for predictions
/// worse than the truth's mean.
#[derive(Clone, Copy, Debug)]
pub struct R2;

impl Metric for R2 {
    fn name(&self) -> &'static str {
        "r2"
    }

    fn heading(&self) -> &'static str {
        "R²"
    }

    fn range(&self, _labels: Option<Labels>) -> (f64, f64) {
        (f64::NEG_INFINITY, 1.0)
    }
}

impl RegressionMetric for R2 {
    fn compute(&self, truth: &[f64], measured: &[f64]) -> Option<f64> {
        let (_, spread) = deviations(truth)?;
        Some(1.0 - errors(truth, measured).map(|e| (e / spread).powi(2)).sum::<f64>())
    }

    fn measure(&self, pairs: Vec<Option<(f64, f64)>>) -> Option<Box<dyn Measure>> {
        OfMoments::boxed(pairs, |moments| 1.0 - moments.square / moments.spreads()[0])
    }
}

/// Pearson's r, the product-moment correlation (Pearson 1895), which knows no offset and no scale; not defined where
/// either does not vary.
#[derive(Clone, Copy, Debug)]
pub struct PearsonR;

impl Metric for PearsonR {
    fn name(&self) -> &'static str {
        "pearson_r"
    }

    fn heading(&self) -> &'static str {
        "r"
    }

    fn range(&self, _labels: Option<Labels>) -> (f64, f64) {
        (-1.0, 1.0)
    }
}

impl RegressionMetric for PearsonR {
    fn compute(&self, truth: &[f64], measured: &[f64]) -> Option<f64> {
        pearson(truth, measured)
    }

    fn measure(&self, pairs: Vec<Option<(f64, f64)>>) -> Option<Box<dyn Measure>> {
        OfMoments::boxed(pairs, |moments| {
            let [truth, measured, both] = moments.spreads();
            both / (truth * measured).sqrt()
        })
    }
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
