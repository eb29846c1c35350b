//! How stages end: done, with what they found, failed, or forgotten.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, params};

use super::connection::{now, timestamp};
use super::evaluation::TABLES_OF_EVALUATIONS;
use super::findings::{self, TABLES_OF_FINDINGS};
use super::{Outcome, Store, digest, members, validation};
use crate::error::Error;
use crate::{Result, durable};

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

impl Store {
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
            for table in TABLES_OF_FINDINGS.into_iter().chain(TABLES_OF_EVALUATIONS) {
                connection.execute(&format!("DELETE FROM {table} WHERE stage_id = ?1"), [id])?;
            }
            members::sweep(connection)?;
            validation::sweep(connection)?;
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
                findings::write(connection, id, outcome)?;
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
