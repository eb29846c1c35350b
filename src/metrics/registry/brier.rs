//! How far probabilities are from the truth.

use crate::manifest::Labels;
use crate::metrics::{ClassifierMetric, Direction, Metric, Over, Predictions, Rests};
use crate::statistics::bootstrap::{Mean, Measure};

pub(super) const METRICS: &[&dyn ClassifierMetric] = &[&Brier];

/// Brier score, 0 the best. Single label: the squared error of the probabilities summed over
/// classes, mean over records (0 to 2; Brier 1950). Several labels: the squared error,
/// mean over records and all classes (0 to 1).
#[derive(Clone, Copy, Debug)]
pub struct Brier;

impl Metric for Brier {
    fn name(&self) -> &'static str {
        "brier"
    }

    fn heading(&self) -> &'static str {
        "Brier score"
    }

    fn direction(&self) -> Direction {
        Direction::Lower
    }

    fn range(&self, labels: Option<Labels>) -> (f64, f64) {
        (0.0, if labels == Some(Labels::Multi) { 1.0 } else { 2.0 })
    }
}

impl ClassifierMetric for Brier {
    fn over(&self) -> Over {
        Over::Records
    }

    fn rests(&self) -> Rests {
        Rests::Records
    }

    fn compute(&self, predictions: &Predictions, classes: &[usize]) -> Option<f64> {
        let squares: f64 = predictions.rows().flat_map(|(row, truth)| squares(row, truth)).sum();
        let records = predictions.records();
        Some(match predictions.labels() {
            Labels::Single => squares / records as f64,
            Labels::Multi => squares / (records * classes.len()) as f64,
        })
    }

    fn measure(&self, predictions: &Predictions, classes: &[usize]) -> Option<Box<dyn Measure>> {
        let of_record = |(row, truth)| {
            let squares: f64 = squares(row, truth).sum();
            if predictions.labels() == Labels::Multi { squares / classes.len() as f64 } else { squares }
        };
        Some(Box::new(Mean(predictions.rows().map(of_record).collect())))
    }
}

/// The squared errors of one record, class by class.
fn squares<'a>(row: &'a [f64], truth: &'a [bool]) -> impl Iterator<Item = f64> + 'a {
    row.iter().zip(truth).map(|(p, y)| (p - f64::from(u8::from(*y))).powi(2))
}
