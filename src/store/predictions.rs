//! Test predictions of classifiers: one reader, and what is made of them.

use std::ops::ControlFlow;

use rusqlite::{CachedStatement, Connection, OptionalExtension};
use serde_json::Value;

use super::measured::{measured, targets_of};
use super::rows::{self, TableRow};
use super::{PredictedClass, StageStatus, Store};
use crate::Result;
use crate::manifest::{Class, Labels};

/// What a classifier said of the test records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PredictionsOfRun {
    /// The classes, in the order of the network's outputs.
    pub classes: Vec<String>,
    /// Whether each record has one class; otherwise it may have several or none.
    pub single_label: bool,
    /// The name of the source that the records are of, in the run's manifest.
    pub source: String,
    /// The records, by id.
    pub records: Vec<TestedRecord>,
}

/// One record with its probabilities and classes, in the order of [`PredictionsOfRun::classes`].
#[derive(Clone, Debug, PartialEq)]
pub struct TestedRecord {
    /// Its id in its source.
    pub id: String,
    /// 0 to 1.
    pub probabilities: Vec<f64>,
    /// Whether it has the class.
    pub labels: Vec<bool>,
}

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
    /// What is known of whom each record is of; nothing is where there are fewer of these.
    pub facts: Vec<Facts>,
    /// Which record has which class: (records, classes), record by record. Of measured numbers, whose targets stand for
    /// classes: whether the true value is known.
    pub truth: Vec<bool>,
    /// Of measured numbers: the true values, like `truth`, 0 where one is not known.
    pub numbers: Option<Vec<f64>>,
    /// Stage ids and their probabilities, or what they measured, like `truth`.
    pub stages: Vec<(String, Vec<f64>)>,
}

/// What is known of whom a test record is of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// `male` or `female`.
    pub sex: Option<String>,
    /// At the recording, years; 90 for all above 89.
    pub age: Option<f64>,
    /// Where it was recorded, as the source calls it.
    pub site: Option<String>,
}

impl TestPredictions {
    /// Those of the records that `keep` says, each in its place; `None` where there are none.
    pub fn only(&self, keep: &[bool]) -> Option<Self> {
        let kept: Vec<usize> = (0..self.records.len()).filter(|&record| keep.get(record) == Some(&true)).collect();
        let classes = self.classes.len();
        let of_classes = |record: &usize| record * classes..(record + 1) * classes;
        let text = |from: &[String]| kept.iter().filter_map(|&record| from.get(record).cloned()).collect();
        let said = |(stage, all): &(String, Vec<f64>)| {
            let own = kept.iter().flat_map(|record| all[of_classes(record)].iter().copied()).collect();
            (stage.clone(), own)
        };
        (!kept.is_empty()).then(|| Self {
            labels: self.labels,
            classes: self.classes.clone(),
            records: text(&self.records),
            patients: text(&self.patients),
            patients_known: self.patients_known,
            facts: kept.iter().filter_map(|&record| self.facts.get(record).cloned()).collect(),
            truth: kept.iter().flat_map(|record| self.truth[of_classes(record)].iter().copied()).collect(),
            numbers: self
                .numbers
                .as_ref()
                .map(|all| kept.iter().flat_map(|record| all[of_classes(record)].to_vec()).collect()),
            stages: self.stages.iter().map(said).collect(),
        })
    }
}

/// The one reader of the table `prediction`, stage by stage.
struct Reader<'c> {
    select: CachedStatement<'c>,
    places: [usize; 4],
}

/// What a classifier said of a record and a class, in the memory of SQLite.
struct Said<'r> {
    record: &'r str,
    class: &'r str,
    probability: f64,
    label: bool,
}

impl<'c> Reader<'c> {
    fn new(connection: &'c Connection) -> rusqlite::Result<Self> {
        let select = connection.prepare_cached(&format!(
            "SELECT {} FROM prediction WHERE stage_id = ?1 ORDER BY record_id, class",
            PredictedClass::select()
        ))?;
        let places = rows::places(&select, ["record_id", "class", "probability", "label"])?;
        Ok(Self { select, places })
    }

