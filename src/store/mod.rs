//! The SQLite store: schema, migrations, writing, reading. The only module that speaks SQL.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, ffi};

use crate::Result;
use crate::error::Error;

mod claims;
mod digest;
mod evidence;
mod filesystem;
mod members;
mod mlflow;
mod open;
mod predictions;
mod proof;
mod query;
mod read;
mod register;
mod stages;
mod standing;
mod views;
mod work;

use claims::Sign;
pub use claims::{Claim, Lost};
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
pub use work::{Finish, StageStatus, Weights};

/// Steps from an empty file to the present schema; `user_version` counts those taken.
const MIGRATIONS: [&str; 9] = [
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
    include_str!("schema_8.sql"),
    include_str!("schema_9.sql"),
];
/// Marks the file as ours: "ecgr" in ASCII.
const APPLICATION_ID: i32 = 0x6563_6772;
/// How long a writer waits for another, ms.
const BUSY_TIMEOUT_MS: u64 = 30_000;

/// What SQLite says where locks or shared memory do not work.
const LOCKS: [i32; 9] = [
    ffi::SQLITE_PROTOCOL,
    ffi::SQLITE_IOERR_LOCK,
    ffi::SQLITE_IOERR_RDLOCK,
    ffi::SQLITE_IOERR_UNLOCK,
    ffi::SQLITE_IOERR_CHECKRESERVEDLOCK,
    ffi::SQLITE_IOERR_SHMOPEN,
    ffi::SQLITE_IOERR_SHMSIZE,
    ffi::SQLITE_IOERR_SHMLOCK,
    ffi::SQLITE_IOERR_SHMMAP,
];

/// The store in a results folder: `ecgraft.sqlite`.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    path: PathBuf,
    note: Option<String>,
    /// Signs of life of workers, see [`Store::release_lost`].
    seen: HashMap<String, Sign>,
}

impl Store {
    /// What users should know of how it is kept.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
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

/// What SQLite says, as a message for the user.
fn failure(path: &Path, error: &rusqlite::Error) -> Error {
    let extended = error.sqlite_error().map_or(0, |error| error.extended_code);
    let place = || {
        let mount = path.parent().and_then(filesystem::of);
        mount.map_or_else(String::new, |mount| format!(": the folder is on {}", mount.describe()))
    };
    let is_full = || path.parent().is_some_and(is_full);
    let path = path.display();
    match error.sqlite_error_code() {
        // Where the disk is full SQLite fails in many ways, in those of locks too.
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) if is_full() => {
            Error::user(format!("{path}: the disk is full ({error}); what was finished before is kept"))
        }
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
        Some(ErrorCode::FileLockingProtocolFailed | ErrorCode::SystemIoFailure) if LOCKS.contains(&extended) => {
            Error::user(format!(
                "{path}: locks do not work here ({error}){}; choose a folder on a disk of this machine with --results, and \
                 copy it here when the run is over",
                place()
            ))
        }
        Some(ErrorCode::SystemIoFailure) => Error::user(format!("{path}: the disk does not obey: {error}")),
        _ => Error::internal(format!("{path}: {error}")),
    }
}

/// Whether `folder` has no room for a page or two.
fn is_full(folder: &Path) -> bool {
    let probe = crate::durable::unfinished(&folder.join("room"));
    let written = std::fs::write(&probe, [0; 1 << 15]);
    let _ = std::fs::remove_file(&probe);
    written.is_err_and(|error| matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
}

/// The present time as the store writes it: RFC 3339, UTC, milliseconds.
fn now() -> String {
    timestamp(chrono::Utc::now())
}

fn timestamp(time: chrono::DateTime<chrono::Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
