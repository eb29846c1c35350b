//! Preprocessing of one record.

use crate::manifest::{Lead, Signal};

/// A record as its file has it.
#[derive(Clone, Debug)]
pub struct RawRecord {
    /// Hz
    pub sampling_rate: f64,
    /// The leads, each once.
    pub leads: Vec<Lead>,
    /// Samples of each lead in mV, leads in the order of `leads`, all of one length.
    pub signals: Vec<Vec<f32>>,
}

/// The network's input of one record, (leads, length) contiguous.
///
/// # Errors
/// A sentence without the record's name.
pub fn prepare(raw: &RawRecord, signal: &Signal) -> Result<Vec<f32>, String> {
    let mut prepared = Vec::with_capacity(signal.leads.len() * signal.length());
    for lead in &signal.leads {
        let place = raw.leads.iter().position(|have| have == lead).ok_or(format!("it has no lead {}", lead.name()))?;
        let samples = raw.signals[place].get(..signal.length()).ok_or("it is too short")?;
        prepared.extend_from_slice(samples);
    }
    Ok(prepared)
}
