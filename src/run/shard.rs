//! Stages that are trained without the shared store: what they are grafted from is read from shards, and a shard is
//! written of each.

use std::collections::BTreeSet;

use super::{Options, Shared, Summary, elsewhere, prepared, run};
use crate::durable::Scratch;
use crate::error::Error;
use crate::plan::{Plan, Stage};
use crate::progress::Progress;
use crate::results::ResultsFolder;
use crate::store::{Content, Folded, Other, Store, write_shard};
use crate::train::checkpoint::Checkpoint;
use crate::{Result, stop};

/// Trains the stages of these indices of `plan`, unless their shards are there, and writes a shard of each as soon as it is
/// done. The store of `options.results` is not opened. What they are grafted from is trained too where it is among them;
/// of the rest there must be shards.
///
/// # Errors
/// As [`run`], and a user error where there is no shard of a stage that one is grafted from.
pub fn run_stages(plan: &Plan, chosen: &[usize], options: &Options) -> Result<Summary> {
    let results = &options.results;
    let (mut todo, mut found, mut told) = (Vec::new(), 0, Vec::new());
    for &index in chosen {
        stop::check()?;
        let stage = &plan.stages[index];
        match proved(results, stage) {
            Ok(Some(_)) => found += 1,
            Ok(None) => todo.push(index),
            Err(error) => {
                told.push(format!("{error}; it is trained again: {}", stage.describe(plan)));
                todo.push(index);
            }
        }
    }
    if todo.is_empty() {
        return Ok(Summary { found, ..Summary::default() });
    }
    let only: BTreeSet<String> = todo.iter().map(|&index| plan.stages[index].id.clone()).collect();
    let part = plan.part(&todo);
    let scratch = Scratch::new()
        .map_err(|error| Error::user(format!("the system's temporary folder cannot be used: {error}")))?;
    take_donors(&part, &only, results, &scratch)?;
    prepared::take(&part, results);
    let progress = Progress::new(part.stages.len(), &super::costs(&part));
    told.iter().for_each(|line| progress.message(line));
    let own = results.clone().with_store(scratch.path());
    let summary = run(&part, &Options { results: own, only: Some(only), ..options.clone() }, &progress);
    prepared::give(&part, results);
    let summary = summary?;
    Ok(Summary { found, ..summary })
}

/// What the shard of `stage` has, if there is one, and it and the weights are what they say.
///
/// # Errors
/// What is wrong with one that is there.
fn proved(results: &ResultsFolder, stage: &Stage) -> Result<Option<(Other, Content)>> {
    let path = results.shard(&stage.id);
    if !path.exists() {
        return Ok(None);
    }
    let other = Other::shard(&path)?;
    let content = other.content(&stage.id)?;
    content.check()?;
    Checkpoint::read(&results.checkpoint(&stage.id))?.is_of(&stage.id, content.weights_sha256())?;
    Ok(Some((other, content)))
}

/// Takes what is not trained here from its shards.
fn take_donors(part: &Plan, only: &BTreeSet<String>, results: &ResultsFolder, scratch: &Scratch) -> Result<()> {
    let mut store = Store::open(scratch.path())?.unsynced()?;
    store.register(part)?;
    for stage in part.stages.iter().filter(|stage| !only.contains(&stage.id)) {
        let again = format!("train it with `ecgraft run-stage {}`", stage.id);
        let label = stage.describe(part);
        let Some((other, content)) = proved(results, stage).map_err(|error| error.at(format!("{label}: {again}")))?
        else {
            return Err(Error::user(format!(
                "{} is needed here, and there is no shard of it in {} ({label}): {again}, or plan again where the store is",
                stage.id,
                results.shards().display()
            )));
        };
        match store.folding(|folding| folding.stage(&other, &content))? {
            Folded::New | Folded::Known => {}
            Folded::Waits(input) => {
                return Err(Error::user(format!(
                    "{label}: there is no shard of stage {input}, which it was grafted from"
                )));
            }
            Folded::Refused(why) => return Err(Error::user(why)),
        }
    }
    Ok(())
}

/// Writes the shard of stage `index`, which is done in this process's own store, with what it is worth elsewhere.
pub(super) fn write(shared: &Shared<'_>, store: &mut Store, index: usize) -> Result<()> {
    elsewhere::evaluate_one(shared, store, index)?;
    let results = &shared.options.results;
    write_shard(results.store_folder(), &shared.plan.stages[index].id, results)
}

/// Writes the shards of stages that are done in the store of `results`, that others of `todo` are grafted from, and of which
/// there are none: workers do not open the store. How many it wrote.
///
/// # Errors
/// Where the store cannot be read, or a shard cannot be written.
pub fn write_donors(plan: &Plan, todo: &[usize], results: &ResultsFolder) -> Result<usize> {
    let store = Store::open_read_only(results.path())?;
    let done = store.checksums()?;
    let todo = todo.iter().filter(|&&index| !done.contains_key(&plan.stages[index].id));
    let donors: BTreeSet<usize> = todo.flat_map(|&index| plan.stages[index].inputs().iter().copied()).collect();
    let mut written = 0;
    for index in donors {
        let id = &plan.stages[index].id;
        if done.contains_key(id) && !results.shard(id).exists() {
            write_shard(results.path(), id, results)?;
            written += 1;
        }
    }
    Ok(written)
}
