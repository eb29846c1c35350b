//! What the store knows of runs.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};

use super::Store;
use crate::Result;
use crate::error::Error;

/// One row of the `runs` view.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Run {
    pub run_id: String,
    pub experiment: String,
    pub architecture: String,
    /// `None` from scratch.
    pub mix: Option<String>,
    /// `hr+pr+qt+qrs`, or `scratch`.
    pub graft: String,
    /// `None` from scratch.
    pub freeze: Option<String>,
    pub label_fraction: f64,
    pub seed: u64,
    pub device: Option<String>,
    /// `pending`, `running`, `done` or `failed`.
    pub status: String,
    pub error: Option<String>,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub wall_s: Option<f64>,
    pub test_macro_auc: Option<f64>,
    pub test_accuracy: Option<f64>,
    pub test_macro_f1: Option<f64>,
    pub manifest_sha256: String,
    pub data_fingerprint: String,
    pub version: Option<String>,
    pub stage_id: String,
    /// Why people who validate or test may train what is grafted; `None` where they may not.
    pub allow_overlap: Option<String>,
    /// Whether the kept epoch lies before the last thaw; `None` where nothing thaws, or it is not done.
    pub frozen_at_best: Option<bool>,
}

/// What an experiment's classifiers were tested on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestSet {
    /// Number of records.
    pub records: usize,
    /// The classes in the order of the manifest.
    pub classes: Vec<TestClass>,
}

/// One class of a test set.
#[derive(Clone, Debug, PartialEq)]
pub struct TestClass {
    /// Its name.
    pub name: String,
    /// Records that have it.
    pub positives: usize,
    /// Whether it has an AUC: some records have the class and some have not.
    pub has_auc: bool,
}

/// A run with all that made it.
#[derive(Clone, Debug)]
pub struct RunDetail {
    /// The run.
    pub run: Run,
    /// Where its manifest was read.
    pub manifest_path: String,
    /// Its manifest, as read.
    pub manifest_text: String,
    /// Its stages: those it was grafted from in order, then its transfer.
    pub stages: Vec<StageDetail>,
    /// Test and validation metrics of the transfer.
    pub scores: Vec<ClassScore>,
}

/// One stage of a run.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct StageDetail {
    pub stage_id: String,
    /// `regression`, `classification` or `transfer`.
    pub kind: String,
    pub mix: Option<String>,
    pub target: Option<String>,
    pub seed: u64,
    /// JSON: everything the id was hashed from.
    pub settings: String,
    pub data_fingerprint: String,
    pub status: String,
    pub error: Option<String>,
    pub device: Option<String>,
    pub version: Option<String>,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub wall_s: Option<f64>,
    /// Epochs trained.
    pub epochs: usize,
    pub best_epoch: Option<usize>,
    /// The first epoch, from 1, after which no step of the freeze ends; `None` where none does.
    pub last_step: Option<usize>,
    /// Whether the kept epoch lies before it.
    pub frozen_at_best: Option<bool>,
    /// Below the results folder.
    pub checkpoint: Option<String>,
    pub notes: Vec<String>,
    /// The parts of the stage's mix, in order; none of a stage trained before they were kept.
    pub composition: Vec<MixPartDetail>,
    pub measured: Vec<MeasuredTarget>,
    /// The same within each source; none of a stage trained before they were kept.
    pub of_sources: Vec<MeasuredSource>,
}

/// One part of a stage's mix.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct MixPartDetail {
    pub source: String,
    /// `None` for all records of the source.
    pub filter: Option<String>,
    /// Counted from 1.
    pub from_epoch: usize,
    /// `None` to the end.
    pub until_epoch: Option<usize>,
    /// Records it could give.
    pub offered: usize,
    /// Records that train, validate and test.
    pub records: [usize; 3],
    pub patients: usize,
    pub targets: Vec<MixTargetDetail>,
}

/// One target over all records of a part, in bpm or ms.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct MixTargetDetail {
    pub target: String,
    /// Records that know it.
    pub known: usize,
    pub mean: Option<f64>,
    pub sd: Option<f64>,
    pub lowest: Option<f64>,
    pub highest: Option<f64>,
}

/// How well a regression stage measured, in bpm or ms.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct MeasuredTarget {
    pub target: String,
    pub split: String,
    pub records: usize,
    pub mae: f64,
    pub rmse: f64,
    pub r2: Option<f64>,
    pub pearson_r: Option<f64>,
}

/// How well a regression stage measured within one source, in bpm or ms.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct MeasuredSource {
    pub target: String,
    pub split: String,
    pub source: String,
    pub records: usize,
    pub mae: f64,
    /// Mean of measured less true value.
    pub bias: f64,
    /// Of measured less true value; `None` below two records.
    pub sd: Option<f64>,
    pub rmse: f64,
    pub r2: Option<f64>,
    pub pearson_r: Option<f64>,
}

/// One classification metric.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct ClassScore {
    pub split: String,
    pub metric: String,
    /// `None` for a metric of all classes.
    pub class: Option<String>,
    /// `None` where it is not defined.
    pub value: Option<f64>,
}

