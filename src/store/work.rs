//! Stages as work: claimed under a lease, renewed, given back, finished or failed.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Store, members, now, timestamp};
use crate::Result;
use crate::train::Outcome;

/// Where a stage stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum StageStatus {
    Pending,
    Running,
    Done,
    Failed,
}

/// What a worker that asks for work is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// This stage is yours until the lease runs out.
    Stage(String),
    /// Others are at work on what is left; ask again.
    Wait,
    /// Nothing is left that could be trained.
    Finished,
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
}

/// What [`Store::finish`] fills, and [`Store::forget`] empties.
const TABLES_OF_FINDINGS: [&str; 8] = [
    "epoch",
    "mix_part",
    "mix_target",
    "regression_score",
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
                "UPDATE stage SET status = 'pending', checkpoint = NULL WHERE stage_id = ?1 AND status = 'done'",
                [id],
            )?;
            Ok(())
        })
    }

    /// Gives back the stages of workers of which `is_dead` says that they are gone.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn release_dead(&mut self, is_dead: impl Fn(&str) -> bool) -> Result<()> {
        self.write(|connection| {
            let mut select = connection.prepare("SELECT DISTINCT worker FROM stage WHERE status = 'running' AND worker IS NOT NULL")?;
            let workers: Vec<String> = select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            for worker in workers.iter().filter(|worker| is_dead(worker)) {
                connection.execute(
                    "UPDATE stage SET status = 'pending', worker = NULL, lease_until = NULL WHERE status = 'running' AND worker = ?1",
                    [worker],
                )?;
            }
            Ok(())
        })
    }

    /// Says which stages [`Store::claim`] gives, and in which order. It holds until the store is closed, and
    /// for no other worker.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn want(&mut self, order: &[String]) -> Result<()> {
        self.write(|connection| {
            connection.execute_batch(
                "CREATE TEMP TABLE IF NOT EXISTS wanted (position INTEGER PRIMARY KEY, stage_id TEXT NOT NULL);
                 DELETE FROM temp.wanted",
            )?;
            let mut insert = connection.prepare("INSERT INTO temp.wanted (position, stage_id) VALUES (?1, ?2)")?;
            for (position, id) in order.iter().enumerate() {
                insert.execute(params![position as i64, id])?;
            }
            Ok(())
        })
    }

    /// Takes the first of what is wanted (see [`Store::want`]) that is neither done, failed nor held by a
    /// living worker, and whose inputs are done.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn claim(&mut self, worker: &str, lease: Duration) -> Result<Claim> {
        self.write(|connection| {
            let now_s = seconds();
            let free: Option<String> = connection
                .prepare_cached(
                    "SELECT w.stage_id FROM temp.wanted w JOIN stage s USING (stage_id)
                     WHERE (s.status = 'pending' OR (s.status = 'running' AND s.lease_until < ?1))
                       AND NOT EXISTS (SELECT 1 FROM stage_input i JOIN stage p ON p.stage_id = i.input_id
                                       WHERE i.stage_id = s.stage_id AND p.status <> 'done')
                     ORDER BY w.position LIMIT 1",
                )?
                .query_row([now_s], |row| row.get(0))
                .optional()?;
            let Some(id) = free else {
                let busy: bool = connection.query_row(
                    "SELECT EXISTS (SELECT 1 FROM temp.wanted w JOIN stage s USING (stage_id) WHERE s.status = 'running')",
                    [],
                    |row| row.get(0),
                )?;
                return Ok(if busy { Claim::Wait } else { Claim::Finished });
            };
            connection.execute(
                "UPDATE stage SET status = 'running', worker = ?2, lease_until = ?3, attempts = attempts + 1, error = NULL,
                        started_at = ?4, finished_at = NULL
                 WHERE stage_id = ?1",
                params![id, worker, now_s + lease.as_secs_f64(), now()],
            )?;
            Ok(Claim::Stage(id))
        })
    }

    /// Keeps a claim for another `lease`; one that was lost stays lost.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn renew(&mut self, id: &str, worker: &str, lease: Duration) -> Result<()> {
        self.write(|connection| {
            connection.execute(
                "UPDATE stage SET lease_until = ?3 WHERE stage_id = ?1 AND worker = ?2 AND status = 'running'",
                params![id, worker, seconds() + lease.as_secs_f64()],
            )?;
            Ok(())
        })
    }

    /// Gives a claim back, as if the stage had never been begun.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn release(&mut self, id: &str, worker: &str) -> Result<()> {
        self.write(|connection| {
            connection.execute(
                "UPDATE stage SET status = 'pending', worker = NULL, lease_until = NULL, started_at = NULL
                 WHERE stage_id = ?1 AND worker = ?2 AND status = 'running'",
                params![id, worker],
            )?;
            Ok(())
        })
    }

    /// Writes what a stage found, whole or not at all. A worker that lost its claim writes nothing.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn finish(&mut self, id: &str, worker: &str, outcome: &Outcome, finish: &Finish) -> Result<()> {
        self.write(|connection| {
            let notes = serde_json::Value::from(outcome.notes.clone()).to_string();
            let held = connection.execute(
                "UPDATE stage SET status = 'done', error = NULL, worker = NULL, lease_until = NULL, device = ?3, version = ?4,
                        started_at = ?5, finished_at = ?6, wall_s = ?7, best_epoch = ?8, checkpoint = ?9, notes = ?10
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
                    notes
                ],
            )?;
            if held == 1 { findings(connection, id, outcome) } else { Ok(()) }
        })
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

/// Seconds since 1970, UTC.
fn seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}
