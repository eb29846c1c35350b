//! What nobody asks for any more, and its removal.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use rusqlite::{Connection, params};

use super::evaluation::TABLES_OF_EVALUATIONS;
use super::failure::failure;
use super::findings::TABLES_OF_FINDINGS;
use super::{StageStatus, Store, members, validation};
use crate::Result;

/// What an experiment takes with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// Its runs, also those that its manifest no longer asks for.
    pub runs: usize,
    /// Stages that no other experiment uses, by id.
    pub stages: Vec<String>,
    /// Stages of its runs that others use too: they stay.
    pub shared: usize,
    /// Those of `stages` that workers hold, with the worker.
    pub in_work: Vec<(String, String)>,
}

/// A stage, as far as housekeeping must know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Where it stands.
    pub status: StageStatus,
    /// Whether a current run is made of it.
    pub is_current: bool,
    /// Who holds it, where it is in work.
    pub worker: Option<String>,
    /// The checksum of its weights.
    pub weights_sha256: Option<String>,
}

/// The stages of the runs that a condition on `t`, a trial, holds for, and those that these start from.
fn stages_of(condition: &str) -> String {
    format!(
        "SELECT t.stage_id FROM trial t WHERE {condition}
         UNION SELECT i.input_id FROM trial t JOIN stage_input i USING (stage_id) WHERE {condition}"
    )
}

impl Store {
    /// Every stage, by id.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn kept(&self) -> Result<BTreeMap<String, Kept>> {
        self.read(kept)
    }

    /// Fingerprints of all data that any stage learned from or was evaluated on.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn fingerprints(&self) -> Result<BTreeSet<String>> {
        self.read(|connection| {
            let mut select = connection.prepare(
                "SELECT DISTINCT data_fingerprint AS fingerprint FROM stage UNION SELECT fingerprint FROM elsewhere
                 UNION SELECT DISTINCT value FROM stage s, json_tree(s.settings) WHERE json_tree.key = 'fingerprint'",
            )?;
            let rows = select.query_map([], |row| row.get::<_, Option<String>>("fingerprint"))?;
            let mut all = BTreeSet::new();
            for fingerprint in rows {
                all.extend(fingerprint?.iter().flat_map(|joined| joined.split('+')).map(str::to_owned));
            }
            Ok(all)
        })
    }

    /// Bytes of the store's file that nothing is in.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn free_bytes(&self) -> Result<u64> {
        self.read(|connection| {
            let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
            Ok((number("freelist_count")? * number("page_size")?).unsigned_abs())
        })
    }

    /// What the removal of an experiment would take; `None` where the store has no run of it. `is_gone` says which workers
    /// are no more.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn removal(&self, experiment: &str, is_gone: impl Fn(&str) -> bool) -> Result<Option<Removal>> {
        self.read(|connection| removal(connection, experiment, &is_gone))
    }

    /// Removes an experiment: its runs, what stages found that no other experiment uses, and their weights' names: the files
    /// are removed after it, so that no stage that is done lacks its weights. `None`, and nothing, where there is none;
    /// nothing either where a stage of it is in work.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn remove(&mut self, experiment: &str, is_gone: impl Fn(&str) -> bool) -> Result<Option<Removal>> {
        self.write(|connection| {
            let found = removal(connection, experiment, &is_gone)?;
            let Some(removal) = found.as_ref().filter(|removal| removal.in_work.is_empty()) else { return Ok(found) };
            connection.execute("DELETE FROM trial WHERE experiment = ?1", [experiment])?;
            connection.execute("DELETE FROM elsewhere WHERE experiment = ?1", [experiment])?;
            remove_stages(connection, &removal.stages)?;
            sweep(connection)?;
            Ok(found)
        })
    }

    /// Removes stages that no current run is made of, with the runs that their manifests no longer ask for; which these were.
    /// Nothing where a worker still holds one of them.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn remove_abandoned(&mut self, is_gone: impl Fn(&str) -> bool) -> Result<Vec<String>> {
        self.write(|connection| {
            let all = kept(connection)?;
            let is_held = |kept: &Kept| kept.worker.as_deref().is_some_and(|worker| !is_gone(worker));
            if all.values().any(|kept| !kept.is_current && is_held(kept)) {
                return Ok(Vec::new());
            }
            let free: Vec<String> = all.into_iter().filter(|(_, kept)| !kept.is_current).map(|(id, _)| id).collect();
            let mut trials = connection.prepare("DELETE FROM trial WHERE stage_id = ?1 AND current = 0")?;
            for id in &free {
                trials.execute([id])?;
            }
            remove_stages(connection, &free)?;
            sweep(connection)?;
            Ok(free)
        })
    }

    /// Does `work` on the stages as they stand while nobody else writes the store: none ends meanwhile.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn alone<T>(&mut self, work: impl FnOnce(&BTreeMap<String, Kept>) -> T) -> Result<T> {
        self.write(|connection| Ok(work(&kept(connection)?)))
    }

    /// Names of all experiments, also of those without a current run.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn all_experiments(&self) -> Result<Vec<String>> {
        self.read(|connection| {
            let mut select = connection.prepare("SELECT DISTINCT experiment FROM trial ORDER BY experiment")?;
            select.query_map([], |row| row.get("experiment"))?.collect()
        })
    }

    /// Writes the store to one file of its own, without a log and without room for more: equal content makes equal bytes.
    ///
    /// # Errors
    /// Where it cannot be read, or the file cannot be written or is there.
    pub fn packed(&self, to: &Path) -> Result<()> {
        let packed = self.connection.execute("VACUUM INTO ?1", [to.to_string_lossy()]);
        packed.map(|_| ()).map_err(|error| failure(&self.path, &error))
    }

    /// Gives the room of what was removed back to the disk.
    ///
    /// # Errors
    /// Where others have the store open, or the disk has no room for a copy of it meanwhile: nothing is lost then.
    pub fn compact(&mut self) -> Result<()> {
        self.connection.execute_batch("VACUUM").map_err(|error| failure(&self.path, &error))?;
        self.truncate_log();
        Ok(())
    }
}

