//! Scores of stages: of classifiers by class, of regressions by target and source.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};

use super::rows::{self, TableRow};
use super::{ClassScore, MeasuredRecord, MeasuredSource, MeasuredTarget, Store};
use crate::Result;
use crate::data::Subset;
use crate::metrics::NamedMetric;

impl Store {
    /// The scores of a classifier on its records of a part of its split, by metric and class.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn scores_on(&self, stage: &str, split: Subset) -> Result<Vec<ClassScore>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT split, metric, nullif(class, '') AS class, value FROM score
                 WHERE stage_id = ?1 AND split = ?2 ORDER BY metric, score.class",
            )?;
            rows::all(&mut select, (stage, split))
        })
    }

    /// A validation metric of a stage in the epoch that was kept, by its learning curve; `None` where it is not known.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn kept_epoch(&self, stage: &str, metric: &str) -> Result<Option<f64>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT e.value FROM epoch e JOIN stage s ON s.stage_id = e.stage_id AND s.best_epoch = e.epoch
                 WHERE e.stage_id = ?1 AND e.split = 'validation' AND e.metric = ?2",
            )?;
            Ok(select.query_row((stage, metric), |row| row.get("value")).optional()?.flatten())
        })
    }

    /// A metric of a classifier on its validation records, at the epoch that is kept; `None` where it is not defined, or the
    /// stage is not done.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn validation_score(&self, stage: &str, metric: &NamedMetric) -> Result<Option<f64>> {
        let class = metric.of.as_deref().unwrap_or_default();
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT value FROM score JOIN stage USING (stage_id)
                 WHERE stage_id = ?1 AND status = 'done' AND split = 'validation' AND metric = ?2 AND class = ?3",
            )?;
            let value = select.query_row([stage, &metric.name, class], |row| row.get("value")).optional()?;
            Ok(value.flatten())
        })
    }

    /// How common each class is among the records that trained stages, by stage, of those of which it is kept.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn training_shares(&self, stages: &[String]) -> Result<HashMap<String, Vec<(String, f64)>>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT p.class AS class, p.value / r.value AS share FROM score p JOIN score r USING (stage_id, split)
                 WHERE p.stage_id = ?1 AND split = 'train' AND p.metric = 'positives' AND p.class <> ''
                   AND r.metric = 'records' AND r.class = '' AND r.value > 0",
            )?;
            let mut shares = HashMap::new();
            for stage in stages {
                let found = select.query_map([stage], |row| Ok((row.get("class")?, row.get("share")?)))?;
                let found: Vec<(String, f64)> = found.collect::<rusqlite::Result<_>>()?;
                if !found.is_empty() {
                    shares.insert(stage.clone(), found);
                }
            }
            Ok(shares)
        })
    }

    /// How well a regression measured its test records, by target.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn test_errors(&self, stage: &str) -> Result<Vec<MeasuredTarget>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!(
                "SELECT {} FROM regression WHERE stage_id = ?1 AND split = 'test' ORDER BY target",
                MeasuredTarget::select()
            ))?;
            rows::all(&mut select, [stage])
        })
    }

    /// How well a regression measured each target, split by split.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn errors_of(&self, stage: &str) -> Result<Vec<MeasuredTarget>> {
        self.read(|connection| by_target(connection, stage))
    }

    /// The medians of a regression's targets among its training records; nothing of a stage that was trained before they were
    /// kept.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn medians(&self, stage: &str) -> Result<HashMap<String, f64>> {
        self.read(|connection| {
            let sql = "SELECT DISTINCT target, median FROM median_score WHERE stage_id = ?1";
            let mut select = connection.prepare_cached(sql)?;
            select.query_map([stage], |row| Ok((row.get("target")?, row.get("median")?)))?.collect()
        })
    }

    /// How well a regression measured the records of each source, in all splits; nothing of a stage that was trained
    /// before it was kept.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn errors_by_source(&self, stage: &str) -> Result<Vec<MeasuredSource>> {
        self.read(|connection| by_source(connection, stage))
    }

    /// What a regression stage measured of its test records, by target, source and record; nothing of a stage that was
    /// trained before it was kept.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn measured_of(&self, stage: &str) -> Result<Vec<MeasuredRecord>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!(
                "SELECT {} FROM regression_prediction WHERE stage_id = ?1 ORDER BY target, source, record_id",
                MeasuredRecord::select()
            ))?;
            rows::all(&mut select, [stage])
        })
    }
}

/// All scores of a classifier, by split, metric and class.
pub(super) fn of_classes(connection: &Connection, stage: &str) -> rusqlite::Result<Vec<ClassScore>> {
    let mut select = connection.prepare(
        "SELECT split, metric, nullif(class, '') AS class, value FROM score
         WHERE stage_id = ?1 ORDER BY split, metric, score.class",
    )?;
    rows::all(&mut select, [stage])
}

/// How well a regression measured each target, the training records first, the test records last.
pub(super) fn by_target(connection: &Connection, stage: &str) -> rusqlite::Result<Vec<MeasuredTarget>> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {} FROM regression WHERE stage_id = ?1 ORDER BY split = 'test', split",
        MeasuredTarget::select()
    ))?;
    rows::all(&mut select, [stage])
}

/// What a stage measured within each source.
pub(super) fn by_source(connection: &Connection, stage: &str) -> rusqlite::Result<Vec<MeasuredSource>> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {} FROM source_score WHERE stage_id = ?1 ORDER BY split DESC, target, source",
        MeasuredSource::select()
    ))?;
    rows::all(&mut select, [stage])
}
