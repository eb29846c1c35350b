//! Metrics of a class's right and wrong decisions, on records as they are and on weighted ones.

use super::{ClassifierMetric, Metric, Over, Predictions, Rests};
use crate::manifest::Labels;
use crate::statistics::bootstrap::{LANES, Lanes, Measure, add, mean_of_defined};
use crate::statistics::mean;

/// Numbers of records, or sums of their weights, by what is true of a class and what was decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counts {
    /// TP: has it, and is said to.
    pub right: f64,
    /// FN: has it, and is not said to.
    pub missed: f64,
    /// FP: has it not, and is said to.
    pub wrong: f64,
    /// TN; NaN on weighted records of a metric that is not [`OfCounts::OF_ALL`], as they are many to sum.
    pub neither: f64,
}

/// A share, NaN of nothing.
pub(super) fn quotient(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { f64::NAN }
}

/// The mean of a metric over these classes; `of_counts` gives that of one class, and is asked of classes that some record
/// has. Those that none has, and of which it is NaN, are left out; `None` where that leaves none.
pub(super) fn mean_over_classes(
    predictions: &Predictions,
    classes: &[usize],
    of_counts: impl Fn(Counts) -> f64,
) -> Option<f64> {
    mean(classes.iter().filter_map(|&class| {
        let [[tn, fp], [fn_, tp]] = predictions.table(class).map(|row| row.map(|count| count as f64));
        let counts = Counts { right: tp, missed: fn_, wrong: fp, neither: tn };
        (tp + fn_ > 0.0).then(|| of_counts(counts)).filter(|value| !value.is_nan())
    }))
}

/// The same on weighted records, of a metric that is of [`Counts::neither`] or not: with it, it is several times the work, as
/// most records have not most classes.
pub(super) fn measure_of_counts(
    predictions: &Predictions,
    classes: &[usize],
    has_neither: bool,
    of_counts: impl Fn(Counts) -> f64 + Send + Sync + 'static,
) -> Box<dyn Measure> {
    let of_classes = classes.iter().filter_map(|&class| Records::new(predictions, class)).collect();
    over_classes(predictions.records(), of_classes, move |of: &Records, weights| {
        let sum = |records: &[u32]| {
            let mut sum = [0f32; LANES];
            add(&mut sum, records, weights);
            sum.map(f64::from)
        };
        let [right, missed, wrong] = [&of.right, &of.missed, &of.wrong].map(|records| sum(records));
        let neither = if has_neither { sum(&of.neither) } else { [f64::NAN; LANES] };
        std::array::from_fn(|lane| {
            let (right, missed, wrong, neither) = (right[lane], missed[lane], wrong[lane], neither[lane]);
            if right + missed == 0.0 { f64::NAN } else { of_counts(Counts { right, missed, wrong, neither }) }
        })
    })
}

/// The mean, over what is known `of_classes`, of what `on_class` makes of one of them on weighted records; those of which it is
/// NaN are left out.
pub(super) fn over_classes<C: Send + Sync + 'static>(
    records: usize,
    of_classes: Vec<C>,
    on_class: impl Fn(&C, &[Lanes<f32>]) -> Lanes<f64> + Send + Sync + 'static,
) -> Box<dyn Measure> {
    Box::new(OverClasses { records, of_classes, on_class })
}

struct OverClasses<C, F> {
    records: usize,
    of_classes: Vec<C>,
    on_class: F,
}

impl<C: Send + Sync, F: Fn(&C, &[Lanes<f32>]) -> Lanes<f64> + Send + Sync> Measure for OverClasses<C, F> {
    fn records(&self) -> usize {
        self.records
    }

    fn on(&self, weights: &[Lanes<f32>]) -> Lanes<f64> {
        mean_of_defined(self.of_classes.iter().map(|of| (self.on_class)(of, weights)))
    }
}

/// A metric of a class's right and wrong decisions: a number of each class, and their mean.
pub trait OfCounts: Metric + Copy + Send + 'static {
    /// Whether true negatives matter.
    const OF_ALL: bool = false;

    /// Which test records it rests on.
    fn rests_on(&self) -> Rests;

    /// Of a class that some record has; NaN where it is not defined.
    fn of_class(&self, counts: Counts) -> f64;
}

impl<T: OfCounts> ClassifierMetric for T {
    fn over(&self) -> Over {
        Over::Classes
    }

    fn rests(&self) -> Rests {
        self.rests_on()
    }

    fn is_of_decisions(&self, _labels: Labels) -> bool {
        true
    }

    fn compute(&self, predictions: &Predictions, classes: &[usize]) -> Option<f64> {
        mean_over_classes(predictions, classes, |counts| self.of_class(counts))
    }

    fn measure(&self, predictions: &Predictions, classes: &[usize]) -> Option<Box<dyn Measure>> {
        let metric = *self;
        Some(measure_of_counts(predictions, classes, T::OF_ALL, move |counts| metric.of_class(counts)))
    }
}

/// Records from the highest score to the lowest.
pub(super) fn falling(scores: &[f64]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..scores.len() as u32).collect();
    order.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
    order
}

/// Records of a class by what was decided of it.
#[derive(Default)]
struct Records {
    right: Vec<u32>,
    missed: Vec<u32>,
    wrong: Vec<u32>,
    neither: Vec<u32>,
}

impl Records {
    /// `None` where no record has the class.
    fn new(predictions: &Predictions, class: usize) -> Option<Self> {
        let mut records = Self::default();
        for (record, (truth, decided)) in (0u32..).zip(predictions.decisions()) {
            let list = match (truth[class], decided[class]) {
                (true, true) => &mut records.right,
                (true, false) => &mut records.missed,
                (false, true) => &mut records.wrong,
                (false, false) => &mut records.neither,
            };
            list.push(record);
        }
        (records.right.len() + records.missed.len() > 0).then_some(records)
    }
}
