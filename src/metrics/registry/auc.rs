//! The area under the receiver operating characteristic.

use crate::manifest::Labels;
use crate::metrics::resampled::over_classes;
use crate::metrics::{ClassifierMetric, Metric, Over, Predictions, Rests, Tests};
use crate::statistics::bootstrap::{LANES, Lanes, Measure, add};
use crate::statistics::{auc, mean};

pub(super) const METRICS: &[&dyn ClassifierMetric] = &[&Auc];

/// Area under the ROC curve of a class against all others; their mean. Not defined of a class that no record has, or all.
#[derive(Clone, Copy, Debug)]
pub struct Auc;

impl Metric for Auc {
    fn name(&self) -> &'static str {
        "auc"
    }

    fn heading(&self) -> &'static str {
        "AUC"
    }
}

impl ClassifierMetric for Auc {
    fn over(&self) -> Over {
        Over::Classes
    }

    fn rests(&self) -> Rests {
        Rests::Both
    }

    fn tests(&self, _labels: Option<Labels>) -> Tests {
        Tests { bootstrap: true, delong: true, mcnemar: false }
    }

    fn compute(&self, predictions: &Predictions, classes: &[usize]) -> Option<f64> {
        let of_class = |&class: &usize| auc(&predictions.probabilities_of(class), &predictions.truth_of(class));
        mean(classes.iter().filter_map(of_class))
    }

    fn measure(&self, predictions: &Predictions, classes: &[usize]) -> Option<Box<dyn Measure>> {
        let of_class = |&class: &usize| Curve::new(&predictions.probabilities_of(class), &predictions.truth_of(class));
        let curves = classes.iter().filter_map(of_class).collect();
        Some(over_classes(predictions.records(), curves, Curve::area))
    }
}

/// The records of a class from the lowest score to the highest.
#[derive(Clone, Debug)]
struct Curve {
    order: Vec<u32>,
    steps: Vec<Step>,
}

/// A part of the order: records without the class that all records with the class from here on score higher than,
/// then records without it whose score those with it that follow share, then these. The places where each ends.
#[derive(Clone, Copy, Debug)]
struct Step {
    below: u32,
    tied: u32,
    positive: u32,
}

impl Curve {
    /// `None` where all records have the class or none has.
    fn new(scores: &[f64], positive: &[bool]) -> Option<Self> {
        let score = |record: u32| scores[record as usize];
        let has = |record: u32| positive[record as usize];
        let mut order: Vec<u32> = (0..scores.len() as u32).collect();
        // Within equal scores those without the class come first.
        order.sort_by(|&a, &b| {
            score(a).partial_cmp(&score(b)).unwrap_or(std::cmp::Ordering::Equal).then(has(a).cmp(&has(b)))
        });
        let positives = order.iter().filter(|&&record| has(record)).count();
        if positives == 0 || positives == order.len() {
            return None;
        }
        let mut steps: Vec<Step> = Vec::new();
        let mut begin = 0u32;
        for tied in order.chunk_by(|&a, &b| score(a) == score(b)) {
            let without = tied.iter().filter(|&&record| !has(record)).count() as u32;
            let end = begin + tied.len() as u32;
            match steps.last_mut() {
                // None with the class: they are below what follows, as are others right before them.
                _ if without == end - begin => {}
                // None without it: more with the class right above others.
                Some(step) if without == 0 && step.positive == begin && step.tied == step.below => step.positive = end,
                _ => steps.push(Step { below: begin, tied: begin + without, positive: end }),
            }
            begin = end;
        }
        Some(Self { order, steps })
    }

    /// The weighted share of pairs of a record with and one without the class in which the former scores higher,
    /// ties counting half; NaN without pairs.
    fn area(&self, weights: &[Lanes<f32>]) -> Lanes<f64> {
        let (mut negative, mut positive, mut wins) = ([0f32; LANES], [0f32; LANES], [0f64; LANES]);
        let mut begin = 0;
        for step in &self.steps {
            let [below, tied, end] = [step.below, step.tied, step.positive].map(|place| place as usize);
            add(&mut negative, &self.order[begin..below], weights);
            let mut with = [0f32; LANES];
            add(&mut with, &self.order[tied..end], weights);
            if tied > below {
                let before = negative;
                add(&mut negative, &self.order[below..tied], weights);
                for lane in 0..LANES {
                    wins[lane] += 0.5 * f64::from(with[lane]) * (f64::from(before[lane]) + f64::from(negative[lane]));
                }
            } else {
                for lane in 0..LANES {
                    wins[lane] += f64::from(with[lane]) * f64::from(negative[lane]);
                }
            }
            for lane in 0..LANES {
                positive[lane] += with[lane];
            }
            begin = end;
        }
        add(&mut negative, &self.order[begin..], weights);
        std::array::from_fn(|lane| wins[lane] / (f64::from(positive[lane]) * f64::from(negative[lane])))
    }
}
