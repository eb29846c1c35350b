//! Metrics of weighted records, many weightings at once.

use super::{LANES, Lanes};
use crate::manifest::Labels;

/// A metric of predictions that can be resampled. A class is its place in the order of the probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Mean of the classes' AUC.
    MacroAuc,
    /// One class's area under the ROC curve.
    Auc(usize),
    /// As [`ClassificationMetrics`](crate::train::metrics::ClassificationMetrics) has it, like all of these.
    Accuracy,
    /// Share of records with every class right.
    SubsetAccuracy,
    /// Mean of the classes' F1.
    MacroF1,
    /// One class's F1.
    F1(usize),
    /// Mean of the classes' precision.
    MacroPrecision,
    /// One class's precision.
    Precision(usize),
    /// Mean of the classes' recall.
    MacroRecall,
    /// One class's recall.
    Recall(usize),
    /// Brier score.
    Brier,
}

impl Metric {
    /// The metric that the store calls `name`, of `class` where it is of one; `None` where there is none such, or
    /// it cannot be resampled. `classes` are the names of all.
    pub fn named<C: AsRef<str>>(name: &str, class: Option<&str>, classes: &[C]) -> Option<Self> {
        let place = |class: &str| classes.iter().position(|known| known.as_ref() == class);
        Some(match (name, class) {
            ("macro_auc", None) => Self::MacroAuc,
            ("accuracy", None) => Self::Accuracy,
            ("subset_accuracy", None) => Self::SubsetAccuracy,
            ("macro_f1", None) => Self::MacroF1,
            ("macro_precision", None) => Self::MacroPrecision,
            ("macro_recall", None) => Self::MacroRecall,
            ("brier", None) => Self::Brier,
            ("auc", Some(class)) => Self::Auc(place(class)?),
            ("f1", Some(class)) => Self::F1(place(class)?),
            ("precision", Some(class)) => Self::Precision(place(class)?),
            ("recall", Some(class)) => Self::Recall(place(class)?),
            _ => return None,
        })
    }
}

/// One network's predictions, made ready to be measured on any weighting of their records.
#[derive(Clone, Debug)]
pub struct Measure {
    records: usize,
    form: Form,
}

/// How the metric comes of the weights.
#[derive(Clone, Debug)]
enum Form {
    /// The mean of these curves' areas.
    Areas(Vec<Curve>),
    /// The weighted mean of a number of each record.
    Mean(Vec<f64>),
    /// The mean of numbers of these classes' counts.
    Counts(Vec<Counts>, Share),
}

/// Which number of a class's counts.
#[derive(Clone, Copy, Debug)]
enum Share {
    F1,
    Precision,
    Recall,
}

/// Records of a class by what was decided of it.
#[derive(Clone, Debug, Default)]
struct Counts {
    right: Vec<u32>,
    missed: Vec<u32>,
    wrong: Vec<u32>,
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

impl Measure {
    /// Predictions as [`classification`](crate::train::metrics::classification) takes them: `probabilities` and
    /// `truth` are (records, `classes`), record by record.
    ///
    /// `None` where the sizes do not fit, there are no records, a probability is NaN, or no class that is asked for.
    pub fn new(metric: Metric, labels: Labels, classes: usize, probabilities: &[f64], truth: &[bool]) -> Option<Self> {
        let fits = classes > 0 && probabilities.len() == truth.len() && truth.len().is_multiple_of(classes);
        let records = truth.len() / classes.max(1);
        if !fits || records == 0 || u32::try_from(records).is_err() || probabilities.iter().any(|p| p.is_nan()) {
            return None;
        }
        let all = || (0..classes).collect::<Vec<_>>();
        let rows = || probabilities.chunks_exact(classes).zip(truth.chunks_exact(classes));
        let mean = |of: &dyn Fn(&[f64], &[bool]) -> f64| Form::Mean(rows().map(|(p, y)| of(p, y)).collect());
        let right = |p: &[f64], y: &[bool]| (0..classes).filter(|&k| decided(labels, p, k) == y[k]).count();
        let areas = |of: Vec<usize>| {
            Form::Areas(of.into_iter().filter_map(|k| Curve::new(k, classes, probabilities, truth)).collect())
        };
        let counts = |of: Vec<usize>, share| {
            let counts = of.into_iter().filter_map(|k| Counts::new(k, labels, classes, probabilities, truth));
            Form::Counts(counts.collect(), share)
        };
        let one = |class: usize| (class < classes).then(|| vec![class]);
        let form = match metric {
            Metric::MacroAuc => areas(all()),
            Metric::Auc(class) => areas(one(class)?),
            Metric::MacroF1 => counts(all(), Share::F1),
            Metric::F1(class) => counts(one(class)?, Share::F1),
            Metric::MacroPrecision => counts(all(), Share::Precision),
            Metric::Precision(class) => counts(one(class)?, Share::Precision),
            Metric::MacroRecall => counts(all(), Share::Recall),
            Metric::Recall(class) => counts(one(class)?, Share::Recall),
            Metric::Accuracy if labels == Labels::Multi => mean(&|p, y| right(p, y) as f64 / classes as f64),
            Metric::Accuracy | Metric::SubsetAccuracy => mean(&|p, y| f64::from(u8::from(right(p, y) == classes))),
            Metric::Brier => mean(&|p, y| {
                let squares: f64 = p.iter().zip(y).map(|(p, y)| (p - f64::from(u8::from(*y))).powi(2)).sum();
                if labels == Labels::Multi { squares / classes as f64 } else { squares }
            }),
        };
        Some(Self { records, form })
    }

