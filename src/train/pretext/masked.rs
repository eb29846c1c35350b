//! Masked reconstruction: patches of a record are 0 in the input, and the network is to give what was there (SimMIM,
//! Xie 2022).

use std::ops::Range;

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{Pretext, in_words, sums};
use crate::Result;
use crate::manifest::{MaskedLeads, MaskedLoss, Masking, Signal};
use crate::ops::step::loss::Loss;
use crate::train::Randomness;
use crate::train::curves::{Curve, ValidationMetrics};
use crate::train::examples::{Augments, Examples, Prepared};

/// See the module.
#[derive(Debug)]
pub(in crate::train) struct MaskedPretext {
    masking: Masking,
    leads: usize,
    /// Samples of a patch.
    patch: usize,
    /// The samples that each of the decoder's outputs over time stands for.
    pieces: Vec<Range<usize>>,
    randomness: Randomness,
}

impl MaskedPretext {
    /// For a network whose decoder gives these pieces of a signal.
    pub(in crate::train) fn new(
        masking: &Masking,
        signal: &Signal,
        pieces: &[Range<usize>],
        randomness: &Randomness,
    ) -> Self {
        let patch = (masking.patch / 1000.0 * signal.sampling_rate).round() as usize;
        let (masking, randomness, leads) = (masking.clone(), randomness.clone(), signal.leads.len());
        Self { masking, leads, patch: patch.max(1), pieces: pieces.to_vec(), randomness }
    }

    /// What is masked of a record with so many samples: (samples, leads).
    fn draw(&self, leads: usize, samples: usize, random: &mut ChaCha8Rng) -> Vec<bool> {
        let Masking { share, leads: places, whole_leads, .. } = self.masking;
        let mut mask = vec![false; samples * leads];
        let patches = samples.div_ceil(self.patch);
        let mut hide = |lead: usize, samples: Range<usize>| {
            samples.for_each(|sample| mask[sample * leads + lead] = true);
        };
        // Where a share is asked for one patch at least is masked, and one is seen where there are two.
        let count = match (share * patches as f64).round() as usize {
            _ if share == 0.0 => 0,
            count => count.clamp(1, patches.saturating_sub(1).max(1)),
        };
        let mut drawn: Vec<usize> = Vec::new();
        for lead in 0..leads {
            if lead == 0 || places == MaskedLeads::Each {
                drawn = (0..patches).collect();
                drawn.shuffle(random);
                drawn.truncate(count);
            }
            for patch in &drawn {
                hide(lead, patch * self.patch..((patch + 1) * self.patch).min(samples));
            }
        }
        let whole = ((whole_leads * leads as f64).round() as usize).min(leads.saturating_sub(1));
        let mut order: Vec<usize> = (0..leads).collect();
        if whole > 0 {
            order.shuffle(random);
        }
        order[..whole].iter().for_each(|lead| hide(*lead, 0..samples));
        mask
    }

    fn worth_of(&self, outputs: &[f32], truth: &[f32]) -> [f32; COLUMNS] {
        let mut sums = [0f64; COLUMNS];
        for lead in 0..self.leads {
            let of_lead = |values: &[f32]| {
                values.iter().skip(lead).step_by(self.leads).copied().map(f64::from).collect::<Vec<_>>()
            };
            let pairs = of_lead(outputs).into_iter().zip(of_lead(truth));
            let known: Vec<(f64, f64)> = pairs.filter(|(_, truth)| !truth.is_nan()).collect();
            let mean = known.iter().map(|(_, truth)| truth).sum::<f64>() / known.len().max(1) as f64;
            for (output, truth) in &known {
                let error = output - truth;
                let own = [1.0, error.abs(), error * error, (truth - mean).powi(2)];
                sums.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
            }
        }
        sums.map(|sum| sum as f32)
    }
}

impl Pretext for MaskedPretext {
    fn prepared(&self, examples: &Examples<'_>, rows: &[usize], augments: Option<&Augments<'_>>) -> Result<Prepared> {
        let (leads, length) = examples.shape;
        let mut values = examples.signals(rows, augments)?; // (batch, length, leads)
        let longest = self.pieces.iter().map(Range::len).max().unwrap_or(0);
        let mut truth = vec![f32::NAN; rows.len() * self.pieces.len() * longest * leads];
        let of_row = truth.chunks_exact_mut((self.pieces.len() * longest * leads).max(1));
        for ((record, truth), &row) in values.chunks_exact_mut(length * leads).zip(of_row).zip(rows) {
            let random = &mut match augments {
                Some(augments) => self.randomness.mask(augments.epoch, row),
                None => self.randomness.mask_of_evaluation(row),
            };
            let mask = self.draw(leads, examples.recorded(row), random); // (samples, leads)
            for (piece, truth) in self.pieces.iter().zip(truth.chunks_exact_mut(longest * leads)) {
                let samples = piece.start * leads..piece.end * leads;
                let hidden = mask.get(samples.clone()).unwrap_or_else(|| mask.get(samples.start..).unwrap_or_default());
                for ((value, truth), hidden) in record[samples].iter_mut().zip(truth).zip(hidden) {
                    if *hidden {
                        *truth = std::mem::replace(value, 0.0);
                    }
                }
            }
        }
        let target = match self.masking.loss {
            MaskedLoss::Mae => Loss::Mae(truth),
            MaskedLoss::Mse => Loss::Mse(truth),
        };
        Ok(Prepared { values, shape: (rows.len(), length, leads), target: Some(target) })
    }

