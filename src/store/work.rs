//! How stages end: done, with what they found, failed, or forgotten.

use std::collections::HashMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Store, digest, members, now, timestamp};
use crate::error::Error;
use crate::train::Outcome;
use crate::{Result, durable};

/// Where a stage stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum StageStatus {
    Pending,
    Running,
    Done,
    Failed,
}

/// How a stage was trained.
#[derive(Clone, Debug)]
pub struct Finish {
    /// `cpu`, `cuda:0` ...
    pub device: String,
    /// ecgraft's version and commit.
    pub version: String,
    /// Path of the weights below the results folder.
    pub checkpoint: Option<String>,
    /// When it was begun.
    pub started_at: DateTime<Utc>,
    /// The weights, which are put in their place with the rest.
    pub weights: Option<Weights>,
}

/// A stage's weights, in a file of the worker's own.
#[derive(Clone, Debug)]
pub struct Weights {
    /// The checksum of the tensors.
    pub sha256: String,
    /// Where they are, written and synced (see [`durable::write_unfinished`]).
    pub unfinished: PathBuf,
    /// Where they belong.
    pub path: PathBuf,
}

/// What [`Store::finish`] fills, and [`Store::forget`] empties.
const TABLES_OF_FINDINGS: [&str; 9] = [
    "epoch",
    "mix_part",
    "mix_target",
    "regression_score",
    "source_score",
    "regression_prediction",
    "score",
    "prediction",
    "stage_set",
];

impl Store {
    /// Where every known stage stands, by id.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn statuses(&self) -> Result<HashMap<String, StageStatus>> {
        self.read(|connection| {
            let mut select = connection.prepare("SELECT stage_id, status FROM stage")?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, status(&row.get::<_, String>(1)?))))?;
            rows.collect()
        })
    }

    /// Makes the failed among `ids` pending again: what was wrong may have been mended.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn retry_failed(&mut self, ids: &[String]) -> Result<()> {
        self.write(|connection| {
            let mut update = connection.prepare(
                "UPDATE stage SET status = 'pending', error = NULL WHERE stage_id = ?1 AND status = 'failed'",
            )?;
            for id in ids {
                update.execute([id])?;
            }
            Ok(())
        })
    }

    /// The checksums of the weights of stages that are done, by id; `None` of those that have none.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn checksums(&self) -> Result<HashMap<String, Option<String>>> {
        self.read(|connection| {
            let mut select =
                connection.prepare_cached("SELECT stage_id, weights_sha256 FROM stage WHERE status = 'done'")?;
            select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }

    /// Whether stage `id` is done, and then the checksum of its weights, as in [`Store::checksums`].
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn checksum(&self, id: &str) -> Result<Option<Option<String>>> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT weights_sha256 FROM stage WHERE stage_id = ?1 AND status = 'done'")?
                .query_row([id], |row| row.get(0))
                .optional()
        })
    }

    /// Makes a finished stage pending again and forgets what it found: its weights are gone.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn forget(&mut self, id: &str) -> Result<()> {
        self.write(|connection| {
            for table in TABLES_OF_FINDINGS {
                connection.execute(&format!("DELETE FROM {table} WHERE stage_id = ?1"), [id])?;
            }
            members::sweep(connection)?;
            connection.execute(
                "UPDATE stage SET status = 'pending', checkpoint = NULL, weights_sha256 = NULL, findings_sha256 = NULL
                 WHERE stage_id = ?1 AND status = 'done'",
                [id],
            )?;
            Ok(())
        })
    }

    /// Writes what a stage found, whole or not at all, and puts its weights in their place; whether it did. A worker
    /// that lost its claim writes nothing, and its weights go.
    ///
    /// # Errors
    /// Where the store cannot be written, or the weights cannot be put in their place.
    pub fn finish(&mut self, id: &str, worker: &str, outcome: &Outcome, finish: &Finish) -> Result<bool> {
        let mut unput = None;
        let held = self.write(|connection| {
            let held = done(connection, id, worker, outcome, finish)?;
            if held {
                findings(connection, id, outcome)?;
                let sum = digest::findings(connection, id)?;
                connection.execute("UPDATE stage SET findings_sha256 = ?2 WHERE stage_id = ?1", [id, &sum])?;
                // Last, and before the row says it: who reads the row finds the file.
                if let Some(Err(error)) = finish.weights.as_ref().map(|own| durable::put(&own.unfinished, &own.path)) {
                    unput = Some(error);
                    return Err(rusqlite::Error::ExecuteReturnedResults);
                }
            }
            Ok(held)
        });
        if let (Some(error), Some(weights)) = (unput, &finish.weights) {
            return Err(Error::user(format!("cannot write the checkpoint {}: {error}", weights.path.display())));
        }
        if let (Ok(false) | Err(_), Some(weights)) = (&held, &finish.weights) {
            let _ = std::fs::remove_file(&weights.unfinished);
        }
        self.checkpoint();
        held
    }

    /// Writes that a stage failed, and why.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn fail(&mut self, id: &str, worker: &str, message: &str) -> Result<()> {
        self.write(|connection| {
            connection.execute(
                "UPDATE stage SET status = 'failed', error = ?3, worker = NULL, lease_until = NULL, finished_at = ?4
                 WHERE stage_id = ?1 AND worker = ?2 AND status = 'running'",
                params![id, worker, message, now()],
            )?;
            Ok(())
        })
    }
}

