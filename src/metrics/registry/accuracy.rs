//! Shares of what is right.

use crate::manifest::Labels;
use crate::metrics::{ClassifierMetric, Metric, Over, Predictions, Rests, Tests};
use crate::statistics::bootstrap::{Mean, Measure};

pub(super) const METRICS: &[&dyn ClassifierMetric] = &[&Accuracy, &SubsetAccuracy];

/// Single label: share of records whose most probable class is right. Several labels: share of
/// right decisions among records times classes (1 - Hamming loss).
#[derive(Clone, Copy, Debug)]
pub struct Accuracy;

impl Metric for Accuracy {
    fn name(&self) -> &'static str {
        "accuracy"
    }

    fn heading(&self) -> &'static str {
        "accuracy"
    }
}

impl ClassifierMetric for Accuracy {
    fn over(&self) -> Over {
        Over::Records
    }

    fn rests(&self) -> Rests {
        Rests::Records
    }

    /// With several labels a record can be right in part.
    fn tests(&self, labels: Option<Labels>) -> Tests {
        Tests { bootstrap: true, delong: false, mcnemar: labels != Some(Labels::Multi) }
    }

    fn is_of_decisions(&self, labels: Labels) -> bool {
        labels == Labels::Multi
    }

    fn compute(&self, predictions: &Predictions, classes: &[usize]) -> Option<f64> {
        match predictions.labels() {
            Labels::Single => SubsetAccuracy.compute(predictions, classes),
            Labels::Multi => {
                let right: usize = predictions.decisions().map(|(truth, decided)| right(truth, decided)).sum();
                Some(right as f64 / (predictions.records() * classes.len()) as f64)
            }
        }
    }

    fn measure(&self, predictions: &Predictions, classes: &[usize]) -> Option<Box<dyn Measure>> {
        match predictions.labels() {
            Labels::Single => SubsetAccuracy.measure(predictions, classes),
            Labels::Multi => {
                let share = |(truth, decided)| right(truth, decided) as f64 / classes.len() as f64;
                Some(Box::new(Mean(predictions.decisions().map(share).collect())))
            }
        }
    }
}

/// Share of records with every class right; for single labels the same as the accuracy.
#[derive(Clone, Copy, Debug)]
pub struct SubsetAccuracy;

impl Metric for SubsetAccuracy {
    fn name(&self) -> &'static str {
        "subset_accuracy"
    }

    fn heading(&self) -> &'static str {
        "subset accuracy"
    }
}

impl ClassifierMetric for SubsetAccuracy {
    fn over(&self) -> Over {
        Over::Records
    }

    fn rests(&self) -> Rests {
        Rests::Records
    }

    /// Where a record has one class it is the accuracy.
    fn is_in_summaries(&self) -> bool {
        false
    }

    fn tests(&self, _labels: Option<Labels>) -> Tests {
        Tests { bootstrap: true, delong: false, mcnemar: true }
    }

    fn is_of_decisions(&self, labels: Labels) -> bool {
        labels == Labels::Multi
    }

    fn compute(&self, predictions: &Predictions, _classes: &[usize]) -> Option<f64> {
        let right = predictions.decisions().filter(|(truth, decided)| truth == decided).count();
        Some(right as f64 / predictions.records() as f64)
    }

    fn measure(&self, predictions: &Predictions, _classes: &[usize]) -> Option<Box<dyn Measure>> {
        let is_right = |(truth, decided): (&[bool], &[bool])| f64::from(u8::from(truth == decided));
        Some(Box::new(Mean(predictions.decisions().map(is_right).collect())))
    }
}

/// Number of classes that are decided right.
fn right(truth: &[bool], decided: &[bool]) -> usize {
    truth.iter().zip(decided).filter(|(has, said)| has == said).count()
}
