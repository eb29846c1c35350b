//! What a metric knows of itself.

use super::Predictions;
use crate::manifest::Labels;
use crate::statistics::bootstrap::Measure;

/// A number that says how well a network does.
///
/// What is not said otherwise holds of most: a share from 0 to 1 without a unit, of which more is better, shown with three
/// decimals.
pub trait Metric: Sync {
    /// The store's name: `auc`, `mae`.
    fn name(&self) -> &'static str;

    /// As people call it: `AUC`, `MAE`.
    fn heading(&self) -> &'static str;

    /// The same in full.
    fn full_name(&self) -> &'static str {
        self.heading()
    }

    /// What it is counted in.
    fn unit(&self) -> Unit {
        Unit::One
    }

    /// Which values are better.
    fn direction(&self) -> Direction {
        Direction::Higher
    }

    /// The ends of what it can be; where it is not known what `labels` a record has, the wider range.
    fn range(&self, _labels: Option<Labels>) -> (f64, f64) {
        (0.0, 1.0)
    }

    /// Decimals that are shown.
    fn digits(&self) -> usize {
        3
    }
}

/// A metric of class probabilities.
pub trait ClassifierMetric: Metric {
    /// What it is over.
    fn over(&self) -> Over;

    /// Which test records it rests on.
    fn rests(&self) -> Rests;

    /// Whether `ecgraft show` has it, which does not say the same twice.
    fn is_in_summaries(&self) -> bool {
        true
    }

    /// Whether it is of decisions that are made class by class, which a threshold other than one half changes.
    fn is_of_decisions(&self, _labels: Labels) -> bool {
        false
    }

    /// Which significance tests can be done of it; where it is not known what `labels` a record has, those that can be done
    /// of some.
    fn tests(&self, _labels: Option<Labels>) -> Tests {
        Tests { bootstrap: true, delong: false, mcnemar: false }
    }

    /// The number over `classes`, by their places: all of them, or one; `None` where it is not defined.
    fn compute(&self, predictions: &Predictions, classes: &[usize]) -> Option<f64>;

    /// The same number, made ready to be had on any weighting of the records; `None` where it cannot be resampled.
    fn measure(&self, predictions: &Predictions, classes: &[usize]) -> Option<Box<dyn Measure>>;
}

/// A metric of measured numbers: heart rate, intervals.
pub trait RegressionMetric: Metric {
    /// The number; `None` where it is not defined. Both slices have the same records, at least one.
    fn compute(&self, truth: &[f64], measured: &[f64]) -> Option<f64>;

    /// The same number, made ready to be had on any weighting of the records: of each its true and its measured value, where
    /// the former is known. `None` where none is.
    fn measure(&self, pairs: Vec<Option<(f64, f64)>>) -> Option<Box<dyn Measure>>;
}

/// What a metric is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nothing.
    One,
    /// The unit of what is measured: bpm, ms.
    OfTarget,
}

/// Which values of a metric are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The higher.
    Higher,
    /// The lower: it is an error.
    Lower,
}

/// What a metric of class probabilities is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// All records and classes at once: one number.
    Records,
    /// One class: a number for each class, `NAME:CLASS`, and their mean, `macro_NAME`.
    Classes,
    /// All records and classes at once, `NAME`, or one class, `NAME:CLASS`.
    RecordsAndClasses,
}

impl Over {
    /// Whether there is a number for each class.
    pub fn has_classes(self) -> bool {
        self != Over::Records
    }
}

/// Which test records a metric rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rests {
    /// All, whatever their classes: accuracy, the Brier score.
    Records,
    /// Those with and those without the class: AUC, F1, precision.
    Both,
    /// Those with the class: recall.
    With,
    /// Those without the class: specificity.
    Without,
}

/// Which significance tests can be done of a metric, beside those over seeds, which can be done of any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tests {
    /// The bootstrap over patients: there is a [`ClassifierMetric::measure`].
    pub bootstrap: bool,
    /// DeLong's: it is a mean of classes' areas under the ROC curve.
    pub delong: bool,
    /// McNemar's: it is the share of records that are right.
    pub mcnemar: bool,
}
