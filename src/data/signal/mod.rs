//! Preprocessing: what every network sees of a record.
//!
//! In this order: choose leads, deriving limb leads that are missing; band-pass, at the record's own rate;
//! resample; crop; normalise.

use crate::ecg::filter::{Filter, Frame, LANES};
use crate::ecg::resample::Resampler;
use crate::ecg::{Lead, RawRecord};
use crate::manifest::{Normalize, Shorter, Signal};

/// A lead as a weighted sum of leads of the record: their place in it, and the weight.
type Recipe = Vec<(usize, f64)>;

/// The smallest spread of a lead that is normalised, relative to its largest absolute value: that of rounding to `f32`.
const FLAT: f64 = 1e-7;

/// Preprocesses a record as `signal` says: (leads, length), contiguous.
///
/// - **Leads** come in the order of `signal`. Where the record lacks them, III = II - I, aVR = -(I + II) / 2,
///   aVL = I - II / 2 and aVF = II - I / 2 are computed.
/// - **Band-pass**: Butterworth of order 3, forwards and backwards (zero phase), at the record's own rate; the values of SciPy's
///   `sosfiltfilt(butter(3, band, "bandpass", fs=rate, output="sos"), x)`. Where the high edge is at or above half the
///   record's rate, only the high-pass of the low edge is left; a low edge of 0 leaves a low-pass.
/// - **Resampling** by a polyphase filter; the values of SciPy's `resample_poly(x, up, down)`.
/// - **Crop** to `signal.length()` samples from the start. A shorter record is refused or, with `shorter = "pad"`, normalised as it
///   is, and followed by zeros.
/// - **Normalisation** per lead: z-score to mean 0 and (population) standard deviation 1; min-max to 0 to 1. Of all leads
///   alike: `record-z-score`, over all samples of the record. `none`, `train-z-score` and `global-z-score` leave mV. What is flat
///   becomes all zeros.
///
/// Only leads that are asked for, or that one is derived from, are looked at.
///
/// # Errors
/// A sentence without the record's name: a lead that is neither there nor derivable, a sample that is no number, a record
/// that is too short, empty or uneven, a rate that cannot be resampled.
pub fn prepare(raw: &RawRecord, signal: &Signal) -> Result<Vec<f32>, String> {
    let samples = check_shape(raw)?;
    let recipes = signal.leads.iter().map(|lead| recipe(*lead, raw)).collect::<Result<Vec<_>, _>>()?;
    check_numbers(raw, &recipes)?;

    let resampler = Resampler::between(raw.sampling_rate, signal.sampling_rate)?;
    let length = signal.length();
    let made = length.min(resampler.output_length(samples));
    if made < length && signal.shorter != Shorter::Pad {
        return Err(format!(
            "it lasts {} s ({samples} samples at {} Hz), less than the {} s of `duration`",
            samples as f64 / raw.sampling_rate,
            raw.sampling_rate,
            signal.duration
        ));
    }
    let filter = match signal.bandpass {
        Some(band) => Filter::cached(band, raw.sampling_rate)?,
        None => None,
    };
    if let Some(filter) = filter.as_ref().filter(|filter| samples < filter.shortest()) {
        return Err(format!("it has only {samples} samples; `bandpass` needs {}", filter.shortest()));
    }

    let padding = filter.as_ref().map_or(0, |filter| filter.padding());
    let mut frames = vec![[0.0; LANES]; samples + 2 * padding];
    let mut prepared = Vec::with_capacity(recipes.len() * length);
    for recipes in recipes.chunks(LANES) {
        let inputs = fill(&mut frames[padding..][..samples], raw, recipes);
        if let Some(filter) = &filter {
            filter.both_ways(&mut frames);
        }
        let output = resampler.run(&frames[padding..][..samples], made);
        for (lane, input) in inputs.into_iter().enumerate().take(recipes.len()) {
            let (offset, scale) = normalisation(output.iter().map(|frame| frame[lane]), &input, signal.normalize);
            prepared.extend(output.iter().map(|frame| ((frame[lane] - offset) * scale) as f32));
            prepared.resize(prepared.len() + length - made, 0.0);
        }
    }
    if signal.normalize == Normalize::RecordZScore {
        standardise(&mut prepared, length, made);
    }
    Ok(prepared)
}

