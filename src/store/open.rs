//! Opening a store, wherever it lies.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::Store;
use super::connection::BUSY_TIMEOUT_MS;
use super::failure::failure;
use super::filesystem::{self, Keeping};
use crate::Result;
use crate::error::Error;
use crate::results::ResultsFolder;

/// Steps from an empty file to the present schema; `user_version` counts those taken.
const MIGRATIONS: [&str; 12] = [
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
    include_str!("schema_8.sql"),
    include_str!("schema_9.sql"),
    include_str!("schema_10.sql"),
    include_str!("schema_11.sql"),
    include_str!("schema_12.sql"),
];
/// What is only for speed, and so of no version: older versions read a store that has it, and one that lacks it gets it.
const INDICES: &str = include_str!("indices.sql");
/// Memory for pages of a store that is only read, KiB: whole studies are, in another order than they lie there.
const READING_KIB: i64 = 64 * 1024;
/// Marks the file as ours: "ecgr" in ASCII.
const APPLICATION_ID: i32 = 0x6563_6772;

/// What can go wrong at opening.
enum Problem {
    Sql(rusqlite::Error),
    Said(Error),
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        Problem::Sql(error)
    }
}

impl Store {
    /// Opens `results/ecgraft.sqlite`, creating folder, file and schema where they lack.
    ///
    /// # Errors
    /// A user error where the folder cannot be written or holds another program's file, or a newer schema, and where
    /// it is on a file system whose locks do not work.
    pub fn open(results: &Path) -> Result<Store> {
        std::fs::create_dir_all(results).map_err(|error| {
            Error::user(format!(
                "{}: the results folder cannot be made: {error}; choose another with --results",
                results.display()
            ))
        })?;
        let path = ResultsFolder::new(results).store();
        let mount = filesystem::mount_of(results);
        let keeping = mount.as_ref().map_or(Keeping::Wal, filesystem::Mount::keeping);
        if let (Keeping::Refused(why), Some(mount)) = (&keeping, &mount) {
            return Err(Error::user(format!(
                "{}: the store cannot be kept here: the folder is on {}, and {why}, so that two processes could write \
                 the store at once and destroy it; choose a folder on a disk of this machine with --results, and copy it \
                 here when the run is over: a finished store can be read anywhere",
                path.display(),
                mount.describe()
            )));
        }
        let connection = Connection::open(&path).map_err(|error| failure(&path, &error))?;
        let mut store = Store { connection, path, note: None, seen: Default::default() };
        store.prepare(keeping == Keeping::Wal).map_err(|error| match error {
            Problem::Sql(error) => failure(&store.path, &error),
            Problem::Said(error) => error,
        })?;
        if !store.has_wal() {
            let place = mount.map_or_else(String::new, |mount| format!(", as it is on {}", mount.describe()));
            store.note = Some(format!("{}: the store is kept without a write-ahead log{place}", store.path.display()));
        }
        Ok(store)
    }

    /// A store in memory, of pages of so many bytes, that will be copied to `path`.
    ///
    /// # Errors
    /// Where SQLite does not obey.
    pub(super) fn in_memory(path: &Path, page: usize) -> Result<Store> {
        let wrong = |error: rusqlite::Error| failure(path, &error);
        let connection = Connection::open_in_memory().map_err(wrong)?;
        connection.pragma_update(None, "page_size", page as i64).map_err(wrong)?;
        let mut store = Store { connection, path: path.to_owned(), note: None, seen: Default::default() };
        store.migrate().map_err(|error| match error {
            Problem::Sql(error) => failure(path, &error),
            Problem::Said(error) => error,
        })?;
        Ok(store)
    }

    /// Writes without waiting for the disk from now on: a store that nobody needs after this process.
    ///
    /// # Errors
    /// Where SQLite does not obey.
    pub fn unsynced(self) -> Result<Store> {
        self.read(|connection| connection.pragma_update(None, "synchronous", "OFF"))?;
        Ok(self)
    }