    /// Number of records.
    pub fn records(&self) -> usize {
        self.records
    }

    /// The metric on the records as they are; `None` where it is not defined.
    pub fn value(&self) -> Option<f64> {
        let value = self.on(&vec![[1.0; LANES]; self.records])[0];
        (!value.is_nan()).then_some(value)
    }

    /// The metric for [`LANES`] weightings, one row of weights for each record; NaN where it is not defined.
    ///
    /// As in the metric itself, classes that are not defined under a weighting are left out of means.
    pub(super) fn on(&self, weights: &[Lanes<f32>]) -> Lanes<f64> {
        match &self.form {
            Form::Areas(curves) => mean_of(curves.iter().map(|curve| curve.area(weights))),
            Form::Counts(counts, share) => mean_of(counts.iter().map(|counts| counts.share(*share, weights))),
            Form::Mean(values) => {
                let (mut sum, mut total) = ([0f64; LANES], [0f64; LANES]);
                for (row, value) in weights.iter().zip(values) {
                    for lane in 0..LANES {
                        sum[lane] += f64::from(row[lane]) * value;
                        total[lane] += f64::from(row[lane]);
                    }
                }
                std::array::from_fn(|lane| sum[lane] / total[lane])
            }
        }
    }
}

/// Whether class `k` is predicted.
fn decided(labels: Labels, row: &[f64], k: usize) -> bool {
    match labels {
        Labels::Multi => row[k] >= 0.5,
        // The first of the most probable ones.
        Labels::Single => row.iter().enumerate().all(|(at, p)| if at < k { *p < row[k] } else { *p <= row[k] }),
    }
}

/// Lane by lane the mean of what is not NaN.
fn mean_of(values: impl Iterator<Item = Lanes<f64>>) -> Lanes<f64> {
    let (mut sum, mut count) = ([0f64; LANES], [0f64; LANES]);
    for of in values {
        for lane in 0..LANES {
            if !of[lane].is_nan() {
                sum[lane] += of[lane];
                count[lane] += 1.0;
            }
        }
    }
    std::array::from_fn(|lane| sum[lane] / count[lane])
}

fn add(sum: &mut Lanes<f32>, records: &[u32], weights: &[Lanes<f32>]) {
    for &record in records {
        let row = &weights[record as usize];
        for lane in 0..LANES {
            sum[lane] += row[lane];
        }
    }
}

impl Curve {
    /// `None` where all records have the class or none has.
    fn new(class: usize, classes: usize, probabilities: &[f64], truth: &[bool]) -> Option<Self> {
        let at = |record: u32| record as usize * classes + class;
        let mut order: Vec<u32> = (0..(truth.len() / classes) as u32).collect();
        // Within equal scores those without the class come first.
        order.sort_by(|&a, &b| {
            let (score, other) = (probabilities[at(a)], probabilities[at(b)]);
            score.partial_cmp(&other).unwrap_or(std::cmp::Ordering::Equal).then(truth[at(a)].cmp(&truth[at(b)]))
        });
        let positives = order.iter().filter(|&&record| truth[at(record)]).count();
        if positives == 0 || positives == order.len() {
            return None;
        }
        let mut steps: Vec<Step> = Vec::new();
        let mut begin = 0u32;
        for tied in order.chunk_by(|&a, &b| probabilities[at(a)] == probabilities[at(b)]) {
            let without = tied.iter().filter(|&&record| !truth[at(record)]).count() as u32;
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

impl Counts {
    /// `None` where no record has the class.
    fn new(class: usize, labels: Labels, classes: usize, probabilities: &[f64], truth: &[bool]) -> Option<Self> {
        let mut counts = Self::default();
        for (record, (row, has)) in (0u32..).zip(probabilities.chunks_exact(classes).zip(truth.chunks_exact(classes))) {
            match (has[class], decided(labels, row, class)) {
                (true, true) => counts.right.push(record),
                (true, false) => counts.missed.push(record),
                (false, true) => counts.wrong.push(record),
                (false, false) => {}
            }
        }
        (counts.right.len() + counts.missed.len() > 0).then_some(counts)
    }

    fn share(&self, share: Share, weights: &[Lanes<f32>]) -> Lanes<f64> {
        let sum = |records: &[u32]| {
            let mut sum = [0f32; LANES];
            add(&mut sum, records, weights);
            sum.map(f64::from)
        };
        let [right, missed, wrong] = [&self.right, &self.missed, &self.wrong].map(|records| sum(records));
        std::array::from_fn(|lane| {
            let (right, missed, wrong) = (right[lane], missed[lane], wrong[lane]);
            if right + missed == 0.0 {
                return f64::NAN;
            }
            match share {
                Share::F1 => 2.0 * right / (2.0 * right + wrong + missed),
                Share::Precision if right + wrong == 0.0 => 0.0,
                Share::Precision => right / (right + wrong),
                Share::Recall => right / (right + missed),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::seed::stream;

    const CLASSES: usize = 4;
    const METRICS: [Metric; 11] = [
        Metric::MacroAuc,
        Metric::Auc(1),
        Metric::Accuracy,
        Metric::SubsetAccuracy,
        Metric::MacroF1,
        Metric::F1(0),
        Metric::MacroPrecision,
        Metric::Precision(2),
        Metric::MacroRecall,
        Metric::Recall(1),
        Metric::Brier,
    ];

    /// A record that counts three times is as good as three records.
    #[test]
    fn weights_are_repetitions() {
        let mut random = stream(1, "test", 0);
        for labels in [Labels::Single, Labels::Multi] {
            for round in 0..20 {
                let records = 30;
                // Few different scores, so that many are equal.
                let mut rows: Vec<Vec<f64>> = Vec::new();
                let mut truth: Vec<Vec<bool>> = Vec::new();
                for _ in 0..records {
                    rows.push((0..CLASSES).map(|_| f64::from(random.random_range(0..5u8)) / 4.0).collect());
                    let one = random.random_range(0..CLASSES - usize::from(round % 2 == 0));
                    let has = |class: usize, coin: bool| if labels == Labels::Single { class == one } else { coin };
                    truth.push((0..CLASSES).map(|class| has(class, random.random())).collect());
                }
                let weights: Vec<Lanes<f32>> =
                    (0..records).map(|_| std::array::from_fn(|_| f32::from(random.random_range(0..4u8)))).collect();
                for metric in METRICS {
                    let measure = |rows: &[Vec<f64>], truth: &[Vec<bool>]| {
                        Measure::new(metric, labels, CLASSES, &rows.concat(), &truth.concat()).unwrap()
                    };
                    let all = measure(&rows, &truth).on(&weights);
                    for lane in 0..LANES {
                        let times = |record: usize| weights[record][lane] as usize;
                        let repeat = |record: usize| std::iter::repeat_n(record, times(record));
                        let picked: Vec<usize> = (0..records).flat_map(repeat).collect();
                        let rows: Vec<Vec<f64>> = picked.iter().map(|&record| rows[record].clone()).collect();
                        let truth: Vec<Vec<bool>> = picked.iter().map(|&record| truth[record].clone()).collect();
                        let expected = measure(&rows, &truth).value().unwrap_or(f64::NAN);
                        let found = all[lane];
                        let same = (found - expected).abs() < 1e-12 || (found.is_nan() && expected.is_nan());
                        assert!(same, "{metric:?}: {found} is not {expected}");
                    }
                }
            }
        }
    }
}
