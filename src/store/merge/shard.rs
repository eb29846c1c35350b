//! Writing shards.

use std::path::Path;

use super::fold::Folded;
use super::other::Other;
use super::sets::{self, SetRef};
use crate::Result;
use crate::durable::{self, Scratch};
use crate::error::Error;
use crate::results::ResultsFolder;
use crate::store::failure::failure;
use crate::store::{Store, members};

/// Bytes of a page of a shard.
const PAGE: usize = 1024;

/// Writes the shard of stage `id`, which is done in `store`, among the shards of `results`, and the sets that it names and
/// that are not there. A shard that is there is replaced.
///
/// # Errors
/// Where the store cannot be read, or a file cannot be written.
pub fn write_shard(store: &Path, id: &str, results: &ResultsFolder) -> Result<()> {
    let other = Other::store(store)?;
    let content = other.content(id)?;
    for set in &content.sets {
        write_set(&other, set, &ResultsFolder::record_set(&results.shards(), &set.sha256))?;
    }
    let folded =
        written(&results.shard(id), |store| store.folding_as(true, |folding| folding.stage(&other, &content)))?;
    match folded {
        Folded::New => Ok(()),
        other => Err(Error::internal(format!("the shard of stage {id} cannot be written: {other:?}"))),
    }
}

/// Writes a file of the recordings of one set, unless it is there.
fn write_set(other: &Other, set: &SetRef, path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let recordings = other.read(|connection| sets::members_of(connection, &set.sha256))?;
    written(path, |store| store.write(|connection| members::keep(connection, &recordings).map(drop)))
}

/// A store that `fill` fills, as one file in its place: it is made in the system's temporary folder, as the place may be
/// on a file system where SQLite's locks do not work.
fn written<T>(path: &Path, fill: impl FnOnce(&mut Store) -> Result<T>) -> Result<T> {
    let wrong = |error: std::io::Error| Error::user(format!("{} cannot be written: {error}", path.display()));
    let scratch = Scratch::new().map_err(wrong)?;
    let mut store = Store::open(scratch.path())?;
    let value = fill(&mut store)?;
    let (connection, file) = (store.connection, store.path);
    // One file, which says that it has no log; most tables of a shard are short, and an empty page of each is room.
    let packed = connection
        .pragma_update(None, "journal_mode", "DELETE")
        .and_then(|()| connection.execute_batch(&format!("PRAGMA page_size = {PAGE}; VACUUM")));
    packed.map_err(|error| failure(&file, &error))?;
    connection.close().map_err(|(_, error)| failure(&file, &error))?;
    let bytes = std::fs::read(&file).map_err(wrong)?;
    durable::write(path, &bytes).map_err(wrong)?;
    Ok(value)
}
