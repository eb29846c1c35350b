//! What classifiers said of the records that validated them, at the epoch that was kept.
//!
//! Records and labels are kept once for all stages that were validated on them.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::{Outcome, Prediction, Store, rows};
use crate::Result;
use crate::seed::hex;

/// Records that validate classifiers, with their classes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValidationSet {
    /// The classes, in the order of the network's outputs.
    pub classes: Vec<String>,
    /// The records, by id.
    pub records: Vec<String>,
    /// Which record has which class: (records, classes), record by record.
    pub truth: Vec<bool>,
}

/// What a classifier said of the records that validated it.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    /// The records.
    pub set: Arc<ValidationSet>,
    /// (records, classes), record by record.
    pub probabilities: Vec<f64>,
}

/// The set of a stage's validation predictions, to be written.
struct Set<'a> {
    classes: Vec<&'a str>,
    sha256: String,
}

impl<'a> Set<'a> {
    /// `None` where there are no predictions. They come record by record, each with all classes.
    fn new(predictions: &'a [Prediction]) -> Option<Self> {
        let first = &predictions.first()?.class;
        let more = predictions.iter().skip(1).take_while(|of| of.class != *first);
        let classes: Vec<&str> = std::iter::once(*first).chain(more.map(|of| of.class)).collect();
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        classes.iter().for_each(|class| part(class.as_bytes()));
        for record in predictions.chunks(classes.len()) {
            part(record[0].record_id.as_bytes());
            part(record[0].patient.as_bytes());
            part(labels(record).as_bytes());
        }
        Some(Self { classes, sha256: hex(&hash.finalize()) })
    }

    /// The id of the set, which is written where it is new.
    fn write(&self, connection: &Connection, predictions: &[Prediction]) -> rusqlite::Result<i64> {
        let known = connection
            .prepare_cached("SELECT set_id FROM validation_set WHERE sha256 = ?1")?
            .query_row([&self.sha256], |row| row.get("set_id"))
            .optional()?;
        if let Some(id) = known {
            return Ok(id);
        }
        let classes = serde_json::Value::from(self.classes.clone()).to_string();
        connection
            .prepare_cached("INSERT INTO validation_set (sha256, classes) VALUES (?1, ?2)")?
            .execute(params![self.sha256, classes])?;
        let id = connection.last_insert_rowid();
        let mut insert = connection.prepare_cached(
            "INSERT INTO validation_record (set_id, number, record_id, patient, labels) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for (number, record) in (0i64..).zip(predictions.chunks(self.classes.len())) {
            insert.execute(params![id, number, record[0].record_id, record[0].patient, labels(record)])?;
        }
        Ok(id)
    }
}

/// `0100`: which classes a record has.
fn labels(record: &[Prediction]) -> String {
    record.iter().map(|of| if of.label { '1' } else { '0' }).collect()
}

/// Writes what stage `id` said of its validation records.
pub(super) fn write(connection: &Connection, id: &str, outcome: &Outcome) -> rusqlite::Result<()> {
    let predictions = &outcome.validation_predictions;
    let Some(set) = Set::new(predictions) else { return Ok(()) };
    let set_id = set.write(connection, predictions)?;
    let validation_id = assign(connection, id, set_id)?;
    let mut insert = connection
        .prepare_cached("INSERT INTO validation_probability (validation_id, place, probability) VALUES (?1, ?2, ?3)")?;
    for (place, prediction) in (0i64..).zip(predictions) {
        insert.execute(params![validation_id, place, f64::from(prediction.probability)])?;
    }
    Ok(())
}

/// Writes that a stage was validated on the set of this id; gives the id of what it says of it.
pub(super) fn assign(connection: &Connection, stage: &str, set: i64) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("INSERT INTO validation (stage_id, set_id) VALUES (?1, ?2)")?
        .execute(params![stage, set])?;
    Ok(connection.last_insert_rowid())
}

/// Removes sets that no stage uses any more.
pub(super) fn sweep(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM validation_set WHERE set_id NOT IN (SELECT set_id FROM validation)", [])?;
    Ok(())
}

impl Store {
    /// What these stages said of their validation records; those that are not done, or were trained before it was kept, are
    /// not among them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn validations(&self, stages: &[String]) -> Result<HashMap<String, Validation>> {
        self.read(|connection| {
            let mut sets: HashMap<i64, Arc<ValidationSet>> = HashMap::new();
            let mut found = HashMap::new();
            let mut select =
                connection.prepare_cached("SELECT validation_id, set_id FROM validation WHERE stage_id = ?1")?;
            let mut probabilities = connection.prepare_cached(
                "SELECT probability FROM validation_probability WHERE validation_id = ?1 ORDER BY place",
            )?;
            for stage in stages {
                let own: Option<(i64, i64)> =
                    select.query_row([stage], |row| Ok((row.get("validation_id")?, row.get("set_id")?))).optional()?;
                let Some((validation_id, set_id)) = own else { continue };
                let set = match sets.get(&set_id) {
                    Some(set) => Arc::clone(set),
                    None => {
                        let set = Arc::new(set(connection, set_id)?);
                        sets.insert(set_id, Arc::clone(&set));
                        set
                    }
                };
                let said = probabilities.query_map([validation_id], |row| row.get("probability"))?;
                let probabilities = said.collect::<rusqlite::Result<Vec<f64>>>()?;
                if probabilities.len() == set.truth.len() {
                    found.insert(stage.clone(), Validation { set, probabilities });
                }
            }
            Ok(found)
        })
    }
}

fn set(connection: &Connection, id: i64) -> rusqlite::Result<ValidationSet> {
    let mut select = connection.prepare_cached("SELECT classes FROM validation_set WHERE set_id = ?1")?;
    let classes: String = select.query_row([id], |row| row.get("classes"))?;
    let classes: Vec<String> = serde_json::from_str(&classes).unwrap_or_default();
    let mut select = connection
        .prepare_cached("SELECT record_id, labels FROM validation_record WHERE set_id = ?1 ORDER BY number")?;
    let [record, labels] = rows::places(&select, ["record_id", "labels"])?;
    let mut set = ValidationSet { classes, ..ValidationSet::default() };
    let mut rows = select.query([id])?;
    while let Some(row) = rows.next()? {
        set.truth.extend(row.get_ref(labels)?.as_str()?.bytes().map(|label| label == b'1'));
        set.records.push(row.get(record)?);
    }
    Ok(set)
}
