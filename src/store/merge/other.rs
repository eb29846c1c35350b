//! A store, or a shard, that is folded into another: it is read, and never written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use super::content::{self, Content};
use crate::durable::Scratch;
use crate::error::Error;
use crate::results::ResultsFolder;
use crate::store::connection::BUSY_TIMEOUT_MS;
use crate::store::failure::failure;
use crate::store::{Store, open, rows};
use crate::{Result, durable};

/// A store, or a shard, to be read.
#[derive(Debug)]
pub struct Other {
    pub(super) connection: Connection,
    path: PathBuf,
    /// Where the sets lie that it only names.
    pub(super) shards: PathBuf,
    /// Holds a copy that was brought up to date.
    _scratch: Option<Scratch>,
}

/// A stage that is done there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Its id.
    pub id: String,
    /// The ids of the stages it was grafted from.
    pub inputs: Vec<String>,
    /// Its weights, below the results folder.
    pub checkpoint: Option<String>,
    /// Their checksum.
    pub weights_sha256: Option<String>,
}

impl Other {
    /// A shard; nobody writes it any more.
    ///
    /// # Errors
    /// A user error where it is none, is damaged, or was made by a newer ecgraft.
    pub fn shard(path: &Path) -> Result<Self> {
        if let Err(error) = std::fs::File::open(path) {
            return Err(Error::user(format!("{}: cannot be read: {error}", path.display())));
        }
        let opened = open::opened_as_it_stands(path)?;
        Self::present(path, &path.with_file_name(""), opened)
    }

    /// The store in a results folder, on which others may be at work.
    ///
    /// # Errors
    /// As [`Other::shard`], and where there is no store.
    pub fn store(results: &Path) -> Result<Self> {
        let folder = ResultsFolder::new(results);
        let path = folder.store();
        if !path.is_file() {
            return Err(Error::user(format!("{}: there is no store here", path.display())));
        }
        let opened = open::opened_read_only(results, &path)?;
        Self::present(&path, &folder.shards(), opened)
    }

    /// Of the present schema: a copy is brought up to date where it is of an older one.
    fn present(path: &Path, shards: &Path, (connection, version): (Connection, i64)) -> Result<Self> {
        let wrong = |error: rusqlite::Error| failure(path, &error);
        if !open::is_ours(&connection).map_err(wrong)? {
            return Err(Error::user(format!("{}: this is neither a store nor a shard of ecgraft", path.display())));
        }
        connection.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS)).map_err(wrong)?;
        let (path, shards) = (path.to_owned(), shards.to_owned());
        if open::is_present(version) {
            return Ok(Self { connection, path, shards, _scratch: None });
        }
        let scratch = durable::Scratch::new()
            .map_err(|error| Error::user(format!("the system's temporary folder cannot be used: {error}")))?;
        let copy = ResultsFolder::new(scratch.path()).store();
        connection.execute("VACUUM INTO ?1", [copy.to_string_lossy()]).map_err(wrong)?;
        let Store { connection, .. } = Store::open(scratch.path())?;
        Ok(Self { connection, path, shards, _scratch: Some(scratch) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The stages that are done in it, by id.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn offers(&self) -> Result<Vec<Offered>> {
        self.read(|connection| {
            let mut select = connection.prepare(
                "SELECT stage_id, checkpoint, weights_sha256,
                        (SELECT group_concat(input_id) FROM stage_input i WHERE i.stage_id = s.stage_id) AS inputs
                 FROM stage s WHERE status = 'done' ORDER BY stage_id",
            )?;
            let [id, checkpoint, sha256, inputs] =
                rows::places(&select, ["stage_id", "checkpoint", "weights_sha256", "inputs"])?;
            let rows = select.query_map([], |row| {
                let inputs: Option<String> = row.get(inputs)?;
                let inputs = inputs.iter().flat_map(|all| all.split(',')).map(str::to_owned).collect();
                let (checkpoint, weights_sha256) = (row.get(checkpoint)?, row.get(sha256)?);
                Ok(Offered { id: row.get(id)?, inputs, checkpoint, weights_sha256 })
            })?;
            rows.collect()
        })
    }

    /// All that is known here of the stages of these ids that are done.
    ///
    /// # Errors
    /// Where it cannot be read, and where what is read is not what its checksums say.
    pub fn content(&self, id: &str) -> Result<Content> {
        content::read(self, id)
    }

    /// Reads with `work`.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.connection).map_err(|error| failure(&self.path, &error))
    }
}
