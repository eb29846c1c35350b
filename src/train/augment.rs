//! Random changes to training signals, drawn anew for each record and epoch.
//!
//! On the CPU a record is changed in place. On a GPU what is drawn goes to the device, and its kernel makes the same
//! changes; of noise a key is drawn, and the device has normal numbers of its own: others than the CPU's, from the same
//! distribution. What is drawn after noise therefore differs too.

use std::f64::consts::TAU;

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::manifest::Augment;
use crate::ops::step::gather::Change;

/// Changes one record, (leads, length), in place.
pub(super) fn apply(
    augments: &[Augment],
    sampling_rate: f64,
    length: usize,
    record: &mut [f32],
    random: &mut ChaCha8Rng,
) {
    let shape = (record.len() / length, length);
    for augment in augments {
        if let Augment::GaussianNoise { sd } = *augment {
            for value in record.iter_mut() {
                let noise: f32 = StandardNormal.sample(random);
                *value += sd as f32 * noise;
            }
        } else {
            make(&draw_one(augment, sampling_rate, shape, random), length, record);
        }
    }
}

/// What a device changes one record of (leads, length) by.
pub(super) fn draw(
    augments: &[Augment],
    sampling_rate: f64,
    shape: (usize, usize),
    random: &mut ChaCha8Rng,
) -> Vec<Change> {
    augments.iter().map(|augment| draw_one(augment, sampling_rate, shape, random)).collect()
}

fn draw_one(augment: &Augment, sampling_rate: f64, (leads, length): (usize, usize), random: &mut ChaCha8Rng) -> Change {
    match *augment {
        Augment::GaussianNoise { sd } => Change::Noise { sd, key: random.next_u64() },
        Augment::BaselineWander { amplitude } => {
            let (frequency, phase) = (0.05 + 0.45 * random.random::<f64>(), TAU * random.random::<f64>());
            let sizes = (0..leads).map(|_| amplitude * random.random::<f64>()).collect();
            Change::Wander { turns: frequency / sampling_rate, phase, sizes }
        }
        Augment::LeadDropout { p } => Change::Dropped((0..leads).map(|_| random.random::<f64>() < p).collect()),
        Augment::RandomCrop { duration } => {
            let kept = ((duration * sampling_rate).round() as usize).min(length);
            let start = random.random_range(0..=length - kept);
            Change::Crop { start, end: start + kept }
        }
        Augment::TimeShift { shift } => {
            let most = ((shift * sampling_rate).round() as usize).min(length);
            let to = random.random_range(0..=2 * most);
            Change::Shift(to as isize - most as isize)
        }
        Augment::AmplitudeScale { range } => Change::Scale((1.0 + range * (2.0 * random.random::<f64>() - 1.0)) as f32),
    }
}

/// Makes a change to one record, (leads, length).
fn make(change: &Change, length: usize, record: &mut [f32]) {
    let leads = record.chunks_exact_mut(length);
    match change {
        // See `apply`.
        Change::Noise { .. } => {}
        Change::Wander { turns, phase, sizes } => {
            for (lead, size) in leads.zip(sizes) {
                for (i, value) in lead.iter_mut().enumerate() {
                    *value += (size * (TAU * turns * i as f64 + phase).sin()) as f32;
                }
            }
        }
        Change::Dropped(dropped) => {
            leads.zip(dropped).filter(|(_, dropped)| **dropped).for_each(|(lead, _)| lead.fill(0.0));
        }
        Change::Crop { start, end } => {
            for lead in leads {
                lead[..*start].fill(0.0);
                lead[*end..].fill(0.0);
            }
        }
        Change::Shift(by) => {
            let (right, left) = (by.max(&0).unsigned_abs(), by.min(&0).unsigned_abs());
            for lead in leads {
                lead.copy_within(left..length - right, right);
                lead[..right].fill(0.0);
                lead[length - left..].fill(0.0);
            }
        }
        Change::Scale(factor) => record.iter_mut().for_each(|value| *value *= factor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(augment: Augment) -> Vec<f32> {
        let mut record = vec![1.0; 8 * 1000];
        apply(&[augment], 100.0, 1000, &mut record, &mut crate::seed::stream(5, "augment", 1));
        record
    }

    #[test]
    fn each_does_what_it_says() {
        let noisy = changed(Augment::GaussianNoise { sd: 0.5 });
        let sd = (noisy.iter().map(|x| f64::from(x - 1.0).powi(2)).sum::<f64>() / noisy.len() as f64).sqrt();
        assert!((sd - 0.5).abs() < 0.02, "{sd}");

        let wander = changed(Augment::BaselineWander { amplitude: 0.2 });
        let largest = wander.iter().map(|x| (x - 1.0).abs()).fold(0.0, f32::max);
        assert!(largest > 0.01 && largest <= 0.2 + 1e-6, "{largest}");

        let dropped = changed(Augment::LeadDropout { p: 0.5 });
        let gone = dropped.chunks_exact(1000).filter(|lead| lead.iter().all(|x| *x == 0.0)).count();
        let whole = dropped.chunks_exact(1000).filter(|lead| lead.iter().all(|x| *x == 1.0)).count();
        assert!(gone > 0 && whole > 0 && gone + whole == 8, "{gone} {whole}");

        let cropped = changed(Augment::RandomCrop { duration: 9.0 });
        assert!(cropped.chunks_exact(1000).all(|lead| lead.iter().filter(|x| **x == 1.0).count() == 900));

        let scaled = changed(Augment::AmplitudeScale { range: 0.2 });
        assert!(scaled.iter().all(|x| *x == scaled[0]) && scaled[0] != 1.0 && (0.8..=1.2).contains(&scaled[0]));
    }

    #[test]
    fn records_are_moved_to_either_side_and_no_further_than_asked() {
        let ramp: Vec<f32> = (0..2).flat_map(|_| (1..=100).map(|x| x as f32)).collect();
        let mut seen = std::collections::BTreeSet::new();
        for index in 0..200 {
            let mut record = ramp.clone();
            let random = &mut crate::seed::stream(5, "augment", index);
            apply(&[Augment::TimeShift { shift: 0.05 }], 100.0, 100, &mut record, random);
            // Sample 50 of the record is where sample 50 - by was.
            let by = 51 - record[50] as i64;
            for lead in record.chunks_exact(100) {
                let expected = (0..100).map(|i| if (0..100).contains(&(i - by)) { (i - by + 1) as f32 } else { 0.0 });
                assert!(lead.iter().copied().eq(expected), "{by}: {lead:?}");
            }
            seen.insert(by);
        }
        assert_eq!(seen, (-5..=5).collect());
    }
}
