//! What the simulated heart does in a record, and when.

use super::END;
use super::dipole::Vector;
use crate::source::Record;

/// What a regression network is to measure in a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Intervals {
    /// Heart rate, bpm: 60 over the mean RR interval in s.
    pub hr: f64,
    /// PR interval, ms; NaN where there is none, as in atrial fibrillation.
    pub pr: f64,
    /// QRS duration, ms.
    pub qrs: f64,
    /// QT interval, ms; NaN where no T wave is to be seen.
    pub qt: f64,
}

/// Where the waves of one beat start and end, in ms from the first sample. Each wave is exactly 0 at and beyond both.
/// NaN for a P wave that there is not.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Beat {
    pub origin: Origin,
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

/// Where a beat comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The sinus node.
    Sinus,
    /// The atria, early.
    Atrial,
    /// The fibrillating atria: without a P wave.
    Fibrillation,
    /// The ventricles, early: without a P wave, and with a QRS complex and a T wave of its own.
    Ventricular,
}

/// The heart in one record.
pub(super) struct Heart {
    /// What is known of the record.
    pub record: Record,
    /// As the boundaries say that are asked for.
    pub intervals: Intervals,
    /// All beats of which anything is in the record, and at most two more at its ends, in order of time.
    pub beats: Vec<Beat>,
    /// (samples), mV; before respiration moves it.
    pub dipole: Vec<Vector>,
}
