//! The store: a connection, and the two ways to use it.

use std::collections::HashMap;
use std::path::PathBuf;

use rusqlite::Connection;

use super::claims::Sign;
use super::failure::failure;
use crate::Result;

/// How long a writer waits for another, ms.
pub(super) const BUSY_TIMEOUT_MS: u64 = 30_000;

/// The store in a results folder: `ecgraft.sqlite`.
#[derive(Debug)]
pub struct Store {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    pub(super) note: Option<String>,
    /// Signs of life of workers, see [`Store::release_lost`].
    pub(super) seen: HashMap<String, Sign>,
}

impl Store {
    /// What users should know of how it is kept.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Does `work` in one transaction that holds the right to write from its start.
    pub(super) fn write<T>(&mut self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let path = &self.path;
        let done = (|| {
            let transaction = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        })();
        done.map_err(|error| failure(path, &error))
    }

    /// Reads with `work`.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.connection).map_err(|error| failure(&self.path, &error))
    }
}

/// The present time as the store writes it: RFC 3339, UTC, milliseconds.
pub(super) fn now() -> String {
    timestamp(chrono::Utc::now())
}

pub(super) fn timestamp(time: chrono::DateTime<chrono::Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
