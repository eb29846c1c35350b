//! What the store says that can be proved again: settings, inputs, checksums.

use rusqlite::Connection;

use super::rows::{self, TableRow};
use super::{StageRow, StageStatus, Store, StoredTrial, digest};
use crate::Result;

/// A stage with what its id and its inputs are proved by.
#[derive(Clone, Debug)]
pub struct StoredStage {
    /// The stage.
    pub row: StageRow,
    /// Ids of the stages it starts from, in order, and where these stand; `None` of one that is not in the store.
    pub inputs: Vec<(String, Option<StageStatus>)>,
    /// How many values of learning curves, and validation scores, there are of it.
    pub unproved: usize,
}

impl Store {
    /// All stages, also those that nobody asks for any more; with `experiments` those of their runs. By id.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn stored_stages(&self, experiments: Option<&[String]>) -> Result<Vec<StoredStage>> {
        self.read(|connection| {
            let mut stages = stored_stages(connection, experiments)?;
            let mut select = connection.prepare(
                "SELECT i.input_id, p.status FROM stage_input i LEFT JOIN stage p ON p.stage_id = i.input_id
                 WHERE i.stage_id = ?1 ORDER BY i.position",
            )?;
            let [id, status] = rows::places(&select, ["input_id", "status"])?;
            for stage in &mut stages {
                let inputs = select.query_map([&stage.row.stage_id], |row| Ok((row.get(id)?, row.get(status)?)))?;
                stage.inputs = inputs.collect::<rusqlite::Result<_>>()?;
            }
            Ok(stages)
        })
    }

    /// All trials, also those that no manifest asks for any more; with `experiments` theirs. By id.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn stored_trials(&self, experiments: Option<&[String]>) -> Result<Vec<StoredTrial>> {
        self.read(|connection| {
            let mut select = connection.prepare(&format!(
                "SELECT {} FROM trial
                 WHERE ?1 IS NULL OR experiment IN (SELECT value FROM json_each(?1)) ORDER BY run_id",
                StoredTrial::select()
            ))?;
            rows::all(&mut select, [json_list(experiments)])
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
}

fn stored_stages(connection: &Connection, experiments: Option<&[String]>) -> rusqlite::Result<Vec<StoredStage>> {
    let mut select = connection.prepare(&format!(
        "SELECT {},
                (SELECT count(*) FROM epoch e WHERE e.stage_id = s.stage_id)
                + (SELECT count(*) FROM score c WHERE c.stage_id = s.stage_id AND c.split <> 'test')
                + (SELECT count(*) FROM regression_score r WHERE r.stage_id = s.stage_id AND r.split <> 'test') AS unproved
         FROM stage s
         WHERE ?1 IS NULL OR stage_id IN (
             SELECT r.stage_id FROM run_stages r JOIN trial t USING (run_id)
             WHERE t.experiment IN (SELECT value FROM json_each(?1)))
         ORDER BY stage_id",
        StageRow::select()
    ))?;
    let (places, [unproved]) = (StageRow::places(&select)?, rows::places(&select, ["unproved"])?);
    let stages = select.query_map([json_list(experiments)], |row| {
        let unproved = row.get::<_, i64>(unproved)? as usize;
        Ok(StoredStage { row: StageRow::from_row(row, &places)?, inputs: Vec::new(), unproved })
    })?;
    stages.collect()
}

/// Names as SQL takes a list of them; NULL where all are meant.
fn json_list(names: Option<&[String]>) -> Option<String> {
    names.map(|names| serde_json::Value::from(names.to_vec()).to_string())
}