fn kept(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Kept>> {
    let current = stages_of("t.current = 1");
    let mut select = connection.prepare(&format!(
        "SELECT stage_id, status, stage_id IN ({current}) AS is_current, worker, weights_sha256 FROM stage"
    ))?;
    let rows = select.query_map([], |row| {
        let (status, is_current) = (row.get("status")?, row.get("is_current")?);
        let (worker, weights_sha256) = (row.get("worker")?, row.get("weights_sha256")?);
        Ok((row.get("stage_id")?, Kept { status, is_current, worker, weights_sha256 }))
    })?;
    rows.collect()
}

fn removal(
    connection: &Connection,
    experiment: &str,
    is_gone: &dyn Fn(&str) -> bool,
) -> rusqlite::Result<Option<Removal>> {
    let runs: i64 =
        connection.query_row("SELECT count(*) FROM trial WHERE experiment = ?1", [experiment], |row| row.get(0))?;
    if runs == 0 {
        return Ok(None);
    }
    let list = |condition: &str| -> rusqlite::Result<Vec<String>> {
        let mut select = connection.prepare(&format!("{} ORDER BY 1", stages_of(condition)))?;
        select.query_map([experiment], |row| row.get(0))?.collect()
    };
    let others: HashSet<String> = list("t.experiment <> ?1")?.into_iter().collect();
    let (shared, stages): (Vec<String>, Vec<String>) =
        list("t.experiment = ?1")?.into_iter().partition(|id| others.contains(id));
    let mut worker = connection.prepare("SELECT worker FROM stage WHERE stage_id = ?1 AND status = 'running'")?;
    let mut in_work = Vec::new();
    for id in &stages {
        let held =
            worker.query_map([id], |row| row.get::<_, Option<String>>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
        in_work.extend(held.into_iter().flatten().filter(|name| !is_gone(name)).map(|name| (id.clone(), name)));
    }
    let runs = usize::try_from(runs).unwrap_or_default();
    Ok(Some(Removal { runs, stages, shared: shared.len(), in_work }))
}

/// Removes stages with all that they found.
fn remove_stages(connection: &Connection, stages: &[String]) -> rusqlite::Result<()> {
    let tables = TABLES_OF_FINDINGS.into_iter().chain(TABLES_OF_EVALUATIONS);
    for table in tables.chain(["stage_input"]) {
        let mut delete = connection.prepare(&format!("DELETE FROM {table} WHERE stage_id = ?1"))?;
        for id in stages {
            delete.execute([id])?;
        }
    }
    // One that another still starts from stays, as far as that must know it.
    let mut delete = connection.prepare(
        "DELETE FROM stage WHERE stage_id = ?1 AND NOT EXISTS (SELECT 1 FROM stage_input WHERE input_id = ?1)",
    )?;
    let mut forget = connection.prepare(
        "UPDATE stage SET status = 'pending', error = NULL, worker = NULL, lease_until = NULL, checkpoint = NULL,
                weights_sha256 = NULL, findings_sha256 = NULL WHERE stage_id = ?1",
    )?;
    for id in stages {
        if delete.execute([id])? == 0 {
            forget.execute([id])?;
        }
    }
    Ok(())
}

/// Removes what nothing names any more: sets, recordings, people and manifests.
fn sweep(connection: &Connection) -> rusqlite::Result<()> {
    members::sweep(connection)?;
    validation::sweep(connection)?;
    recordings(connection)?;
    connection.execute_batch(
        "DELETE FROM data_set WHERE data_set_id NOT IN (SELECT data_set_id FROM recording);
         DELETE FROM patient WHERE data_fingerprint NOT IN (SELECT data_fingerprint FROM stage);
         DELETE FROM manifest WHERE sha256 NOT IN (SELECT manifest_sha256 FROM trial)",
    )
}

/// Removes recordings that are in no set.
fn recordings(connection: &Connection) -> rusqlite::Result<()> {
    let mut used: HashMap<i64, i64> = HashMap::new();
    let mut select = connection.prepare("SELECT word, bits FROM record_set_word")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        *used.entry(row.get(0)?).or_default() |= row.get::<_, i64>(1)?;
    }
    let mut select = connection.prepare("SELECT recording_id FROM recording")?;
    let all: Vec<i64> = select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut delete = connection.prepare("DELETE FROM recording WHERE recording_id = ?1")?;
    for id in all {
        let bits = used.get(&(id / members::WORD)).copied().unwrap_or_default();
        if bits >> (id % members::WORD) & 1 == 0 {
            delete.execute(params![id])?;
        }
    }
    Ok(())
}
