//! The best that precision and recall of records can be together.

use crate::metrics::{ClassifierMetric, Metric, Over, Predictions, Rests};
use crate::statistics::bootstrap::{LANES, Lanes, Measure};

pub(super) const METRICS: &[&dyn ClassifierMetric] = &[&FMax];

/// The sample-centric F-max of PTB-XL's benchmark (Strodthoff et al. 2021, doi:10.1109/JBHI.2020.3022989): with one
/// threshold t for all classes, P(t) the mean precision of the records of which some class is predicted and R(t) the mean
/// recall of all records, it is the highest 2 P(t) R(t) / (P(t) + R(t)).
///
/// Every probability that there is is a threshold (the benchmark takes equally spaced ones, and so may find a little less). It
/// is chosen on the records that the number is of, as there. A record without any of the classes, which the benchmark leaves
/// out, has no recall, and a precision of 0 as soon as something is predicted.
#[derive(Clone, Copy, Debug)]
pub struct FMax;

impl Metric for FMax {
    fn name(&self) -> &'static str {
        "f_max"
    }

    fn heading(&self) -> &'static str {
        "F-max"
    }

    fn full_name(&self) -> &'static str {
        "F-max of records"
    }
}

impl ClassifierMetric for FMax {
    fn over(&self) -> Over {
        Over::Records
    }

    fn rests(&self) -> Rests {
        Rests::Records
    }

    fn compute(&self, predictions: &Predictions, _classes: &[usize]) -> Option<f64> {
        Sweep::new(predictions).value()
    }

    fn measure(&self, predictions: &Predictions, _classes: &[usize]) -> Option<Box<dyn Measure>> {
        Some(Box::new(Sweep::new(predictions)))
    }
}

/// What changes as the threshold falls.
struct Sweep {
    /// The records that have a class.
    with: Vec<u32>,
    changes: Vec<Change>,
    /// Where the changes of each threshold end.
    ends: Vec<u32>,
    records: usize,
}

/// A record's precision and recall with one more class predicted of it.
struct Change {
    record: u32,
    /// Whether it is the first.
    first: bool,
    precision: f64,
    recall: f64,
}

impl Sweep {
    fn new(predictions: &Predictions) -> Self {
        let classes = predictions.classes().len();
        let of = |(record, (row, truth)): (u32, (&[f64], &[bool]))| {
            row.iter().zip(truth).map(|(p, has)| (*p, record, *has)).collect::<Vec<_>>()
        };
        let mut said: Vec<(f64, u32, bool)> = (0u32..).zip(predictions.rows()).flat_map(of).collect();
        said.sort_by(|a, b| b.0.total_cmp(&a.0));
        let own: Vec<f64> =
            predictions.rows().map(|(_, truth)| truth.iter().filter(|has| **has).count() as f64).collect();
        // Classes predicted of each record, and those of them that are right.
        let mut known = vec![[0.0, 0.0]; predictions.records()];
        let (mut changes, mut ends) = (Vec::with_capacity(predictions.records() * classes), Vec::new());
        for tied in said.chunk_by(|a, b| a.0 == b.0) {
            for &(_, record, has) in tied {
                let [said, right] = &mut known[record as usize];
                let before = if *said > 0.0 { *right / *said } else { 0.0 };
                let first = *said == 0.0;
                *said += 1.0;
                *right += f64::from(u8::from(has));
                let recall = if has { 1.0 / own[record as usize] } else { 0.0 };
                changes.push(Change { record, first, precision: *right / *said - before, recall });
            }
            ends.push(changes.len() as u32);
        }
        let with = (0u32..).zip(&own).filter(|(_, own)| **own > 0.0).map(|(record, _)| record).collect();
        Self { with, changes, ends, records: predictions.records() }
    }
}

impl Measure for Sweep {
    fn records(&self) -> usize {
        self.records
    }

    fn on(&self, weights: &[Lanes<f32>]) -> Lanes<f64> {
        let mut with = [0f64; LANES];
        for &record in &self.with {
            (0..LANES).for_each(|lane| with[lane] += f64::from(weights[record as usize][lane]));
        }
        let (mut precision, mut recall, mut said) = ([0f64; LANES], [0f64; LANES], [0f64; LANES]);
        let (mut best, mut begin) = ([f64::NAN; LANES], 0);
        for &end in &self.ends {
            for change in &self.changes[begin..end as usize] {
                let row = &weights[change.record as usize];
                let first = f64::from(u8::from(change.first));
                for lane in 0..LANES {
                    let weight = f64::from(row[lane]);
                    precision[lane] += weight * change.precision;
                    recall[lane] += weight * change.recall;
                    said[lane] += weight * first;
                }
            }
            begin = end as usize;
            for lane in 0..LANES {
                let (p, r) = (precision[lane] / said[lane], recall[lane] / with[lane]);
                // 0 / 0 where nothing right is predicted of anything yet.
                let f = if recall[lane] > 0.0 { 2.0 * p * r / (p + r) } else { 0.0 };
                // NaN is less than any.
                best[lane] = best[lane].max(if with[lane] > 0.0 { f } else { f64::NAN });
            }
        }
        best
    }
}