const RUN: &str = "SELECT run_id, experiment, architecture, mix, graft, freeze, label_fraction, seed, device, status, error,
    started_at, finished_at, wall_s, test_macro_auc, test_accuracy, test_macro_f1, manifest_sha256, data_fingerprint, version,
    stage_id, allow_overlap, frozen_at_best FROM runs";

impl Store {
    /// All runs that their experiments' manifests ask for, by experiment and place in its plan.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn runs(&self) -> Result<Vec<Run>> {
        self.read(|connection| {
            let mut select = connection.prepare(&format!("{RUN} WHERE current = 1 ORDER BY experiment, position"))?;
            let rows = select.query_map([], run)?;
            rows.collect()
        })
    }

    /// What the classifiers of each experiment were tested on, where at least one is done.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn test_sets(&self) -> Result<BTreeMap<String, TestSet>> {
        self.read(|connection| {
            // One run of each experiment speaks for all: they share the transfer's settings.
            let mut select = connection.prepare(
                "WITH one AS (SELECT experiment, stage_id, settings FROM trial t JOIN stage s USING (stage_id)
                              WHERE current = 1 AND s.status = 'done' GROUP BY experiment)
                 SELECT one.experiment, r.value, c.value, p.value, a.value IS NOT NULL
                 FROM one, json_each(one.settings, '$.transfer.classes') c
                 JOIN score r ON r.stage_id = one.stage_id AND r.split = 'test' AND r.metric = 'records' AND r.class = ''
                 JOIN score p ON p.stage_id = one.stage_id AND p.split = 'test' AND p.metric = 'positives' AND p.class = c.value
                 LEFT JOIN score a ON a.stage_id = one.stage_id AND a.split = 'test' AND a.metric = 'auc' AND a.class = c.value
                 ORDER BY one.experiment, c.key",
            )?;
            let mut sets: BTreeMap<String, TestSet> = BTreeMap::new();
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let set = sets.entry(row.get(0)?).or_default();
                set.records = row.get::<_, f64>(1)? as usize;
                let positives = row.get::<_, f64>(3)? as usize;
                set.classes.push(TestClass { name: row.get(2)?, positives, has_auc: row.get(4)? });
            }
            Ok(sets)
        })
    }

    /// The run whose id starts with `prefix`, with all that made it.
    ///
    /// # Errors
    /// A user error where none or several do.
    pub fn run(&self, prefix: &str) -> Result<RunDetail> {
        let wanted = prefix.to_ascii_lowercase();
        let found: Vec<Run> = self.read(|connection| {
            let mut select = connection
                .prepare(&format!("{RUN} WHERE substr(run_id, 1, length(?1)) = ?1 ORDER BY run_id LIMIT 9"))?;
            let rows = select.query_map([&wanted], run)?;
            rows.collect()
        })?;
        let mut found = found.into_iter();
        let run = match (found.next(), found.next()) {
            (None, _) => {
                return Err(Error::user(format!(
                    "{prefix}: no run has an id that starts so; `ecgraft runs` lists them"
                )));
            }
            (Some(run), None) => run,
            (Some(one), Some(other)) => {
                let ids: Vec<String> = [one, other].into_iter().chain(found).map(|run| run.run_id).collect();
                return Err(Error::user(format!(
                    "{prefix}: several runs have ids that start so; give more of it: {}",
                    ids.join(", ")
                )));
            }
        };
        self.read(|connection| detail(connection, run))
    }
}

fn run(row: &Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run {
        run_id: row.get(0)?,
        experiment: row.get(1)?,
        architecture: row.get(2)?,
        mix: row.get(3)?,
        graft: row.get(4)?,
        freeze: row.get(5)?,
        label_fraction: row.get(6)?,
        seed: row.get::<_, i64>(7)? as u64,
        device: row.get(8)?,
        status: row.get(9)?,
        error: row.get(10)?,
        started_at: row.get(11)?,
        finished_at: row.get(12)?,
        wall_s: row.get(13)?,
        test_macro_auc: row.get(14)?,
        test_accuracy: row.get(15)?,
        test_macro_f1: row.get(16)?,
        manifest_sha256: row.get(17)?,
        data_fingerprint: row.get(18)?,
        version: row.get(19)?,
        stage_id: row.get(20)?,
        allow_overlap: row.get(21)?,
        frozen_at_best: row.get(22)?,
    })
}

