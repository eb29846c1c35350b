//! The built-in simulator: 12-lead ECGs whose HR, PR, QRS and QT are exact by construction.
//!
//! A record is 10 s at 500 Hz of normal sinus rhythm. A cardiac dipole in three dimensions, a sum of bell-shaped waves
//! (McSharry et al. 2003; for a dipole: Sameni et al. 2007), is seen by the leads through Dower's matrix (Dower et al. 1980).
//! Every bell is exactly 0 outside its support, so that onsets and offsets are facts rather than thresholds:
//!
//! - PR is the time from the start of the P wave to that of the QRS complex, QRS from start to end of the QRS complex,
//!   QT from the start of the QRS complex to the end of the T wave; equal in every beat of a record.
//! - HR is 60 over the mean RR interval between the starts of all QRS complexes that lie wholly in the record.
//! - No two waves overlap.
//!
//! Respiration, baseline wander, muscle noise and mains hum are added, each from a random stream of its own. None of them
//! moves an onset or offset of the heart's own signal.
//!
//! ## How records differ
//!
//! | | distribution | compare |
//! |---|---|---|
//! | HR | N(75, 15) bpm in 40 to 140 | 48 to 98 in healthy people (Mason et al. 2007; 2nd to 98th percentile, as below) |
//! | QRS | 94 %: N(95, 12) ms in 65 to 150; 6 %: uniform in 110 to 150 | 69 to 109 (same) |
//! | QT | QTc (RR / 1 s)^(1/3), QTc N(415 + (QRS - 95) / 2, 22) ms in 350 to 500 | correction: Fridericia 1920; QTc 359 to 445 (Mason et al. 2007); about half of a longer QRS is added to QT (Bogossian et al. 2014) |
//! | PR | N(160 - 0.26 (HR - 75), 23.7) ms in 90 to 280 | 113 to 212 (Mason et al. 2007); slope, and correlation with HR of -0.15 (Soliman and Rautaharju 2012) |
//! | SD of RR | 3 % of the mean RR, log-normal (sigma 0.5), 0.5 to 9 % | spectrum: McSharry et al. 2003 |
//!
//! Ranges are wider than in healthy people, as those of patients are.
//!
//! Where T of one beat and P of the next would meet, PR is shortened down to 90 ms, then variation of RR; where that is not
//! enough, intervals are drawn again. It happens at fast rates.
//!
//! ## References
//!
//! - Bogossian H. et al. New formula for evaluation of the QT interval in patients with left bundle branch block.
//!   Heart Rhythm 11:2273 (2014).
//! - Dower G. E., Machado H. B., Osborne J. A. On deriving the electrocardiogram from vectorcardiographic leads.
//!   Clin. Cardiol. 3:87 (1980).
//! - Fridericia L. S. Die Systolendauer im Elektrokardiogramm bei normalen Menschen und bei Herzkranken.
//!   Acta Med. Scand. 53:469 (1920).
//! - Mason J. W. et al. Electrocardiographic reference ranges derived from 79,743 ambulatory subjects.
//!   J. Electrocardiol. 40:228 (2007).
//! - McSharry P. E. et al. A dynamical model for generating synthetic electrocardiogram signals.
//!   IEEE Trans. Biomed. Eng. 50:289 (2003).
//! - Sameni R. et al. Multichannel ECG and noise modeling: application to maternal and fetal ECG signals.
//!   EURASIP J. Adv. Signal Process. 43407 (2007).
//! - Soliman E. Z., Rautaharju P. M. Heart rate adjustment of PR interval in middle-aged and older adults.
//!   J. Electrocardiol. 45:66 (2012).

mod dipole;
mod draw;
mod noise;
mod rhythm;
mod shape;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::declare::{Key, Kind, Range, Type};
use crate::ecg::{Lead, Measurement, RawRecord};
use crate::source::interface::from_json;
use crate::source::{Found, Knowledge, Listing, Record, Request, Source, SourceKind};
use crate::{Result, stop};

/// Goes up when records change.
pub const VERSION: u32 = 1;

/// Hz
pub const SAMPLING_RATE: f64 = 500.0;

/// Samples per lead.
pub const SAMPLES: usize = 5000;

/// ms between samples.
const STEP: f64 = 1000.0 / SAMPLING_RATE;

/// Time of the last sample, ms.
const END: f64 = (SAMPLES - 1) as f64 * STEP;

/// The built-in simulator: HR, PR, QRS and QT are exact by construction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Simulator {
    /// How many records.
    pub records: usize,
    /// Seed of the records.
    pub seed: u64,
}

impl Simulator {
    pub(crate) const KIND: SourceKind = SourceKind {
        declaration: Kind {
            name: "simulator",
            doc: "The built-in simulator: HR, PR, QRS and QT are exact by construction.",
            keys: &[
                Key::new("records", Type::Integer(Range::from_to(1.0, 1e7)), "2000", "How many records."),
                Key::new("seed", Type::Integer(Range::at_least(0.0)), "7", "Seed of the records."),
            ],
        },
        // Records have folds, for what is written in PTB-XL's layout; they say nothing of a simulated record.
        knows: Knowledge {
            folds: false,
            patients: false,
            age: false,
            sex: false,
            labels: &[],
            open_labels: false,
            measurements: &Measurement::BUILT_IN,
        },
        from_json: from_json::<Self>,
    };
}

