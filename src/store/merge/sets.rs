//! Sets of recordings, by their checksums.

use rusqlite::{Connection, OptionalExtension, params};

use super::content::Content;
use super::other::Other;
use crate::data::Recording;
use crate::error::Error;
use crate::results::ResultsFolder;
use crate::store::failure::failure;
use crate::store::members::{Member, RecordSet};
use crate::store::open;
use crate::{Result, store::rows};

/// A set as a stage names it.
#[derive(Clone, Debug)]
pub(super) struct SetRef {
    /// Which records of the stage it is: `train`, `validation` or `test`.
    pub split: String,
    /// Its checksum.
    pub sha256: String,
    /// How many recordings and people it has.
    pub size: [i64; 2],
}

/// The sets of a stage. Members are not read here: most sets are known already.
pub(super) fn of_stage(connection: &Connection, id: &str) -> rusqlite::Result<Vec<SetRef>> {
    let mut select = connection.prepare_cached(
        "SELECT m.split, r.sha256, r.records, r.people FROM stage_set m JOIN record_set r USING (set_id)
         WHERE stage_id = ?1",
    )?;
    let sets = select.query_map([id], |row| {
        Ok(SetRef { split: row.get(0)?, sha256: row.get(1)?, size: [row.get(2)?, row.get(3)?] })
    })?;
    sets.collect()
}

/// The members of the set of this checksum, where the store has them.
pub(super) fn members_of(connection: &Connection, sha256: &str) -> rusqlite::Result<Vec<Member>> {
    let mut select = connection.prepare_cached(
        "SELECT d.name, r.record_id, r.patient, r.samples FROM record_set s
         JOIN record_set_word w USING (set_id)
         JOIN recording r ON r.recording_id BETWEEN 60 * w.word AND 60 * w.word + 59 AND (w.bits >> (r.recording_id % 60)) & 1
         JOIN data_set d USING (data_set_id)
         WHERE s.sha256 = ?1",
    )?;
    let [data_set, record_id, patient, samples] = rows::places(&select, ["name", "record_id", "patient", "samples"])?;
    let rows = select.query_map([sha256], |row| {
        let recording = <[u8; 32]>::try_from(row.get::<_, Vec<u8>>(samples)?).ok().map(Recording::new);
        let (data_set, record_id) = (row.get(data_set)?, row.get(record_id)?);
        Ok(Member { data_set, record_id, patient: row.get(patient)?, recording })
    })?;
    rows.collect()
}

/// The id here of a set, if it is known with its members.
pub(super) fn known(connection: &Connection, sha256: &str) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT set_id FROM record_set s WHERE sha256 = ?1
             AND (records = 0 OR EXISTS (SELECT 1 FROM record_set_word w WHERE w.set_id = s.set_id))",
        )?
        .query_row([sha256], |row| row.get(0))
        .optional()
}

/// The members of a set that a stage names: out of its own file, or the one of the set beside the shards.
///
/// # Errors
/// A user error where neither has them, or they are not what the checksum says.
pub(super) fn members(other: &Other, content: &Content, sha256: &str) -> Result<Vec<Member>> {
    let here = other.read(|connection| members_of(connection, sha256))?;
    if RecordSet::sha256(&here) == sha256 {
        return Ok(here);
    }
    let path = ResultsFolder::record_set(&other.shards, sha256);
    let needed = |why: String| {
        Error::user(format!(
            "{}: {} names the recordings of {}, {why}; copy the folder `sets` with the shards",
            content.path.display(),
            content.label(),
            path.display()
        ))
    };
    if let Err(error) = std::fs::File::open(&path) {
        return Err(needed(format!("which cannot be read: {error}")));
    }
    let (connection, _) = open::opened_as_it_stands(&path)?;
    let there = members_of(&connection, sha256).map_err(|error| failure(&path, &error))?;
    if RecordSet::sha256(&there) == sha256 {
        return Ok(there);
    }
    Err(needed("which has others than its checksum says".into()))
}

/// The id of a set of which no more is kept than what it is.
pub(super) fn name(connection: &Connection, set: &SetRef) -> rusqlite::Result<i64> {
    let [records, people] = set.size;
    connection
        .prepare_cached("INSERT OR IGNORE INTO record_set (sha256, records, people) VALUES (?1, ?2, ?3)")?
        .execute(params![set.sha256, records, people])?;
    connection
        .prepare_cached("SELECT set_id FROM record_set WHERE sha256 = ?1")?
        .query_row([&set.sha256], |row| row.get(0))
}

/// Writes that the set of this id is one of a stage's.
pub(super) fn assign(connection: &Connection, stage: &str, split: &str, set: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO stage_set (stage_id, split, set_id) VALUES (?1, ?2, ?3)")?
        .execute(params![stage, split, set])?;
    Ok(())
}
