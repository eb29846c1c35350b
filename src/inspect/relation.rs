//! Whether limb leads are those of one heart: Einthoven's and Goldberger's sums.

use crate::data::look::amplitude;
use crate::ecg::{Lead, RawRecord};

/// The sums of leads that are one heart's are at most this share of the largest lead, as `run` has it.
pub(super) const MOST: f64 = 0.1;

/// The usual amplitude of a lead, mV, peak to peak: the median of PTB-XL and of the Challenge 2021 records.
pub(super) const USUAL: f64 = 1.1;

/// Pieces whose amplitudes are looked at, s.
const PIECE: f64 = 2.0;

/// Leads whose sum with these factors is 0 at all times.
const SUMS: [[(Lead, f32); 3]; 4] = [
    [(Lead::I, 1.0), (Lead::III, 1.0), (Lead::II, -1.0)],
    [(Lead::AVR, 2.0), (Lead::I, 1.0), (Lead::II, 1.0)],
    [(Lead::AVL, 2.0), (Lead::I, -1.0), (Lead::III, 1.0)],
    [(Lead::AVF, 2.0), (Lead::II, -1.0), (Lead::III, -1.0)],
];

/// Peak to peak over 2 s, the median.
pub(super) fn amplitude_of(signal: &[f32], rate: f64) -> f64 {
    amplitude(signal, (PIECE * rate).round().max(1.0) as usize)
}

/// How far the limb leads are from adding up: the largest of the sums beside the largest of the leads; `None` where none of
/// the sums has its leads, or all of them are flat.
pub(super) fn broken(raw: &RawRecord) -> Option<f64> {
    let of = |lead: Lead| {
        let place = raw.leads.iter().position(|own| *own == lead)?;
        raw.signals.get(place)
    };
    let sum = |terms: [(Lead, f32); 3]| {
        let leads = terms.map(|(lead, factor)| of(lead).map(|signal| (signal, factor)));
        let [Some(a), Some(b), Some(c)] = leads else { return None };
        let sum: Vec<f32> = (a.0.iter().zip(b.0).zip(c.0)).map(|((x, y), z)| a.1 * x + b.1 * y + c.1 * z).collect();
        Some(amplitude_of(&sum, raw.sampling_rate))
    };
    let sums: Vec<f64> = SUMS.into_iter().filter_map(sum).collect();
    let largest = raw.signals.iter().map(|signal| amplitude_of(signal, raw.sampling_rate)).fold(0.0, f64::max);
    (largest > 0.0).then(|| sums.into_iter().reduce(f64::max))?.map(|sum| sum / largest)
}
