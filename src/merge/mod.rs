//! What shards and other results folders found, folded into one store: in any order, any number of times.
//!
//! A stage is folded in when those that it was grafted from are there, its weights first: whoever reads its row finds its
//! file. What differs from what is there is refused and named with both sides, and the rest goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::error::Error;
use crate::plan::Plan;
use crate::results::ResultsFolder;
use crate::store::{Content, Folded, Folding, Offered, Other, Store};
use crate::{Result, stop};

mod files;
mod summary;
mod weights;

use files::File;
use weights::Weights;

/// Files, or stages of one file, that are folded in one transaction.
const BATCH: usize = 128;
/// How long nothing is said while files are folded.
const SILENCE: Duration = Duration::from_secs(5);

/// What was folded, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Files that were read.
    pub files: usize,
    /// Stages that are new here, and those that were here with the same bits.
    pub stages: [usize; 2],
    /// Runs that are new here.
    pub runs: usize,
    /// Checkpoints that were copied here.
    pub weights: usize,
    /// Stages whose weights are in neither place.
    pub without_weights: usize,
    /// What could not be read or was refused, in sentences: file, stage, why.
    pub refused: Vec<String>,
    /// Stages that wait for one that they were grafted from, and the file; by the stage they wait for.
    pub waiting: BTreeMap<String, Vec<String>>,
    /// Experiments of which another manifest is here.
    pub other_manifests: BTreeSet<String>,
}

/// Folds what is at `paths` into the store of `results`: shards, folders of shards, and results folders of others.
/// `tell` is told how far it is, now and then.
///
/// # Errors
/// Where the store cannot be written, nothing is at a path, or the user asked to stop: what was folded before is kept.
/// What cannot be folded is no error: see [`Found::refused`].
pub fn merge(paths: &[PathBuf], results: &ResultsFolder, tell: &mut dyn FnMut(&str)) -> Result<Found> {
    let files = files::at(paths, results)?;
    let mut store = Store::open(results.path())?;
    store.note().iter().for_each(|note| tell(note));
    let mut merging = Merging { results, found: Found::default(), waiting: Vec::new() };
    merging.found.files = files.len();
    let mut pending = files;
    let mut before = usize::MAX;
    // Those that waited for one that came later are tried again, until nothing moves any more.
    while !pending.is_empty() {
        merging.found.waiting.clear();
        merging.all(&mut store, &pending, tell)?;
        let waiting: usize = merging.found.waiting.values().map(Vec::len).sum();
        let still = waiting == before;
        before = waiting;
        pending = std::mem::take(&mut merging.waiting);
        if still {
            break;
        }
    }
    store.truncate_log();
    Ok(merging.found)
}

/// Folds in the shards of stages of `plan` that the store of `results` does not have, so that they are not trained again.
///
/// # Errors
/// As [`merge`].
pub fn fold_in_shards(plan: &Plan, results: &ResultsFolder, tell: &mut dyn FnMut(&str)) -> Result<()> {
    let shards = plan.stages.iter().map(|stage| (&stage.id, results.shard(&stage.id)));
    let mut shards: Vec<_> = if results.shards().is_dir() { shards.collect() } else { Vec::new() };
    shards.retain(|(_, path)| path.exists());
    if !shards.is_empty() && results.store().exists() {
        let done = Store::open_read_only(results.path())?.checksums()?;
        shards.retain(|(id, _)| !done.contains_key(*id));
    }
    if shards.is_empty() {
        return Ok(());
    }
    let paths: Vec<PathBuf> = shards.into_iter().map(|(_, path)| path).collect();
    let found = merge(&paths, results, tell)?;
    tell(&format!("shards: {}", found.summary().trim_end()));
    // What cannot be taken from shards is trained here.
    found.into_result().unwrap_or_else(|error| tell(&error.message));
    Ok(())
}

struct Merging<'a> {
    results: &'a ResultsFolder,
    found: Found,
    /// Files with stages that wait for others.
    waiting: Vec<File>,
}

/// A stage as a file has it.
type Read = (Offered, Result<Content>);

