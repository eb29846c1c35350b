//! What networks measured whose last stage is a regression.

use std::collections::{BTreeMap, HashMap};

use rusqlite::Connection;
use serde_json::Value;

use super::of_plans::Speaker;
use super::predictions::{TestPredictions, patients};
use super::runs::{TestClass, TestSet};
use super::{Run, Store, rows};
use crate::Result;
use crate::ecg::Measurement;
use crate::manifest::Labels;
use crate::metrics::{Metric, NamedMetric, regression_metrics};

impl Store {
    /// What the last stage of each experiment measures; nothing of one that classifies.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn last_targets(&self) -> Result<BTreeMap<String, Vec<Measurement>>> {
        self.read(|connection| {
            let mut select = connection.prepare(
                "WITH one AS (SELECT experiment, stage_id, min(position) FROM trial WHERE current = 1 GROUP BY experiment)
                 SELECT experiment, json_extract(settings, '$.transfer.targets') AS targets,
                        json_extract(settings, '$.units') AS units
                 FROM one JOIN stage USING (stage_id) WHERE targets IS NOT NULL",
            )?;
            let [experiment, targets, units] = rows::places(&select, ["experiment", "targets", "units"])?;
            let list = |text: Option<String>| -> Vec<String> {
                text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
            };
            let found = select.query_map([], |row| {
                let (targets, units) = (list(row.get(targets)?), list(row.get(units)?));
                let units = units.iter().map(String::as_str).chain(std::iter::repeat(""));
                let of = targets.iter().zip(units).map(|(name, unit)| Measurement::named(name, unit)).collect();
                Ok((row.get(experiment)?, of))
            })?;
            found.collect()
        })
    }

    /// A metric of the targets that last stages measure, by stage.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn last_errors(&self, metric: &NamedMetric) -> Result<HashMap<String, f64>> {
        let Some(column) = regression_metrics().map(Metric::name).find(|known| *known == metric.name) else {
            return Ok(HashMap::new());
        };
        self.read(|connection| {
            let mut select = connection.prepare(&format!(
                "SELECT stage_id, g.{column} AS value FROM regression_score g JOIN stage s USING (stage_id)
                 WHERE s.kind = 'transfer' AND s.status = 'done' AND g.split = ?1 AND g.target = ?2 AND g.{column} IS NOT NULL"
            ))?;
            let [id, value] = rows::places(&select, ["stage_id", "value"])?;
            let target = metric.of.as_deref().unwrap_or_default();
            select.query_map((metric.split, target), |row| Ok((row.get(id)?, row.get(value)?)))?.collect()
        })
    }
}

/// The runs with the errors of those whose last stage measures.
pub(super) fn with_errors(connection: &Connection, mut runs: Vec<Run>) -> rusqlite::Result<Vec<Run>> {
    let mut select = connection.prepare(
        "SELECT s.stage_id, t.value AS target, json_extract(s.settings, '$.units[' || t.key || ']') AS unit, g.mae
         FROM stage s JOIN json_each(s.settings, '$.transfer.targets') t
         JOIN regression_score g ON g.stage_id = s.stage_id AND g.split = 'test' AND g.target = t.value
         WHERE s.kind = 'transfer' AND s.stage_id IN (SELECT stage_id FROM regression_score)
         ORDER BY s.stage_id, t.key",
    )?;
    let [id, target, unit, mae] = rows::places(&select, ["stage_id", "target", "unit", "mae"])?;
    let mut errors: HashMap<String, Vec<(Measurement, f64)>> = HashMap::new();
    let mut found = select.query([])?;
    while let Some(row) = found.next()? {
        let (name, unit): (String, Option<String>) = (row.get(target)?, row.get(unit)?);
        let of = Measurement::named(&name, unit.as_deref().unwrap_or_default());
        errors.entry(row.get(id)?).or_default().push((of, row.get(mae)?));
    }
    for run in &mut runs {
        run.test_errors = errors.get(&run.stage_id).cloned().unwrap_or_default();
    }
    Ok(runs)
}

/// An experiment, a variant and a fold, with what was measured of its test records.
type MeasuredSet = (String, Option<String>, Option<u8>, TestSet);

