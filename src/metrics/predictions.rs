//! Class probabilities beside the truth.

use std::ops::Range;

use super::{ClassifierMetric, decision};
use crate::manifest::Labels;
use crate::statistics::bootstrap::Measure;

/// How far outside 0 to 1, and of a sum of 1, rounding in `f32` may put a probability.
const SLACK: f64 = 1e-4;

/// What was predicted of a set of records, beside what is true of them.
///
/// With [`Labels::Single`] each record has one class, and the predicted class is the most probable one. With
/// [`Labels::Multi`] a record has any number of classes: see [`decision`].
#[derive(Clone, Debug)]
pub struct Predictions {
    labels: Labels,
    classes: usize,
    /// (records, classes), record by record, like the next two.
    probabilities: Vec<f64>,
    truth: Vec<bool>,
    predicted: Vec<bool>,
}

impl Predictions {
    /// What a network says: `probabilities` and `truth` are (records, `classes`), record by record.
    ///
    /// # Errors
    /// Where there are no records or classes, the sizes do not fit, a probability is NaN, infinite or
    /// not from 0 to 1, or, with single labels, probabilities do not sum to 1 or a record has not
    /// exactly one class. The message counts records and classes from 1.
    ///
    /// # Examples
    /// ```
    /// use ecgraft::manifest::Labels;
    /// use ecgraft::metrics::{NamedMetric, Predictions};
    ///
    /// let probabilities = [0.8f32, 0.2, 0.4, 0.6, 0.3, 0.7];
    /// let truth = [true, false, true, false, false, true];
    /// let predictions = Predictions::of_network(Labels::Single, 2, &probabilities, &truth).unwrap();
    /// let value = |name: &str| NamedMetric::parse(name).value(&predictions, &["A", "B"]);
    /// assert_eq!(value("accuracy"), Some(2.0 / 3.0));
    /// assert_eq!(value("precision:B"), Some(0.5));
    /// ```
    pub fn of_network<P: Copy + Into<f64>>(
        labels: Labels,
        classes: usize,
        probabilities: &[P],
        truth: &[bool],
    ) -> Result<Self, String> {
        let probabilities: Vec<f64> = probabilities.iter().map(|p| (*p).into()).collect();
        check_sizes(classes, &probabilities, truth)?;
        check_values(labels, classes, &probabilities, truth)?;
        Ok(Self::decided(labels, classes, probabilities, truth.to_vec()))
    }

    /// Like [`Self::of_network`], of numbers that need not be probabilities, such as means of several networks', and of
    /// records that may lack a class; `None` where the sizes do not fit, there are no records, or a number is NaN.
    pub fn of_scores(labels: Labels, classes: usize, scores: &[f64], truth: &[bool]) -> Option<Self> {
        check_sizes(classes, scores, truth).ok()?;
        let is_measurable = u32::try_from(truth.len()).is_ok() && !scores.iter().any(|score| score.is_nan());
        is_measurable.then(|| Self::decided(labels, classes, scores.to_vec(), truth.to_vec()))
    }

    fn decided(labels: Labels, classes: usize, probabilities: Vec<f64>, truth: Vec<bool>) -> Self {
        let predicted = probabilities.chunks_exact(classes).flat_map(|row| decision::decide(labels, row)).collect();
        Self { labels, classes, probabilities, truth, predicted }
    }

    /// The same, with a class predicted wherever its probability is at least its threshold, whatever the others' are; `None`
    /// where there is not one threshold for each class.
    pub fn at_thresholds(self, thresholds: &[f64]) -> Option<Self> {
        let rows = self.probabilities.chunks_exact(self.classes);
        let predicted = rows.flat_map(|row| row.iter().zip(thresholds).map(|(p, threshold)| p >= threshold)).collect();
        (thresholds.len() == self.classes).then_some(Self { predicted, ..self })
    }

    /// Whether a record has one class or any number.
    pub fn labels(&self) -> Labels {
        self.labels
    }

    /// Number of records.
    pub fn records(&self) -> usize {
        self.truth.len() / self.classes
    }

    /// The places of all classes.
    pub fn classes(&self) -> Range<usize> {
        0..self.classes
    }

