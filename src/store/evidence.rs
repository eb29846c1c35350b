//! What reports are made of: predictions, learning curves and where everything comes from.

use std::collections::BTreeMap;

use rusqlite::{Row, params};
use serde_json::Value;

use super::Store;
use crate::Result;

/// What a classifier said of the test records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PredictionsOfRun {
    /// The classes, in the order of the network's outputs.
    pub classes: Vec<String>,
    /// Whether each record has one class; otherwise it may have several or none.
    pub single_label: bool,
    /// The name of the source that the records are of, in the run's manifest.
    pub source: String,
    /// The records, by id.
    pub records: Vec<TestedRecord>,
}

/// One record with its probabilities and classes, in the order of [`PredictionsOfRun::classes`].
#[derive(Clone, Debug, PartialEq)]
pub struct TestedRecord {
    /// Its id in its source.
    pub id: String,
    /// 0 to 1.
    pub probabilities: Vec<f64>,
    /// Whether it has the class.
    pub labels: Vec<bool>,
}

/// A manifest as it was read.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct StoredManifest {
    pub sha256: String,
    pub path: String,
    pub text: String,
    /// RFC 3339, UTC.
    pub first_seen_at: String,
}

/// A stage of an experiment, without its settings.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct TrainedStage {
    pub stage_id: String,
    /// `regression`, `classification` or `transfer`.
    pub kind: String,
    pub architecture: String,
    pub mix: Option<String>,
    pub target: Option<String>,
    pub seed: u64,
    pub status: String,
    pub data_fingerprint: String,
    pub device: Option<String>,
    pub version: Option<String>,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub wall_s: Option<f64>,
    pub best_epoch: Option<usize>,
    /// Below the results folder.
    pub checkpoint: Option<String>,
    pub notes: Vec<String>,
    /// The test errors of a regression, by target.
    pub measured: Vec<TestError>,
}

/// How well a regression measured one target on its test records, bpm or ms.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct TestError {
    pub target: String,
    pub mae: f64,
    pub rmse: f64,
    pub records: usize,
}

/// The stages that an experiment's current runs are made of.
#[derive(Clone, Debug, Default)]
pub struct TrainedStages {
    /// By id.
    pub by_id: BTreeMap<String, TrainedStage>,
    /// The ids of the stages that a transfer's network was grafted from, in order, by the id of the transfer.
    pub grafts: BTreeMap<String, Vec<String>>,
}

/// Split and metric of a learning curve.
pub type Series = (String, String);

/// Learning curves of stages: by stage id, then split and metric, the epoch (from 1) and the value.
pub type LearningCurves = BTreeMap<String, BTreeMap<Series, Vec<(usize, f64)>>>;

/// The stages that the current runs of experiment `?1` are made of.
const STAGES_OF_EXPERIMENT: &str = "
    SELECT stage_id FROM trial WHERE experiment = ?1 AND current = 1
    UNION SELECT i.input_id FROM trial t JOIN stage_input i USING (stage_id) WHERE t.experiment = ?1 AND t.current = 1";

