//! Who trained, validated and tested in each stage: sets of recordings, each kept once whoever uses it.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use super::{Store, rows};
use crate::Result;
use crate::data::{Members, Pick, Recording, Subset};
use crate::seed::hex;

/// Recordings in a word of a set: as many bits as no sign is needed for.
pub(super) const WORD: i64 = 60;

/// The sets that trained, validated and tested a stage, in the order of [`Subset::ALL`]; `None` where that is not known.
pub type StageSets = [Option<i64>; 3];

/// A recording that took part in a stage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The data set that it is of.
    pub data_set: String,
    /// Its id in there.
    pub record_id: String,
    /// Whose it is.
    pub patient: String,
    /// Its samples; `None` where all leads are flat.
    pub recording: Option<Recording>,
}

/// A set as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordSet {
    /// What it was when it was written, see [`RecordSet::sha256`].
    pub sha256: String,
    /// Ids of its recordings, ascending.
    pub recordings: Vec<i64>,
}

impl RecordSet {
    /// The hash of these members, whatever their order.
    pub fn sha256<'m>(members: impl IntoIterator<Item = &'m Member>) -> String {
        let mut rows: Vec<Row<'_>> = members.into_iter().map(Row::from_member).collect();
        rows.sort_unstable();
        sha256(&rows)
    }
}

/// A member, borrowed: data set, record, patient, samples.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row<'a> {
    data_set: &'a str,
    record_id: &'a str,
    patient: &'a str,
    samples: &'a [u8],
}

impl<'a> Row<'a> {
    fn from_member(member: &'a Member) -> Self {
        let Member { data_set, record_id, patient, recording } = member;
        Self { data_set, record_id, patient, samples: recording.as_ref().map_or(&[], |recording| recording.hash()) }
    }

    fn from_pick(members: &'a Members, pick: &Pick) -> Option<Self> {
        let dataset = members.datasets.get(&*pick.source)?;
        let record = dataset.records.get(pick.record)?;
        let samples: &[u8] = record.recording.as_ref().map_or(&[], |recording| recording.hash());
        Some(Self { data_set: &dataset.data_set, record_id: &record.id, patient: &record.patient, samples })
    }
}

