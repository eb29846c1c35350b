//! Resampling by a ratio of whole numbers with a polyphase low-pass filter.

use std::collections::HashMap;
use std::f64::consts::PI;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::filter::{Frame, LANES};

/// The largest number in the ratio of two rates.
const LARGEST: u64 = 10_000;

/// How far the ratio may be from that of the rates, relatively: 10 us in 3 hours.
const TOLERANCE: f64 = 1e-9;

/// The weights of one of the `up` positions an output sample can have between two input samples.
#[derive(Debug)]
struct Phase {
    /// The first input sample that counts, relative to the last one at or before the output sample.
    first: i64,
    /// Weights of this and the following input samples.
    taps: Vec<f64>,
}

/// Makes `up` samples of every `down`: the same values as SciPy's `resample_poly(x, up, down)`.
///
/// The anti-aliasing filter is a sinc cut off at the lower Nyquist frequency, with a Kaiser window (beta 5.0)
/// of 10 zero crossings to each side (Crochiere and Rabiner, Multirate Digital Signal Processing, 1983).
/// Before its start and after its end a signal counts as 0.
#[derive(Debug)]
pub struct Resampler {
    up: usize,
    down: usize,
    phases: Vec<Phase>,
}

impl Resampler {
    /// The resampler from one rate to another (Hz); designed once for each ratio.
    ///
    /// # Errors
    /// A sentence where the rates have no ratio of whole numbers up to 10,000.
    pub fn between(from: f64, to: f64) -> Result<Arc<Self>, String> {
        type Known = HashMap<(usize, usize), Arc<Resampler>>;
        static KNOWN: OnceLock<Mutex<Known>> = OnceLock::new();
        let ratio = ratio(to / from).ok_or_else(|| {
            format!(
                "it is sampled at {from} Hz, which cannot be resampled to {to} Hz: their ratio is not one of whole numbers \
                 up to {LARGEST}"
            )
        })?;
        let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(known.entry(ratio).or_insert_with(|| Arc::new(Self::new(ratio.0, ratio.1)))))
    }

    fn new(up: usize, down: usize) -> Self {
        if up == down {
            return Self { up, down, phases: vec![Phase { first: 0, taps: vec![1.0] }] };
        }
        let half = 10 * up.max(down);
        let filter = low_pass(half, up.max(down), up as f64);
        let (half, step) = (half as i64, up as i64);
        let phases = (0..step).map(|phase| {
            // Input sample `first + k` is `phase - (first + k) up` steps of the finer grid before the output sample.
            let first = -(half - phase).div_euclid(step);
            let steps = (first..=(phase + half).div_euclid(step)).map(|n| half + phase - n * step);
            Phase { first, taps: steps.map(|step| filter[step as usize]).collect() }
        });
        Self { up, down, phases: phases.collect() }
    }

    /// Samples that come of `samples`.
    pub fn output_length(&self, samples: usize) -> usize {
        (samples * self.up).div_ceil(self.down)
    }

    /// The first `length` output frames of `frames`.
    pub fn run(&self, frames: &[Frame], length: usize) -> Vec<Frame> {
        (0..length).map(|output| self.frame(frames, output)).collect()
    }

    fn frame(&self, frames: &[Frame], output: usize) -> Frame {
        let position = output * self.down;
        let phase = &self.phases[position % self.up];
        let start = (position / self.up) as i64 + phase.first;
        let skipped = (-start).max(0) as usize;
        let start = start.max(0) as usize;
        let taps = phase.taps.get(skipped..).unwrap_or_default();
        let frames = frames.get(start..).unwrap_or_default();
        let count = taps.len().min(frames.len());
        weighted_sum(&taps[..count], &frames[..count])
    }
}

/// Sum over frames of weight times frame, in four sums so that additions need not wait for one another.
fn weighted_sum(taps: &[f64], frames: &[Frame]) -> Frame {
    const SUMS: usize = 4;
    let mut sums = [[0.0; LANES]; SUMS];
    let (tap_groups, tap_rest) = taps.as_chunks::<SUMS>();
    let (frame_groups, frame_rest) = frames.as_chunks::<SUMS>();
    for (taps, frames) in tap_groups.iter().zip(frame_groups) {
        for i in 0..SUMS {
            for lane in 0..LANES {
                sums[i][lane] += taps[i] * frames[i][lane];
            }
        }
    }
    for (tap, frame) in tap_rest.iter().zip(frame_rest) {
        for lane in 0..LANES {
            sums[0][lane] += tap * frame[lane];
        }
    }
    std::array::from_fn(|lane| (sums[0][lane] + sums[1][lane]) + (sums[2][lane] + sums[3][lane]))
}

/// The windowed sinc with `half` taps to each side of its centre, cut off at 1/`rate` of the Nyquist frequency,
/// its sum `gain`.
fn low_pass(half: usize, rate: usize, gain: f64) -> Vec<f64> {
    let tap = |i: usize| {
        let x = i as f64 - half as f64;
        let turn = PI * x / rate as f64;
        let sinc = if x == 0.0 { 1.0 } else { turn.sin() / turn };
        sinc * bessel_i0(5.0 * (1.0 - (x / half as f64).powi(2)).max(0.0).sqrt())
    };
    let taps: Vec<f64> = (0..=2 * half).map(tap).collect();
    let scale = gain / taps.iter().sum::<f64>();
    taps.into_iter().map(|tap| tap * scale).collect()
}

/// The modified Bessel function of the first kind and order 0, by its power series (good for small x).
fn bessel_i0(x: f64) -> f64 {
    let quarter = 0.25 * x * x;
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..60 {
        term *= quarter / f64::from(k * k);
        sum += term;
    }
    sum
}

/// The simplest of the continued-fraction convergents of `value` that is near enough to it.
fn ratio(value: f64) -> Option<(usize, usize)> {
    let (mut before, mut last) = ((0, 1), (1, 0));
    let mut rest = value;
    while rest.is_finite() && (0.0..=LARGEST as f64).contains(&rest) {
        let whole = rest.floor() as u64;
        (before, last) = (last, (whole * last.0 + before.0, whole * last.1 + before.1));
        if last.0 > LARGEST || last.1 > LARGEST {
            return None;
        }
        if (last.0 as f64 / last.1 as f64 - value).abs() <= TOLERANCE * value {
            return (last.0 > 0).then_some((last.0 as usize, last.1 as usize));
        }
        rest = 1.0 / (rest - whole as f64);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_ratios() {
        assert_eq!(ratio(100.0 / 500.0), Some((1, 5)));
        assert_eq!(ratio(100.0 / 360.0), Some((5, 18)));
        assert_eq!(ratio(1.0), Some((1, 1)));
        assert_eq!(ratio(100.0 / 257.3), Some((1000, 2573)));
        assert_eq!(ratio(500.0 / 128.0), Some((125, 32)));
        assert_eq!(ratio(10_000.0), Some((10_000, 1)));
        for none in [100.0 / 257.12345, std::f64::consts::PI, 20_000.0, 1e-5, 0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(ratio(none), None, "{none}");
        }
    }
}
