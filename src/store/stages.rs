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
}
