//! The share of the true that is found where no more than so many of the others are taken for them.

use crate::metrics::resampled::{falling, over_classes};
use crate::metrics::{ClassifierMetric, Metric, Over, Predictions, Rests};
use crate::statistics::bootstrap::{LANES, Lanes, Measure, add};
use crate::statistics::mean;

pub(super) const METRICS: &[&dyn ClassifierMetric] = &[&SensitivityAt {
    specificity: 0.95,
    name: "sensitivity_at_0.95",
    heading: "sensitivity at 0.95",
    full_name: "sensitivity at a specificity of 0.95",
}];

/// What every name of these metrics begins with.
const NAME: &str = "sensitivity_at_";

/// How far below a specificity rounding may put one that is meant.
const ROUNDING: f64 = 1e-9;

/// The highest sensitivity of a class against all others among thresholds with at least this specificity, of those that
/// some score is: points of the ROC curve, between which no line is drawn. Its threshold is chosen on the records that it
/// is of. The mean of the classes'; not defined of a class that no record has, or all.
#[derive(Clone, Copy, Debug)]
pub struct SensitivityAt {
    specificity: f64,
    name: &'static str,
    heading: &'static str,
    full_name: &'static str,
}

/// `sensitivity_at_0.9`: the metric at any specificity between 0 and 1.
pub(super) fn with_parameter(name: &str) -> Option<Box<dyn ClassifierMetric>> {
    let specificity: f64 = super::parameter(name.strip_prefix(NAME)?)?;
    (specificity > 0.0 && specificity < 1.0).then(|| {
        let (heading, full_name) =
            (format!("sensitivity at {specificity}"), format!("sensitivity at a specificity of {specificity}"));
        let name = super::lasting(name.to_owned());
        let (heading, full_name) = (super::lasting(heading), super::lasting(full_name));
        Box::new(SensitivityAt { specificity, name, heading, full_name }) as Box<dyn ClassifierMetric>
    })
}

impl Metric for SensitivityAt {
    fn name(&self) -> &'static str {
        self.name
    }

    fn heading(&self) -> &'static str {
        self.heading
    }

    fn full_name(&self) -> &'static str {
        self.full_name
    }
}

impl ClassifierMetric for SensitivityAt {
    fn over(&self) -> Over {
        Over::Classes
    }

    fn rests(&self) -> Rests {
        Rests::Both
    }

    fn compute(&self, predictions: &Predictions, classes: &[usize]) -> Option<f64> {
        let all = vec![[1.0; LANES]; predictions.records()];
        let curves = classes.iter().filter_map(|&class| Curve::new(predictions, class));
        mean(curves.map(|curve| curve.sensitivity(self.specificity, &all)[0]))
    }

    fn measure(&self, predictions: &Predictions, classes: &[usize]) -> Option<Box<dyn Measure>> {
        let curves = classes.iter().filter_map(|&class| Curve::new(predictions, class)).collect();
        let specificity = self.specificity;
        let of_class = move |curve: &Curve, weights: &[Lanes<f32>]| curve.sensitivity(specificity, weights);
        Some(over_classes(predictions.records(), curves, of_class))
    }
}

/// The records of a class from the highest score to the lowest.
struct Curve {
    with: Vec<u32>,
    without: Vec<u32>,
    /// Where groups of equal scores that have a record with the class end in both.
    steps: Vec<[u32; 2]>,
}

impl Curve {
    /// `None` where all records have the class or none has.
    fn new(predictions: &Predictions, class: usize) -> Option<Self> {
        let (scores, positive) = (predictions.probabilities_of(class), predictions.truth_of(class));
        let sorted = falling(&scores);
        let (mut with, mut without, mut steps) = (Vec::new(), Vec::new(), Vec::new());
        for tied in sorted.chunk_by(|&a, &b| scores[a as usize] == scores[b as usize]) {
            let before = with.len();
            for &record in tied {
                if positive[record as usize] { with.push(record) } else { without.push(record) }
            }
            if with.len() > before {
                steps.push([with.len() as u32, without.len() as u32]);
            }
        }
        (!with.is_empty() && !without.is_empty()).then_some(Self { with, without, steps })
    }

    /// The sensitivity on weighted records; NaN where none of one side has a weight.
    fn sensitivity(&self, specificity: f64, weights: &[Lanes<f32>]) -> Lanes<f64> {
        let mut all = [[0f32; LANES]; 2];
        add(&mut all[0], &self.with, weights);
        add(&mut all[1], &self.without, weights);
        let (mut right, mut wrong, mut best) = ([0f32; LANES], [0f32; LANES], [0f32; LANES]);
        let mut begin = [0, 0];
        for step in &self.steps {
            let end = step.map(|place| place as usize);
            add(&mut right, &self.with[begin[0]..end[0]], weights);
            add(&mut wrong, &self.without[begin[1]..end[1]], weights);
            for lane in 0..LANES {
                let share = 1.0 - f64::from(wrong[lane]) / f64::from(all[1][lane]);
                if share >= specificity - ROUNDING {
                    best[lane] = right[lane];
                }
            }
            begin = end;
        }
        std::array::from_fn(|lane| {
            let [with, without] = [all[0][lane], all[1][lane]].map(f64::from);
            if without > 0.0 { f64::from(best[lane]) / with } else { f64::NAN }
        })
    }
}
