//! What the atria do: P waves, early ones from elsewhere, or the waves of fibrillation.

use std::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;

use crate::source::kinds::simulator::dipole::{Bell, Vector};
use crate::source::kinds::simulator::draw::{log_normal, standard, truncated, uniform};
use crate::source::kinds::simulator::shape::{bell, scaled, turned};
use crate::source::kinds::simulator::{SAMPLES, SAMPLING_RATE};

/// Bells of a P wave: right and left atrium. `axis` is that of the ventricles.
pub(super) fn p_wave(axis: [f64; 2], random: &mut ChaCha8Rng) -> Vec<Bell> {
    let size = log_normal(random, 0.66, 0.22, 1.2);
    let to_body = turned(random, axis.map(|angle| (0.3 * angle).clamp(-15.0, 15.0)), 8.0);
    vec![
        bell(random, [0.0, 0.72], 0.5, to_body(scaled([0.06, 0.10, -0.05], size))),
        bell(random, [0.28, 1.0], 0.5, to_body(scaled([0.09, 0.06, 0.05], size))),
    ]
}

/// That of an early beat: from elsewhere, half of them from below.
pub(super) fn early_p_wave(random: &mut ChaCha8Rng) -> Vec<Bell> {
    let up = if uniform(random, 0.0, 1.0) < 0.5 { -1.0 } else { 1.0 };
    let size = log_normal(random, 0.66, 0.22, 1.2);
    let jitter: Vector = std::array::from_fn(|_| 0.03 * standard(random));
    let vector = std::array::from_fn(|i| size * ([0.03, 0.12 * up, 0.05][i] + jitter[i]));
    vec![bell(random, [0.0, 1.0], 0.5, vector)]
}

/// Adds the waves of fibrillation: two trains of saw teeth, each a tone of 4 to 9 Hz with two harmonics of half and a third of
/// its height, whose frequency and height drift (after Stridh and Sörnmo 2001). The first is strongest in V1, 0.07 mV in the
/// median record; the other is less and points anywhere.
pub(super) fn fibrillate(dipole: &mut [Vector], random: &mut ChaCha8Rng) {
    // In V1 it is as high as its length, near enough.
    let height = log_normal(random, 0.07, 0.4, 0.2);
    let first = [-0.45, 0.50, -0.85].map(|axis| height * (axis + 0.15 * standard(random)));
    let other = [(); 3].map(|()| 0.3 * height * standard(random));
    for vector in [first, other] {
        let frequency = truncated(random, 6.3, 1.0, [4.0, 9.0]);
        let drift = uniform(random, 0.08, 0.25);
        let [phase, turn, swell] = [(); 3].map(|()| uniform(random, 0.0, TAU));
        let (detour, depth) = (uniform(random, 0.2, 0.5) / drift, uniform(random, 0.2, 0.5));
        for (sample, moment) in dipole.iter_mut().enumerate().take(SAMPLES) {
            let slow = TAU * drift * sample as f64 / SAMPLING_RATE;
            let angle = phase + TAU * frequency * sample as f64 / SAMPLING_RATE + detour * (slow + turn).sin();
            let tooth = angle.sin() + (2.0 * angle).sin() / 2.0 + (3.0 * angle).sin() / 3.0;
            let now = 0.6 * tooth * (1.0 + depth * (1.7 * slow + swell).sin());
            moment.iter_mut().zip(vector).for_each(|(value, axis)| *value += now * axis);
        }
    }
}