/// Marks a stage as done, if it is still the worker's.
fn done(connection: &Connection, id: &str, worker: &str, outcome: &Outcome, finish: &Finish) -> rusqlite::Result<bool> {
    let notes = serde_json::Value::from(outcome.notes.clone()).to_string();
    let held = connection.execute(
        "UPDATE stage SET status = 'done', error = NULL, worker = NULL, lease_until = NULL, device = ?3, version = ?4,
                started_at = ?5, finished_at = ?6, wall_s = ?7, best_epoch = ?8, checkpoint = ?9, notes = ?10,
                weights_sha256 = ?11, lost = 0, last_step = ?12, frozen_at_best = ?13
         WHERE stage_id = ?1 AND worker = ?2 AND status = 'running'",
        params![
            id,
            worker,
            finish.device,
            finish.version,
            timestamp(finish.started_at),
            now(),
            outcome.wall_s,
            outcome.best_epoch as i64,
            finish.checkpoint,
            notes,
            finish.weights.as_ref().map(|weights| &weights.sha256),
            outcome.last_step.map(|last| last as i64),
            outcome.frozen_at_best()
        ],
    )?;
    Ok(held == 1)
}

/// Curves, metrics and predictions.
fn findings(connection: &Connection, id: &str, outcome: &Outcome) -> rusqlite::Result<()> {
    let mut insert =
        connection.prepare("INSERT INTO epoch (stage_id, epoch, split, metric, value) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for value in &outcome.epochs {
        insert.execute(params![id, value.epoch as i64, value.split, value.metric, value.value])?;
    }
    composition(connection, id, outcome)?;
    outcome.members.iter().try_for_each(|who| members::write(connection, id, who))?;
    let mut insert = connection.prepare(
        "INSERT INTO regression_score (stage_id, target, split, records, mae, rmse, r2, pearson_r) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for score in &outcome.regression {
        let metrics = &score.metrics;
        insert.execute(params![
            id,
            score.target,
            score.split,
            score.records as i64,
            metrics.mae,
            metrics.rmse,
            metrics.r2,
            metrics.pearson_r
        ])?;
    }
    source_scores(connection, id, outcome)?;
    let mut insert = connection.prepare(
        "INSERT INTO regression_prediction (stage_id, target, source, record_id, patient, truth, measured)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for value in &outcome.measured {
        insert.execute(params![
            id,
            value.target,
            value.source,
            value.record_id,
            value.patient,
            value.truth,
            value.measured
        ])?;
    }
    let mut insert =
        connection.prepare("INSERT INTO score (stage_id, split, metric, class, value) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for score in &outcome.scores {
        insert.execute(params![id, score.split, score.metric, score.class.unwrap_or(""), score.value])?;
    }
    let mut insert = connection.prepare(
        "INSERT INTO prediction (stage_id, record_id, class, probability, label) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut whose = connection.prepare(
        "INSERT OR IGNORE INTO patient (data_fingerprint, record_id, patient)
         SELECT data_fingerprint, ?2, ?3 FROM stage WHERE stage_id = ?1",
    )?;
    let mut last = None;
    for prediction in &outcome.predictions {
        if last.replace(&prediction.record_id) != Some(&prediction.record_id) {
            whose.execute(params![id, prediction.record_id, prediction.patient])?;
        }
        insert.execute(params![
            id,
            prediction.record_id,
            prediction.class,
            f64::from(prediction.probability),
            prediction.label
        ])?;
    }
    Ok(())
}

fn source_scores(connection: &Connection, id: &str, outcome: &Outcome) -> rusqlite::Result<()> {
    let mut insert = connection.prepare(
        "INSERT INTO source_score (stage_id, target, split, source, records, mae, bias, sd, rmse, r2, pearson_r)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    for score in &outcome.by_source {
        let metrics = &score.metrics;
        insert.execute(params![
            id,
            score.target,
            score.split,
            score.source,
            score.records as i64,
            metrics.mae,
            score.bias,
            score.sd,
            metrics.rmse,
            metrics.r2,
            metrics.pearson_r
        ])?;
    }
    Ok(())
}

fn composition(connection: &Connection, id: &str, outcome: &Outcome) -> rusqlite::Result<()> {
    let mut insert = connection.prepare(
        "INSERT INTO mix_part (stage_id, part, source, filter, from_epoch, until_epoch, offered, train, validation, test, patients)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    let mut insert_target = connection.prepare(
        "INSERT INTO mix_target (stage_id, part, position, target, known, mean, sd, lowest, highest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for (number, part) in (1_i64..).zip(&outcome.composition) {
        let [train, validation, test] = part.records.map(|records| records as i64);
        insert.execute(params![
            id,
            number,
            part.source,
            part.filter,
            *part.epochs.start() as i64,
            i64::try_from(*part.epochs.end()).ok().filter(|until| *until < i64::MAX),
            part.offered as i64,
            train,
            validation,
            test,
            part.patients as i64
        ])?;
        for (position, of) in part.targets.iter().enumerate() {
            let [lowest, highest] = of.range.map_or([None; 2], |range| range.map(Some));
            insert_target.execute(params![
                id,
                number,
                position as i64,
                of.target.name(),
                of.known as i64,
                of.mean,
                of.sd,
                lowest,
                highest
            ])?;
        }
    }
    Ok(())
}

pub(super) fn status(word: &str) -> StageStatus {
    match word {
        "running" => StageStatus::Running,
        "done" => StageStatus::Done,
        "failed" => StageStatus::Failed,
        _ => StageStatus::Pending,
    }
}