/// What transfers measured of the test records of each experiment, variant and fold; the records that know a target are what
/// has it.
pub(super) fn test_sets(connection: &Connection, speakers: &[Speaker]) -> rusqlite::Result<Vec<MeasuredSet>> {
    let mut select = connection.prepare(
        "SELECT g.target AS target, g.records AS known,
                (SELECT count(DISTINCT record_id) FROM regression_prediction p WHERE p.stage_id = s.stage_id) AS records
         FROM stage s JOIN json_each(s.settings, '$.transfer.targets') t
         JOIN regression_score g ON g.stage_id = s.stage_id AND g.split = 'test' AND g.target = t.value
         WHERE s.stage_id = ?1 ORDER BY t.key",
    )?;
    let mut found: Vec<MeasuredSet> = Vec::new();
    for Speaker { experiment, variant, fold, stage_id } in speakers {
        let mut set = TestSet::default();
        let mut rows = select.query([stage_id])?;
        while let Some(row) = rows.next()? {
            let known = row.get::<_, i64>("known")? as usize;
            set.records = row.get::<_, i64>("records")? as usize;
            set.targets.push(TestClass { name: row.get("target")?, positives: known, has_auc: false });
        }
        if !set.targets.is_empty() {
            found.push((experiment.clone(), variant.clone(), *fold, set));
        }
    }
    Ok(found)
}

/// What was measured of test records, (records, targets), with what is true and of what that is known.
pub(super) struct Measured {
    records: Vec<String>,
    known: Vec<bool>,
    truth: Vec<f64>,
    said: Vec<f64>,
}

/// What a transfer measured; `None` where there is nothing.
pub(super) fn measured(connection: &Connection, stage: &str, targets: &[String]) -> rusqlite::Result<Option<Measured>> {
    let mut select = connection.prepare_cached(
        "SELECT record_id, target, truth, measured FROM regression_prediction WHERE stage_id = ?1 ORDER BY record_id",
    )?;
    let [record, target, truth, said] = rows::places(&select, ["record_id", "target", "truth", "measured"])?;
    let mut found = Measured { records: Vec::new(), known: Vec::new(), truth: Vec::new(), said: Vec::new() };
    let mut rows = select.query([stage])?;
    while let Some(row) = rows.next()? {
        let id = row.get_ref(record)?.as_str()?;
        if found.records.last().is_none_or(|last| last != id) {
            found.records.push(id.to_owned());
            let length = found.records.len() * targets.len();
            found.known.resize(length, false);
            [&mut found.truth, &mut found.said].into_iter().for_each(|numbers| numbers.resize(length, 0.0));
        }
        let name = row.get_ref(target)?.as_str()?;
        let Some(column) = targets.iter().position(|known| known == name) else { return Ok(None) };
        let at = (found.records.len() - 1) * targets.len() + column;
        found.known[at] = true;
        (found.truth[at], found.said[at]) = (row.get(truth)?, row.get(said)?);
    }
    Ok((!found.records.is_empty()).then_some(found))
}

impl Measured {
    /// Whether it is of the records of `set`, of which the same is true.
    pub(super) fn is_of(&self, set: &TestPredictions) -> bool {
        set.records == self.records && set.truth == self.known && set.numbers.as_ref() == Some(&self.truth)
    }

    /// As what a stage said.
    pub(super) fn said(self, stage: &str) -> (String, Vec<f64>) {
        (stage.to_owned(), self.said)
    }

    /// As the first of the stages that measured these records.
    pub(super) fn set(
        self,
        connection: &Connection,
        (stage, fingerprint): (&str, &str),
        targets: Vec<String>,
    ) -> rusqlite::Result<TestPredictions> {
        let (patients, patients_known, facts) = patients(connection, fingerprint, &self.records)?;
        Ok(TestPredictions {
            labels: Labels::Multi,
            classes: targets,
            records: self.records,
            patients,
            patients_known,
            facts,
            truth: self.known,
            numbers: Some(self.truth),
            stages: vec![(stage.to_owned(), self.said)],
        })
    }
}

/// The targets of a transfer, as its settings have them; none where it classifies.
pub(super) fn targets_of(settings: Option<String>) -> Vec<String> {
    let targets: Option<Value> = settings.and_then(|text| serde_json::from_str(&text).ok());
    targets.and_then(|targets| serde_json::from_value(targets).ok()).unwrap_or_default()
}
