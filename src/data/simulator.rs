//! Simulated records.

use super::Record;
use super::signal::RawRecord;
use crate::manifest::Lead;

/// Goes up when records change.
pub const VERSION: u32 = 1;

/// Record `index` under `seed`.
pub fn simulate(seed: u64, index: usize) -> (Record, RawRecord) {
    let record = Record {
        id: index.to_string(),
        patient: index.to_string(),
        fold: None,
        targets: [Some(60.0), None, None, None],
        classes: [false; 5],
    };
    let value = (seed as f32) + index as f32;
    let raw = RawRecord {
        sampling_rate: 500.0,
        leads: Lead::ALL.to_vec(),
        signals: vec![vec![value; 5000]; Lead::ALL.len()],
    };
    (record, raw)
}