    /// Opens an existing store for reading only.
    ///
    /// # Errors
    /// A user error where there is none, saying how to make one.
    pub fn open_read_only(results: &Path) -> Result<Store> {
        let path = ResultsFolder::new(results).store();
        if !path.is_file() {
            return Err(Error::user(format!(
                "{}: there are no results yet; `ecgraft run` makes them, --results DIR says where they are",
                path.display()
            )));
        }
        let (connection, version) = opened_read_only(results, &path)?;
        if version < MIGRATIONS.len() as i64 {
            // An older store is brought up to date by whoever may write it.
            drop(connection);
            return Store::open(results);
        }
        let settings = connection
            .busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))
            .and_then(|()| connection.pragma_update(None, "cache_size", -READING_KIB));
        settings.map_err(|error| failure(&path, &error))?;
        Ok(Store { connection, path, note: None, seen: Default::default() })
    }

    /// The same store by a connection that only reads, for another thread.
    ///
    /// # Errors
    /// As [`Store::open_read_only`].
    pub fn beside(&self) -> Result<Store> {
        match self.path.parent().filter(|results| ResultsFolder::new(*results).store() == self.path) {
            Some(results) => Store::open_read_only(results),
            None => Store::open_still(&self.path),
        }
    }

    /// Opens the store of `results` to watch it: as [`Store::open_read_only`], and an older one is left as it is.
    ///
    /// # Errors
    /// As there, and a user error where it is of an older schema.
    pub fn open_to_watch(results: &Path) -> Result<Store> {
        let path = ResultsFolder::new(results).store();
        if !path.is_file() {
            return Store::open_read_only(results);
        }
        let (connection, version) = opened_read_only(results, &path)?;
        Store::unchanged(connection, version, path)
    }

    /// Opens the file of a store that nobody writes to any more, such as a shard, for reading only; nothing is made beside it.
    ///
    /// # Errors
    /// Where it is no store, or one of another schema.
    pub fn open_still(path: &Path) -> Result<Store> {
        let (connection, version) = opened_as_it_stands(path)?;
        Store::unchanged(connection, version, path.to_owned())
    }

    /// A store of the present schema.
    fn unchanged(connection: Connection, version: i64, path: PathBuf) -> Result<Store> {
        if !is_present(version) {
            return Err(older(&path, version));
        }
        connection.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS)).map_err(|error| failure(&path, &error))?;
        Ok(Store { connection, path, note: None, seen: Default::default() })
    }

    /// Settings of the connection, and the schema.
    fn prepare(&mut self, wal: bool) -> std::result::Result<(), Problem> {
        self.connection.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))?;
        let alone = !wal && in_wal_mode(&self.path);
        if alone {
            // A log that was begun elsewhere is read without shared memory by who has the file alone.
            self.connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        }
        // In one transaction: another process may be making the store just now.
        let look = self.connection.transaction()?;
        let tables: i64 = look.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let application: i32 = look.pragma_query_value(None, "application_id", |row| row.get(0))?;
        look.commit()?;
        if tables > 0 && application != APPLICATION_ID {
            return Err(Problem::Said(Error::user(format!(
                "{}: this is not a store of ecgraft; move it away or choose another folder with --results",
                self.path.display()
            ))));
        }
        if !wal || self.keep_journal("WAL")? != "wal" {
            self.keep_journal("DELETE")?;
        }
        if alone {
            self.connection.pragma_update(None, "locking_mode", "NORMAL")?;
        }
        // What was told to be done is so after a loss of power too: the log, or journal and folder, are synced at
        // every commit.
        self.connection.pragma_update(None, "synchronous", if self.has_wal() { "FULL" } else { "EXTRA" })?;
        self.migrate()?;
        Ok(())
    }

    /// Sets the kind of journal and tells the kind there is. SQLite waits for nobody here, busy timeout or not, as it
    /// goes from reading to writing in one step; so this does, as long as a writer waits for another.
    fn keep_journal(&self, kind: &str) -> rusqlite::Result<String> {
        let begun = Instant::now();
        loop {
            let kept = self.connection.pragma_update_and_check(None, "journal_mode", kind, |row| row.get(0));
            match kept {
                Err(error)
                    if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                        && begun.elapsed() < Duration::from_millis(BUSY_TIMEOUT_MS) =>
                {
                    std::thread::sleep(Duration::from_millis(5));
                }
                kept => return kept,
            }
        }
    }

    /// Brings the schema up to date.
    fn migrate(&mut self) -> std::result::Result<(), Problem> {
        self.connection.pragma_update(None, "foreign_keys", false)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        check_version(&self.path, version).map_err(Problem::Said)?;
        for step in MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0)) {
            transaction.execute_batch(step)?;
        }
        if version < MIGRATIONS.len() as i64 {
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
        }
        transaction.execute_batch(INDICES)?;
        transaction.commit()?;
        self.connection.pragma_update(None, "foreign_keys", true)?;
        if version < MIGRATIONS.len() as i64 {
            self.checkpoint();
        }
        Ok(())
    }

    /// Whether it has a write-ahead log.
    fn has_wal(&self) -> bool {
        let mode = self.connection.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
        mode.is_ok_and(|mode| mode == "wal")
    }

    /// Takes what the write-ahead log holds into the store's file, as far as no reader is in the way, so that the file
    /// copied alone has it.
    pub fn checkpoint(&self) {
        self.checkpoint_as("PASSIVE");
    }

    /// As [`Store::checkpoint`], and empties the log, when nobody else is at work.
    pub fn truncate_log(&self) {
        self.checkpoint_as("TRUNCATE");
    }

    /// What is not taken over now stays in the log, and nothing is lost.
    fn checkpoint_as(&self, how: &str) {
        let wait = |ms| self.connection.busy_timeout(Duration::from_millis(ms));
        let _ = wait(200);
        let _ = self.connection.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |_| Ok(()));
        let _ = wait(BUSY_TIMEOUT_MS);
    }
}