    /// Gives what the classifier of `stage` said to `each`, by record and class, until that has seen enough.
    fn read(&mut self, stage: &str, mut each: impl FnMut(Said<'_>) -> ControlFlow<()>) -> rusqlite::Result<()> {
        let [record, class, probability, label] = self.places;
        let mut rows = self.select.query([stage])?;
        while let Some(row) = rows.next()? {
            let said = Said {
                record: row.get_ref(record)?.as_str()?,
                class: row.get_ref(class)?.as_str()?,
                probability: row.get(probability)?,
                label: row.get(label)?,
            };
            if each(said).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl Store {
    /// What the classifier of a stage said of its test records, row by row, by record and class.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn predictions_of(&self, stage: &str) -> Result<Vec<PredictedClass>> {
        self.read(|connection| {
            let mut found = Vec::new();
            Reader::new(connection)?.read(stage, |Said { record, class, probability, label }| {
                found.push(PredictedClass { record_id: record.into(), class: class.into(), probability, label });
                ControlFlow::Continue(())
            })?;
            Ok(found)
        })
    }

    /// What the classifier of a transfer stage said of the test records; no records where it is not done.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn test_predictions(&self, stage_id: &str) -> Result<PredictionsOfRun> {
        self.read(|connection| {
            let settings: String =
                connection.query_row("SELECT settings FROM stage WHERE stage_id = ?1", [stage_id], |row| {
                    row.get("settings")
                })?;
            let settings: Value = serde_json::from_str(&settings).unwrap_or_default();
            let transfer = &settings["transfer"];
            let classes = class_names(&transfer["classes"]);
            let mut records: Vec<TestedRecord> = Vec::new();
            Reader::new(connection)?.read(stage_id, |said| {
                if records.last().is_none_or(|last| last.id != said.record) {
                    let (probabilities, labels) = (vec![0.0; classes.len()], vec![false; classes.len()]);
                    records.push(TestedRecord { id: said.record.into(), probabilities, labels });
                }
                let place = classes.iter().position(|known| known == said.class);
                if let (Some(place), Some(record)) = (place, records.last_mut()) {
                    record.probabilities[place] = said.probability;
                    record.labels[place] = said.label;
                }
                ControlFlow::Continue(())
            })?;
            let source = transfer["source"].as_str().unwrap_or_default().to_owned();
            let single_label = labels(&transfer["labels"]) == Some(Labels::Single);
            Ok(PredictionsOfRun { classes, single_label, source, records })
        })
    }

    /// The test predictions of these transfer stages, put together where records, classes and truth are the same. Stages
    /// that are not done, or have no predictions, are left out.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn predictions(&self, stages: &[String]) -> Result<Vec<TestPredictions>> {
        self.read(|connection| {
            let mut reader = Reader::new(connection)?;
            let mut sets: Vec<(String, TestPredictions)> = Vec::new();
            for stage in stages {
                let Some(Tested { labels, classes, targets, fingerprint }) = tested(connection, stage)? else {
                    continue;
                };
                if !targets.is_empty() {
                    add_measured(connection, &mut sets, (stage, fingerprint), targets)?;
                    continue;
                }
                let known = sets.iter_mut().find_map(|(of, set)| {
                    let same = *of == fingerprint && set.labels == labels && set.classes == classes;
                    let read = same.then(|| read(&mut reader, stage, labels, &classes, Some(&*set)));
                    match read {
                        Some(Ok(Some(read))) => Some(Ok((set, read))),
                        Some(Err(error)) => Some(Err(error)),
                        _ => None,
                    }
                });
                match known.transpose()? {
                    Some((set, read)) => set.stages.push((stage.clone(), read.probabilities)),
                    None => {
                        let Some(read) = read(&mut reader, stage, labels, &classes, None)? else { continue };
                        let (patients, patients_known, facts) = patients(connection, &fingerprint, &read.records)?;
                        let Read { records, truth, probabilities } = read;
                        let stages = vec![(stage.clone(), probabilities)];
                        sets.push((
                            fingerprint,
                            TestPredictions {
                                labels,
                                classes,
                                records,
                                patients,
                                patients_known,
                                facts,
                                truth,
                                numbers: None,
                                stages,
                            },
                        ));
                    }
                }
            }
            Ok(sets.into_iter().map(|(_, set)| set).collect())
        })
    }
}

/// Adds what a transfer measured to that of the others of the same records, or as a set of its own.
fn add_measured(
    connection: &Connection,
    sets: &mut Vec<(String, TestPredictions)>,
    (stage, fingerprint): (&str, String),
    targets: Vec<String>,
) -> rusqlite::Result<()> {
    let Some(found) = measured(connection, stage, &targets)? else { return Ok(()) };
    let known = sets.iter_mut().find(|(of, set)| *of == fingerprint && set.classes == targets && found.is_of(set));
    match known {
        Some((_, set)) => set.stages.push(found.said(stage)),
        None => {
            let set = found.set(connection, (stage, &fingerprint), targets)?;
            sets.push((fingerprint, set));
        }
    }
    Ok(())
}

/// What a transfer stage was tested on, by its settings.
struct Tested {
    labels: Labels,
    classes: Vec<String>,
    /// What it measures, where it does not classify.
    targets: Vec<String>,
    fingerprint: String,
}

/// What a transfer stage was tested on; `None` where it is not done.
fn tested(connection: &Connection, stage: &str) -> rusqlite::Result<Option<Tested>> {
    let mut select = connection.prepare_cached(
        "SELECT json_extract(settings, '$.transfer.labels') AS labels,
                json_extract(settings, '$.transfer.classes') AS classes,
                json_extract(settings, '$.transfer.targets') AS targets, data_fingerprint
         FROM stage WHERE stage_id = ?1 AND status = ?2",
    )?;
    let found = select.query_row((stage, StageStatus::Done), |row| {
        let (said, classes): (String, String) = (row.get("labels")?, row.get("classes")?);
        let labels = labels(&said.into()).unwrap_or(Labels::Single);
        let classes = serde_json::from_str(&classes).map(|said| class_names(&said)).unwrap_or_default();
        let targets = targets_of(row.get("targets")?);
        Ok(Tested { labels, classes, targets, fingerprint: row.get("data_fingerprint")? })
    });
    found.optional()
}

/// The names of classes, as settings have them.
fn class_names(said: &Value) -> Vec<String> {
    let classes: Vec<Class> = serde_json::from_value(said.clone()).unwrap_or_default();
    classes.iter().map(|class| class.name().to_owned()).collect()
}

/// How many classes records have, as settings say it; `None` of what is not understood.
fn labels(said: &Value) -> Option<Labels> {
    serde_json::from_value(said.clone()).ok()
}

/// The predictions of one stage.
#[derive(Default)]
struct Read {
    records: Vec<String>,
    truth: Vec<bool>,
    probabilities: Vec<f64>,
}

/// Reads a stage's predictions. With `like`, its records are compared with these instead of being kept, and so is its truth.
/// `None` where they differ, where there are none, or a record lacks a class.
fn read(
    reader: &mut Reader<'_>,
    stage: &str,
    labels: Labels,
    classes: &[String],
    like: Option<&TestPredictions>,
) -> rusqlite::Result<Option<Read>> {
    let count = classes.len();
    // The classes come by name.
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| classes[a].cmp(&classes[b]));
    let (mut found, mut at, mut fits) = (Read::default(), 0, true);
    reader.read(stage, |said| {
        fits = found.take(&said, (at, &order), (labels, classes), like).is_some();
        at += 1;
        if fits { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    if !fits || at == 0 || !at.is_multiple_of(count) || like.is_some_and(|set| set.records.len() * count != at) {
        return Ok(None);
    }
    if labels == Labels::Single {
        for row in found.truth.chunks_exact_mut(count) {
            let first = row.iter().position(|has| *has);
            row.iter_mut().enumerate().for_each(|(class, has)| *has = Some(class) == first);
        }
    }
    // Classes of the same names may be of other rules.
    Ok(Some(found).filter(|found| like.is_none_or(|set| set.truth == found.truth)))
}

impl Read {
    /// Takes row number `at` of a stage, whose classes come in `order`; `None` where it is not that of the class whose
    /// turn it is, or not `like` the known ones.
    fn take(
        &mut self,
        said: &Said<'_>,
        (at, order): (usize, &[usize]),
        (labels, classes): (Labels, &[String]),
        like: Option<&TestPredictions>,
    ) -> Option<()> {
        let count = classes.len();
        let class = *order.get(at % count.max(1))?;
        let record = at / count;
        if said.class != classes[class] {
            return None;
        }
        if at.is_multiple_of(count) {
            self.probabilities.resize((record + 1) * count, 0.0);
            self.truth.resize((record + 1) * count, false);
            match like {
                Some(set) if set.records.get(record).is_none_or(|known| known != said.record) => return None,
                Some(_) => {}
                None => self.records.push(said.record.to_owned()),
            }
        }
        self.probabilities[record * count + class] = said.probability;
        self.truth[record * count + class] = said.label;
        // With one class for a record, of several labels the first is meant: that is known when all are read.
        let differs = |set: &TestPredictions| set.truth[record * count + class] != said.label;
        (!(labels == Labels::Multi && like.is_some_and(differs))).then_some(())
    }
}

/// Whose each record is, whether that is known of all, and what is known of whom it is; a record of its own where it is
/// not.
pub(super) fn patients(
    connection: &Connection,
    fingerprint: &str,
    records: &[String],
) -> rusqlite::Result<(Vec<String>, bool, Vec<Facts>)> {
    let mut select = connection
        .prepare_cached("SELECT patient, sex, age, site FROM patient WHERE data_fingerprint = ?1 AND record_id = ?2")?;
    let [patient, sex, age, site] = rows::places(&select, ["patient", "sex", "age", "site"])?;
    let (mut known, mut facts) = (Vec::with_capacity(records.len()), Vec::with_capacity(records.len()));
    for record in records {
        let found = select.query_row([fingerprint, record], |row| {
            let facts = Facts { sex: row.get(sex)?, age: row.get(age)?, site: row.get(site)? };
            Ok((row.get(patient)?, facts))
        });
        match found.optional()? {
            Some((patient, of)) => {
                known.push(patient);
                facts.push(of);
            }
            None => return Ok((records.to_vec(), false, Vec::new())),
        }
    }
    Ok((known, true, facts))
}
