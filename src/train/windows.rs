//! Windows: what a network sees of records that are longer than its input, and how what it says of several windows becomes
//! what it says of the record.
//!
//! A row is a window of an example, in the examples' order. Labels, losses and metrics are of examples: rows are known to the
//! data loader alone, whose [`predict`](super::data_loader::DataLoader::predict) joins them.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::labels::ExampleLabels;
use crate::manifest::{Join, Signal, TestWindows, TrainWindow};

/// The windows of some examples.
#[derive(Debug, PartialEq)]
pub(super) enum Windows {
    /// All of each record: a row each.
    Whole,
    /// One of each record, drawn anew for each epoch.
    Drawn,
    /// The same in each epoch.
    Fixed {
        /// Example and first sample of each row; each example has one at least.
        rows: Vec<(u32, u32)>,
        /// How the rows of an example are joined.
        join: Join,
    },
}

impl Windows {
    /// Of examples that are trained on, and have as many samples each as `samples` says: a row each.
    pub(super) fn of_training(signal: &Signal, samples: impl Iterator<Item = usize>) -> Self {
        match signal.window.as_ref().map(|window| window.train) {
            None => Windows::Whole,
            Some(TrainWindow::Random) => Windows::Drawn,
            Some(TrainWindow::First) => Self::fixed(signal, samples, |_| vec![0]),
            Some(TrainWindow::Centre) => Self::fixed(signal, samples, |last| vec![last / 2]),
        }
    }

    /// Of examples that are validated or tested on.
    pub(super) fn of_evaluation(signal: &Signal, samples: impl Iterator<Item = usize>) -> Self {
        let Some(window) = &signal.window else { return Windows::Whole };
        let stride = signal.samples(window.stride).max(1);
        match window.test {
            TestWindows::First => Self::fixed(signal, samples, |_| vec![0]),
            TestWindows::Centre => Self::fixed(signal, samples, |last| vec![last / 2]),
            TestWindows::Tile => Self::fixed(signal, samples, |last| tiles(last, stride)),
        }
    }

    /// Those that begin where `starts` says, which is told the last place where one can.
    fn fixed(signal: &Signal, samples: impl Iterator<Item = usize>, starts: impl Fn(usize) -> Vec<usize>) -> Self {
        let (_, length) = signal.shape();
        let of_example = |(example, samples): (usize, usize)| {
            let starts = starts(samples.saturating_sub(length)).into_iter();
            starts.map(move |start| (example as u32, start as u32))
        };
        let join = signal.window.as_ref().map_or(Join::Mean, |window| window.join);
        Windows::Fixed { rows: samples.enumerate().flat_map(of_example).collect(), join }
    }

    /// Rows of `examples` examples.
    pub(super) fn rows(&self, examples: usize) -> usize {
        match self {
            Windows::Whole | Windows::Drawn => examples,
            Windows::Fixed { rows, .. } => rows.len(),
        }
    }

    /// What `outputs` (rows, outputs) say of the examples, (examples, outputs).
    pub(super) fn joined(&self, labels: &ExampleLabels, outputs: Vec<f32>) -> Vec<f32> {
        let Windows::Fixed { rows, join } = self else { return outputs };
        let Some(width) = outputs.len().checked_div(rows.len()).filter(|width| *width > 0) else { return outputs };
        let mut rest = &outputs[..];
        let mut joined = Vec::new();
        for of_example in rows.chunk_by(|a, b| a.0 == b.0) {
            let (own, others) = rest.split_at(of_example.len() * width);
            let values: Vec<&[f32]> = own.chunks_exact(width).collect();
            joined.extend(join_rows(&values, labels, *join));
            rest = others;
        }
        joined
    }
}

/// Where windows begin that are `stride` apart, up to the last place where one can, which is one of them.
fn tiles(last: usize, stride: usize) -> Vec<usize> {
    (0..last).step_by(stride).chain([last]).collect()
}

