//! Test predictions, and metrics by name.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, OptionalExtension, Statement};

use super::Store;
use crate::Result;
use crate::manifest::Labels;
use crate::metrics::{Metric, regression_metrics};

/// What several stages predicted of the same test records.
#[derive(Clone, Debug, PartialEq)]
pub struct TestPredictions {
    /// Whether a record has one class or any number.
    pub labels: Labels,
    /// The classes, in the order of the manifest.
    pub classes: Vec<String>,
    /// The records by name.
    pub records: Vec<String>,
    /// The patient of each record; the record's own name where the store does not know: see `patients_known`.
    pub patients: Vec<String>,
    /// Whether the store knows whose each record is.
    pub patients_known: bool,
    /// Which record has which class: (records, classes), record by record.
    pub truth: Vec<bool>,
    /// Stage ids and their probabilities, like `truth`.
    pub stages: Vec<(String, Vec<f64>)>,
}

/// Where a metric is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Of the classification, by class or of all: the view `scores`.
    Scores,
    /// Of the networks that were grafted, by target: the view `regression`.
    Regression,
}

impl Store {
    /// The test predictions of these transfer stages, put together where records, classes and truth are the same. Stages
    /// that are not done, or have no predictions, are left out.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn predictions(&self, stages: &[String]) -> Result<Vec<TestPredictions>> {
        self.read(|connection| {
            let mut settings = connection.prepare(
                "SELECT json_extract(settings, '$.transfer.labels'), json_extract(settings, '$.transfer.classes'), data_fingerprint
                 FROM stage WHERE stage_id = ?1 AND status = 'done'",
            )?;
            let mut select = connection.prepare(
                "SELECT record_id, class, probability, label FROM prediction WHERE stage_id = ?1 ORDER BY record_id, class",
            )?;
            let mut sets: Vec<(String, TestPredictions)> = Vec::new();
            for stage in stages {
                let found: Option<(String, String, String)> = settings
                    .query_row([stage], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                    .optional()?;
                let Some((labels, classes, fingerprint)) = found else { continue };
                let labels = if labels == "multi" { Labels::Multi } else { Labels::Single };
                let classes: Vec<String> = serde_json::from_str(&classes).unwrap_or_default();
                let known = sets.iter_mut().find_map(|(of, set)| {
                    let same = *of == fingerprint && set.labels == labels && set.classes == classes;
                    let read = same.then(|| read(&mut select, stage, labels, &classes, Some(&*set)));
                    match read {
                        Some(Ok(Some(read))) => Some(Ok((set, read))),
                        Some(Err(error)) => Some(Err(error)),
                        _ => None,
                    }
                });
                match known.transpose()? {
                    Some((set, read)) => set.stages.push((stage.clone(), read.probabilities)),
                    None => {
                        let Some(read) = read(&mut select, stage, labels, &classes, None)? else { continue };
                        let (patients, patients_known) = patients(connection, &fingerprint, &read.records)?;
                        let Read { records, truth, probabilities } = read;
                        let stages = vec![(stage.clone(), probabilities)];
                        let set = TestPredictions { labels, classes, records, patients, patients_known, truth, stages };
                        sets.push((fingerprint, set));
                    }
                }
            }
            Ok(sets.into_iter().map(|(_, set)| set).collect())
        })
    }

