//! Folding stages into a store.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value as Json;

use super::content::Content;
use super::copy::{self, Rows};
use super::other::Other;
use super::runs::Clash;
use super::sets;
use crate::Result;
use crate::store::failure::failure;
use crate::store::members::{self, Member};
use crate::store::{Store, digest, stages, validation};

/// What came of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folded {
    /// It is here now, and was not.
    New,
    /// It was here, with the same bits.
    Known,
    /// It was grafted from this stage, which is not done here.
    Waits(String),
    /// It cannot be: another sentence says why, and names both sides.
    Refused(String),
}

/// A store into which others are folded, in one transaction.
#[derive(Debug)]
pub struct Folding<'s> {
    connection: &'s Connection,
    path: &'s Path,
    /// People who were written already.
    people: HashSet<[u8; 32]>,
    /// Whether it is a shard: sets and the stages that one was grafted from are named, no more.
    names_only: bool,
    /// Runs that are new.
    pub runs: usize,
    /// Experiments of which another manifest is here.
    pub other_manifests: BTreeSet<String>,
}

/// Columns that say what a stage is.
const IDENTITY: &str = "stage_id, kind, architecture, mix, target, seed, settings, data_fingerprint";

impl Store {
    /// Folds with `work`, in one transaction.
    ///
    /// # Errors
    /// Where the store cannot be written, and those of `work`; the store is then as it was.
    pub fn folding<T>(&mut self, work: impl FnOnce(&mut Folding<'_>) -> Result<T>) -> Result<T> {
        self.folding_as(false, work)
    }

    pub(super) fn folding_as<T>(
        &mut self,
        names_only: bool,
        work: impl FnOnce(&mut Folding<'_>) -> Result<T>,
    ) -> Result<T> {
        let path = self.path.clone();
        let wrong = |error: rusqlite::Error| failure(&path, &error);
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(wrong)?;
        let mut folding = Folding {
            connection: &transaction,
            path: &path,
            people: HashSet::new(),
            names_only,
            runs: 0,
            other_manifests: BTreeSet::new(),
        };
        let value = work(&mut folding)?;
        transaction.commit().map_err(wrong)?;
        Ok(value)
    }
}

impl Folding<'_> {
    /// Whether stage `id` is done here, and then the checksum of its weights.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn checksum(&self, id: &str) -> Result<Option<Option<String>>> {
        self.here(|connection| stages::checksum(connection, id))
    }

    /// Folds a stage in: whole, or not at all.
    ///
    /// # Errors
    /// Where this store cannot be written. What is wrong with the other is [`Folded::Refused`].
    pub fn stage(&mut self, other: &Other, content: &Content) -> Result<Folded> {
        self.here(|connection| connection.execute_batch("SAVEPOINT stage"))?;
        let folded = self.stage_within(other, content);
        let is_kept = matches!(folded, Ok(Folded::New | Folded::Known));
        let end = if is_kept { "RELEASE stage" } else { "ROLLBACK TO stage; RELEASE stage" };
        self.here(|connection| connection.execute_batch(end))?;
        folded
    }

    fn stage_within(&mut self, other: &Other, content: &Content) -> Result<Folded> {
        let own = self.here(|connection| Rows::read(connection, "stage", "stage_id = ?1", [&content.id]))?;
        let is_done = own.first_text("status") == Some("done");
        if is_done {
            if let Some(difference) = difference(self.path, &own, content) {
                return Ok(Folded::Refused(difference));
            }
        } else if let Err(error) = content.check() {
            return Ok(Folded::Refused(error.message));
        }
        if let Some(clash) = self.here(|connection| content.runs.clash(connection))? {
            return Ok(Folded::Refused(clash.text(self.path, content)));
        }
        if !is_done {
            if let Some(not_yet) = self.inputs(content)? {
                return Ok(not_yet);
            }
            let sets = match self.members(other, content) {
                Ok(sets) => sets,
                Err(error) => return Ok(Folded::Refused(error.message)),
            };
            if let Some(refused) = self.here(|connection| write(connection, content, &sets, self.names_only))? {
                return Ok(Folded::Refused(format!("{}: {}{refused}", content.path.display(), content.label())));
            }
        }
        if let Some(record) = self.people(content)? {
            return Ok(Folded::Refused(format!(
                "{}: {} tests record {record} as another person's than {} knows",
                content.path.display(),
                content.label(),
                self.path.display()
            )));
        }
        if let Some(difference) = self.evaluations(content)? {
            return Ok(Folded::Refused(difference));
        }
        let (runs, others) = self.here(|connection| content.runs.write(connection))?;
        self.runs += runs;
        self.other_manifests.extend(others);
        Ok(if is_done { Folded::Known } else { Folded::New })
    }