/// A place where a window of `length` samples can begin in a record of `samples`, each as likely.
pub(super) fn draw(samples: usize, length: usize, random: &mut ChaCha8Rng) -> usize {
    random.random_range(0..=samples.saturating_sub(length))
}

/// The outputs that stand for those of several `rows` of one record: measured values are joined as they are, classes by their
/// probabilities, of which the logits are given. Where one is not finite, so is what is given.
fn join_rows(rows: &[&[f32]], labels: &ExampleLabels, join: Join) -> Vec<f32> {
    let width = rows.first().map_or(0, |row| row.len());
    if let [row] = rows {
        return row.to_vec();
    }
    if rows.iter().any(|row| row.iter().any(|output| !output.is_finite())) {
        return vec![f32::NAN; width];
    }
    let column = |place: usize| rows.iter().map(move |row| f64::from(row[place]));
    let columns = 0..width;
    match (labels, join) {
        // A sigmoid does not change which is the largest.
        (ExampleLabels::Numbers(..) | ExampleLabels::AnyClasses(_), Join::Max) => {
            columns.map(|place| column(place).fold(f64::NEG_INFINITY, f64::max) as f32).collect()
        }
        (ExampleLabels::Numbers(..), Join::Mean) => columns.map(|place| mean(column(place)) as f32).collect(),
        (ExampleLabels::AnyClasses(_), Join::Mean) => {
            // Each probability from its own side, so that none is rounded to 0 beside 1.
            let ln_mean =
                |place, sign: f64| mean(column(place).map(|z| 1.0 / (1.0 + (sign * z).exp()))).max(SMALLEST).ln();
            columns.map(|place| (ln_mean(place, -1.0) - ln_mean(place, 1.0)) as f32).collect()
        }
        (ExampleLabels::OneClass(_), _) => {
            let rows: Vec<Vec<f64>> = rows.iter().map(|row| softmax(row)).collect();
            let column = |place: usize| rows.iter().map(move |row| row[place]);
            let joined = |place| match join {
                Join::Mean => mean(column(place)),
                Join::Max => column(place).fold(0.0, f64::max),
            };
            columns.map(|place| joined(place).max(SMALLEST).ln() as f32).collect()
        }
    }
}

/// Below this a probability is this, so that its logarithm is a number.
const SMALLEST: f64 = f64::MIN_POSITIVE;

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

