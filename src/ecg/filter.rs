//! Butterworth filters as second-order sections, run forwards and backwards over several leads at once.

use std::collections::HashMap;
use std::f64::consts::PI;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// How many leads are filtered side by side.
pub const LANES: usize = 4;

/// One sample of [`LANES`] leads.
pub type Frame = [f64; LANES];

/// One section: `y = (b0 + b1/z + b2/z^2) / (1 + a1/z + a2/z^2) x`.
#[derive(Clone, Copy, Debug)]
struct Section {
    b: [f64; 3],
    a: [f64; 2],
}

/// What a section remembers between samples (transposed direct form II).
type State = [Frame; 2];

/// A Butterworth filter.
#[derive(Clone, Debug)]
pub struct Filter {
    sections: Vec<Section>,
    /// Samples by which a signal is lengthened at each end before it is filtered both ways.
    padding: usize,
}

impl Section {
    /// The bilinear transform, `s = 4 (1 - 1/z) / (1 + 1/z)`, of
    /// `(n2 s^2 + n1 s + n0) / (d2 s^2 + d1 s + d0)`, coefficients in falling powers.
    fn bilinear(numerator: [f64; 3], denominator: [f64; 3]) -> Self {
        let digital = |[c2, c1, c0]: [f64; 3]| {
            let (c2, c1) = (16.0 * c2, 4.0 * c1);
            [c2 + c1 + c0, 2.0 * (c0 - c2), c2 - c1 + c0]
        };
        let (b, a) = (digital(numerator), digital(denominator));
        Self { b: b.map(|value| value / a[0]), a: [a[1] / a[0], a[2] / a[0]] }
    }

    /// A first-order section, `(n1 s + n0) / (s + d0)`.
    fn bilinear_first_order(numerator: [f64; 2], d0: f64) -> Self {
        let b0 = 4.0 * numerator[0] + numerator[1];
        let b1 = numerator[1] - 4.0 * numerator[0];
        let (a0, a1) = (4.0 + d0, d0 - 4.0);
        Self { b: [b0 / a0, b1 / a0, 0.0], a: [a1 / a0, 0.0] }
    }

    /// The state after a constant input of 1 since ever, and the constant output.
    fn steady(&self) -> ([f64; 2], f64) {
        let output = self.b.iter().sum::<f64>() / (1.0 + self.a[0] + self.a[1]);
        let second = self.b[2] - self.a[1] * output;
        ([self.b[1] - self.a[0] * output + second, second], output)
    }

    #[inline(always)]
    fn step(&self, state: &mut State, input: Frame) -> Frame {
        let mut output = [0.0; LANES];
        for lane in 0..LANES {
            let (x, y) = (input[lane], self.b[0] * input[lane] + state[0][lane]);
            state[0][lane] = self.b[1] * x - self.a[0] * y + state[1][lane];
            state[1][lane] = self.b[2] * x - self.a[1] * y;
            output[lane] = y;
        }
        output
    }
}

/// The analog frequency (for a sampling rate of 2) that the bilinear transform takes to `frequency` Hz.
fn prewarped(frequency: f64, sampling_rate: f64) -> f64 {
    4.0 * (PI * frequency / sampling_rate).tan()
}

impl Filter {
    /// The Butterworth filter of order 3 that keeps `low` to `high` Hz.
    ///
    /// The low-pass prototype has the poles -1 and -1/2 +- i sqrt(3)/2; it is taken to the band by
    /// `s -> (s^2 + low high) / (s (high - low))` and made digital by the bilinear transform with prewarped
    /// edges (Oppenheim and Schafer, Discrete-Time Signal Processing, ch. 7). `high` at or above half the
    /// sampling rate leaves a high-pass, a `low` of 0 a low-pass, both `None`.
    ///
    /// # Errors
    /// A sentence where nothing would be left: `low` at or above half the sampling rate.
    pub fn band_pass(low: f64, high: f64, sampling_rate: f64) -> Result<Option<Self>, String> {
        let nyquist = sampling_rate / 2.0;
        if low >= nyquist {
            return Err(format!(
                "it is sampled at {sampling_rate} Hz, so nothing is left above the low edge of `bandpass`, {low} Hz"
            ));
        }
        let (w1, w2) = (prewarped(low.max(0.0), sampling_rate), prewarped(high, sampling_rate));
        let filter = match (low > 0.0, high < nyquist) {
            (true, true) => Self { sections: band_sections(w1, w2), padding: 21 },
            (true, false) => Self {
                sections: vec![
                    Section::bilinear_first_order([1.0, 0.0], w1),
                    Section::bilinear([1.0, 0.0, 0.0], [1.0, w1, w1 * w1]),
                ],
                padding: 12,
            },
            (false, true) => Self {
                sections: vec![
                    Section::bilinear_first_order([0.0, w2], w2),
                    Section::bilinear([0.0, 0.0, w2 * w2], [1.0, w2, w2 * w2]),
                ],
                padding: 12,
            },
            (false, false) => return Ok(None),
        };
        Ok(Some(filter))
    }