    /// Record by record its probabilities, class by class, and which classes it has.
    pub fn rows(&self) -> impl Iterator<Item = (&[f64], &[bool])> + Clone {
        self.probabilities.chunks_exact(self.classes).zip(self.truth.chunks_exact(self.classes))
    }

    /// Record by record which classes it has, and which are predicted.
    pub fn decisions(&self) -> impl Iterator<Item = (&[bool], &[bool])> + Clone {
        self.truth.chunks_exact(self.classes).zip(self.predicted.chunks_exact(self.classes))
    }

    /// The probabilities of one class, record by record.
    pub fn probabilities_of(&self, class: usize) -> Vec<f64> {
        column(&self.probabilities, class, self.classes)
    }

    /// Which records have a class.
    pub fn truth_of(&self, class: usize) -> Vec<bool> {
        column(&self.truth, class, self.classes)
    }

    /// Number of records that have a class.
    pub fn positives(&self, class: usize) -> usize {
        self.truth.iter().skip(class).step_by(self.classes).filter(|has| **has).count()
    }

    /// `[[TN, FP], [FN, TP]]` of one class: numbers of records by truth and prediction.
    pub fn table(&self, class: usize) -> [[u64; 2]; 2] {
        let mut table = [[0; 2]; 2];
        for at in (class..self.truth.len()).step_by(self.classes) {
            table[usize::from(self.truth[at])][usize::from(self.predicted[at])] += 1;
        }
        table
    }

    /// A metric over all classes, or of `class` alone; `None` where it is not defined.
    pub fn value(&self, metric: &dyn ClassifierMetric, class: Option<usize>) -> Option<f64> {
        metric.compute(self, &self.meant(metric, class)?)
    }

    /// The same metric, made ready to be resampled; `None` where it cannot be, or there is no such class.
    pub fn measure(&self, metric: &dyn ClassifierMetric, class: Option<usize>) -> Option<Box<dyn Measure>> {
        metric.measure(self, &self.meant(metric, class)?)
    }

    /// The classes that a metric is to be over; `None` where there is none such.
    fn meant(&self, metric: &dyn ClassifierMetric, class: Option<usize>) -> Option<Vec<usize>> {
        match class {
            None => Some(self.classes().collect()),
            Some(class) => (class < self.classes && metric.over().has_classes()).then(|| vec![class]),
        }
    }
}

fn check_sizes(classes: usize, probabilities: &[f64], truth: &[bool]) -> Result<(), String> {
    if classes == 0 || truth.is_empty() {
        return Err(format!("no {} to compute metrics of", if classes == 0 { "classes" } else { "records" }));
    }
    if probabilities.len() != truth.len() {
        return Err(format!("{} probabilities but {} labels", probabilities.len(), truth.len()));
    }
    if !truth.len().is_multiple_of(classes) {
        return Err(format!("{} labels are not a whole number of records of {classes} classes", truth.len()));
    }
    Ok(())
}

fn check_values(labels: Labels, classes: usize, probabilities: &[f64], truth: &[bool]) -> Result<(), String> {
    if let Some(at) = probabilities.iter().position(|p| !(-SLACK..=1.0 + SLACK).contains(p)) {
        let (record, class, value) = (at / classes + 1, at % classes + 1, probabilities[at]);
        let cause = if value.is_finite() { "which is not from 0 to 1" } else { "so the training has diverged" };
        return Err(format!("the probability of class {class} of record {record} is {value}, {cause}"));
    }
    if labels == Labels::Multi {
        return Ok(());
    }
    for (record, (row, truth)) in (1..).zip(probabilities.chunks_exact(classes).zip(truth.chunks_exact(classes))) {
        let (sum, having) = (row.iter().sum::<f64>(), truth.iter().filter(|y| **y).count());
        if (sum - 1.0).abs() > SLACK {
            return Err(format!("the probabilities of record {record} sum to {sum}, not 1, with labels = \"single\""));
        }
        if having != 1 {
            return Err(format!("record {record} has {having} classes, not one, with labels = \"single\""));
        }
    }
    Ok(())
}

fn column<T: Copy>(values: &[T], class: usize, classes: usize) -> Vec<T> {
    values.iter().skip(class).step_by(classes).copied().collect()
}