impl Store {
    /// What the classifier of a transfer stage said of the test records; no records where it is not done.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn test_predictions(&self, stage_id: &str) -> Result<PredictionsOfRun> {
        self.read(|connection| {
            let settings: String =
                connection.query_row("SELECT settings FROM stage WHERE stage_id = ?1", [stage_id], |row| row.get(0))?;
            let settings: Value = serde_json::from_str(&settings).unwrap_or_default();
            let transfer = &settings["transfer"];
            let classes: Vec<String> = serde_json::from_value(transfer["classes"].clone()).unwrap_or_default();
            let mut select = connection.prepare_cached(
                "SELECT record_id, class, probability, label FROM prediction WHERE stage_id = ?1 ORDER BY record_id",
            )?;
            let mut rows = select.query([stage_id])?;
            let mut records: Vec<TestedRecord> = Vec::new();
            while let Some(row) = rows.next()? {
                let id: String = row.get(0)?;
                if records.last().is_none_or(|last| last.id != id) {
                    let (probabilities, labels) = (vec![0.0; classes.len()], vec![false; classes.len()]);
                    records.push(TestedRecord { id, probabilities, labels });
                }
                let class: String = row.get(1)?;
                let place = classes.iter().position(|known| *known == class);
                if let (Some(place), Some(record)) = (place, records.last_mut()) {
                    record.probabilities[place] = row.get(2)?;
                    record.labels[place] = row.get::<_, i64>(3)? != 0;
                }
            }
            let source = transfer["source"].as_str().unwrap_or_default().to_owned();
            Ok(PredictionsOfRun { classes, single_label: transfer["labels"] == "single", source, records })
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
            let mut curves = LearningCurves::new();
            let mut rows = select.query([experiment])?;
            while let Some(row) = rows.next()? {
                let stage: String = row.get(0)?;
                let points = curves.entry(stage).or_default().entry((row.get(1)?, row.get(2)?)).or_default();
                points.push((row.get::<_, i64>(3)? as usize, row.get(4)?));
            }
            Ok(curves)
        })
    }

    /// The stages of an experiment's current runs, and which were grafted into which.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn stages(&self, experiment: &str) -> Result<TrainedStages> {
        self.read(|connection| {
            let mut select = connection.prepare(&format!(
                "SELECT stage_id, kind, architecture, mix, target, seed, status, data_fingerprint, device, version, started_at,
                        finished_at, wall_s, best_epoch, checkpoint, notes FROM stage WHERE stage_id IN ({STAGES_OF_EXPERIMENT})"
            ))?;
            let mut stages = BTreeMap::new();
            for stage in select.query_map([experiment], trained_stage)? {
                let stage = stage?;
                stages.insert(stage.stage_id.clone(), stage);
            }
            let mut select = connection.prepare(
                "SELECT target, mae, rmse, records FROM regression_score WHERE stage_id = ?1 AND split = 'test' ORDER BY target",
            )?;
            for stage in stages.values_mut().filter(|stage| stage.kind == "regression") {
                let measured = select.query_map([&stage.stage_id], |row| {
                    let records = row.get::<_, i64>(3)? as usize;
                    Ok(TestError { target: row.get(0)?, mae: row.get(1)?, rmse: row.get(2)?, records })
                })?;
                stage.measured = measured.collect::<rusqlite::Result<_>>()?;
            }
            let mut select = connection.prepare(
                "SELECT DISTINCT i.stage_id, i.position, i.input_id FROM trial t JOIN stage_input i USING (stage_id)
                 WHERE t.experiment = ?1 AND t.current = 1 ORDER BY i.stage_id, i.position",
            )?;
            let mut grafts: BTreeMap<String, Vec<String>> = BTreeMap::new();
            let mut rows = select.query(params![experiment])?;
            while let Some(row) = rows.next()? {
                grafts.entry(row.get(0)?).or_default().push(row.get(2)?);
            }
            Ok(TrainedStages { by_id: stages, grafts })
        })
    }

    /// The manifest with this hash.
    ///
    /// # Errors
    /// Where the store cannot be read, or has none.
    pub fn manifest(&self, sha256: &str) -> Result<StoredManifest> {
        self.read(|connection| {
            connection.query_row(
                "SELECT sha256, path, text, first_seen_at FROM manifest WHERE sha256 = ?1",
                [sha256],
                |row| {
                    let [sha256, path, text] = [row.get(0)?, row.get(1)?, row.get(2)?];
                    Ok(StoredManifest { sha256, path, text, first_seen_at: row.get(3)? })
                },
            )
        })
    }
}

fn trained_stage(row: &Row<'_>) -> rusqlite::Result<TrainedStage> {
    let notes: Option<String> = row.get(15)?;
    Ok(TrainedStage {
        stage_id: row.get(0)?,
        kind: row.get(1)?,
        architecture: row.get(2)?,
        mix: row.get(3)?,
        target: row.get(4)?,
        seed: row.get::<_, i64>(5)? as u64,
        status: row.get(6)?,
        data_fingerprint: row.get(7)?,
        device: row.get(8)?,
        version: row.get(9)?,
        started_at: row.get(10)?,
        finished_at: row.get(11)?,
        wall_s: row.get(12)?,
        best_epoch: row.get::<_, Option<i64>>(13)?.and_then(|epoch| usize::try_from(epoch).ok()),
        checkpoint: row.get(14)?,
        notes: notes.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
        measured: Vec::new(),
    })
}
