//! Runs, and all that made them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use rusqlite::Connection;

use super::of_plans::{self, Speaker};
use super::rows::{self, TableRow};
use super::{
    ClassScore, MeasuredSource, MeasuredTarget, MixPartDetail, Run, StageRow, Store, StoredManifest, composition,
    measured, scores,
};
use crate::Result;
use crate::data::tells_of_left_out;
use crate::error::Error;

/// What an experiment's classifiers were tested on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestSet {
    /// Number of records.
    pub records: usize,
    /// The classes in the order of the manifest.
    pub classes: Vec<TestClass>,
    /// What is measured in place of classes, and how many records know it.
    pub targets: Vec<TestClass>,
    /// How many records of which sources its stages left out, as they could not be read or a list names them: sentences.
    pub left_out: Vec<String>,
    /// Variants that were tested on others, where there are any: this is that of the first.
    pub other_variants: Vec<String>,
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
    /// Metrics of the transfer on its training, validation and test records.
    pub scores: Vec<ClassScore>,
}

/// One stage of a run.
#[derive(Clone, Debug)]
pub struct StageDetail {
    /// The stage.
    pub row: StageRow,
    /// Epochs trained.
    pub epochs: usize,
    /// The parts of the stage's mix, in order; none of a stage trained before they were kept.
    pub composition: Vec<MixPartDetail>,
    /// How well it measured each target, the training records first, the test records last.
    pub measured: Vec<MeasuredTarget>,
    /// The same within each source; none of a stage trained before they were kept.
    pub of_sources: Vec<MeasuredSource>,
}

impl Store {
    /// All runs that their experiments' manifests ask for, by experiment and place in its plan.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn runs(&self) -> Result<Vec<Run>> {
        self.read(|connection| measured::with_errors(connection, of_plans::runs(connection)?))
    }

    /// Names of the experiments that have current runs, in alphabetical order.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn experiments(&self) -> Result<Vec<String>> {
        self.read(|connection| {
            let mut select =
                connection.prepare("SELECT DISTINCT experiment FROM trial WHERE current = 1 ORDER BY experiment")?;
            select.query_map([], |row| row.get("experiment"))?.collect()
        })
    }

    /// A run with all that made it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn detail(&self, run: Run) -> Result<RunDetail> {
        self.read(|connection| detail(connection, run))
    }

    /// What the classifiers of each experiment were tested on, where at least one is done.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn test_sets(&self) -> Result<BTreeMap<String, TestSet>> {
        self.read(|connection| {
            let speakers = of_plans::speakers(connection)?;
            let mut select = connection.prepare(
                "WITH class AS (SELECT stage_id, key, iif(type = 'object', json_extract(value, '$.name'), value) AS name
                                FROM stage s, json_each(s.settings, '$.transfer.classes') WHERE stage_id = ?1)
                 SELECT DISTINCT r.value AS records, c.name AS class, c.key, p.value AS positives,
                        a.value IS NOT NULL AS has_auc
                 FROM class c
                 JOIN score r ON r.stage_id = c.stage_id AND r.split = 'test' AND r.metric = 'records' AND r.class = ''
                 JOIN score p ON p.stage_id = c.stage_id AND p.split = 'test' AND p.metric = 'positives' AND p.class = c.name
                 LEFT JOIN score a ON a.stage_id = c.stage_id AND a.split = 'test' AND a.metric = 'auc' AND a.class = c.name
                 ORDER BY c.key",
            )?;
            let mut folds: Vec<(String, Option<String>, Option<u8>, TestSet)> = Vec::new();
            for Speaker { experiment, variant, fold, stage_id } in &speakers {
                let mut set = TestSet::default();
                let mut rows = select.query([stage_id])?;
                while let Some(row) = rows.next()? {
                    set.records = row.get::<_, f64>("records")? as usize;
                    let positives = row.get::<_, f64>("positives")? as usize;
                    set.classes.push(TestClass { name: row.get("class")?, positives, has_auc: row.get("has_auc")? });
                }
                if !set.classes.is_empty() {
                    folds.push((experiment.clone(), variant.clone(), *fold, set));
                }
            }
            folds.extend(measured::test_sets(connection, &speakers)?);
            let mut sets = by_experiment(folds);
            let mut left_out = left_out(connection)?;
            for (experiment, set) in &mut sets {
                set.left_out = left_out.remove(experiment).into_iter().flatten().collect();
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
            let begins = "WHERE substr(run_id, 1, length(?1)) = ?1 ORDER BY run_id LIMIT 9";
            let sql = format!("SELECT {} FROM runs {begins}", Run::select());
            measured::with_errors(connection, rows::all(&mut connection.prepare(&sql)?, [&wanted])?)
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

    /// The manifest with this hash.
    ///
    /// # Errors
    /// Where the store cannot be read, or has none.
    pub fn manifest(&self, sha256: &str) -> Result<StoredManifest> {
        self.read(|connection| manifest(connection, sha256))
    }
}

/// Test sets of experiments from those of their variants and folds: folds are added up, and the first variant's is told.
fn by_experiment(folds: Vec<(String, Option<String>, Option<u8>, TestSet)>) -> BTreeMap<String, TestSet> {
    let mut variants: Vec<(String, Option<String>, TestSet)> = Vec::new();
    for (experiment, variant, _, set) in folds {
        match variants.iter_mut().find(|known| known.0 == experiment && known.1 == variant) {
            Some((.., whole)) => whole.add(set),
            None => variants.push((experiment, variant, set)),
        }
    }
    let mut sets: BTreeMap<String, TestSet> = BTreeMap::new();
    for (experiment, variant, set) in variants {
        match sets.get_mut(&experiment) {
            None => drop(sets.insert(experiment, set)),
            Some(first) if first.is_like(&set) => {}
            Some(first) => first.other_variants.extend(variant),
        }
    }
    sets
}

impl TestSet {
    /// Adds the records of another fold.
    fn add(&mut self, other: TestSet) {
        self.records += other.records;
        for (all, of) in [(&mut self.classes, other.classes), (&mut self.targets, other.targets)] {
            for class in of {
                match all.iter_mut().find(|known| known.name == class.name) {
                    Some(known) => {
                        known.positives += class.positives;
                        known.has_auc &= class.has_auc;
                    }
                    None => all.push(class),
                }
            }
        }
    }

    /// Whether it has the numbers of another.
    fn is_like(&self, other: &TestSet) -> bool {
        self.records == other.records && self.classes == other.classes && self.targets == other.targets
    }
}

/// What all stages of each experiment's runs say of records that are left out of their sources, each once.
fn left_out(connection: &Connection) -> rusqlite::Result<HashMap<String, BTreeSet<String>>> {
    // Notes are the same of many stages: each text is read once.
    type Notes = HashMap<String, Rc<[String]>>;
    let (mut texts, mut of_stage) = (Notes::new(), Notes::new());
    let mut select = connection.prepare(
        "SELECT stage_id, notes FROM stage NOT INDEXED WHERE status = 'done' AND notes IS NOT NULL AND notes <> '[]'",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (id, text): (String, String) = (row.get("stage_id")?, row.get("notes")?);
        let read = |text: &String| {
            let notes: Vec<String> = serde_json::from_str(text).unwrap_or_default();
            notes.into_iter().filter(|note| tells_of_left_out(note)).collect::<Rc<[String]>>()
        };
        let notes = texts.entry(text).or_insert_with_key(read);
        if !notes.is_empty() {
            of_stage.insert(id, Rc::clone(notes));
        }
    }
    let mut left_out: HashMap<String, BTreeSet<String>> = HashMap::new();
    if of_stage.is_empty() {
        return Ok(left_out);
    }
    let mut select = connection.prepare(
        "SELECT experiment, stage_id FROM trial WHERE current = 1
         UNION ALL SELECT DISTINCT t.experiment, i.input_id FROM trial t JOIN stage_input i USING (stage_id) WHERE t.current = 1",
    )?;
    // One text follows the same of the stage before.
    let mut last: Option<(String, Rc<[String]>)> = None;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(notes) = of_stage.get(row.get_ref("stage_id")?.as_str()?) {
            let experiment = row.get_ref("experiment")?.as_str()?;
            if last.as_ref().is_none_or(|(of, said)| *of != *experiment || !Rc::ptr_eq(said, notes)) {
                left_out.entry(experiment.to_owned()).or_default().extend(notes.iter().cloned());
                last = Some((experiment.to_owned(), Rc::clone(notes)));
            }
        }
    }
    Ok(left_out)
}