impl Merging<'_> {
    fn all(&mut self, store: &mut Store, files: &[File], tell: &mut dyn FnMut(&str)) -> Result<()> {
        let (begun, mut told) = (Instant::now(), Instant::now());
        let mut done = 0;
        for batch in files.chunks(BATCH) {
            stop::check()?;
            let read: Vec<(&File, Result<(Other, Vec<Read>)>)> =
                batch.par_iter().map(|file| (file, if file.is_store { open(file) } else { whole(file) })).collect();
            let mut stores = Vec::new();
            store.folding(|folding| {
                for (file, read) in read {
                    match read {
                        Err(error) => self.found.refused.push(error.message),
                        Ok(own) if file.is_store => stores.push((file, own)),
                        Ok((other, stages)) => self.file(folding, file, &other, stages)?,
                    }
                }
                self.count(folding);
                Ok(())
            })?;
            for (file, (other, stages)) in stores {
                self.store(store, file, &other, stages)?;
            }
            done += batch.len();
            if told.elapsed() >= SILENCE && done < files.len() {
                told = Instant::now();
                let left = begun.elapsed().mul_f64((files.len() - done) as f64 / done as f64);
                tell(&format!("{done} of {} files, about {:.0} s left", files.len(), left.as_secs_f64()));
            }
        }
        Ok(())
    }

    fn count(&mut self, folding: &mut Folding<'_>) {
        self.found.runs += folding.runs;
        self.found.other_manifests.append(&mut folding.other_manifests);
    }

    /// The stages of another store, some at a time, those that others were grafted from first.
    fn store(&mut self, store: &mut Store, file: &File, other: &Other, stages: Vec<Read>) -> Result<()> {
        let mut offers: Vec<Offered> = stages.into_iter().map(|(offered, _)| offered).collect();
        offers.sort_by_key(|offered| !offered.inputs.is_empty());
        for some in offers.chunks(BATCH) {
            stop::check()?;
            store.folding(|folding| {
                let read = some.iter().map(|offered| (offered.clone(), other.content(&offered.id))).collect();
                self.file(folding, file, other, read)?;
                self.count(folding);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The stages of one file.
    fn file(&mut self, folding: &mut Folding<'_>, file: &File, other: &Other, stages: Vec<Read>) -> Result<()> {
        let mut waits = Vec::new();
        for (offered, content) in stages {
            let content = match content {
                Ok(content) => content,
                Err(error) => {
                    self.found.refused.push(error.message);
                    continue;
                }
            };
            // Before its weights are copied.
            if folding.checksum(&offered.id)?.is_none()
                && let Err(error) = content.check()
            {
                self.found.refused.push(error.message);
                continue;
            }
            let weights = match weights::bring(self.results, folding, file, &offered) {
                Ok(weights) => weights,
                Err(error) => {
                    let text = format!("{}: {}: {error}", other.path().display(), content.label());
                    self.found.refused.push(text);
                    continue;
                }
            };
            match folding.stage(other, &content)? {
                Folded::New => self.found.stages[0] += 1,
                Folded::Known => self.found.stages[1] += 1,
                Folded::Waits(input) => {
                    let text = format!("{} of {}", content.label(), other.path().display());
                    self.found.waiting.entry(input).or_default().push(text);
                    waits.push(offered.id);
                    continue;
                }
                Folded::Refused(why) => {
                    self.found.refused.push(why);
                    continue;
                }
            }
            self.found.weights += usize::from(weights == Weights::Brought);
            self.found.without_weights += usize::from(weights == Weights::Nowhere && offered.checkpoint.is_some());
        }
        if !waits.is_empty() {
            self.waiting.push(file.only(waits));
        }
        Ok(())
    }
}

/// A file and the stages that it offers, not yet read.
fn open(file: &File) -> Result<(Other, Vec<Read>)> {
    let other = Other::store(&file.home)?;
    let unread = || Err(Error::internal("a stage was not read"));
    let offers = file.offers(&other)?.into_iter().map(|offered| (offered, unread())).collect();
    Ok((other, offers))
}

/// A shard with all that is in it.
fn whole(file: &File) -> Result<(Other, Vec<Read>)> {
    let other = Other::shard(&file.path)?;
    let offers = file.offers(&other)?;
    if offers.is_empty() {
        return Err(Error::user(format!("{}: there is no finished stage in it", file.path.display())));
    }
    let read = offers.into_iter().map(|offered| (offered.clone(), other.content(&offered.id))).collect();
    Ok((other, read))
}

/// Where a file's checkpoints are.
fn checkpoint(home: &Path, offered: &Offered) -> Option<PathBuf> {
    offered.checkpoint.as_ref().map(|place| home.join(place))
}
