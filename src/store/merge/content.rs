//! All that a store or shard knows of a stage that is done.

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension};
use serde_json::Value as Json;

use super::copy::{self, Rows};
use super::other::Other;
use super::people::People;
use super::runs::Runs;
use super::sets::{self, SetRef};
use crate::Result;
use crate::error::Error;
use crate::plan::{NUMERIC_VERSION, id_of_settings};
use crate::store::digest;

/// All that a store or shard knows of a stage that is done.
#[derive(Clone, Debug)]
pub struct Content {
    /// The stage.
    pub id: String,
    /// The file that says so.
    pub(super) path: PathBuf,
    /// Its row of the table `stage`.
    pub(super) row: Rows,
    /// Those of the stages that it was grafted from, in order.
    pub(super) inputs: Vec<Rows>,
    pub(super) stage_input: Rows,
    pub(super) tables: Vec<Rows>,
    pub(super) evaluations: Vec<Rows>,
    pub(super) sets: Vec<SetRef>,
    pub(super) validation: Option<Validated>,
    pub(super) people: People,
    pub(super) runs: Runs,
}

/// What a classifier said of its validation records.
#[derive(Clone, Debug)]
pub(super) struct Validated {
    pub set: Rows,
    pub records: Rows,
    pub probabilities: Rows,
}

impl Content {
    /// A column of the stage's own row that is text.
    pub(super) fn text(&self, column: &str) -> Option<&str> {
        self.row.first_text(column)
    }

    /// The checksum of its weights.
    pub fn weights_sha256(&self) -> Option<&str> {
        self.text("weights_sha256")
    }

    /// What the stage is, for messages: `a1b2c3d4 (transfer, cnn, seed 1)`.
    pub fn label(&self) -> String {
        let kind = self.text("target").or(self.text("kind")).unwrap_or("stage");
        let seed = match self.row.first("seed") {
            Some(rusqlite::types::Value::Integer(seed)) => *seed as u64,
            _ => 0,
        };
        let architecture = self.text("architecture").unwrap_or_default();
        format!("stage {} ({kind}, {architecture}, seed {seed})", self.id)
    }

    /// That the stage is what its settings say, in numbers that this ecgraft makes.
    ///
    /// # Errors
    /// A user error that says what does not fit.
    pub fn check(&self) -> Result<()> {
        let wrong = |why: String| Error::user(format!("{}: {} {why}", self.path.display(), self.label()));
        let settings: Json = serde_json::from_str(self.text("settings").unwrap_or_default())
            .map_err(|error| wrong(format!("has settings that are no JSON: {error}")))?;
        let version = &settings["numeric_version"];
        if *version != NUMERIC_VERSION {
            return Err(wrong(format!(
                "was trained with version {version} of the numbers, and this ecgraft has version {NUMERIC_VERSION}: the \
                 two cannot be compared; train it again, or merge with the ecgraft that made it"
            )));
        }
        match id_of_settings(&settings) {
            Ok(id) if id == self.id => Ok(()),
            Ok(id) => Err(wrong(format!("has the settings of stage {id}; the file is damaged or was changed"))),
            Err(why) => Err(wrong(format!("has settings that are not understood: {why}"))),
        }
    }
}

/// Reads what `other` knows of stage `id`.
pub(super) fn read(other: &Other, id: &str) -> Result<Content> {
    let (content, found) = other.read(|connection| {
        // As it stands at one moment: others may be at work on it.
        let _moment = connection.unchecked_transaction()?;
        let row = Rows::read(connection, "stage", "stage_id = ?1", [id])?;
        let tables = copy::tables().map(|table| Rows::read(connection, table, "stage_id = ?1", [id]));
        let content = Content {
            id: id.to_owned(),
            path: other.path().to_owned(),
            inputs: inputs(connection, id)?,
            stage_input: Rows::read(connection, "stage_input", "stage_id = ?1", [id])?,
            tables: tables.collect::<rusqlite::Result<_>>()?,
            evaluations: copy::tables_of_evaluations()
                .map(|table| Rows::read(connection, table, "stage_id = ?1", [id]))
                .collect::<rusqlite::Result<_>>()?,
            sets: sets::of_stage(connection, id)?,
            validation: validated(connection, id)?,
            people: People::read(connection, row.first_text("data_fingerprint").unwrap_or_default())?,
            runs: Runs::read(connection, id)?,
            row,
        };
        Ok((content, digest::findings(connection, id)?))
    })?;
    match content.text("findings_sha256") {
        Some(said) if said != found => Err(Error::user(format!(
            "{}: what {} found is not what its checksum says ({found}, and {said} is written there); the file is damaged or \
             was changed",
            content.path.display(),
            content.label()
        ))),
        _ => Ok(content),
    }
}

fn inputs(connection: &Connection, id: &str) -> rusqlite::Result<Vec<Rows>> {
    let mut select =
        connection.prepare_cached("SELECT input_id FROM stage_input WHERE stage_id = ?1 ORDER BY position")?;
    let ids = select.query_map([id], |row| row.get::<_, String>(0))?;
    ids.map(|id| Rows::read(connection, "stage", "stage_id = ?1", [id?])).collect()
}

fn validated(connection: &Connection, id: &str) -> rusqlite::Result<Option<Validated>> {
    let found: Option<[i64; 2]> = connection
        .prepare_cached("SELECT validation_id, set_id FROM validation WHERE stage_id = ?1")?
        .query_row([id], |row| Ok([row.get(0)?, row.get(1)?]))
        .optional()?;
    let Some([validation, set]) = found else { return Ok(None) };
    Ok(Some(Validated {
        set: Rows::read(connection, "validation_set", "set_id = ?1", [set])?,
        records: Rows::read(connection, "validation_record", "set_id = ?1", [set])?,
        probabilities: Rows::read(connection, "validation_probability", "validation_id = ?1", [validation])?,
    }))
}