    /// That all that the stage was grafted from is here, with the same bits.
    fn inputs(&self, content: &Content) -> Result<Option<Folded>> {
        for input in &content.inputs {
            let id = input.first_text("stage_id").unwrap_or_default();
            if self.names_only {
                self.here(|connection| name(connection, input))?;
                continue;
            }
            let own = self.here(|connection| Rows::read(connection, "stage", "stage_id = ?1", [id]))?;
            if own.first_text("status") != Some("done") {
                return Ok(Some(Folded::Waits(id.to_owned())));
            }
            let [here, there] = [&own, input].map(|rows| rows.first_text("weights_sha256"));
            if let (Some(here), Some(there)) = (here, there)
                && here != there
            {
                return Ok(Some(Folded::Refused(format!(
                    "{}: {} was grafted from stage {id} with weights {there}, and {} has that stage with weights {here}",
                    content.path.display(),
                    content.label(),
                    self.path.display()
                ))));
            }
        }
        Ok(None)
    }

    /// The ids of the stage's sets here, or their members where they are not known.
    fn members(&self, other: &Other, content: &Content) -> Result<Vec<Option<Vec<Member>>>> {
        let of = |set: &sets::SetRef| {
            if self.names_only || self.here(|connection| sets::known(connection, &set.sha256))?.is_some() {
                return Ok(None);
            }
            sets::members(other, content, &set.sha256).map(Some)
        };
        content.sets.iter().map(of).collect()
    }

    fn people(&mut self, content: &Content) -> Result<Option<String>> {
        let wrong = |error: rusqlite::Error| failure(self.path, &error);
        content.people.write(self.connection, &mut self.people).map_err(wrong)
    }

    /// What the stage is worth elsewhere, where that is new; where it is not, that it is the same.
    fn evaluations(&self, content: &Content) -> Result<Option<String>> {
        let mut fingerprints: Vec<&str> = Vec::new();
        for rows in &content.evaluations {
            fingerprints.extend(rows.cells(["fingerprint"]).filter_map(|[of]| of.and_then(copy::text)));
        }
        fingerprints.sort_unstable();
        fingerprints.dedup();
        for fingerprint in fingerprints {
            for rows in &content.evaluations {
                let mut theirs = rows.clone();
                theirs.retain("fingerprint", |of| of == fingerprint);
                let own = self.here(|connection| theirs.same_in(connection, &content.id, fingerprint))?;
                if own.is_empty() {
                    self.here(|connection| theirs.write(connection, ""))?;
                } else if !own.is_same(&theirs) {
                    return Ok(Some(format!(
                        "{}: {} is worth something else on data {fingerprint} than {} says",
                        content.path.display(),
                        content.label(),
                        self.path.display()
                    )));
                }
            }
        }
        Ok(None)
    }

    fn here<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(self.connection).map_err(|error| failure(self.path, &error))
    }
}

/// In which bits a stage that is done here differs from the other's, if it does.
fn difference(path: &Path, own: &Rows, content: &Content) -> Option<String> {
    let by = |rows: &Rows| {
        let of = |column| rows.first_text(column).unwrap_or("unknown").to_owned();
        format!("by ecgraft {} on {}, {}", of("version"), of("device"), of("finished_at"))
    };
    for (column, what) in
        [("weights_sha256", "weights"), ("findings_sha256", "findings"), ("data_fingerprint", "data of fingerprint")]
    {
        if let (Some(here), Some(there)) = (own.first_text(column), content.text(column))
            && here != there
        {
            return Some(format!(
                "{}: {} has {what} {there} (trained {}), and {} has it with {what} {here} (trained {}); one of both was \
                 trained on another kind of machine, or is not what it says",
                content.path.display(),
                content.label(),
                by(&content.row),
                path.display(),
                by(own)
            ));
        }
    }
    None
}

