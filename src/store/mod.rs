//! The SQLite store: schema, migrations, writing, reading. The only module that speaks SQL.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::Result;
use crate::error::Error;

mod evidence;
mod members;
mod mlflow;
mod predictions;
mod proof;
mod query;
mod read;
mod register;
mod stages;
mod standing;
mod views;
mod work;

pub use evidence::{
    LearningCurves, PredictionsOfRun, Series, StoredManifest, TestError, TestedRecord, TrainedStage, TrainedStages,
};
pub use members::{Member, RecordSet, SPLITS, StageSets};
pub use mlflow::{MlflowExperiment, MlflowMetric, MlflowRun, MlflowStatus, MlflowStore};
pub use predictions::{Found, TestPredictions};
pub use proof::{StoredRun, StoredStage};
pub use query::{Cell, Rows};
pub use read::{
    ClassScore, MeasuredSource, MeasuredTarget, MixPartDetail, MixTargetDetail, Run, RunDetail, StageDetail, TestClass,
    TestSet,
};
pub use stages::{CurveValue, MeasuredRecord, PredictedClass};
pub use standing::StageStanding;
pub use views::{Column, ColumnKind, Views};
pub use work::{Claim, Finish, StageStatus};

/// Steps from an empty file to the present schema; `user_version` counts those taken.
const MIGRATIONS: [&str; 8] = [
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
    include_str!("schema_8.sql"),
];
/// Marks the file as ours: "ecgr" in ASCII.
const APPLICATION_ID: i32 = 0x6563_6772;
/// How long a writer waits for another, ms.
const BUSY_TIMEOUT_MS: u64 = 30_000;

/// The store in a results folder: `ecgraft.sqlite`.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens `results/ecgraft.sqlite`, creating folder, file and schema where they lack.
    ///
    /// # Errors
    /// A user error where the folder cannot be written or holds another program's file, or a newer schema.
    pub fn open(results: &Path) -> Result<Store> {
        std::fs::create_dir_all(results).map_err(|error| {
            Error::user(format!(
                "{}: the results folder cannot be made: {error}; choose another with --results",
                results.display()
            ))
        })?;
        let path = path(results);
        let connection = Connection::open(&path).map_err(|error| failure(&path, &error))?;
        let mut store = Store { connection, path };
        store.prepare().map_err(|error| match error {
            Problem::Sql(error) => failure(&store.path, &error),
            Problem::Told(error) => error,
        })?;
        Ok(store)
    }

    /// Opens an existing store for reading only.
    ///
    /// # Errors
    /// A user error where there is none, saying how to make one.
    pub fn open_read_only(results: &Path) -> Result<Store> {
        let path = path(results);
        if !path.is_file() {
            return Err(Error::user(format!(
                "{}: there are no results yet; `ecgraft run` makes them, --results DIR says where they are",
                path.display()
            )));
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let open = |name: &str| {
            let connection = Connection::open_with_flags(name, flags)?;
            let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok((connection, version))
        };
        // In a folder that cannot be written SQLite cannot make the files that readers share; nobody
        // writes there, so that it may be read as it stands.
        let opened: rusqlite::Result<_> =
            open(&path.to_string_lossy()).or_else(|error: rusqlite::Error| match error.sqlite_error_code() {
                Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => open(&format!("{}?immutable=1", uri(&path))),
                _ => Err(error),
            });
        let (connection, version) = opened.map_err(|error| failure(&path, &error))?;
        check_version(&path, version)?;
        if version < MIGRATIONS.len() as i64 {
            // An older store is brought up to date by whoever may write it.
            drop(connection);
            return Store::open(results);
        }
        connection
            .busy_timeout(std::time::Duration::from_millis(BUSY_TIMEOUT_MS))
            .map_err(|error| failure(&path, &error))?;
        Ok(Store { connection, path })
    }

    /// Settings of the connection, and the schema.
    fn prepare(&mut self) -> std::result::Result<(), Problem> {
        self.connection.busy_timeout(std::time::Duration::from_millis(BUSY_TIMEOUT_MS))?;
        // In one transaction: another process may be making the store just now.
        let look = self.connection.transaction()?;
        let tables: i64 = look.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let application: i32 = look.pragma_query_value(None, "application_id", |row| row.get(0))?;
        look.commit()?;
        if tables > 0 && application != APPLICATION_ID {
            return Err(Problem::Told(Error::user(format!(
                "{}: this is not a store of ecgraft; move it away or choose another folder with --results",
                self.path.display()
            ))));
        }
        self.connection.pragma_update(None, "journal_mode", "WAL")?;
        self.connection.pragma_update(None, "synchronous", "NORMAL")?;
        self.connection.pragma_update(None, "foreign_keys", false)?;
        let transaction = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        check_version(&self.path, version).map_err(Problem::Told)?;
        for step in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0)) {
            transaction.execute_batch(step)?;
        }
        if version < MIGRATIONS.len() as i64 {
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
        }
        transaction.commit()?;
        self.connection.pragma_update(None, "foreign_keys", true)?;
        Ok(())
    }

    /// Does `work` in one transaction that holds the right to write from its start.
    fn write<T>(&mut self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
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
    fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.connection).map_err(|error| failure(&self.path, &error))
    }
}

/// What can go wrong at opening.
enum Problem {
    Sql(rusqlite::Error),
    Told(Error),
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        Problem::Sql(error)
    }
}

fn path(results: &Path) -> PathBuf {
    results.join("ecgraft.sqlite")
}

/// The path as SQLite's URI, percent-encoded where it must be.
fn uri(path: &Path) -> String {
    let text = path.to_string_lossy();
    let absolute = if path.is_absolute() { "file://" } else { "file:" };
    let encoded = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("{absolute}{encoded}")
}

fn check_version(path: &Path, version: i64) -> Result<()> {
    if version > MIGRATIONS.len() as i64 {
        return Err(Error::user(format!(
            "{}: made by a newer ecgraft (schema {version}; this one knows {}); use that one, or another --results folder",
            path.display(),
            MIGRATIONS.len()
        )));
    }
    Ok(())
}

/// What SQLite says, as a message for the user.
fn failure(path: &Path, error: &rusqlite::Error) -> Error {
    let path = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Error::user(format!(
            "{path}: the store cannot be written here ({error}); make the folder writable or choose another with --results"
        )),
        Some(ErrorCode::DiskFull) => Error::user(format!("{path}: the disk is full; what was finished before is kept")),
        Some(ErrorCode::NotADatabase) => Error::user(format!(
            "{path}: this is not an SQLite file; move it away or choose another folder with --results"
        )),
        Some(ErrorCode::DatabaseCorrupt) => Error::user(format!(
            "{path}: the file is damaged ({error}); `sqlite3 {path} .recover` may save it, or choose another --results folder"
        )),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::user(format!("{path}: another program has kept the store locked for {} s", BUSY_TIMEOUT_MS / 1000))
        }
        Some(ErrorCode::SystemIoFailure) => Error::user(format!("{path}: the disk does not obey: {error}")),
        _ => Error::internal(format!("{path}: {error}")),
    }
}

/// The present time as the store writes it: RFC 3339, UTC, milliseconds.
fn now() -> String {
    timestamp(chrono::Utc::now())
}

fn timestamp(time: chrono::DateTime<chrono::Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
