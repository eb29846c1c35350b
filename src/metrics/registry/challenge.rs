//! The F2 that a challenge scored, in which records of many classes count less.

use crate::manifest::Labels;
use crate::metrics::resampled::over_classes;
use crate::metrics::{ClassifierMetric, Metric, Over, Predictions, Rests};
use crate::statistics::bootstrap::{LANES, Measure};

pub(super) const METRICS: &[&dyn ClassifierMetric] = &[&ChallengeF2];

/// The F2 of the first rounds of the PhysioNet/CinC Challenge 2020, which PTB-XL's benchmark has too (Strodthoff et al. 2021,
/// doi:10.1109/JBHI.2020.3022989, `F_beta = 2`): the mean over classes of 5 TP / (5 TP + 4 FN + FP), each record counting one
/// divided by the number of its classes. One without a class counts as if it had one; a class that no record has is left
/// out. With one class a record it is the macro F2.
#[derive(Clone, Copy, Debug)]
pub struct ChallengeF2;

impl Metric for ChallengeF2 {
    fn name(&self) -> &'static str {
        "challenge_f2"
    }

    fn heading(&self) -> &'static str {
        "challenge F2"
    }

    fn full_name(&self) -> &'static str {
        "F2 of the CinC Challenge 2020"
    }
}

impl ClassifierMetric for ChallengeF2 {
    fn over(&self) -> Over {
        Over::Records
    }

    fn rests(&self) -> Rests {
        Rests::Both
    }

    fn is_of_decisions(&self, _labels: Labels) -> bool {
        true
    }

    /// Where a record has one class it is the macro F2.
    fn is_in_summaries(&self) -> bool {
        false
    }

    fn compute(&self, predictions: &Predictions, _classes: &[usize]) -> Option<f64> {
        shared(predictions).value()
    }

    fn measure(&self, predictions: &Predictions, _classes: &[usize]) -> Option<Box<dyn Measure>> {
        Some(shared(predictions))
    }
}

/// A record that has a class, or is said to.
struct Counted {
    record: u32,
    /// 5, 4 or 1 of TP, FN and FP, by the number of the record's classes.
    share: f64,
    /// The same of TP alone.
    right: f64,
    has: bool,
}

/// Records by class, with what each counts in it.
fn shared(predictions: &Predictions) -> Box<dyn Measure> {
    let of_class = |class: usize| -> Option<Vec<Counted>> {
        let mut counted = Vec::new();
        for (record, (truth, decided)) in (0u32..).zip(predictions.decisions()) {
            let own = truth.iter().filter(|has| **has).count().max(1) as f64;
            let (share, right) = match (truth[class], decided[class]) {
                (true, true) => (5.0 / own, 5.0 / own),
                (true, false) => (4.0 / own, 0.0),
                (false, true) => (1.0 / own, 0.0),
                (false, false) => continue,
            };
            counted.push(Counted { record, share, right, has: truth[class] });
        }
        (predictions.positives(class) > 0).then_some(counted)
    };
    let of_classes = predictions.classes().filter_map(of_class).collect();
    over_classes(predictions.records(), of_classes, |counted: &Vec<Counted>, weights| {
        let (mut right, mut all, mut with) = ([0f64; LANES], [0f64; LANES], [0f64; LANES]);
        for of in counted {
            let row = &weights[of.record as usize];
            for lane in 0..LANES {
                let weight = f64::from(row[lane]);
                right[lane] += weight * of.right;
                all[lane] += weight * of.share;
                with[lane] += if of.has { weight } else { 0.0 };
            }
        }
        std::array::from_fn(|lane| if with[lane] > 0.0 { right[lane] / all[lane] } else { f64::NAN })
    })
}
