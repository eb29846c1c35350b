//! Intervals of a record, and when its beats are.

use std::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;

use super::draw::{log_normal, standard, truncated, uniform};
use super::{END, Intervals};

/// At least so many ms lie between a T wave and the next P wave.
pub(super) const REST: f64 = 10.0;

/// The shortest PR interval, ms.
const SHORTEST_PR: f64 = 90.0;

/// Intervals of a record, and when its QRS complexes start.
pub(super) struct Rhythm {
    /// Exact.
    pub intervals: Intervals,
    /// Starts of QRS complexes in ms: one before the record, those in it, one that does not end in it.
    pub onsets: Vec<f64>,
}

impl Rhythm {
    /// Draws the rhythm of a record; RR intervals follow respiration of this frequency (Hz).
    pub fn draw(respiration: f64, seed: u64, index: u64) -> Self {
        let intervals = intervals(&mut crate::seed::stream(seed, "simulator/intervals", index));
        let onsets = onsets(&intervals, respiration, &mut crate::seed::stream(seed, "simulator/rhythm", index));
        Self { intervals, onsets }
    }
}

/// Intervals by the distributions in the module's documentation.
fn intervals(random: &mut ChaCha8Rng) -> Intervals {
    loop {
        let hr = truncated(random, 75.0, 15.0, [40.0, 140.0]);
        let rr = 60_000.0 / hr;
        let wide = uniform(random, 0.0, 1.0) < 0.06;
        let qrs = if wide { uniform(random, 110.0, 150.0) } else { truncated(random, 95.0, 12.0, [65.0, 150.0]) };
        let qtc = truncated(random, 415.0 + 0.5 * (qrs - 95.0), 22.0, [350.0, 500.0]);
        let qt = qtc * (rr / 1000.0).cbrt();
        let pr = truncated(random, 160.0 - 0.26 * (hr - 75.0), 23.7, [SHORTEST_PR, 280.0]);
        let pr = pr.min(rr - qt - REST);
        if pr >= SHORTEST_PR {
            return Intervals { hr, pr, qrs, qt };
        }
    }
}

/// Starts of QRS complexes.
pub(super) fn onsets(intervals: &Intervals, respiration: f64, random: &mut ChaCha8Rng) -> Vec<f64> {
    let rr = 60_000.0 / intervals.hr;
    let first = uniform(random, 0.0, rr);
    let last_start = END - intervals.qrs;
    let inside = ((last_start - first) / rr).floor().max(1.0) as usize;

    // One interval before those that count, and one after.
    let mut deviations = variation(inside + 2, rr, respiration, random);
    let counted = &deviations[1..=inside];
    let mean = counted.iter().sum::<f64>() / inside as f64;
    let sd = (counted.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / inside as f64).sqrt();
    let wanted = rr * log_normal(random, 0.03, 0.5, 0.09).max(0.005);
    deviations.iter_mut().for_each(|value| *value = (*value - mean) * wanted / sd.max(1e-9));
    // T must have ended before the next P: with less variation where it would not.
    let room = rr - intervals.qt - intervals.pr - REST;
    let shortest = deviations.iter().fold(0.0, |low: f64, value| low.min(*value));
    let kept = if -shortest > room { room.max(0.0) / -shortest } else { 1.0 };
    deviations.iter_mut().for_each(|value| *value *= kept);

    // The sum of deviations that count is 0, so the last complete beat is `inside` mean intervals after the first.
    let mut onsets = vec![first - (rr + deviations[0]).max(first + 1.0), first];
    let mut shift = 0.0;
    for (i, deviation) in deviations[1..=inside].iter().enumerate() {
        shift += deviation;
        onsets.push(first + (i + 1) as f64 * rr + shift);
    }
    let last = first + inside as f64 * rr + shift;
    onsets.push((last + rr + deviations[inside + 1]).max(last_start + 1.0));
    onsets
}

/// Deviations of successive RR intervals, not yet scaled: tones with the two-peaked spectrum of McSharry et al. (2003), around
/// 0.1 Hz (Mayer waves) and the respiratory frequency (respiratory sinus arrhythmia), with random phases, and white noise.
fn variation(count: usize, rr: f64, respiration: f64, random: &mut ChaCha8Rng) -> Vec<f64> {
    let low_to_high = log_normal(random, 0.7, 0.5, 4.0);
    let mut deviations: Vec<f64> = (0..count).map(|_| 0.35 * standard(random)).collect();
    for (centre, power) in [(0.1, low_to_high), (respiration, 1.0)] {
        let power = power / (1.0 + low_to_high);
        for step in -2..=2 {
            let offset = 0.5 * f64::from(step);
            let (frequency, amplitude) = (centre + 0.01 * offset, (power * (-0.5 * offset * offset).exp()).sqrt());
            let phase = uniform(random, 0.0, TAU);
            for (i, deviation) in deviations.iter_mut().enumerate() {
                *deviation += amplitude * (TAU * frequency * i as f64 * rr / 1000.0 + phase).cos();
            }
        }
    }
    deviations
}