impl Clash {
    fn text(&self, path: &Path, content: &Content) -> String {
        let version = |text: &str| {
            let settings: Option<Json> = serde_json::from_str(text).ok();
            settings.map_or(Json::Null, |settings| settings["numeric_version"].clone())
        };
        let [here, there] = [&self.settings, content.text("settings").unwrap_or_default()].map(version);
        let theirs = content.text("data_fingerprint").unwrap_or_default();
        let why = if here != there {
            format!("version {there} of the numbers there, and version {here} here")
        } else if self.fingerprint != theirs {
            format!("data of fingerprint {theirs} there, and {} here", self.fingerprint)
        } else {
            "the data of their mixes, or what their manifests include, differ".to_owned()
        };
        format!(
            "{}: run {} comes to {}, and in {} to stage {}, of the same manifest: {why}",
            content.path.display(),
            self.run,
            content.label(),
            path.display(),
            self.stage
        )
    }
}

/// What a stage is, with the checksum of its weights, of which no more is known here.
fn name(connection: &Connection, input: &Rows) -> rusqlite::Result<()> {
    let mut row = input.clone();
    for column in ["error", "worker", "lease_until", "checkpoint", "notes", "findings_sha256", "finished_at", "wall_s"]
    {
        row.set(column, &Value::Null);
    }
    row.set("status", &Value::Text("pending".into()));
    row.write(connection, "OR IGNORE")
}

/// Writes all of a stage; what is wrong where that cannot be.
fn write(
    connection: &Connection,
    content: &Content,
    members: &[Option<Vec<Member>>],
    names_only: bool,
) -> rusqlite::Result<Option<String>> {
    let id = &content.id;
    for table in copy::tables().chain(["validation", "stage_set"]) {
        connection.prepare_cached(&format!("DELETE FROM {table} WHERE stage_id = ?1"))?.execute([id])?;
    }
    identify(connection, content)?;
    content.tables.iter().try_for_each(|rows| rows.write(connection, ""))?;
    for (set, members) in content.sets.iter().zip(members) {
        let known = match (members, names_only) {
            (Some(members), _) => members::keep(connection, members)?,
            (None, true) => sets::name(connection, set)?,
            (None, false) => sets::known(connection, &set.sha256)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?,
        };
        sets::assign(connection, id, &set.split, known)?;
    }
    validated(connection, content)?;
    let found = digest::findings(connection, id)?;
    Ok(content
        .text("findings_sha256")
        .filter(|said| *said != found)
        .map(|said| format!(" found other things once they are here: checksum {found}, and {said} is written there")))
}

/// The stage's row, as one that is done.
fn identify(connection: &Connection, content: &Content) -> rusqlite::Result<()> {
    let mut row = content.row.clone();
    for column in ["error", "worker", "lease_until"] {
        row.set(column, &Value::Null);
    }
    row.set("lost", &Value::Integer(0));
    let known = connection.prepare_cached("SELECT 1 FROM stage WHERE stage_id = ?1")?.exists([&content.id])?;
    if !known {
        row.write(connection, "")?;
        return content.stage_input.write(connection, "OR IGNORE");
    }
    // What it is stays as the manifest here calls it; a worker that is at it here learns that it is done.
    row.update(connection, &IDENTITY.split(", ").collect::<Vec<_>>(), &content.id)?;
    content.stage_input.write(connection, "OR IGNORE")
}

/// What the stage said of its validation records.
fn validated(connection: &Connection, content: &Content) -> rusqlite::Result<()> {
    let Some(validated) = &content.validation else { return Ok(()) };
    let sha256 = validated.set.first_text("sha256").unwrap_or_default();
    let known: Option<i64> = connection
        .prepare_cached("SELECT set_id FROM validation_set WHERE sha256 = ?1")?
        .query_row([sha256], |row| row.get(0))
        .optional()?;
    let set = match known {
        Some(set) => set,
        None => {
            let mut insert =
                connection.prepare_cached("INSERT INTO validation_set (sha256, classes) VALUES (?1, ?2)")?;
            insert.execute(params![sha256, validated.set.first("classes")])?;
            let set = connection.last_insert_rowid();
            let mut records = validated.records.clone();
            records.set("set_id", &Value::Integer(set));
            records.write(connection, "")?;
            set
        }
    };
    let own = validation::assign(connection, &content.id, set)?;
    let mut probabilities = validated.probabilities.clone();
    probabilities.set("validation_id", &Value::Integer(own));
    probabilities.write(connection, "")
}