fn softmax(row: &[f32]) -> Vec<f64> {
    let top = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let powers: Vec<f64> = row.iter().map(|&z| (f64::from(z) - top).exp()).collect();
    let total: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecg::Lead;
    use crate::manifest::Window;

    fn signal(length: f64, stride: f64, join: Join) -> Signal {
        let (train, test) = (TrainWindow::Random, TestWindows::Tile);
        let window = Some(Window { length, train, test, stride, join });
        Signal { window, ..Signal::recorded(vec![Lead::I], 100.0, 10.0) }
    }

    fn starts(signal: &Signal, samples: usize) -> Vec<u32> {
        let Windows::Fixed { rows, .. } = Windows::of_evaluation(signal, [1, samples].into_iter()) else { panic!() };
        assert_eq!(rows[0], (0, 0), "a record that is shorter than the window has one all the same");
        rows[1..].iter().map(|(example, start)| (*example == 1).then_some(*start).unwrap()).collect()
    }

    #[test]
    fn tiles_cover_the_record_to_its_end() {
        // As `list(range(0, 1000 - 250 + 1, 125))`.
        assert_eq!(starts(&signal(2.5, 1.25, Join::Mean), 1000), [0, 125, 250, 375, 500, 625, 750]);
        assert_eq!(starts(&signal(2.5, 2.5, Join::Mean), 1000), [0, 250, 500, 750]);
        assert_eq!(starts(&signal(3.0, 3.0, Join::Mean), 1000), [0, 300, 600, 700]);
        assert_eq!(starts(&signal(2.5, 1.25, Join::Mean), 730), [0, 125, 250, 375, 480]);
        assert_eq!(starts(&signal(2.5, 1.25, Join::Mean), 250), [0]);
        let mut centre = signal(2.5, 1.25, Join::Mean);
        centre.window.as_mut().unwrap().test = TestWindows::Centre;
        assert_eq!(starts(&centre, 1000), [375]);
        assert_eq!(Windows::of_evaluation(&Signal::recorded(vec![], 1.0, 1.0), [5].into_iter()), Windows::Whole);
    }

    #[test]
    fn every_place_is_drawn_and_none_beyond_the_record() {
        let mut seen = std::collections::BTreeMap::new();
        for index in 0..4000 {
            *seen.entry(draw(12, 5, &mut crate::seed::stream(1, "window", index))).or_insert(0) += 1;
        }
        assert!(seen.keys().copied().eq(0..=7));
        // 500 each; five standard deviations are 105.
        assert!(seen.values().all(|count| (395..=605).contains(count)), "{seen:?}");
        assert_eq!(draw(3, 5, &mut crate::seed::stream(1, "window", 0)), 0);
    }

    fn near(found: &[f32], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-6, "{found} and not {expected}");
        }
    }

    /// Two windows of one record, of outputs 3 and of one more record with one window.
    fn joined(labels: &ExampleLabels, join: Join) -> Vec<f32> {
        let windows = Windows::Fixed { rows: vec![(0, 0), (0, 5), (1, 0)], join };
        windows.joined(labels, vec![1.0, -2.0, 0.5, 3.0, -1.0, 0.0, 0.25, 0.5, 0.75])
    }

    #[test]
    fn windows_are_joined_by_probability_or_value() {
        let numbers = ExampleLabels::Numbers(vec![0.0; 6], 3);
        near(&joined(&numbers, Join::Mean), &[2.0, -1.5, 0.25, 0.25, 0.5, 0.75]);
        near(&joined(&numbers, Join::Max), &[3.0, -1.0, 0.5, 0.25, 0.5, 0.75]);
        // Python: p = (expit([1, -2, .5]) + expit([3, -1, 0])) / 2; logit(p).
        let any = ExampleLabels::AnyClasses(vec![false; 6]);
        near(&joined(&any, Join::Mean), &[1.671_805_2, -1.423_764_1, 0.246_154_1, 0.25, 0.5, 0.75]);
        near(&joined(&any, Join::Max), &[3.0, -1.0, 0.5, 0.25, 0.5, 0.75]);
        // Python: p = softmax of each row; log of the mean, and of the larger.
        let one = ExampleLabels::OneClass(vec![0; 2]);
        near(&joined(&one, Join::Mean), &[-0.261_372_3, -3.746_366_4, -1.577_927_5, 0.25, 0.5, 0.75]);
        near(&joined(&one, Join::Max), &[-0.065_883_8, -3.504_596_9, -1.004_596_9, 0.25, 0.5, 0.75]);
    }

    #[test]
    fn large_outputs_stay_numbers_and_others_are_seen() {
        let any = ExampleLabels::AnyClasses(vec![false; 1]);
        let two = |a: f32, b: f32, labels: &ExampleLabels, join| {
            let rows = vec![(0, 0), (0, 5)];
            Windows::Fixed { rows, join }.joined(labels, vec![a, b])[0]
        };
        near(&[two(60.0, 60.0, &any, Join::Mean), two(-60.0, -60.0, &any, Join::Mean)], &[60.0, -60.0]);
        assert!(two(1e4, 1e4, &any, Join::Mean).is_finite());
        for labels in [any, ExampleLabels::Numbers(vec![0.0], 1), ExampleLabels::OneClass(vec![0])] {
            for join in [Join::Mean, Join::Max] {
                assert!(!two(f32::NAN, 1.0, &labels, join).is_finite());
                assert!(!two(1.0, f32::INFINITY, &labels, join).is_finite());
            }
        }
    }
}
