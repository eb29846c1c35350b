//! Stages: where they stand, what they start from, and which of them experiments are made of.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{self, TableRow};
use super::{MeasuredTarget, StageRow, StageStatus, Store};
use crate::Result;
use crate::plan::TaskKind;

/// A stage that a current run is made of.
#[derive(Clone, Debug)]
pub struct PlannedStage {
    /// The stage.
    pub row: StageRow,
    /// Ids of the stages it starts from.
    pub inputs: Vec<String>,
}

/// The stages that an experiment's current runs are made of.
#[derive(Clone, Debug, Default)]
pub struct TrainedStages {
    /// By id.
    pub by_id: BTreeMap<String, StageRow>,
    /// The ids of the stages that a transfer's network was grafted from, in order, by the id of the transfer.
    pub grafts: BTreeMap<String, Vec<String>>,
    /// The test errors of the regressions, last stages that measure among them, by target, by the id of the stage.
    pub test_errors: BTreeMap<String, Vec<MeasuredTarget>>,
    /// Metrics of all classes on the training records, by name, by the id of the stage.
    pub train_scores: BTreeMap<String, BTreeMap<String, f64>>,
}

impl TrainedStages {
    /// How well a stage measured its test records, by target; nothing of one that is not a regression, or not done.
    pub fn test_errors(&self, stage_id: &str) -> &[MeasuredTarget] {
        self.test_errors.get(stage_id).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The stages that the current runs of experiment `?1` are made of.
pub(super) const STAGES_OF_EXPERIMENT: &str = "
    SELECT stage_id FROM trial WHERE experiment = ?1 AND current = 1
    UNION SELECT i.input_id FROM trial t JOIN stage_input i USING (stage_id) WHERE t.experiment = ?1 AND t.current = 1";

/// As [`Store::checksum`].
pub(super) fn checksum(connection: &Connection, id: &str) -> rusqlite::Result<Option<Option<String>>> {
    connection
        .prepare_cached("SELECT weights_sha256 FROM stage WHERE stage_id = ?1 AND status = 'done'")?
        .query_row([id], |row| row.get("weights_sha256"))
        .optional()
}

impl Store {
    /// Where every known stage stands, by id.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn statuses(&self) -> Result<HashMap<String, StageStatus>> {
        self.read(|connection| {
            let mut select = connection.prepare("SELECT stage_id, status FROM stage")?;
            let [id, status] = rows::places(&select, ["stage_id", "status"])?;
            select.query_map([], |row| Ok((row.get(id)?, row.get(status)?)))?.collect()
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
            let [id, sha256] = rows::places(&select, ["stage_id", "weights_sha256"])?;
            select.query_map([], |row| Ok((row.get(id)?, row.get(sha256)?)))?.collect()
        })
    }

    /// Whether stage `id` is done, and then the checksum of its weights, as in [`Store::checksums`].
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn checksum(&self, id: &str) -> Result<Option<Option<String>>> {
        self.read(|connection| checksum(connection, id))
    }

    /// The stages of all runs that manifests ask for, each once.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn planned_stages(&self) -> Result<Vec<PlannedStage>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!(
                "SELECT {}, (SELECT group_concat(input_id) FROM stage_input i WHERE i.stage_id = s.stage_id) AS inputs
                 FROM stage s
                 WHERE stage_id IN (SELECT r.stage_id FROM run_stages r JOIN trial t USING (run_id) WHERE t.current = 1)
                 ORDER BY stage_id",
                StageRow::select()
            ))?;
            let (places, [inputs]) = (StageRow::places(&select)?, rows::places(&select, ["inputs"])?);
            let rows = select.query_map([], |row| {
                let inputs: Option<String> = row.get(inputs)?;
                let inputs = inputs.iter().flat_map(|all| all.split(',')).map(str::to_owned).collect();
                Ok(PlannedStage { row: StageRow::from_row(row, &places)?, inputs })
            })?;
            rows.collect()
        })
    }

    /// The stages of an experiment's current runs, and which were grafted into which.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn stages(&self, experiment: &str) -> Result<TrainedStages> {
        self.read(|connection| {
            let sql = format!("SELECT {} FROM stage WHERE stage_id IN ({STAGES_OF_EXPERIMENT})", StageRow::select());
            let stages: Vec<StageRow> = rows::all(&mut connection.prepare(&sql)?, [experiment])?;
            let mut select = connection.prepare(&format!(
                "SELECT {} FROM regression WHERE stage_id = ?1 AND split = 'test' ORDER BY target",
                MeasuredTarget::select()
            ))?;
            let mut test_errors = BTreeMap::new();
            for stage in stages.iter().filter(|stage| matches!(stage.kind, TaskKind::Regression | TaskKind::Transfer)) {
                test_errors.insert(stage.stage_id.clone(), rows::all(&mut select, [&stage.stage_id])?);
            }
            let mut select = connection.prepare(
                "SELECT DISTINCT i.stage_id, i.position, i.input_id FROM trial t JOIN stage_input i USING (stage_id)
                 WHERE t.experiment = ?1 AND t.current = 1 ORDER BY i.stage_id, i.position",
            )?;
            let [stage_id, input_id] = rows::places(&select, ["stage_id", "input_id"])?;
            let mut grafts: BTreeMap<String, Vec<String>> = BTreeMap::new();
            let mut rows = select.query(params![experiment])?;
            while let Some(row) = rows.next()? {
                grafts.entry(row.get(stage_id)?).or_default().push(row.get(input_id)?);
            }
            let mut select = connection.prepare(
                "SELECT metric, value FROM score WHERE stage_id = ?1 AND split = 'train' AND class = '' AND value IS NOT NULL",
            )?;
            let mut train_scores = BTreeMap::new();
            for stage in stages.iter().filter(|stage| stage.kind == TaskKind::Transfer) {
                let scores = select.query_map([&stage.stage_id], |row| Ok((row.get("metric")?, row.get("value")?)))?;
                train_scores.insert(stage.stage_id.clone(), scores.collect::<rusqlite::Result<_>>()?);
            }
            let by_id = stages.into_iter().map(|stage| (stage.stage_id.clone(), stage)).collect();
            Ok(TrainedStages { by_id, grafts, test_errors, train_scores })
        })
    }
}
