//! What SQLite says went wrong, in words for the user.

use std::io::ErrorKind;
use std::path::Path;

use rusqlite::{ErrorCode, ffi};

use super::connection::BUSY_TIMEOUT_MS;
use super::filesystem;
use crate::error::Error;

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

/// What SQLite says, as a message for the user.
pub(super) fn failure(path: &Path, error: &rusqlite::Error) -> Error {
    let extended = error.sqlite_error().map_or(0, |error| error.extended_code);
    let place = || {
        let mount = path.parent().and_then(filesystem::mount_of);
        mount.map_or_else(String::new, |mount| format!(": the folder is on {}", mount.describe()))
    };
    let is_full = || path.parent().is_some_and(is_full);
    let path = path.display();
    if let rusqlite::Error::FromSqlConversionFailure(_, _, why) = error {
        return Error::internal(format!(
            "{path}: a value is not one that ecgraft writes: {why}; the file was changed by another program, or is damaged"
        ));
    }
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