impl Source for Simulator {
    fn kind(&self) -> &'static SourceKind {
        &Self::KIND
    }

    /// Of simulated records, that of their seed.
    fn usual_data_set(&self) -> String {
        format!("simulator {}", self.seed)
    }

    fn made_from(&self) -> Option<String> {
        Some(format!("{} {} {VERSION}", self.records, self.seed))
    }

    fn at_most(&self) -> Option<usize> {
        Some(self.records)
    }

    fn list(&self, _sampling_rate: f64) -> Result<Listing> {
        let one = |index| {
            stop::check()?;
            Ok(record(index, &rhythm(self.seed, index as u64, &respiration(self.seed, index as u64)).intervals))
        };
        let records = (0..self.records).into_par_iter().map(one).collect::<Result<_>>()?;
        Ok(Listing { records, ..Listing::default() })
    }

    fn read(&self, _listing: &Listing, index: usize, _request: &Request<'_>) -> Result<Found> {
        Ok(Found::made(simulate(self.seed, index).1))
    }
}

/// What a regression network is to measure in a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Intervals {
    /// Heart rate, bpm: 60 over the mean RR interval in s.
    pub hr: f64,
    /// PR interval, ms.
    pub pr: f64,
    /// QRS duration, ms.
    pub qrs: f64,
    /// QT interval, ms.
    pub qt: f64,
}

/// Where the waves of one beat start and end, in ms from the first sample. Each wave is exactly 0 at and beyond both.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Beat {
    pub p_onset: f64,
    pub p_offset: f64,
    pub qrs_onset: f64,
    pub qrs_offset: f64,
    pub t_onset: f64,
    pub t_offset: f64,
}

impl Beat {
    /// Whether its QRS complex lies wholly in the record; RR intervals are counted between such beats.
    pub fn counts(&self) -> bool {
        self.qrs_onset >= 0.0 && self.qrs_offset <= END
    }
}

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
    let index = index as u64;
    let respiration = respiration(seed, index);
    let (intervals, beats, dipole) = heart(seed, index, &respiration);
    Clean { intervals, beats, record: twelve_leads(&dipole::project(&dipole)) }
}

/// The record of number `index` of the simulator with this seed: what is known of it, and 12 leads of 10 s at 500 Hz in mV.
///
/// The same seed and number give the same record on the same machine, however many others are made.
///
/// It knows all four intervals, is of a patient of its own, in fold `index % 10 + 1`, and has no labels.
pub fn simulate(seed: u64, index: usize) -> (Record, RawRecord) {
    let stream = index as u64;
    let respiration = respiration(seed, stream);
    let (intervals, _, mut dipole) = heart(seed, stream, &respiration);
    respiration.apply(&mut dipole);
    let mut leads = dipole::project(&dipole);
    noise::add_baseline_wander(&mut leads, respiration.frequency, seed, stream);
    noise::add_muscle(&mut leads, seed, stream);
    noise::add_mains(&mut leads, seed, stream);

    (record(index, &intervals), twelve_leads(&leads))
}

/// What is known of record `index`, which has these intervals.
fn record(index: usize, intervals: &Intervals) -> Record {
    let Intervals { hr, pr, qrs, qt } = *intervals;
    let known = [(Measurement::HR, hr), (Measurement::PR, pr), (Measurement::QT, qt), (Measurement::QRS, qrs)];
    let measurements = known.map(|(measurement, value)| (measurement, value as f32)).into_iter().collect();
    let id = index.to_string();
    Record { patient: id.clone(), id, fold: Some((index % 10) as u8 + 1), measurements, ..Record::default() }
}

fn respiration(seed: u64, index: u64) -> noise::Respiration {
    noise::Respiration::draw(seed, index)
}

fn rhythm(seed: u64, index: u64, respiration: &noise::Respiration) -> rhythm::Rhythm {
    rhythm::Rhythm::draw(respiration.frequency, seed, index)
}

/// Intervals, beats and dipole, before respiration moves it.
fn heart(seed: u64, index: u64, respiration: &noise::Respiration) -> (Intervals, Vec<Beat>, Vec<dipole::Vector>) {
    let rhythm = rhythm(seed, index, respiration);
    let shape = shape::Shape::draw(&rhythm.intervals, seed, index);
    let beats: Vec<Beat> = rhythm.onsets.iter().map(|onset| shape.beat(&rhythm.intervals, *onset)).collect();
    let mut dipole = vec![[0.0; 3]; SAMPLES];
    for beat in &beats {
        dipole::add_wave(&mut dipole, &shape.p, beat.p_onset, beat.p_offset);
        dipole::add_wave(&mut dipole, &shape.qrs, beat.qrs_onset, beat.qrs_offset);
        dipole::add_wave(&mut dipole, &shape.t, beat.t_onset, beat.t_offset);
    }
    (rhythm.intervals, beats, dipole)
}

/// The usual twelve leads from I, II and V1 to V6; III, aVR, aVL and aVF by Einthoven's and Goldberger's equations.
fn twelve_leads(leads: &dipole::Leads) -> RawRecord {
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
