//! Learning curves.

use std::collections::BTreeMap;

use super::rows::{self, TableRow};
use super::stages::STAGES_OF_EXPERIMENT;
use super::{CurveValue, Store};
use crate::Result;
use crate::data::Subset;

/// Split and metric of a learning curve.
pub type Series = (Subset, String);

/// Learning curves of stages: by stage id, then split and metric, the epoch (from 1) and the value.
pub type LearningCurves = BTreeMap<String, BTreeMap<Series, Vec<(usize, f64)>>>;

impl Store {
    /// The learning curves of a stage, by epoch.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn curves(&self, stage: &str) -> Result<Vec<CurveValue>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!(
                "SELECT {} FROM epoch WHERE stage_id = ?1 ORDER BY epoch, split, metric",
                CurveValue::select()
            ))?;
            rows::all(&mut select, [stage])
        })
    }

    /// The learning curves of all stages of an experiment's current runs.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn learning_curves(&self, experiment: &str) -> Result<LearningCurves> {
        self.read(|connection| {
            let mut select = connection.prepare(&format!(
                "SELECT stage_id, split, metric, epoch, value FROM epoch WHERE value IS NOT NULL AND stage_id IN
                 ({STAGES_OF_EXPERIMENT}) ORDER BY stage_id, split, metric, epoch"
            ))?;
            let names = ["stage_id", "split", "metric", "epoch", "value"];
            let [stage_id, split, metric, epoch, value] = rows::places(&select, names)?;
            let mut curves = LearningCurves::new();
            let mut rows = select.query([experiment])?;
            while let Some(row) = rows.next()? {
                let stage = curves.entry(row.get(stage_id)?).or_default();
                let points = stage.entry((row.get(split)?, row.get(metric)?)).or_default();
                points.push((row.get::<_, i64>(epoch)? as usize, row.get(value)?));
            }
            Ok(curves)
        })
    }
}
