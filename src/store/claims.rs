//! Stages as work: claimed, kept while the worker lives, given back, and taken from workers that are gone.
//!
//! Machines' clocks differ, by days even, so that no time of one is compared with another's. A worker raises its
//! stage's `heartbeat` while it lives; who sees the same heartbeat for a whole lease by its own clock, which only goes
//! forward, takes the stage from it. `lease_until` is for those who look once, such as `ecgraft status`.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension, params};

use super::Store;
use super::connection::{now, timestamp};
use crate::Result;

/// What a worker that asks for work is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// This stage is yours while you renew the claim.
    Stage(String),
    /// Others are at work on what is left; ask again.
    Wait,
    /// Nothing is left that could be trained.
    Finished,
}

/// A stage that was taken from a worker that ended without a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Its id.
    pub stage: String,
    /// How often that happened to it.
    pub times: u32,
    /// Whether it failed for that; else it is pending again.
    pub failed: bool,
}

/// A sign of life of a stage's worker, as it was last seen.
#[derive(Clone, Debug)]
pub(super) struct Sign {
    worker: String,
    heartbeat: i64,
    /// How long it has been the same.
    since: Duration,
    looked: Instant,
}

/// A stage whose workers ended without a word so many times fails.
const LOST_TOO_OFTEN: u32 = 2;

impl Store {
    /// Says which stages [`Store::claim`] gives, and in which order. It holds until the store is closed, and
    /// for no other worker.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn want(&mut self, order: &[String]) -> Result<()> {
        self.write(|connection| {
            connection.execute_batch(
                "CREATE TEMP TABLE IF NOT EXISTS wanted (position INTEGER PRIMARY KEY, stage_id TEXT NOT NULL UNIQUE);
                 CREATE TEMP TABLE IF NOT EXISTS reached (position INTEGER NOT NULL, waits TEXT);
                 DELETE FROM temp.wanted; DELETE FROM temp.reached; INSERT INTO temp.reached VALUES (0, NULL)",
            )?;
            let mut insert =
                connection.prepare("INSERT OR IGNORE INTO temp.wanted (position, stage_id) VALUES (?1, ?2)")?;
            for (position, id) in order.iter().enumerate() {
                insert.execute(params![position as i64, id])?;
            }
            Ok(())
        })
    }

    /// Takes the first of what is wanted (see [`Store::want`]) that is pending and whose inputs are done. Stages that
    /// workers were lost with come last, so that nothing waits behind one that ends every worker; before them those that
    /// were over when they were passed, and are pending again.
    ///
    /// What it takes does not grow with the number of stages that are done.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn claim(&mut self, worker: &str, lease: Duration) -> Result<Claim> {
        self.write(|connection| {
            if waits(connection)? {
                return Ok(Claim::Wait);
            }
            let Some(id) = free(connection)? else {
                let busy: bool = connection.query_row(
                    "SELECT EXISTS (SELECT 1 FROM stage s JOIN temp.wanted w USING (stage_id) WHERE s.status = 'running')",
                    [],
                    |row| row.get(0),
                )?;
                return Ok(if busy { wait(connection)? } else { Claim::Finished });
            };
            connection.execute(
                "UPDATE stage SET status = 'running', worker = ?2, lease_until = ?3, attempts = attempts + 1, error = NULL,
                        started_at = ?4, finished_at = NULL, heartbeat = heartbeat + 1
                 WHERE stage_id = ?1",
                params![id, worker, seconds() + lease.as_secs_f64(), now()],
            )?;
            Ok(Claim::Stage(id))
        })
    }

    /// Tells others that the worker lives; whether the claim is still its own. One that was lost stays lost.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn renew(&mut self, id: &str, worker: &str, lease: Duration) -> Result<bool> {
        self.write(|connection| {
            let held = connection.execute(
                "UPDATE stage SET heartbeat = heartbeat + 1, lease_until = ?3
                 WHERE stage_id = ?1 AND worker = ?2 AND status = 'running'",
                params![id, worker, seconds() + lease.as_secs_f64()],
            )?;
            Ok(held == 1)
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

    /// Takes stages from workers of which `is_gone` says so, and from those that gave no sign of life for a whole
    /// `lease` while this store looked on: it must be asked several times within one. A stage that loses its second
    /// worker fails, for the reason that `why` gives; workers that saved its progress, by `progress` since they began,
    /// do not count: it comes to its end all the same.
    ///
    /// # Errors
    /// Where the store cannot be read or written.
    pub fn release_lost(
        &mut self,
        lease: Duration,
        is_gone: impl Fn(&str) -> bool,
        why: impl Fn(&str, u32) -> String,
        progress: impl Fn(&str) -> Option<DateTime<Utc>>,
    ) -> Result<Vec<Lost>> {
        let running: Vec<(String, String, i64)> = self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT stage_id, coalesce(worker, ''), heartbeat FROM stage WHERE status = 'running' ORDER BY stage_id",
            )?;
            select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
        })?;
        let before = std::mem::take(&mut self.seen);
        self.seen =
            running.iter().map(|(id, worker, beat)| (id.clone(), look(&before, id, worker, *beat, lease))).collect();
        let mut lost = Vec::new();
        for (id, worker, heartbeat) in running {
            let is_silent = self.seen.get(&id).is_some_and(|sign| sign.since >= lease);
            if is_silent || is_gone(&worker) {
                let saved = progress(&id).map(timestamp);
                lost.extend(self.lose((&id, &worker, heartbeat), &why, saved)?);
            }
        }
        Ok(lost)
    }

    /// Takes a stage from its worker, if its last sign of life is still the one given; its progress was `saved` last.
    fn lose(
        &mut self,
        (id, worker, heartbeat): (&str, &str, i64),
        why: &impl Fn(&str, u32) -> String,
        saved: Option<String>,
    ) -> Result<Option<Lost>> {
        self.write(|connection| {
            let times: Option<u32> = connection
                .query_row(
                    "UPDATE stage SET lost = CASE WHEN ?4 > started_at THEN 1 ELSE lost + 1 END, worker = NULL, lease_until = NULL, started_at = NULL, status = 'pending'
                     WHERE stage_id = ?1 AND coalesce(worker, '') = ?2 AND heartbeat = ?3 AND status = 'running'
                     RETURNING lost",
                    params![id, worker, heartbeat, saved],
                    |row| row.get(0),
                )
                .optional()?;
            let Some(times) = times else { return Ok(None) };
            let failed = times >= LOST_TOO_OFTEN;
            if failed {
                connection.execute(
                    "UPDATE stage SET status = 'failed', error = ?2, finished_at = ?3 WHERE stage_id = ?1",
                    params![id, why(id, times), now()],
                )?;
            }
            Ok(Some(Lost { stage: id.to_owned(), times, failed }))
        })
    }
}

