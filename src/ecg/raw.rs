//! A record's samples.

use super::Lead;

/// A record as its file has it.
#[derive(Clone, Debug)]
pub struct RawRecord {
    /// Hz
    pub sampling_rate: f64,
    /// The leads, in the order of `signals`.
    pub leads: Vec<Lead>,
    /// Samples of each lead in mV, leads in the order of `leads`, all of one length.
    pub signals: Vec<Vec<f32>>,
}
