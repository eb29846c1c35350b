//! Contrastive learning: two views of a record are to be nearer to each other than to all others of the batch (SimCLR,
//! Chen 2020, <https://arxiv.org/abs/2002.05709>).

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Pretext, in_words, sums};
use crate::Result;
use crate::ops::step::loss::{Loss, found};
use crate::train::Randomness;
use crate::train::curves::{Curve, ValidationMetrics};
use crate::train::examples::{Augments, Examples, Prepared};

/// See the module.
#[derive(Debug)]
pub(in crate::train) struct ContrastivePretext {
    /// What similarities are divided by.
    pub temperature: f64,
    /// Samples of a view.
    pub view: usize,
    /// Whether the samples of a view alone go into the network; else all do, and those outside are 0.
    pub alone: bool,
    /// Records that are told from each other where nothing is trained.
    pub batch: usize,
    /// Of the first views and of the second ones.
    pub randomness: [Randomness; 2],
}

impl ContrastivePretext {
    /// Where a view begins of a record that has so many samples; at its beginning where it is shorter.
    fn draw(&self, samples: usize, random: &mut ChaCha8Rng) -> usize {
        random.random_range(0..=samples.saturating_sub(self.view))
    }
}

impl Pretext for ContrastivePretext {
    /// The first views of all records, then the second ones.
    fn prepared(&self, examples: &Examples<'_>, rows: &[usize], augments: Option<&Augments<'_>>) -> Result<Prepared> {
        let (leads, length) = examples.shape;
        let shown = if self.alone { self.view.min(length) } else { length };
        let mut values = Vec::with_capacity(2 * rows.len() * shown * leads);
        for randomness in &self.randomness {
            let own = augments.map(|augments| Augments { randomness, ..*augments });
            let whole = examples.signals(rows, own.as_ref())?; // (batch, length, leads)
            for (record, &row) in whole.chunks_exact((length * leads).max(1)).zip(rows) {
                let random = &mut match augments {
                    Some(augments) => randomness.view(augments.epoch, row),
                    None => randomness.view_of_evaluation(row),
                };
                let start = self.draw(examples.recorded(row), random);
                let seen = start * leads..(start + self.view.min(length)) * leads;
                match self.alone {
                    true => values.extend_from_slice(&record[seen]),
                    false => values.extend(
                        record.iter().enumerate().map(|(at, value)| if seen.contains(&at) { *value } else { 0.0 }),
                    ),
                }
            }
        }
        let views = 2 * rows.len();
        let target = Some(Loss::NtXent { views, temperature: self.temperature });
        Ok(Prepared { values, shape: (views, shown, leads), target })
    }

    fn batch(&self, _usual: usize) -> usize {
        self.batch
    }

    fn worth(&self, _rows: usize, outputs: &[f32], loss: &Loss) -> Vec<f32> {
        let &Loss::NtXent { views, temperature } = loss else { return Vec::new() };
        let found = found(outputs, views, temperature);
        let (first, second) = found.split_at(views / 2);
        let of_row = |(first, second): (&crate::ops::step::loss::Found, &crate::ops::step::loss::Found)| {
            let nearest = [first, second].iter().filter(|view| view.is_nearest).count();
            [(first.loss + second.loss) as f32, nearest as f32, (views - 1) as f32]
        };
        first.iter().zip(second).flat_map(of_row).collect()
    }

    fn metrics(&self, worth: &[f32]) -> ValidationMetrics {
        let views = (2 * worth.len() / COLUMNS).max(1) as f64;
        let [loss, nearest, _] = sums::<COLUMNS>(worth);
        let (loss, top1) = (loss / views, nearest / views);
        let chance = worth.chunks_exact(COLUMNS).map(|row| 2.0 / f64::from(row[2]).max(1.0)).sum::<f64>() / views;
        let values = vec![(Curve::Loss, loss), (Curve::Own("top1"), top1), (Curve::Own("top1_by_chance"), chance)];
        ValidationMetrics { score: -loss, values, text: format!("loss {loss:.3}, {:.0}% found", 100.0 * top1) }
    }

    fn in_words(&self, values: &[(Curve, f64)]) -> String {
        format!(
            "of the views of test records the share {} is nearest to the other view of its record, among those of a batch; \
             by chance it would be {}",
            in_words(values, "top1"),
            in_words(values, "top1_by_chance")
        )
    }
}

/// Numbers that a row is worth: the loss of its two views, how many of them were found, and how many others there were.
const COLUMNS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_counted_beside_chance() {
        // Three records, whose views lie 0, 0 and 90 degrees apart; the last two views are the nearest of each other.
        let outputs = [1.0, 0.0, 0.0, 1.0, -1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, -1.0];
        let randomness = [0, 1].map(|number| Randomness::contrastive(0).of_view(number));
        let pretext = ContrastivePretext { temperature: 1.0, view: 1, alone: true, batch: 3, randomness };
        let worth = pretext.worth(3, &outputs, &Loss::NtXent { views: 6, temperature: 1.0 });
        let metrics = pretext.metrics(&worth);
        let value = |name: &str| metrics.values.iter().find(|(curve, _)| curve.name() == name).unwrap().1;
        assert!((value("top1_by_chance") - 0.2).abs() < 1e-7);
        // The views of the last record are as near to those of the others at right angles: not nearest of all.
        assert!((value("top1") - 4.0 / 6.0).abs() < 1e-7);
        assert!((value("loss") + metrics.score).abs() < 1e-12);
    }
}