pub(super) fn detail(connection: &Connection, run: Run) -> rusqlite::Result<RunDetail> {
    let (manifest_path, manifest_text) =
        connection.query_row("SELECT path, text FROM manifest WHERE sha256 = ?1", [&run.manifest_sha256], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let mut select = connection.prepare(
        "SELECT s.stage_id, kind, mix, target, seed, settings, data_fingerprint, status, error, device, version, started_at,
                finished_at, wall_s, (SELECT max(epoch) FROM epoch e WHERE e.stage_id = s.stage_id), best_epoch, checkpoint, notes,
                last_step, frozen_at_best
         FROM run_stages r JOIN stage s USING (stage_id) WHERE r.run_id = ?1
         ORDER BY kind = 'transfer', r.position",
    )?;
    let mut stages: Vec<StageDetail> = select.query_map([&run.run_id], stage)?.collect::<rusqlite::Result<_>>()?;
    let mut select = connection.prepare(
        "SELECT target, split, records, mae, rmse, r2, pearson_r FROM regression_score WHERE stage_id = ?1 ORDER BY split DESC",
    )?;
    for stage in &mut stages {
        let measured = select.query_map([&stage.stage_id], |row| {
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
        stage.measured = measured.collect::<rusqlite::Result<_>>()?;
    }
    for stage in &mut stages {
        stage.composition = composition(connection, &stage.stage_id)?;
        stage.of_sources = of_sources(connection, &stage.stage_id)?;
    }
    let mut select = connection.prepare(
        "SELECT split, metric, nullif(class, ''), value FROM score WHERE stage_id = ?1 ORDER BY split, metric, class",
    )?;
    let scores = select.query_map([&run.stage_id], |row| {
        Ok(ClassScore { split: row.get(0)?, metric: row.get(1)?, class: row.get(2)?, value: row.get(3)? })
    })?;
    let scores = scores.collect::<rusqlite::Result<_>>()?;
    Ok(RunDetail { run, manifest_path, manifest_text, stages, scores })
}

/// The parts of a stage's mix with their targets.
fn composition(connection: &Connection, stage: &str) -> rusqlite::Result<Vec<MixPartDetail>> {
    let count = |row: &Row<'_>, column: usize| row.get::<_, i64>(column).map(|count| count as usize);
    let mut select = connection.prepare_cached(
        "SELECT source, filter, from_epoch, until_epoch, offered, train, validation, test, patients FROM mix_part
         WHERE stage_id = ?1 ORDER BY part",
    )?;
    let parts = select.query_map([stage], |row| {
        Ok(MixPartDetail {
            source: row.get(0)?,
            filter: Some(row.get(1)?).filter(|filter: &String| !filter.is_empty()),
            from_epoch: count(row, 2)?,
            until_epoch: row.get::<_, Option<i64>>(3)?.map(|until| until as usize),
            offered: count(row, 4)?,
            records: [count(row, 5)?, count(row, 6)?, count(row, 7)?],
            patients: count(row, 8)?,
            targets: Vec::new(),
        })
    })?;
    let mut parts: Vec<MixPartDetail> = parts.collect::<rusqlite::Result<_>>()?;
    let mut select = connection.prepare_cached(
        "SELECT target, known, mean, sd, lowest, highest FROM mix_target WHERE stage_id = ?1 AND part = ?2 ORDER BY position",
    )?;
    for (number, part) in (1_i64..).zip(&mut parts) {
        let targets = select.query_map(params![stage, number], |row| {
            Ok(MixTargetDetail {
                target: row.get(0)?,
                known: count(row, 1)?,
                mean: row.get(2)?,
                sd: row.get(3)?,
                lowest: row.get(4)?,
                highest: row.get(5)?,
            })
        })?;
        part.targets = targets.collect::<rusqlite::Result<_>>()?;
    }
    Ok(parts)
}

/// What a stage measured within each source.
pub(super) fn of_sources(connection: &Connection, stage: &str) -> rusqlite::Result<Vec<MeasuredSource>> {
    let mut select = connection.prepare_cached(
        "SELECT target, split, source, records, mae, bias, sd, rmse, r2, pearson_r FROM source_score WHERE stage_id = ?1
         ORDER BY split DESC, target, source",
    )?;
    let rows = select.query_map([stage], |row| {
        Ok(MeasuredSource {
            target: row.get(0)?,
            split: row.get(1)?,
            source: row.get(2)?,
            records: row.get::<_, i64>(3)? as usize,
            mae: row.get(4)?,
            bias: row.get(5)?,
            sd: row.get(6)?,
            rmse: row.get(7)?,
            r2: row.get(8)?,
            pearson_r: row.get(9)?,
        })
    })?;
    rows.collect()
}

fn stage(row: &Row<'_>) -> rusqlite::Result<StageDetail> {
    let count = |value: Option<i64>| value.and_then(|value| usize::try_from(value).ok());
    let notes: Option<String> = row.get(17)?;
    Ok(StageDetail {
        stage_id: row.get(0)?,
        kind: row.get(1)?,
        mix: row.get(2)?,
        target: row.get(3)?,
        seed: row.get::<_, i64>(4)? as u64,
        settings: row.get(5)?,
        data_fingerprint: row.get(6)?,
        status: row.get(7)?,
        error: row.get(8)?,
        device: row.get(9)?,
        version: row.get(10)?,
        started_at: row.get(11)?,
        finished_at: row.get(12)?,
        wall_s: row.get(13)?,
        epochs: count(row.get(14)?).unwrap_or(0),
        best_epoch: count(row.get(15)?),
        last_step: count(row.get(18)?),
        frozen_at_best: row.get(19)?,
        checkpoint: row.get(16)?,
        notes: notes.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
        composition: Vec::new(),
        measured: Vec::new(),
        of_sources: Vec::new(),
    })
}