    /// A test metric of every transfer stage that has it: of the classes together, or of class or target `of`. A stage
    /// grafted from several networks that measure a target has the mean of theirs.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn metric(&self, found: Found, name: &str, of: Option<&str>) -> Result<HashMap<String, f64>> {
        let column = regression_metrics().map(Metric::name).find(|known| *known == name).unwrap_or("mae");
        let sql = match found {
            Found::Scores => "SELECT stage_id, value FROM score WHERE split = 'test' AND metric = ?1 AND class = ?2
                 AND value IS NOT NULL"
                .to_owned(),
            Found::Regression => format!(
                "SELECT i.stage_id, avg(g.{column}) FROM stage_input i JOIN regression_score g ON g.stage_id = i.input_id
                 WHERE g.split = 'test' AND ?1 <> '' AND g.target = ?2 AND g.{column} IS NOT NULL GROUP BY i.stage_id"
            ),
        };
        self.read(|connection| {
            let mut select = connection.prepare(&sql)?;
            let rows = select.query_map([name, of.unwrap_or("")], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
    }

    /// Names of the test metrics there are, as `ecgraft compare --metric` takes them, with where each is found.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn metrics(&self) -> Result<BTreeMap<String, Found>> {
        self.read(|connection| {
            let mut metrics = BTreeMap::new();
            let mut select = connection.prepare(
                "SELECT DISTINCT metric || CASE WHEN class = '' THEN '' ELSE ':' || class END FROM score
                 WHERE split = 'test' AND metric NOT LIKE 'confusion:%' AND metric NOT LIKE '%counted'
                   AND metric NOT IN ('records', 'positives', 'tn', 'fp', 'fn', 'tp')",
            )?;
            for name in select.query_map([], |row| row.get::<_, String>(0))? {
                metrics.insert(name?, Found::Scores);
            }
            let mut select = connection.prepare("SELECT DISTINCT target FROM regression_score WHERE split = 'test'")?;
            for target in select.query_map([], |row| row.get::<_, String>(0))? {
                let target = target?;
                for name in regression_metrics().map(Metric::name) {
                    metrics.insert(format!("{name}:{target}"), Found::Regression);
                }
            }
            Ok(metrics)
        })
    }
}

/// The predictions of one stage.
struct Read {
    records: Vec<String>,
    truth: Vec<bool>,
    probabilities: Vec<f64>,
}

/// Reads a stage's predictions. With `like`, its records and truth are compared with these instead of being kept.
/// `None` where they differ, where there are none, or a record lacks a class.
fn read(
    select: &mut Statement<'_>,
    stage: &str,
    labels: Labels,
    classes: &[String],
    like: Option<&TestPredictions>,
) -> rusqlite::Result<Option<Read>> {
    let count = classes.len();
    // The classes come by name.
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| classes[a].cmp(&classes[b]));
    let (mut records, mut truth, mut probabilities) = (Vec::new(), Vec::new(), Vec::new());
    let mut rows = select.query([stage])?;
    let mut at = 0;
    while let Some(row) = rows.next()? {
        let Some(&class) = order.get(at % count.max(1)) else { return Ok(None) };
        let record = at / count;
        if row.get_ref(1)?.as_str().ok() != Some(&classes[class]) {
            return Ok(None);
        }
        let name = row.get_ref(0)?.as_str().unwrap_or_default();
        if at.is_multiple_of(count) {
            probabilities.resize((record + 1) * count, 0.0);
            match like {
                Some(set) if set.records.get(record).is_none_or(|known| known != name) => return Ok(None),
                Some(_) => {}
                None => {
                    records.push(name.to_owned());
                    truth.resize((record + 1) * count, false);
                }
            }
        }
        probabilities[record * count + class] = row.get(2)?;
        let has: bool = row.get(3)?;
        match like {
            // With one class for a record, of several labels the first is meant.
            Some(set) if labels == Labels::Multi && set.truth[record * count + class] != has => return Ok(None),
            Some(_) => {}
            None => truth[record * count + class] = has,
        }
        at += 1;
    }
    if at == 0 || !at.is_multiple_of(count) || like.is_some_and(|set| set.records.len() * count != at) {
        return Ok(None);
    }
    if labels == Labels::Single {
        for row in truth.chunks_exact_mut(count) {
            let first = row.iter().position(|has| *has);
            row.iter_mut().enumerate().for_each(|(class, has)| *has = Some(class) == first);
        }
    }
    Ok(Some(Read { records, truth, probabilities }))
}

/// Whose each record is, and whether that is known of all; a record of its own where it is not.
fn patients(connection: &Connection, fingerprint: &str, records: &[String]) -> rusqlite::Result<(Vec<String>, bool)> {
    let mut select =
        connection.prepare_cached("SELECT patient FROM patient WHERE data_fingerprint = ?1 AND record_id = ?2")?;
    let mut known = Vec::with_capacity(records.len());
    for record in records {
        let patient: Option<String> = select.query_row([fingerprint, record], |row| row.get(0)).optional()?;
        match patient {
            Some(patient) => known.push(patient),
            None => return Ok((records.to_vec(), false)),
        }
    }
    Ok((known, true))
}