/// What changed the store so far: commits of other connections, and rows of this one.
const CHANGES: &str = "(SELECT data_version FROM pragma_data_version) || ' ' || ";

/// Whether there was nothing to claim last time and nobody has written since: who waits asks often, and may be told without
/// a look at all that waits.
fn waits(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = format!("SELECT coalesce(waits = {CHANGES} total_changes(), 0) FROM temp.reached");
    connection.prepare_cached(&sql)?.query_row([], |row| row.get(0))
}

/// Notes that there is nothing to claim as the store stands now: with this note itself, which is one change more.
fn wait(connection: &Connection) -> rusqlite::Result<Claim> {
    connection
        .prepare_cached(&format!("UPDATE temp.reached SET waits = {CHANGES} (total_changes() + 1)"))?
        .execute([])?;
    Ok(Claim::Wait)
}

/// The stage that is next, if there is any.
fn free(connection: &Connection) -> rusqlite::Result<Option<String>> {
    const READY: &str = "s.status = 'pending' AND NOT EXISTS
        (SELECT 1 FROM stage_input i JOIN stage p ON p.stage_id = i.input_id
         WHERE i.stage_id = s.stage_id AND p.status <> 'done')";
    // Joined in this order: the first that is found is the first that is wanted.
    let first = format!(
        "SELECT w.stage_id FROM temp.wanted w CROSS JOIN stage s USING (stage_id)
         WHERE w.position >= ?1 AND s.lost = 0 AND {READY} ORDER BY w.position LIMIT 1"
    );
    let found = connection.prepare_cached(&first)?.query_row([reached(connection)?], |row| row.get(0)).optional()?;
    if found.is_some() {
        return Ok(found);
    }
    let any = format!(
        "SELECT w.stage_id FROM stage s CROSS JOIN temp.wanted w USING (stage_id)
         WHERE {READY} ORDER BY s.lost > 0, w.position LIMIT 1"
    );
    connection.prepare_cached(&any)?.query_row([], |row| row.get(0)).optional()
}

/// The place of the first of what is wanted that was not over when it was looked at: done, or failed.
fn reached(connection: &Connection) -> rusqlite::Result<i64> {
    let before: i64 =
        connection.prepare_cached("SELECT position FROM temp.reached")?.query_row([], |row| row.get(0))?;
    let mut select = connection.prepare_cached(
        "SELECT s.status IN ('done', 'failed') FROM temp.wanted w CROSS JOIN stage s USING (stage_id)
         WHERE w.position >= ?1 ORDER BY w.position",
    )?;
    let (mut rows, mut reached) = (select.query([before])?, before);
    while let Some(row) = rows.next()? {
        if !row.get::<_, bool>(0)? {
            break;
        }
        reached += 1;
    }
    if reached > before {
        connection.prepare_cached("UPDATE temp.reached SET position = ?1")?.execute([reached])?;
    }
    Ok(reached)
}

/// What is known of a worker after one more look. A look vouches for no more than half a lease before it: an observer
/// that slept itself has seen nothing.
fn look(before: &HashMap<String, Sign>, id: &str, worker: &str, heartbeat: i64, lease: Duration) -> Sign {
    let looked = Instant::now();
    let same = before.get(id).filter(|sign| sign.worker == worker && sign.heartbeat == heartbeat);
    let since = same.map_or(Duration::ZERO, |sign| sign.since + (looked - sign.looked).min(lease / 2));
    Sign { worker: worker.to_owned(), heartbeat, since, looked }
}

/// Seconds since 1970, UTC.
fn seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}