fn sha256(sorted: &[Row<'_>]) -> String {
    let mut hash = Sha256::new();
    for row in sorted {
        for part in [row.data_set.as_bytes(), row.record_id.as_bytes(), row.patient.as_bytes(), row.samples] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hex(&hash.finalize())
}

/// Writes who took part in stage `id`.
pub(super) fn write(connection: &Connection, id: &str, members: &Members) -> rusqlite::Result<()> {
    let mut insert =
        connection.prepare_cached("INSERT INTO stage_set (stage_id, split, set_id) VALUES (?1, ?2, ?3)")?;
    for (split, picks) in Subset::ALL.into_iter().zip(&members.picks) {
        let mut rows: Vec<Row<'_>> = picks.iter().filter_map(|pick| Row::from_pick(members, pick)).collect();
        rows.sort_unstable();
        insert.execute(params![id, split, set(connection, &rows)?])?;
    }
    Ok(())
}

/// Removes sets that no stage uses any more.
pub(super) fn sweep(connection: &Connection) -> rusqlite::Result<()> {
    for table in ["record_set_word", "record_set"] {
        connection.execute(&format!("DELETE FROM {table} WHERE set_id NOT IN (SELECT set_id FROM stage_set)"), [])?;
    }
    Ok(())
}

/// The set of these rows, which is written where it is new.
fn set(connection: &Connection, rows: &[Row<'_>]) -> rusqlite::Result<i64> {
    let sha256 = sha256(rows);
    let known = connection
        .prepare_cached("SELECT set_id FROM record_set WHERE sha256 = ?1")?
        .query_row([&sha256], |row| row.get("set_id"))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let people: HashSet<(&str, &str)> = rows.iter().map(|row| (row.data_set, row.patient)).collect();
    connection
        .prepare_cached("INSERT INTO record_set (sha256, records, people) VALUES (?1, ?2, ?3)")?
        .execute(params![sha256, rows.len() as i64, people.len() as i64])?;
    let id = connection.last_insert_rowid();
    let mut words: BTreeMap<i64, i64> = BTreeMap::new();
    let mut data_sets = HashMap::new();
    for row in rows {
        let recording = recording(connection, row, &mut data_sets)?;
        *words.entry(recording / WORD).or_default() |= 1 << (recording % WORD);
    }
    let mut insert =
        connection.prepare_cached("INSERT INTO record_set_word (set_id, word, bits) VALUES (?1, ?2, ?3)")?;
    for (word, bits) in words {
        insert.execute([id, word, bits])?;
    }
    Ok(id)
}

/// The set of these members, which is written where it is new.
pub(super) fn keep(connection: &Connection, members: &[Member]) -> rusqlite::Result<i64> {
    let mut rows: Vec<Row<'_>> = members.iter().map(Row::from_member).collect();
    rows.sort_unstable();
    set(connection, &rows)
}

/// The id of a recording, which is written where it is new.
fn recording<'a>(
    connection: &Connection,
    row: &Row<'a>,
    data_sets: &mut HashMap<&'a str, i64>,
) -> rusqlite::Result<i64> {
    let data_set = match data_sets.get(row.data_set) {
        Some(id) => *id,
        None => {
            connection.execute("INSERT OR IGNORE INTO data_set (name) VALUES (?1)", [row.data_set])?;
            let mut select = connection.prepare_cached("SELECT data_set_id FROM data_set WHERE name = ?1")?;
            let id = select.query_row([row.data_set], |row| row.get("data_set_id"))?;
            data_sets.insert(row.data_set, id);
            id
        }
    };
    let known = connection
        .prepare_cached(
            "SELECT recording_id FROM recording
             WHERE data_set_id = ?1 AND record_id = ?2 AND patient = ?3 AND samples = ?4",
        )?
        .query_row(params![data_set, row.record_id, row.patient, row.samples], |row| row.get("recording_id"))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    connection
        .prepare_cached("INSERT INTO recording (data_set_id, record_id, patient, samples) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![data_set, row.record_id, row.patient, row.samples])?;
    Ok(connection.last_insert_rowid())
}

impl Store {
    /// The sets of every stage of which they are known, by stage.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn stage_sets(&self) -> Result<HashMap<String, StageSets>> {
        self.read(|connection| {
            let mut select = connection.prepare("SELECT stage_id, split, set_id FROM stage_set")?;
            let [stage, split, set] = rows::places(&select, ["stage_id", "split", "set_id"])?;
            let mut rows = select.query([])?;
            let mut all: HashMap<String, StageSets> = HashMap::new();
            while let Some(row) = rows.next()? {
                let split: Subset = row.get(split)?;
                all.entry(row.get(stage)?).or_default()[split as usize] = Some(row.get(set)?);
            }
            Ok(all)
        })
    }

    /// A set.
    ///
    /// # Errors
    /// Where the store cannot be read, or has no such set.
    pub fn record_set(&self, id: i64) -> Result<RecordSet> {
        self.read(|connection| {
            let mut select = connection.prepare_cached("SELECT sha256 FROM record_set WHERE set_id = ?1")?;
            let sha256 = select.query_row([id], |row| row.get("sha256"))?;
            let mut select =
                connection.prepare_cached("SELECT word, bits FROM record_set_word WHERE set_id = ?1 ORDER BY word")?;
            let [word, bits] = rows::places(&select, ["word", "bits"])?;
            let mut rows = select.query([id])?;
            let mut recordings = Vec::new();
            while let Some(row) = rows.next()? {
                let (word, bits): (i64, i64) = (row.get(word)?, row.get(bits)?);
                recordings.extend((0..WORD).filter(|bit| bits >> bit & 1 == 1).map(|bit| WORD * word + bit));
            }
            Ok(RecordSet { sha256, recordings })
        })
    }

    /// All recordings that took part in any stage, by the ids that sets have.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn recordings(&self) -> Result<HashMap<i64, Member>> {
        self.read(|connection| {
            let mut select = connection.prepare(
                "SELECT recording_id, name, record_id, patient, samples FROM recording JOIN data_set USING (data_set_id)",
            )?;
            let names = ["recording_id", "name", "record_id", "patient", "samples"];
            let [id, data_set, record_id, patient, samples] = rows::places(&select, names)?;
            let rows = select.query_map([], |row| {
                let samples: Vec<u8> = row.get(samples)?;
                let recording = <[u8; 32]>::try_from(samples).ok().map(Recording::new);
                let (data_set, record_id) = (row.get(data_set)?, row.get(record_id)?);
                Ok((row.get(id)?, Member { data_set, record_id, patient: row.get(patient)?, recording }))
            })?;
            rows.collect()
        })
    }
}
