//! What networks are worth on records of other sources.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, params};

use super::rows::{self, TableRow};
use super::{EvaluatedRecord, Evaluation, Store};
use crate::Result;
use crate::plan::Plan;

/// What one network is worth on the records of another source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluated {
    /// Metrics.
    pub values: Vec<EvaluatedMetric>,
    /// Record by record.
    pub records: Vec<EvaluatedRecord>,
}

/// One metric of a target or a class, or of all classes where `subject` is empty.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluatedMetric {
    /// Target or class.
    pub subject: String,
    /// What is measured: `mae`, `bias`, `auc` ...
    pub metric: String,
    /// `None` where it cannot be measured.
    pub value: Option<f64>,
}

/// The tables that [`Store::evaluate`] fills.
pub(super) const TABLES_OF_EVALUATIONS: [&str; 2] = ["evaluation", "evaluated_record"];

/// Writes where the experiments of a plan want their networks evaluated.
pub(super) fn register(connection: &Connection, plan: &Plan) -> rusqlite::Result<()> {
    let mut forget = connection.prepare("DELETE FROM elsewhere WHERE experiment = ?1")?;
    let mut insert = connection.prepare(
        "INSERT INTO elsewhere (experiment, kind, position, source, fingerprint) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    // Variants of one manifest may differ in it: each is told once.
    let mut told: HashSet<(&str, &str, &str, Option<&String>)> = HashSet::new();
    let mut positions: HashMap<(&str, &str), i64> = HashMap::new();
    for manifest in &plan.experiments {
        forget.execute([&manifest.name])?;
    }
    for manifest in &plan.experiments {
        let stages = [("regression", &manifest.regression.evaluate_on), ("transfer", &manifest.transfer.evaluate_on)];
        for (kind, sources) in stages {
            for source in sources {
                let fingerprint = plan.fingerprints.get(&(manifest.scope(), source.clone()));
                if told.insert((&manifest.name, kind, source, fingerprint)) {
                    let position = positions.entry((&manifest.name, kind)).or_default();
                    insert.execute(params![manifest.name, kind, *position, source, fingerprint])?;
                    *position += 1;
                }
            }
        }
    }
    Ok(())
}

impl Store {
    /// The stages that were evaluated, each with the fingerprint of the data it was evaluated on.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn evaluated(&self) -> Result<HashSet<(String, String)>> {
        self.read(|connection| {
            let mut select = connection.prepare("SELECT DISTINCT stage_id, fingerprint FROM evaluation")?;
            let [stage, fingerprint] = rows::places(&select, ["stage_id", "fingerprint"])?;
            select.query_map([], |row| Ok((row.get(stage)?, row.get(fingerprint)?)))?.collect()
        })
    }

    /// Writes what a stage that is done is worth on data of this fingerprint, in place of what was known of it; nothing
    /// of one that is not done any more.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn evaluate(&mut self, stage: &str, fingerprint: &str, found: &Evaluated) -> Result<()> {
        self.write(|connection| {
            for table in TABLES_OF_EVALUATIONS {
                let delete = format!("DELETE FROM {table} WHERE stage_id = ?1 AND fingerprint = ?2");
                connection.execute(&delete, [stage, fingerprint])?;
            }
            let mut insert = connection.prepare(
                "INSERT INTO evaluation (stage_id, fingerprint, subject, metric, value)
                 SELECT stage_id, ?2, ?3, ?4, ?5 FROM stage WHERE stage_id = ?1 AND status = 'done'",
            )?;
            for EvaluatedMetric { subject, metric, value } in &found.values {
                insert.execute(params![stage, fingerprint, subject, metric, value])?;
            }
            let mut insert = connection.prepare(
                "INSERT INTO evaluated_record (stage_id, fingerprint, subject, record_id, patient, truth, said)
                 SELECT stage_id, ?2, ?3, ?4, ?5, ?6, ?7 FROM stage WHERE stage_id = ?1 AND status = 'done'",
            )?;
            for EvaluatedRecord { subject, record_id, patient, truth, said } in &found.records {
                insert.execute(params![stage, fingerprint, subject, record_id, patient, truth, said])?;
            }
            Ok(())
        })
    }

    /// What the networks of an experiment's current runs are worth elsewhere, as far as its manifest asks, by stage, in the
    /// manifest's order of sources.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn evaluations(&self, experiment: &str) -> Result<Vec<Evaluation>> {
        self.read(|connection| {
            let asked = "SELECT EXISTS (SELECT 1 FROM elsewhere WHERE experiment = ?1)";
            if !connection.prepare_cached(asked)?.query_row([experiment], |row| row.get::<_, bool>(0))? {
                return Ok(Vec::new());
            }
            let mut select = connection.prepare_cached(&format!(
                "SELECT {} FROM evaluations v WHERE experiment = ?1 ORDER BY stage_id,
                    (SELECT min(position) FROM elsewhere w WHERE w.experiment = v.experiment AND w.kind = v.kind
                     AND w.source = v.source), subject, metric",
                Evaluation::select()
            ))?;
            rows::all(&mut select, [experiment])
        })
    }

    /// The metrics that a stage has on each data it was evaluated on, with their fingerprints.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn evaluations_of(&self, stage: &str) -> Result<Vec<(String, EvaluatedMetric)>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT fingerprint, subject, metric, value FROM evaluation WHERE stage_id = ?1
                 ORDER BY fingerprint, subject, metric",
            )?;
            let [fingerprint, subject, metric, value] =
                rows::places(&select, ["fingerprint", "subject", "metric", "value"])?;
            let rows = select.query_map([stage], |row| {
                let (subject, metric, value) = (row.get(subject)?, row.get(metric)?, row.get(value)?);
                Ok((row.get(fingerprint)?, EvaluatedMetric { subject, metric, value }))
            })?;
            rows.collect()
        })
    }

    /// What a stage said of each record of the data of this fingerprint, by target or class and record.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn evaluated_records(&self, stage: &str, fingerprint: &str) -> Result<Vec<EvaluatedRecord>> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!(
                "SELECT {} FROM evaluated_record WHERE stage_id = ?1 AND fingerprint = ?2 ORDER BY subject, record_id",
                EvaluatedRecord::select()
            ))?;
            rows::all(&mut select, [stage, fingerprint])
        })
    }
}
