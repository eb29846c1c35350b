//! What stages found, for those who want all of it.

use super::{Run, RunDetail, Store, read};
use crate::Result;

/// One value of a learning curve.
#[derive(Clone, Debug, PartialEq)]
pub struct CurveValue {
    /// Counted from 1.
    pub epoch: i64,
    /// `train` or `validation`.
    pub split: String,
    /// What was measured.
    pub metric: String,
    /// `None` where it is not defined.
    pub value: Option<f64>,
}

/// What a classifier said of a test record and a class.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct PredictedClass {
    pub record_id: String,
    pub class: String,
    /// From 0 to 1.
    pub probability: f64,
    /// Whether the record has the class.
    pub label: bool,
}

/// What a regression measured of a test record, in the target's unit: bpm or ms.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct MeasuredRecord {
    /// `hr` (bpm), `pr`, `qt` or `qrs` (ms).
    pub target: String,
    /// The source that the record is of.
    pub source: String,
    pub record_id: String,
    pub patient: String,
    pub truth: f64,
    pub measured: f64,
}

impl Store {
    /// A run with all that made it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn detail(&self, run: Run) -> Result<RunDetail> {
        self.read(|connection| read::detail(connection, run))
    }

    /// The learning curves of a stage, by epoch.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn curves(&self, stage: &str) -> Result<Vec<CurveValue>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT epoch, split, metric, value FROM epoch WHERE stage_id = ?1 ORDER BY epoch, split, metric",
            )?;
            let rows = select.query_map([stage], |row| {
                Ok(CurveValue { epoch: row.get(0)?, split: row.get(1)?, metric: row.get(2)?, value: row.get(3)? })
            })?;
            rows.collect()
        })
    }

    /// What the classifier of a stage said of its test records.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn predictions_of(&self, stage: &str) -> Result<Vec<PredictedClass>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT record_id, class, probability, label FROM prediction WHERE stage_id = ?1 ORDER BY record_id, class",
            )?;
            let rows = select.query_map([stage], |row| {
                Ok(PredictedClass {
                    record_id: row.get(0)?,
                    class: row.get(1)?,
                    probability: row.get(2)?,
                    label: row.get(3)?,
                })
            })?;
            rows.collect()
        })
    }

    /// What a regression stage measured of its test records, by target, source and record; nothing of a stage that was
    /// trained before it was kept.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn measured_of(&self, stage: &str) -> Result<Vec<MeasuredRecord>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT target, source, record_id, patient, truth, measured FROM regression_prediction
                 WHERE stage_id = ?1 ORDER BY target, source, record_id",
            )?;
            let rows = select.query_map([stage], |row| {
                Ok(MeasuredRecord {
                    target: row.get(0)?,
                    source: row.get(1)?,
                    record_id: row.get(2)?,
                    patient: row.get(3)?,
                    truth: row.get(4)?,
                    measured: row.get(5)?,
                })
            })?;
            rows.collect()
        })
    }
}