/// The store in `results`, its file being `path`, for reading only, and the version of its schema.
pub(super) fn opened_read_only(results: &Path, path: &Path) -> Result<(Connection, i64)> {
    let keeping = filesystem::mount_of(results).map_or(Keeping::Wal, |mount| mount.keeping());
    // Where SQLite cannot make the files that readers share, nobody writes: it may be read as it stands.
    let stands_still = match keeping {
        Keeping::Wal => false,
        Keeping::Rollback => in_wal_mode(path),
        Keeping::Refused(_) => true,
    };
    let opened = if stands_still {
        as_it_stands(path)?
    } else {
        match connect(&path.to_string_lossy()) {
            Err(error) if matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)) => {
                as_it_stands(path)?
            }
            other => other,
        }
    };
    checked(path, opened)
}

/// A file that nobody writes any more, whatever its name, and the version of its schema.
pub(super) fn opened_as_it_stands(path: &Path) -> Result<(Connection, i64)> {
    checked(path, as_it_stands(path)?)
}

fn checked(path: &Path, opened: rusqlite::Result<(Connection, i64)>) -> Result<(Connection, i64)> {
    let (connection, version) = opened.map_err(|error| failure(path, &error))?;
    check_version(path, version)?;
    Ok((connection, version))
}

/// Whether a schema of this version is the present one.
pub(super) fn is_present(version: i64) -> bool {
    version == MIGRATIONS.len() as i64
}

/// Whether the file says that it is a store of ecgraft.
pub(super) fn is_ours(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(connection.pragma_query_value(None, "application_id", |row| row.get::<_, i32>(0))? == APPLICATION_ID)
}

/// A connection that only reads, and the version of the schema.
fn connect(name: &str) -> rusqlite::Result<(Connection, i64)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(name, flags)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok((connection, version))
}

/// The same where nobody writes and no lock is taken; not where a run left something beside the file that is not in
/// it yet.
fn as_it_stands(path: &Path) -> Result<rusqlite::Result<(Connection, i64)>> {
    for journal in ["-wal", "-journal"] {
        let beside = PathBuf::from(format!("{}{journal}", path.display()));
        if beside.metadata().is_ok_and(|metadata| metadata.len() > 0) {
            return Err(Error::user(format!(
                "{}: a run that is not over, or was killed, left its last results in {}, which cannot be read here; copy \
                 both to a folder on a disk of this machine that can be written, and read them there with --results",
                path.display(),
                beside.display()
            )));
        }
    }
    Ok(connect(&format!("{}?immutable=1", uri(path))))
}

/// Whether the file's header says that it has a write-ahead log (<https://sqlite.org/fileformat2.html>, 1.3.3).
fn in_wal_mode(path: &Path) -> bool {
    let mut header = [0; 20];
    File::open(path).and_then(|mut file| file.read_exact(&mut header)).is_ok() && header[18..20] == [2, 2]
}

/// The path as SQLite's URI, percent-encoded where it must be.
fn uri(path: &Path) -> String {
    let text = path.to_string_lossy();
    let absolute = if path.is_absolute() { "file://" } else { "file:" };
    let encoded = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("{absolute}{encoded}")
}

/// What is said of a store that would have to be brought up to date.
fn older(path: &Path, version: i64) -> Error {
    let how = match version {
        0 => "it is just being made, or is no store of ecgraft",
        _ => "made by an older ecgraft; `ecgraft status` brings it up to date",
    };
    Error::user(format!("{}: {how}", path.display()))
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
