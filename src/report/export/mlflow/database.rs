//! A tracking database for MLflow, written whole.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use crate::Result;
use crate::error::Error;

/// An MLflow database under way; it is nothing until [`MlflowStore::finish`].
#[derive(Debug)]
pub struct MlflowStore {
    connection: Connection,
    path: PathBuf,
    experiments: i64,
}

/// An experiment of MLflow.
#[derive(Clone, Debug)]
pub struct MlflowExperiment {
    /// Its name.
    pub name: String,
    /// Where artifacts of its runs are: a path from the folder where MLflow is started, or a URI.
    pub artifacts: String,
    /// When its first run began and its last ended, ms since 1970, UTC.
    pub times: [Option<i64>; 2],
    /// Keys and values.
    pub tags: Vec<(String, String)>,
}

/// A run of MLflow.
#[derive(Clone, Debug)]
pub struct MlflowRun {
    /// 32 hexadecimal digits.
    pub id: String,
    /// What the list of runs shows.
    pub name: String,
    /// Where it stands.
    pub status: MlflowStatus,
    /// When it began, ms since 1970, UTC.
    pub started_at: Option<i64>,
    /// When it ended, ms since 1970, UTC.
    pub ended_at: Option<i64>,
    /// Where its artifacts are, as of [`MlflowExperiment::artifacts`].
    pub artifacts: String,
    /// Settings.
    pub params: Vec<(String, String)>,
    /// Keys and values.
    pub tags: Vec<(String, String)>,
    /// Curves and scores; no two with the same key and step.
    pub metrics: Vec<MlflowMetric>,
}

/// Where a run stands, in MLflow's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum MlflowStatus {
    Scheduled,
    Running,
    Finished,
    Failed,
}

/// One value of a metric.
#[derive(Clone, Debug)]
pub struct MlflowMetric {
    /// Its name.
    pub key: String,
    /// The epoch; 0 for what was measured once.
    pub step: i64,
    /// The value; one that is not finite is written as MLflow writes it.
    pub value: f64,
}

impl MlflowStore {
    /// Begins a database at `path`, where there is none.
    ///
    /// # Errors
    /// A user error where the file cannot be written.
    pub fn create(path: &Path) -> Result<MlflowStore> {
        let begin = || {
            let connection = Connection::open(path)?;
            connection.execute_batch("PRAGMA journal_mode = MEMORY; BEGIN")?;
            connection.execute_batch(include_str!("schema.sql"))?;
            Ok(connection)
        };
        let connection = begin().map_err(|error| failure(path, &error))?;
        let mut store = MlflowStore { connection, path: path.to_owned(), experiments: 0 };
        // MLflow expects that there is an experiment of number 0.
        let default =
            MlflowExperiment { name: "Default".into(), artifacts: String::new(), times: [None; 2], tags: Vec::new() };
        store.experiment(&default)?;
        Ok(store)
    }

    /// Adds an experiment: its number, for [`MlflowStore::run`].
    ///
    /// # Errors
    /// A user error where the file cannot be written.
    pub fn experiment(&mut self, experiment: &MlflowExperiment) -> Result<i64> {
        let number = self.experiments;
        self.experiments += 1;
        let [created, updated] = experiment.times;
        self.write(|connection| {
            connection.execute(
                "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time)
                 VALUES (?1, ?2, ?3, 'active', ?4, ?5)",
                params![number, experiment.name, experiment.artifacts, created, updated],
            )?;
            let mut insert =
                connection.prepare_cached("INSERT INTO experiment_tags (experiment_id, key, value) VALUES (?1, ?2, ?3)")?;
            for (key, value) in &experiment.tags {
                insert.execute(params![number, key, value])?;
            }
            Ok(())
        })?;
        Ok(number)
    }

    /// Adds a run to the experiment of this number.
    ///
    /// # Errors
    /// A user error where the file cannot be written.
    pub fn run(&mut self, experiment: i64, run: &MlflowRun) -> Result<()> {
        self.write(|connection| {
            let status = match run.status {
                MlflowStatus::Scheduled => "SCHEDULED",
                MlflowStatus::Running => "RUNNING",
                MlflowStatus::Finished => "FINISHED",
                MlflowStatus::Failed => "FAILED",
            };
            connection.execute(
                "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,
                                   end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)
                 VALUES (?1, ?2, 'LOCAL', 'ecgraft', '', '', ?3, ?4, ?5, '', 'active', ?6, ?7)",
                params![run.id, run.name, status, run.started_at, run.ended_at, run.artifacts, experiment],
            )?;
            for (table, pairs) in [("params", &run.params), ("tags", &run.tags)] {
                let mut insert =
                    connection.prepare_cached(&format!("INSERT INTO {table} (run_uuid, key, value) VALUES (?1, ?2, ?3)"))?;
                for (key, value) in pairs {
                    insert.execute(params![run.id, key, value])?;
                }
            }
            let time = run.ended_at.or(run.started_at).unwrap_or(0);
            let mut insert = connection.prepare_cached(
                "INSERT INTO metrics (run_uuid, key, step, timestamp, value, is_nan) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for metric in &run.metrics {
                let value = if metric.value.is_nan() { 0.0 } else { metric.value.clamp(f64::MIN, f64::MAX) };
                insert.execute(params![run.id, metric.key, metric.step, time, value, metric.value.is_nan()])?;
            }
            // What lists of runs show: the value of the last step.
            connection.execute(
                "INSERT INTO latest_metrics (run_uuid, key, step, timestamp, value, is_nan)
                 SELECT run_uuid, key, max(step), timestamp, value, is_nan FROM metrics WHERE run_uuid = ?1 GROUP BY key",
                [&run.id],
            )?;
            Ok(())
        })
    }

    /// Writes all of it and closes the file.
    ///
    /// # Errors
    /// A user error where the file cannot be written.
    pub fn finish(self) -> Result<()> {
        self.write(|connection| connection.execute_batch("COMMIT"))?;
        self.connection.close().map_err(|(_, error)| failure(&self.path, &error))
    }

    fn write<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.connection).map_err(|error| failure(&self.path, &error))
    }
}

fn failure(path: &Path, error: &rusqlite::Error) -> Error {
    Error::user(format!("{}: the MLflow database cannot be written: {error}", path.display()))
}
