//! The correlation of what is true with what is decided.

use crate::manifest::Labels;
use crate::metrics::resampled::{Counts, mean_over_classes, measure_of_counts};
use crate::metrics::{ClassifierMetric, Metric, Over, Predictions, Rests, decision};
use crate::statistics::bootstrap::{LANES, Lanes, Measure};

pub(super) const METRICS: &[&dyn ClassifierMetric] = &[&MatthewsCorrelation];

/// Matthews's correlation coefficient, scikit-learn's `matthews_corrcoef`. Single label: over all classes at once
/// (Gorodkin 2004, R_K). Several labels: the mean of the classes' own, each the correlation of two columns of yes and no,
/// over the classes that some records have and some have not (Matthews 1975).
///
/// 0 where what is decided is the same of all records, as scikit-learn has it; not defined where what is true is.
#[derive(Clone, Copy, Debug)]
pub struct MatthewsCorrelation;

impl Metric for MatthewsCorrelation {
    fn name(&self) -> &'static str {
        "mcc"
    }

    fn heading(&self) -> &'static str {
        "MCC"
    }

    fn full_name(&self) -> &'static str {
        "Matthews's correlation"
    }

    fn range(&self, _labels: Option<Labels>) -> (f64, f64) {
        (-1.0, 1.0)
    }
}

impl ClassifierMetric for MatthewsCorrelation {
    fn over(&self) -> Over {
        Over::RecordsAndClasses
    }

    fn rests(&self) -> Rests {
        Rests::Both
    }

    fn is_of_decisions(&self, labels: Labels) -> bool {
        labels == Labels::Multi
    }

    fn compute(&self, predictions: &Predictions, classes: &[usize]) -> Option<f64> {
        if is_of_all(predictions, classes) {
            let matrix = Matrix::new(predictions);
            let value = matrix.on(&vec![[1.0; LANES]; predictions.records()])[0];
            return (!value.is_nan()).then_some(value);
        }
        mean_over_classes(predictions, classes, binary)
    }

    fn measure(&self, predictions: &Predictions, classes: &[usize]) -> Option<Box<dyn Measure>> {
        Some(match is_of_all(predictions, classes) {
            true => Box::new(Matrix::new(predictions)),
            false => measure_of_counts(predictions, classes, true, binary),
        })
    }
}

/// Whether it is of which class a record has, rather than of one class or of each for itself.
fn is_of_all(predictions: &Predictions, classes: &[usize]) -> bool {
    predictions.labels() == Labels::Single && classes.len() == predictions.classes().len()
}

/// Of a class that some record has; NaN of one that all have.
fn binary(Counts { right, missed, wrong, neither }: Counts) -> f64 {
    let [with, without] = [right + missed, wrong + neither];
    let [said, unsaid] = [right + wrong, missed + neither];
    correlation(right * neither - wrong * missed, with * without, said * unsaid)
}

/// A covariance by the roots of the variances of truth and decision; NaN where the truth does not vary.
fn correlation(covariance: f64, of_truth: f64, of_decisions: f64) -> f64 {
    match (of_truth > 0.0, of_decisions > 0.0) {
        (false, _) => f64::NAN,
        (true, false) => 0.0,
        (true, true) => covariance / (of_truth.sqrt() * of_decisions.sqrt()),
    }
}

/// The true and the predicted class of each record. One without a class, as there is none among test records, counts as
/// of the first.
struct Matrix {
    of_records: Vec<[usize; 2]>,
    classes: usize,
}

impl Matrix {
    fn new(predictions: &Predictions) -> Self {
        let of_record = |(row, truth): (&[f64], &[bool])| {
            [truth.iter().position(|has| *has).unwrap_or(0), decision::most_probable(row)]
        };
        Self { of_records: predictions.rows().map(of_record).collect(), classes: predictions.classes().len() }
    }
}

impl Measure for Matrix {
    fn records(&self) -> usize {
        self.of_records.len()
    }

    fn on(&self, weights: &[Lanes<f32>]) -> Lanes<f64> {
        let mut right = [0f64; LANES];
        // How often each class is true, and is predicted.
        let mut counts = vec![[[0f64; LANES]; 2]; self.classes];
        for (&[truth, said], row) in self.of_records.iter().zip(weights) {
            for lane in 0..LANES {
                let weight = f64::from(row[lane]);
                counts[truth][0][lane] += weight;
                counts[said][1][lane] += weight;
                right[lane] += if truth == said { weight } else { 0.0 };
            }
        }
        std::array::from_fn(|lane| {
            let sum = |of: &dyn Fn(&[Lanes<f64>; 2]) -> f64| counts.iter().map(of).sum::<f64>();
            let all = sum(&|[truth, _]| truth[lane]);
            let covariance = right[lane] * all - sum(&|[truth, said]| truth[lane] * said[lane]);
            let variance = |side: usize| {
                let squares = sum(&|counts| counts[side][lane].powi(2));
                let varies = counts.iter().filter(|counts| counts[side][lane] > 0.0).count() > 1;
                if varies { all * all - squares } else { 0.0 }
            };
            correlation(covariance, variance(0), variance(1))
        })
    }
}
