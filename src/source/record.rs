//! What is known of one record beside its signal.

use std::fmt;

use crate::ecg::{Label, LabelName, LabelSet, Measurement, Measurements, Sex};
use crate::seed::hex;

/// What is known of one record beside its signal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Name within its source (PTB-XL: `ecg_id`; DeepFake-ECG: `patid`; simulator: its number).
    pub id: String,
    /// Whose ECG it is; a source without patients gives each record its own.
    pub patient: String,
    /// Its fold, 1 to 10 (PTB-XL: `strat_fold`).
    pub fold: Option<u8>,
    /// Age at recording, years; 90 stands for every age above 89. `None` where not known.
    pub age: Option<f32>,
    /// Sex, where known.
    pub sex: Option<Sex>,
    /// What is measured in it, as far as it is known.
    pub measurements: Measurements,
    /// What it is called by whoever read it.
    pub labels: LabelSet,
    /// Labels of which it is not known whether it has them, such as those of empty flags; none of `labels`.
    pub unknown: LabelSet,
    /// Which recording it is, by its samples; `None` where all its leads are flat, or they were not read.
    pub recording: Option<Recording>,
}

impl Record {
    /// The value of `measurement`, in its unit, if known; [`Measurement::AGE`] is one too.
    pub fn measurement(&self, measurement: Measurement) -> Option<f32> {
        if measurement == Measurement::AGE {
            return self.age;
        }
        self.measurements.get(measurement)
    }

    /// Whether the record has a label that is called `name`; `None` where that is not known.
    pub fn is_called(&self, name: LabelName) -> Option<bool> {
        let has = self.labels.has(name);
        (has || !self.unknown.has(name)).then_some(has)
    }

    /// Whether the record has `label`.
    pub fn has(&self, label: Label) -> bool {
        self.labels.contains(label)
    }
}

/// The identity of a recording: the SHA-256 of its samples in whole microvolts. Two records with one are one recording,
/// in whichever format and folder they are, and under whichever id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recording([u8; 32]);

impl Recording {
    /// The identity with this hash.
    pub fn new(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The hash.
    pub fn hash(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