/// Scales a record, (leads, length), whose first `made` samples are not padding, to mean 0 and standard deviation 1 over all
/// its leads.
fn standardise(record: &mut [f32], length: usize, made: usize) {
    let values = || record.chunks_exact(length).flat_map(|lead| &lead[..made]).map(|value| f64::from(*value));
    let (low, high) = range(values());
    let count = (record.len() / length * made) as f64;
    let mean = values().sum::<f64>() / count;
    let sd = (values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    let scale = if sd <= FLAT * high.max(-low) { 0.0 } else { 1.0 / sd };
    for lead in record.chunks_exact_mut(length) {
        lead[..made].iter_mut().for_each(|value| *value = ((f64::from(*value) - mean) * scale) as f32);
    }
}

/// The samples of a record of which the rest is padding where it is shorter than `signal` asks for; `None` where there is
/// something else to say against it.
pub(super) fn samples_of(raw: &RawRecord, signal: &Signal) -> Option<usize> {
    let resampler = Resampler::between(raw.sampling_rate, signal.sampling_rate).ok()?;
    Some(resampler.output_length(check_shape(raw).ok()?).min(signal.length()))
}

/// The number of samples, where leads, signals and rate make sense.
fn check_shape(raw: &RawRecord) -> Result<usize, String> {
    if !(raw.sampling_rate.is_finite() && raw.sampling_rate > 0.0) {
        return Err(format!("its sampling rate, {} Hz, is not above 0", raw.sampling_rate));
    }
    if raw.leads.len() != raw.signals.len() {
        return Err(format!("it has {} leads but {} signals", raw.leads.len(), raw.signals.len()));
    }
    let samples = raw.signals.first().map_or(0, Vec::len);
    for (lead, signal) in raw.leads.iter().zip(&raw.signals) {
        if signal.len() != samples {
            let (first, name) = (raw.leads[0].name(), lead.name());
            return Err(format!("lead {name} has {} samples but lead {first} has {samples}", signal.len()));
        }
    }
    if samples == 0 { Err("it has no samples".into()) } else { Ok(samples) }
}

/// How `lead` is made of the leads of the record.
fn recipe(lead: Lead, raw: &RawRecord) -> Result<Recipe, String> {
    let place = |lead: Lead| raw.leads.iter().position(|other| *other == lead);
    if let Some(place) = place(lead) {
        return Ok(vec![(place, 1.0)]);
    }
    let weights = match lead {
        Lead::III => Some((-1.0, 1.0)),
        Lead::AVR => Some((-0.5, -0.5)),
        Lead::AVL => Some((1.0, -0.5)),
        Lead::AVF => Some((-0.5, 1.0)),
        _ => None,
    };
    if let (Some((of_i, of_ii)), Some(i), Some(ii)) = (weights, place(Lead::I), place(Lead::II)) {
        return Ok(vec![(i, of_i), (ii, of_ii)]);
    }
    let there: Vec<&str> = raw.leads.iter().map(|lead| lead.name()).collect();
    let why = if weights.is_some() { ", and it cannot be computed without leads I and II" } else { "" };
    Err(format!("it has no lead {}{why}; its leads are {}", lead.name(), there.join(", ")))
}

/// Refuses NaN and infinity in the leads that are used.
fn check_numbers(raw: &RawRecord, recipes: &[Recipe]) -> Result<(), String> {
    for &(place, _) in recipes.iter().flatten() {
        let signal = &raw.signals[place];
        // Without an early end this is several samples at a time.
        if signal.iter().fold(true, |good, value| good & value.is_finite()) {
            continue;
        }
        if let Some(sample) = signal.iter().position(|value| !value.is_finite()) {
            let what = if signal[sample].is_nan() { "not a number" } else { "infinite" };
            return Err(format!("sample {sample} (counted from 0) of lead {} is {what}", raw.leads[place].name()));
        }
    }
    Ok(())
}

/// What is remembered of a lead from before the filter.
#[derive(Clone, Copy, Default)]
struct Input {
    /// All samples are one value.
    constant: bool,
    /// Largest absolute value.
    peak: f64,
}

/// Writes leads side by side into `frames`; lanes without a lead become 0.
fn fill(frames: &mut [Frame], raw: &RawRecord, recipes: &[Recipe]) -> [Input; LANES] {
    frames.fill([0.0; LANES]);
    let mut inputs = [Input::default(); LANES];
    for (lane, recipe) in recipes.iter().enumerate() {
        for &(place, weight) in recipe {
            for (frame, value) in frames.iter_mut().zip(&raw.signals[place]) {
                frame[lane] += weight * f64::from(*value);
            }
        }
        let (low, high) = range(frames.iter().map(|frame| frame[lane]));
        inputs[lane] = Input { constant: low == high, peak: high.max(-low) };
    }
    inputs
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

/// What is taken off a lead, and what it is multiplied by then.
fn normalisation(values: impl ExactSizeIterator<Item = f64> + Clone, input: &Input, how: Normalize) -> (f64, f64) {
    let (offset, spread) = match how {
        Normalize::None | Normalize::TrainZScore | Normalize::GlobalZScore | Normalize::RecordZScore => {
            return (0.0, 1.0);
        }
        Normalize::MinMax => {
            let (low, high) = range(values);
            (low, high - low)
        }
        Normalize::ZScore => {
            let count = values.len() as f64;
            let mean = values.clone().sum::<f64>() / count;
            (mean, (values.map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt())
        }
    };
    if input.constant || spread <= FLAT * input.peak { (offset, 0.0) } else { (offset, 1.0 / spread) }
}
