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

/// Bytes of a page of a shard: most of its tables are short, and an empty page of each is room.
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

/// A store that `fill` fills, as one file in its place: it is made in memory, as the place may be on a file system where
/// SQLite's locks do not work, and written at once.
fn written<T>(path: &Path, fill: impl FnOnce(&mut Store) -> Result<T>) -> Result<T> {
    let wrong = |error: std::io::Error| Error::user(format!("{} cannot be written: {error}", path.display()));
    let mut store = Store::in_memory(path, PAGE)?;
    let value = fill(&mut store)?;
    let scratch = Scratch::new().map_err(wrong)?;
    let file = scratch.path().join("shard");
    // The copy has no log, and is synced where it is put.
    let copied = store.connection.execute("VACUUM INTO ?1", [file.to_string_lossy()]);
    copied.map_err(|error| failure(path, &error))?;
    let bytes = std::fs::read(&file).map_err(wrong)?;
    durable::write(path, &bytes).map_err(wrong)?;
    Ok(value)
}