    /// Of each of `rows` rows: masked samples, the sum of absolute errors, of squared ones, and of squares about the mean of
    /// each lead's masked samples, which are the errors of who knows of the record these means alone.
    fn worth(&self, rows: usize, outputs: &[f32], loss: &Loss) -> Vec<f32> {
        let (Loss::Mae(truth) | Loss::Mse(truth)) = loss else { return Vec::new() };
        let size = (truth.len() / rows.max(1)).max(1);
        outputs.chunks_exact(size).zip(truth.chunks_exact(size)).flat_map(|(y, t)| self.worth_of(y, t)).collect()
    }

    fn metrics(&self, worth: &[f32]) -> ValidationMetrics {
        let [samples, absolute, squared, spread] = sums::<COLUMNS>(worth);
        let (mae, mse) = (absolute / samples.max(1.0), squared / samples.max(1.0));
        let loss = match self.masking.loss {
            MaskedLoss::Mae => mae,
            MaskedLoss::Mse => mse,
        };
        let mut values = vec![(Curve::Loss, loss), (Curve::Own("mae"), mae), (Curve::Own("rmse"), mse.sqrt())];
        if spread > 0.0 {
            values.push((Curve::Own("r2"), 1.0 - squared / spread));
        }
        let r2 = values.get(3).map_or(String::new(), |(_, r2)| format!(", R2 {r2:.3}"));
        ValidationMetrics { score: -loss, values, text: format!("MAE {mae:.4}{r2}") }
    }

    fn in_words(&self, values: &[(Curve, f64)]) -> String {
        format!(
            "what is masked of test records is given with MAE {}, RMSE {}, R2 {}, in units of normalised signals; who knows \
             but the mean of what is masked has an R2 of 0",
            in_words(values, "mae"),
            in_words(values, "rmse"),
            in_words(values, "r2")
        )
    }
}

/// Numbers that a row is worth.
const COLUMNS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn pretext(masking: Masking, pieces: &[Range<usize>]) -> MaskedPretext {
        let randomness = Randomness::masked(3);
        MaskedPretext { masking, leads: 2, patch: 4, pieces: pieces.to_vec(), randomness }
    }

    fn masking(share: f64, leads: MaskedLeads, whole_leads: f64) -> Masking {
        Masking { share, leads, whole_leads, ..Masking::default() }
    }

    #[test]
    fn masks_have_their_share_of_whole_patches_within_the_record() {
        for (leads, whole_leads) in [(MaskedLeads::Each, 0.0), (MaskedLeads::All, 0.0), (MaskedLeads::Each, 0.5)] {
            let pretext = pretext(masking(0.5, leads, whole_leads), &[]);
            let (mut alike, mut seen) = (0, std::collections::BTreeSet::new());
            for row in 0..50 {
                let mask = pretext.draw(2, 40, &mut pretext.randomness.mask(0, row));
                let of_lead = |lead: usize| mask.iter().skip(lead).step_by(2).copied().collect::<Vec<bool>>();
                let patches = |lead: usize| -> Vec<usize> {
                    let of_lead = of_lead(lead);
                    of_lead.chunks(4).map(|patch| patch.iter().filter(|hidden| **hidden).count()).collect()
                };
                let [first, second] = [patches(0), patches(1)];
                assert!(first.iter().chain(&second).all(|count| [0, 4].contains(count)));
                let hidden = |patches: &[usize]| patches.iter().filter(|count| **count == 4).count();
                let mut counts = [hidden(&first), hidden(&second)];
                counts.sort_unstable();
                assert_eq!(counts, if whole_leads > 0.0 { [5, 10] } else { [5, 5] });
                alike += usize::from(first == second);
                seen.insert(first);
            }
            assert!(seen.len() > 10 && (alike == 50) == (leads == MaskedLeads::All), "{alike}");
        }
        // Of a short record and of one patch something is masked, and nothing beyond its end.
        let pretext = pretext(masking(0.1, MaskedLeads::Each, 0.0), &[]);
        assert_eq!(pretext.draw(2, 3, &mut pretext.randomness.mask(0, 0)), [true; 6]);
        assert!(pretext.draw(2, 0, &mut pretext.randomness.mask(0, 0)).is_empty());
    }

    #[test]
    fn a_network_that_knows_the_mean_of_what_is_masked_has_an_r2_of_0() {
        let pretext = pretext(masking(0.5, MaskedLeads::Each, 0.0), std::slice::from_ref(&(0..4)));
        let nan = f32::NAN;
        // Two rows of two leads; known are 1, 3 of the first lead and 10 of the second, then 2, 6 and none.
        let truth = vec![1.0, nan, 3.0, 10.0, nan, nan, 2.0, nan, 6.0, nan, nan, nan];
        let means = [2.0, 9.0, 2.0, 10.0, 0.0, 0.0, 4.0, 0.0, 4.0, 0.0, 0.0, 0.0];
        let worth = pretext.worth(2, &means, &Loss::Mae(truth.clone()));
        assert_eq!(worth, [3.0, 2.0, 2.0, 2.0, 2.0, 4.0, 8.0, 8.0]);
        let named = |metrics: ValidationMetrics| -> Vec<(String, f64)> {
            metrics.values.iter().map(|(curve, value)| (curve.name().into_owned(), *value)).collect()
        };
        let found = named(pretext.metrics(&worth));
        let expected = [("loss", 6.0 / 5.0), ("mae", 6.0 / 5.0), ("rmse", 2f64.sqrt()), ("r2", 0.0)];
        for ((name, value), (expected_name, expected)) in found.iter().zip(expected) {
            assert!(name == expected_name && (value - expected).abs() < 1e-9, "{name} {value}");
        }
        let exact = pretext.metrics(&pretext.worth(
            2,
            &truth.iter().map(|t| if t.is_nan() { 7.0 } else { *t }).collect::<Vec<_>>(),
            &Loss::Mae(truth),
        ));
        assert_eq!(named(exact)[3], ("r2".to_owned(), 1.0));
    }
}
