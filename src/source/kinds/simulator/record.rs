//! Records: what leads see of a heart, with respiration and noise, and what is known of it.

use super::dipole::{Leads, project};
use super::heart::{Beat, Heart, Intervals};
use super::noise::{Respiration, add_baseline_wander, add_mains, add_muscle};
use super::source::Simulator;
use crate::ecg::{Lead, Measurement, Measurements, RawRecord};
use crate::source::Record;

/// Goes up when records of the simple model change.
pub const VERSION: u32 = 1;

/// Hz
pub const SAMPLING_RATE: f64 = 500.0;

/// Samples per lead.
pub const SAMPLES: usize = 5000;

/// ms between samples.
pub(super) const STEP: f64 = 1000.0 / SAMPLING_RATE;

/// Time of the last sample, ms.
pub(super) const END: f64 = (SAMPLES - 1) as f64 * STEP;

/// A record without noise, and what is in it.
#[derive(Clone, Debug)]
pub struct Clean {
    /// The intervals, exact.
    pub intervals: Intervals,
    /// All beats of which anything is in the record, and at most two more at its ends, in order of time.
    pub beats: Vec<Beat>,
    /// The signal in mV, exactly 0 wherever no wave is.
    pub record: RawRecord,
}

/// The record of number `index` of the simulator with this seed, before respiration and noise.
pub fn clean(seed: u64, index: usize) -> Clean {
    Simulator::new(index + 1, seed).clean(index)
}

/// The record of number `index` of the simulator with this seed: what is known of it, and 12 leads of 10 s at 500 Hz in mV.
///
/// The same seed and number give the same record on the same machine, however many others are made.
///
/// It knows all four intervals, is of a patient of its own, in fold `index % 10 + 1`, and has no labels.
pub fn simulate(seed: u64, index: usize) -> (Record, RawRecord) {
    Simulator::new(index + 1, seed).simulate(index)
}

impl Simulator {
    /// The record of number `index`, before respiration and noise.
    pub fn clean(&self, index: usize) -> Clean {
        let respiration = Respiration::draw(self.seed, index as u64);
        let heart = self.heart(index, &respiration);
        Clean { intervals: heart.intervals, beats: heart.beats, record: twelve_leads(&project(&heart.dipole)) }
    }

    /// The record of number `index`: what is known of it, and 12 leads of 10 s at 500 Hz in mV.
    ///
    /// Seed, number, model and conditions give the same record on the same machine, however many others are made.
    pub fn simulate(&self, index: usize) -> (Record, RawRecord) {
        let stream = index as u64;
        let respiration = Respiration::draw(self.seed, stream);
        let Heart { record, mut dipole, .. } = self.heart(index, &respiration);
        respiration.apply(&mut dipole);
        let mut leads = project(&dipole);
        add_baseline_wander(&mut leads, respiration.frequency, self.seed, stream);
        add_muscle(&mut leads, self.seed, stream);
        add_mains(&mut leads, self.seed, stream);
        (record, twelve_leads(&leads))
    }
}

/// What is known of record `index`, which has these intervals.
pub(super) fn with_intervals(index: usize, intervals: &Intervals) -> Record {
    let Intervals { hr, pr, qrs, qt } = *intervals;
    let known = [(Measurement::HR, hr), (Measurement::PR, pr), (Measurement::QT, qt), (Measurement::QRS, qrs)];
    let known = known.into_iter().filter(|(_, value)| !value.is_nan());
    let measurements: Measurements = known.map(|(measurement, value)| (measurement, value as f32)).collect();
    let id = index.to_string();
    Record { patient: id.clone(), id, fold: Some((index % 10) as u8 + 1), measurements, ..Record::default() }
}

/// The usual twelve leads from I, II and V1 to V6; III, aVR, aVL and aVF by Einthoven's and Goldberger's equations.
fn twelve_leads(leads: &Leads) -> RawRecord {
    let [limb, chest] = leads;
    let lead = |of: fn(f64, f64) -> f64| limb.iter().map(|frame| of(frame[0], frame[1]) as f32).collect();
    let signals = vec![
        lead(|i, _| i),
        lead(|_, ii| ii),
        lead(|i, ii| ii - i),
        lead(|i, ii| -(i + ii) / 2.0),
        lead(|i, ii| i - ii / 2.0),
        lead(|i, ii| ii - i / 2.0),
        limb.iter().map(|frame| frame[2] as f32).collect(),
        limb.iter().map(|frame| frame[3] as f32).collect(),
        chest.iter().map(|frame| frame[0] as f32).collect(),
        chest.iter().map(|frame| frame[1] as f32).collect(),
        chest.iter().map(|frame| frame[2] as f32).collect(),
        chest.iter().map(|frame| frame[3] as f32).collect(),
    ];
    RawRecord { sampling_rate: SAMPLING_RATE, leads: Lead::ALL.to_vec(), signals }
}
