//! What the store says that can be proved again: settings, inputs, scores, checksums.

use rusqlite::{Row, params};

use super::{ClassScore, MeasuredTarget, StageStatus, Store, digest, work};
use crate::Result;

/// A stage with what its id, its inputs and its weights are proved by.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct StoredStage {
    pub stage_id: String,
    /// `regression`, `classification` or `transfer`.
    pub kind: String,
    pub seed: u64,
    /// JSON: everything the id was hashed from.
    pub settings: String,
    pub status: StageStatus,
    /// Below the results folder.
    pub checkpoint: Option<String>,
    /// Of the checkpoint's tensors; `None` of a stage that was trained before it was kept.
    pub weights_sha256: Option<String>,
    /// Of its curves, scores and predictions; `None` of a stage that was trained before it was kept.
    pub findings_sha256: Option<String>,
    /// Ids of the stages it starts from, in order, and where these stand; `None` of one that is not in the store.
    pub inputs: Vec<(String, Option<StageStatus>)>,
    /// How many values of learning curves, and validation scores, there are of it.
    pub unproved: usize,
}

/// A trial with what its id is proved by.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct StoredRun {
    pub run_id: String,
    pub experiment: String,
    pub stage_id: String,
    pub label_fraction: f64,
    pub seed: u64,
}

impl Store {
    /// All stages, also those that nobody asks for any more; with `experiments` those of their runs. By id.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn stored_stages(&self, experiments: Option<&[String]>) -> Result<Vec<StoredStage>> {
        let of = experiments.map(|names| serde_json::Value::from(names.to_vec()).to_string());
        self.read(|connection| {
            let mut select = connection.prepare(
                "SELECT stage_id, kind, seed, settings, status, checkpoint, weights_sha256, findings_sha256,
                        (SELECT count(*) FROM epoch e WHERE e.stage_id = s.stage_id)
                        + (SELECT count(*) FROM score c WHERE c.stage_id = s.stage_id AND c.split <> 'test')
                        + (SELECT count(*) FROM regression_score r WHERE r.stage_id = s.stage_id AND r.split <> 'test')
                 FROM stage s
                 WHERE ?1 IS NULL OR stage_id IN (
                     SELECT r.stage_id FROM run_stages r JOIN trial t USING (run_id)
                     WHERE t.experiment IN (SELECT value FROM json_each(?1)))
                 ORDER BY stage_id",
            )?;
            let mut stages: Vec<StoredStage> = select.query_map([of], stage)?.collect::<rusqlite::Result<_>>()?;
            let mut select = connection.prepare(
                "SELECT i.input_id, p.status FROM stage_input i LEFT JOIN stage p ON p.stage_id = i.input_id
                 WHERE i.stage_id = ?1 ORDER BY i.position",
            )?;
            for stage in &mut stages {
                let inputs = select.query_map([&stage.stage_id], |row| {
                    let status: Option<String> = row.get(1)?;
                    Ok((row.get(0)?, status.as_deref().map(work::status)))
                })?;
                stage.inputs = inputs.collect::<rusqlite::Result<_>>()?;
            }
            Ok(stages)
        })
    }

    /// All trials, also those that no manifest asks for any more; with `experiments` theirs. By id.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn stored_runs(&self, experiments: Option<&[String]>) -> Result<Vec<StoredRun>> {
        let of = experiments.map(|names| serde_json::Value::from(names.to_vec()).to_string());
        self.read(|connection| {
            let mut select = connection.prepare(
                "SELECT run_id, experiment, stage_id, label_fraction, seed FROM trial
                 WHERE ?1 IS NULL OR experiment IN (SELECT value FROM json_each(?1)) ORDER BY run_id",
            )?;
            let rows = select.query_map([of], |row| {
                Ok(StoredRun {
                    run_id: row.get(0)?,
                    experiment: row.get(1)?,
                    stage_id: row.get(2)?,
                    label_fraction: row.get(3)?,
                    seed: row.get::<_, i64>(4)? as u64,
                })
            })?;
            rows.collect()
        })
    }

    /// What SQLite finds wrong with the file, in its words; nothing of one that is whole.
    ///
    /// # Errors
    /// Where the store cannot be read at all.
    pub fn damage(&self) -> Result<Vec<String>> {
        self.read(|connection| {
            let mut check = connection.prepare("PRAGMA integrity_check(10)")?;
            let said = check.query_map([], |row| row.get::<_, String>(0))?;
            said.filter(|line| line.as_ref().map_or(true, |line| line != "ok")).collect()
        })
    }

    /// The SHA-256 of all rows that a stage found, as they are now.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn findings_sha256(&self, stage: &str) -> Result<String> {
        self.read(|connection| digest::findings(connection, stage))
    }

    /// The scores of a classifier on its test records, by metric and class.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn test_scores(&self, stage: &str) -> Result<Vec<ClassScore>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT split, metric, nullif(class, ''), value FROM score
                 WHERE stage_id = ?1 AND split = 'test' ORDER BY metric, class",
            )?;
            let rows = select.query_map(params![stage], |row| {
                Ok(ClassScore { split: row.get(0)?, metric: row.get(1)?, class: row.get(2)?, value: row.get(3)? })
            })?;
            rows.collect()
        })
    }

    /// How well a regression measured its test records, by target.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn test_errors(&self, stage: &str) -> Result<Vec<MeasuredTarget>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT target, split, records, mae, rmse, r2, pearson_r FROM regression_score
                 WHERE stage_id = ?1 AND split = 'test' ORDER BY target",
            )?;
            let rows = select.query_map(params![stage], |row| {
                Ok(MeasuredTarget {
                    target: row.get(0)?,
                    split: row.get(1)?,
                    records: row.get::<_, i64>(2)? as usize,
                    mae: row.get(3)?,
                    rmse: row.get(4)?,
                    r2: row.get(5)?,
                    pearson_r: row.get(6)?,
                })
            })?;
            rows.collect()
        })
    }
}

fn stage(row: &Row<'_>) -> rusqlite::Result<StoredStage> {
    Ok(StoredStage {
        stage_id: row.get(0)?,
        kind: row.get(1)?,
        seed: row.get::<_, i64>(2)? as u64,
        settings: row.get(3)?,
        status: work::status(&row.get::<_, String>(4)?),
        checkpoint: row.get(5)?,
        weights_sha256: row.get(6)?,
        findings_sha256: row.get(7)?,
        unproved: row.get::<_, i64>(8)? as usize,
        inputs: Vec::new(),
    })
}
