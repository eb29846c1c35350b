//! What is in a real ECG beside the heart. Each kind has a random stream of its own.

use std::f64::consts::TAU;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::dipole::{Leads, Vector};
use super::draw::{log_normal, normal, standard, truncated, uniform};
use super::{SAMPLES, SAMPLING_RATE};
use crate::ecg::filter::{Filter, Frame, LANES};
use crate::seed::stream;

/// Breathing: the heart turns a little and its distance to the electrodes changes.
pub(super) struct Respiration {
    /// Hz
    pub frequency: f64,
    phase: f64,
    /// The change of the dipole at full inspiration, as a matrix.
    change: [Vector; 3],
}

impl Respiration {
    /// Draws the breathing of a record: 0.25 Hz (0.13 to 0.40), 1 to 8 % of amplitude and up to 6 degrees about some axis.
    pub fn draw(seed: u64, index: u64) -> Self {
        let random = &mut stream(seed, "simulator/respiration", index);
        let frequency = truncated(random, 0.25, 0.05, [0.13, 0.40]);
        let phase = uniform(random, 0.0, TAU);
        let gain = uniform(random, 0.01, 0.08);
        let angle = uniform(random, 0.0, 6.0).to_radians();
        let axis: Vector = std::array::from_fn(|_| standard(random));
        let length = axis.iter().map(|value| value * value).sum::<f64>().sqrt().max(1e-9);
        let [x, y, z] = axis.map(|value| angle * value / length);
        Self { frequency, phase, change: [[gain, -z, y], [z, gain, -x], [-y, x, gain]] }
    }

    /// Moves the dipole with the breath, to first order in the angle. Where the dipole is 0 it stays 0.
    pub fn apply(&self, dipole: &mut [Vector]) {
        let mut tone = Tone::new(self.frequency, self.phase);
        for moment in dipole {
            let [_, breath] = tone.step();
            let before = *moment;
            for (value, row) in moment.iter_mut().zip(&self.change) {
                *value += breath * (row[0] * before[0] + row[1] * before[1] + row[2] * before[2]);
            }
        }
    }
}

/// Baseline wander: slow tones, one of them with the breath; 0.04 mV rms in the median record, at most 0.25.
pub(super) fn add_baseline_wander(leads: &mut Leads, respiration: f64, seed: u64, index: u64) {
    let random = &mut stream(seed, "simulator/baseline", index);
    let amplitude = log_normal(random, 0.04, 0.7, 0.25);
    let slow = [0.03, 0.06, 0.12, 0.24].map(|low| {
        let frequency = low * uniform(random, 0.0, 1.0).exp2();
        (frequency, (0.06 / frequency).sqrt())
    });
    let tones = [(respiration, 0.7), slow[0], slow[1], slow[2], slow[3]];
    let total = tones.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
    add_tones(leads, tones.map(|(frequency, weight)| (frequency, amplitude * weight / total)), random);
}

/// Muscle noise: 20 to 150 Hz, independent in the eight leads; 7 uV rms in the median record, at most 60.
pub(super) fn add_muscle(leads: &mut Leads, seed: u64, index: u64) {
    let random = &mut stream(seed, "simulator/muscle", index);
    let amplitude = log_normal(random, 0.007, 0.7, 0.060);
    let filter = Filter::gentle_band_pass(20.0, 150.0, SAMPLING_RATE);
    for half in leads {
        let sizes: Frame = std::array::from_fn(|_| amplitude * (0.3 * standard(random)).exp());
        let mut frames = white(random);
        filter.forwards(&mut frames);
        let mut power = [0.0; LANES];
        for frame in &frames {
            for (sum, value) in power.iter_mut().zip(frame) {
                *sum += value * value;
            }
        }
        let scale: Frame = std::array::from_fn(|lane| sizes[lane] / (power[lane] / SAMPLES as f64).sqrt().max(1e-12));
        for (frame, noise) in half.iter_mut().zip(&frames) {
            for lane in 0..LANES {
                frame[lane] += scale[lane] * noise[lane];
            }
        }
    }
}

/// White noise; each value is the sum of two uniform ones, which the filter after it makes all but Gaussian.
fn white(random: &mut ChaCha8Rng) -> Vec<Frame> {
    let mut bytes = vec![0; SAMPLES * LANES * 4];
    random.fill_bytes(&mut bytes);
    let value = |[a, b, c, d]: [u8; 4]| {
        f64::from(i32::from(u16::from_le_bytes([a, b])) + i32::from(u16::from_le_bytes([c, d])) - 0xffff)
    };
    bytes.as_chunks::<4>().0.as_chunks::<LANES>().0.iter().map(|frame| frame.map(value)).collect()
}

/// Mains hum: 50 or 60 Hz and a third harmonic; 3 uV rms in the median record, at most 40.
pub(super) fn add_mains(leads: &mut Leads, seed: u64, index: u64) {
    let random = &mut stream(seed, "simulator/mains", index);
    let amplitude = log_normal(random, 0.003, 1.0, 0.040);
    let grid = if uniform(random, 0.0, 1.0) < 0.5 { 50.0 } else { 60.0 };
    let frequency = normal(random, grid, 0.02);
    let harmonic = uniform(random, 0.0, 0.4);
    add_tones(leads, [(frequency, amplitude), (3.0 * frequency, harmonic * amplitude)], random);
}

/// Adds tones, each of a frequency (Hz) and an amplitude (mV rms on average), to every lead with sizes and phases of its own.
fn add_tones<const N: usize>(leads: &mut Leads, tones: [(f64, f64); N], random: &mut ChaCha8Rng) {
    let weights = tones.map(|(_, amplitude)| {
        [(); 2].map(|()| [(); 2].map(|()| -> Frame { std::array::from_fn(|_| amplitude * standard(random)) }))
    });
    let mut tones = tones.map(|(frequency, _)| Tone::new(frequency, 0.0));
    let [limb, chest] = leads;
    for frames in limb.iter_mut().zip(chest) {
        for (tone, weights) in tones.iter_mut().zip(&weights) {
            let [cosine, sine] = tone.step();
            for (frame, [cosines, sines]) in [&mut *frames.0, &mut *frames.1].into_iter().zip(weights) {
                for lane in 0..LANES {
                    frame[lane] += cosines[lane] * cosine + sines[lane] * sine;
                }
            }
        }
    }
}

/// Cosine and sine of a tone, sample by sample, by turning a vector.
struct Tone {
    value: [f64; 2],
    turn: [f64; 2],
}

impl Tone {
    fn new(frequency: f64, phase: f64) -> Self {
        let angle = TAU * frequency / SAMPLING_RATE;
        Self { value: [phase.cos(), phase.sin()], turn: [angle.cos(), angle.sin()] }
    }

    /// The next sample: cosine and sine.
    fn step(&mut self) -> [f64; 2] {
        let ([x, y], [cosine, sine]) = (self.value, self.turn);
        self.value = [x * cosine - y * sine, x * sine + y * cosine];
        [x, y]
    }
}
