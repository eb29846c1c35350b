//! What every network sees, and how numbers are made of it.

use super::Precision;
use super::Window;
use super::keys::PRECISION;
use crate::declare::{Range, Type, is_default, list_of, sequence, table, words};
use crate::ecg::Lead;
use crate::source::LEAD;

table! {
    /// What every network sees.
    pub struct Signal {
        /// The leads, in the order of the network's input channels. Derived leads (III, aVR, aVL, aVF) are computed where
        /// a source lacks them.
        pub leads: Vec<Lead> = ["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"] in list_of(&Type::Word(&LEAD), 1);
        /// Sources are resampled to this rate with an anti-aliasing filter.
        pub sampling_rate: f64 = 100.0 in Type::Number(Range::from_to(1.0, 10000.0)), unit "Hz";
        /// What is used of a record. Longer ones are cropped; `shorter` says what becomes of shorter ones.
        pub duration: f64 = 10.0 in Type::Number(Range::above_to(0.0, 3600.0)), unit "s";
        /// Low and high edge of a zero-phase band-pass; the high edge is below half the sampling rate.
        pub bandpass: Option<[f64; 2]> = none in sequence(&Type::Number(Range::above(0.0)), 2, 2), absent "no filter",
            example "[0.5, 40.0]", unit "Hz";
        /// How amplitudes are normalised.
        pub normalize: Normalize = "z-score";
        /// What becomes of records that are shorter than `duration`.
        pub shorter: Shorter = "stop" => serde(default, skip_serializing_if = "is_default");
        /// The number format in which prepared signals are kept on disk. `f16` halves the room that they take, and rounds
        /// values to 11 significant bits, also where they are used from memory.
        pub storage: Storage = "f32" => serde(default, skip_serializing_if = "is_default");
        /// Networks see windows of records, which are shorter than `duration`; a record remains one prediction.
        pub window: Option<Window> = none, absent "networks see all of `duration`",
            example r#"{ "length": 2.5, "stride": 1.25, "join": "max" }"#
            => serde(default, skip_serializing_if = "Option::is_none");
    }
}

impl Signal {
    /// `duration` seconds of `leads` as they were recorded, at `sampling_rate`, Hz: no filter, no normalisation.
    pub fn recorded(leads: Vec<Lead>, sampling_rate: f64, duration: f64) -> Self {
        let (shorter, storage, normalize) = (Shorter::Stop, Storage::F32, Normalize::None);
        Self { leads, sampling_rate, duration, bandpass: None, normalize, shorter, storage, window: None }
    }

    /// Leads, and samples per lead, that a network sees at once.
    pub fn shape(&self) -> (usize, usize) {
        (self.leads.len(), self.samples(self.input_duration()))
    }

    /// Samples per lead of a record: `sampling_rate * duration`, rounded.
    pub fn length(&self) -> usize {
        self.samples(self.duration)
    }

    /// What a network sees at once, in seconds: a window, else all of `duration`.
    pub fn input_duration(&self) -> f64 {
        self.window.as_ref().map_or(self.duration, |window| window.length)
    }

    /// Samples of so many seconds, rounded.
    pub fn samples(&self, seconds: f64) -> usize {
        (self.sampling_rate * seconds).round() as usize
    }

    /// As far as it says how records are prepared: what a stage makes of them later is at its default.
    pub fn as_prepared(&self) -> Self {
        let normalize = match self.normalize {
            Normalize::GlobalZScore => Normalize::None,
            other => other,
        };
        Self { normalize, window: None, ..self.clone() }
    }
}

words! {
    /// What becomes of records that are shorter than asked for.
    pub enum Shorter as "treatment of shorter records" {
        /// an error that names the record
        Stop = "stop",
        /// they are left out, however many, and listed with those that cannot be read
        LeaveOut = "leave-out",
        /// 0 follows them, after normalisation, to `duration`
        Pad = "pad",
    }
}

words! {
    /// The number format of prepared signals on disk.
    pub enum Storage as "number format" {
        /// single precision, 4 bytes
        F32 = "f32",
        /// half precision (IEEE 754 binary16), 2 bytes
        F16 = "f16",
    }
}

impl Storage {
    /// Bytes of a value.
    pub fn bytes(self) -> usize {
        match self {
            Storage::F32 => 4,
            Storage::F16 => 2,
        }
    }
}

words! {
    /// Amplitude normalisation.
    pub enum Normalize as "normalisation" {
        /// per record and lead: mean 0, standard deviation 1
        ZScore = "z-score",
        /// per record and lead: into 0 to 1
        MinMax = "min-max",
        /// as recorded, in mV
        None = "none",
        /// per lead, with mean and standard deviation of the stage's training records
        TrainZScore = "train-z-score",
        /// all leads alike, with one mean and standard deviation of all samples of the stage's training records
        GlobalZScore = "global-z-score",
        /// all leads of a record alike: mean 0, standard deviation 1 over all its samples
        RecordZScore = "record-z-score",
    }
}

impl Normalize {
    /// Whether records are still told apart by how many mV they have.
    pub fn keeps_voltage(self) -> bool {
        match self {
            Normalize::ZScore | Normalize::MinMax | Normalize::RecordZScore => false,
            Normalize::None | Normalize::TrainZScore | Normalize::GlobalZScore => true,
        }
    }
}

table! {
    /// How numbers are made; part of a run's identity.
    pub struct Compute {
        /// Number format of CUDA convolutions and matrix products.
        pub precision: Precision = "tf32" in Type::Word(&PRECISION);
    }
}

impl Copy for Compute {}