    /// The Butterworth band-pass of order 1, for `0 < low < high <` half the sampling rate (all in Hz).
    pub fn gentle_band_pass(low: f64, high: f64, sampling_rate: f64) -> Self {
        let (w1, w2) = (prewarped(low, sampling_rate), prewarped(high, sampling_rate));
        let section = Section::bilinear([0.0, w2 - w1, 0.0], [1.0, w2 - w1, w1 * w2]);
        Self { sections: vec![section], padding: 9 }
    }

    /// As [`Filter::band_pass`]; designed once for each band and sampling rate.
    ///
    /// # Errors
    /// As [`Filter::band_pass`].
    pub fn cached([low, high]: [f64; 2], sampling_rate: f64) -> Result<Option<Arc<Self>>, String> {
        type Known = HashMap<[u64; 3], Option<Arc<Filter>>>;
        static KNOWN: OnceLock<Mutex<Known>> = OnceLock::new();
        let key = [low, high, sampling_rate].map(f64::to_bits);
        let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(filter) = known.get(&key) {
            return Ok(filter.clone());
        }
        let filter = Self::band_pass(low, high, sampling_rate)?.map(Arc::new);
        known.insert(key, filter.clone());
        Ok(filter)
    }

    /// The shortest signal it can be run both ways over, in samples.
    pub fn shortest(&self) -> usize {
        self.padding + 1
    }

    /// Samples that [`Filter::both_ways`] wants before and after the signal.
    pub fn padding(&self) -> usize {
        self.padding
    }

    /// Filters forwards, then backwards, so that no wave is delayed. `frames` has [`Filter::padding`] frames before and
    /// after the signal, which are overwritten with its odd extension; the signal between them has at least
    /// [`Filter::shortest`] frames, otherwise nothing is done. Each pass starts as if its first sample had stood for ever
    /// (as SciPy's `sosfiltfilt`).
    pub fn both_ways(&self, frames: &mut [Frame]) {
        let (edge, end) = (self.padding, frames.len().saturating_sub(self.padding + 1));
        if end < 2 * edge {
            return;
        }
        for i in 1..=edge {
            frames[edge - i] = mirrored(frames[edge], frames[edge + i]);
            frames[end + i] = mirrored(frames[end], frames[end - i]);
        }
        let first = frames[0];
        self.pass(frames.iter_mut(), first);
        let last = frames[frames.len() - 1];
        self.pass(frames.iter_mut().rev(), last);
    }

    /// Filters forwards from rest.
    pub fn forwards(&self, frames: &mut [Frame]) {
        self.pass(frames.iter_mut(), [0.0; LANES]);
    }

    /// One pass, in the steady state of `first` at its start.
    fn pass<'a>(&self, frames: impl Iterator<Item = &'a mut Frame>, first: Frame) {
        match self.sections.as_slice() {
            [a] => pass([*a], frames, first),
            [a, b] => pass([*a, *b], frames, first),
            [a, b, c] => pass([*a, *b, *c], frames, first),
            _ => {}
        }
    }
}

/// `2 centre - other`, lane by lane.
fn mirrored(centre: Frame, other: Frame) -> Frame {
    std::array::from_fn(|lane| 2.0 * centre[lane] - other[lane])
}

fn pass<'a, const S: usize>(sections: [Section; S], frames: impl Iterator<Item = &'a mut Frame>, first: Frame) {
    let mut input = 1.0;
    let mut states: [State; S] = sections.map(|section| {
        let (state, output) = section.steady();
        let state = state.map(|value| first.map(|sample| input * value * sample));
        input *= output;
        state
    });
    for frame in frames {
        let mut value = *frame;
        for (section, state) in sections.iter().zip(&mut states) {
            value = section.step(state, value);
        }
        *frame = value;
    }
}

/// The three sections of the order-3 band-pass between the analog frequencies `w1` and `w2`.
fn band_sections(w1: f64, w2: f64) -> Vec<Section> {
    let (width, centre) = (w2 - w1, w1 * w2);
    let section = |d1: f64, d0: f64| Section::bilinear([0.0, width, 0.0], [1.0, d1, d0]);
    // A prototype pole p becomes h +- sqrt(h^2 - w1 w2) with h = p width / 2; with its conjugate each makes one section.
    let (re, im) = (-0.25 * width, 0.25 * 3f64.sqrt() * width);
    let (square_re, square_im) = (re * re - im * im - centre, 2.0 * re * im);
    let size = square_re.hypot(square_im);
    let root_re = (0.5 * (size + square_re)).max(0.0).sqrt();
    let root_im = (0.5 * (size - square_re)).max(0.0).sqrt().copysign(square_im);
    let pair = |re: f64, im: f64| section(-2.0 * re, re * re + im * im);
    vec![section(width, centre), pair(re + root_re, im + root_im), pair(re - root_re, im - root_im)]
}
