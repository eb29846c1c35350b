//! The area under the curve of precision over recall.

use crate::metrics::resampled::{falling, over_classes};
use crate::metrics::{ClassifierMetric, Metric, Over, Predictions, Rests};
use crate::statistics::bootstrap::{LANES, Lanes, Measure, add};
use crate::statistics::mean;

pub(super) const METRICS: &[&dyn ClassifierMetric] = &[&AveragePrecision];

/// Average precision, scikit-learn's `average_precision_score`, of a class against all others; their mean. With P(t) and
/// R(t) precision and recall where scores of at least t are a yes, it is the sum over all scores t, from the highest down,
/// of (R(t) - R(before)) P(t): no straight lines are drawn between points. Not defined of a class that no record has.
#[derive(Clone, Copy, Debug)]
pub struct AveragePrecision;

impl Metric for AveragePrecision {
    fn name(&self) -> &'static str {
        "auprc"
    }

    fn heading(&self) -> &'static str {
        "AUPRC"
    }

    fn full_name(&self) -> &'static str {
        "area under the precision-recall curve"
    }
}

impl ClassifierMetric for AveragePrecision {
    fn over(&self) -> Over {
        Over::Classes
    }

    fn rests(&self) -> Rests {
        Rests::Both
    }

    fn compute(&self, predictions: &Predictions, classes: &[usize]) -> Option<f64> {
        let of_class = |&class: &usize| Some(Curve::new(predictions, class)?.on_all());
        mean(classes.iter().filter_map(of_class))
    }

    fn measure(&self, predictions: &Predictions, classes: &[usize]) -> Option<Box<dyn Measure>> {
        let curves = classes.iter().filter_map(|&class| Curve::new(predictions, class)).collect();
        Some(over_classes(predictions.records(), curves, Curve::area))
    }
}

/// The records of a class from the highest score to the lowest, those without it first within a step.
struct Curve {
    order: Vec<u32>,
    /// Where the records without the class end, and where those with it: recall rises at the end of a step, and so
    /// nowhere else. Records without the class that score lower than all with it are in none.
    steps: Vec<[u32; 2]>,
}

impl Curve {
    /// `None` where no record has the class.
    fn new(predictions: &Predictions, class: usize) -> Option<Self> {
        let (scores, positive) = (predictions.probabilities_of(class), predictions.truth_of(class));
        let sorted = falling(&scores);
        let (mut order, mut with, mut steps) = (Vec::with_capacity(sorted.len()), Vec::new(), Vec::new());
        for tied in sorted.chunk_by(|&a, &b| scores[a as usize] == scores[b as usize]) {
            with.clear();
            for &record in tied {
                if positive[record as usize] { with.push(record) } else { order.push(record) }
            }
            if !with.is_empty() {
                let without = order.len() as u32;
                order.extend(&with);
                steps.push([without, order.len() as u32]);
            }
        }
        (!steps.is_empty()).then_some(Self { order, steps })
    }

    /// Of the records as they are, which numbers of records give exactly.
    fn on_all(&self) -> f64 {
        let (mut begin, mut right, mut said, mut area) = (0, 0.0, 0.0, 0.0);
        for &[without, end] in &self.steps {
            let with = f64::from(end - without);
            right += with;
            said += f64::from(end - begin);
            area += with * (right / said);
            begin = end;
        }
        area / right
    }

    /// The same of weighted records; NaN where none with the class has a weight.
    fn area(&self, weights: &[Lanes<f32>]) -> Lanes<f64> {
        let (mut begin, mut right, mut wrong, mut area) = (0, [0f32; LANES], [0f32; LANES], [0f64; LANES]);
        for step in &self.steps {
            let [without, end] = step.map(|place| place as usize);
            let mut with = [0f32; LANES];
            add(&mut wrong, &self.order[begin..without], weights);
            add(&mut with, &self.order[without..end], weights);
            for lane in 0..LANES {
                right[lane] += with[lane];
                let (right, wrong) = (f64::from(right[lane]), f64::from(wrong[lane]));
                // Nothing is added where no record with the class has a weight so far.
                area[lane] += f64::from(with[lane]) * right / (right + wrong).max(f64::MIN_POSITIVE);
            }
            begin = end;
        }
        std::array::from_fn(|lane| area[lane] / f64::from(right[lane]))
    }
}