fn manifest(connection: &Connection, sha256: &str) -> rusqlite::Result<StoredManifest> {
    let mut select =
        connection.prepare(&format!("SELECT {} FROM manifest WHERE sha256 = ?1", StoredManifest::select()))?;
    let places = StoredManifest::places(&select)?;
    select.query_row([sha256], |row| StoredManifest::from_row(row, &places))
}

fn detail(connection: &Connection, run: Run) -> rusqlite::Result<RunDetail> {
    let StoredManifest { path: manifest_path, text: manifest_text, .. } = manifest(connection, &run.manifest_sha256)?;
    let mut select = connection.prepare(&format!(
        "SELECT {}, (SELECT max(epoch) FROM epoch e WHERE e.stage_id = s.stage_id) AS epochs
         FROM run_stages r JOIN stage s USING (stage_id) WHERE r.run_id = ?1
         ORDER BY kind = 'transfer', r.position",
        StageRow::select()
    ))?;
    let (places, [epochs]) = (StageRow::places(&select)?, rows::places(&select, ["epochs"])?);
    let found = select.query_map([&run.run_id], |row| {
        let epochs = row.get::<_, Option<i64>>(epochs)?.and_then(|epochs| usize::try_from(epochs).ok()).unwrap_or(0);
        Ok((StageRow::from_row(row, &places)?, epochs))
    })?;
    let mut stages = Vec::new();
    for found in found {
        let (row, epochs) = found?;
        let id = &row.stage_id;
        let (composition, measured) = (composition::of_stage(connection, id)?, scores::by_target(connection, id)?);
        let of_sources = scores::by_source(connection, id)?;
        stages.push(StageDetail { row, epochs, composition, measured, of_sources });
    }
    let scores = scores::of_classes(connection, &run.stage_id)?;
    Ok(RunDetail { run, manifest_path, manifest_text, stages, scores })
}
