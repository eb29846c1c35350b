//! The weights that stages start from: those that are not what was saved are as good as deleted, and made again.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::{Shared, elsewhere, lock, pool};
use crate::error::Error;
use crate::plan::{Plan, Stage};
use crate::results::ResultsFolder;
use crate::store::{StageStatus, Store};
use crate::train::checkpoint::Checkpoint;
use crate::{Result, stop};

/// A stage whose weights do not fit so often in one run is on a disk that does not keep what is written.
const MADE_AGAIN: usize = 3;

/// The weights of `stage`, if they are what the store says it ended with.
///
/// # Errors
/// A user error that says what does not fit.
pub(super) fn read(results: &ResultsFolder, stage: &Stage, weights_sha256: Option<&str>) -> Result<Checkpoint> {
    let checkpoint = Checkpoint::read(&results.checkpoint(&stage.id))?;
    checkpoint.is_of(&stage.id, weights_sha256)?;
    Ok(checkpoint)
}

/// Indices of the stages of the plan that are done. One whose weights do not fit, while a stage that is to be trained or
/// an evaluation needs them, is not; it is forgotten, and that is told. Weights that nobody needs are not read.
pub(super) fn done(shared: &Shared<'_>, store: &mut Store) -> Result<Vec<usize>> {
    let Shared { plan, options, progress, .. } = *shared;
    let statuses = store.statuses()?;
    let checksums = store.checksums()?;
    let is_done = |index: usize| statuses.get(&plan.stages[index].id) == Some(&StageStatus::Done);
    let pending = (0..plan.stages.len()).filter(|&index| !is_done(index) && options.wants(&plan.stages[index].id));
    let donors = pending.flat_map(|index| plan.stages[index].inputs().iter().copied());
    let needed: BTreeSet<usize> = donors.chain(elsewhere::pending(plan, store)?).collect();
    let needed: Vec<usize> = needed.into_iter().filter(|&donor| is_done(donor)).collect();
    let look = |&donor: &usize| {
        let stage = &plan.stages[donor];
        let sha256 = checksums.get(&stage.id).and_then(Option::as_deref);
        let error = if stop::asked() { None } else { read(&options.results, stage, sha256).err() };
        error.map(|error| (donor, error))
    };
    let unfit: Vec<(usize, Error)> = pool(options.threads)?.install(|| needed.par_iter().filter_map(look).collect());
    stop::check()?;
    if let Some((donor, error)) = unfit.iter().find(|(donor, _)| !options.wants(&plan.stages[*donor].id)) {
        return Err(not_here(error.clone(), &plan.stages[*donor]));
    }
    for (donor, error) in &unfit {
        store.forget(&plan.stages[*donor].id)?;
        progress.message(&again(plan, *donor, error));
    }
    let is_unfit = |index: &usize| unfit.iter().any(|(donor, _)| donor == index);
    Ok((0..plan.stages.len()).filter(|index| is_done(*index) && !is_unfit(index)).collect())
}

/// Whether the weights that stage `index` starts from fit. Those that do not are forgotten, so that they are made again
/// before it is claimed once more, and that is told.
///
/// # Errors
/// Where the store cannot be used, and where weights do not fit again and again.
pub(super) fn fit(shared: &Shared<'_>, store: &mut Store, index: usize) -> Result<bool> {
    let plan = shared.plan;
    let mut all = true;
    for &donor in plan.stages[index].inputs() {
        let stage = &plan.stages[donor];
        let Some(sha256) = store.checksum(&stage.id)? else {
            // Another worker has just forgotten it.
            all = false;
            continue;
        };
        let Err(error) = read(&shared.options.results, stage, sha256.as_deref()) else {
            lock(&shared.checksums).extend(sha256.map(|sha256| (donor, sha256)));
            continue;
        };
        if !shared.options.wants(&stage.id) {
            return Err(not_here(error, stage));
        }
        let mut again_and_again = lock(&shared.made_again);
        again_and_again.push(donor);
        if again_and_again.iter().filter(|known| **known == donor).count() > MADE_AGAIN {
            return Err(
                error.at("weights that were made again do not fit once more; does the disk keep what is written?")
            );
        }
        drop(again_and_again);
        store.forget(&stage.id)?;
        shared.progress.message(&again(plan, donor, &error));
        all = false;
    }
    Ok(all)
}

/// What is said where a stage is not among those that are trained here.
fn not_here(error: Error, stage: &Stage) -> Error {
    Error { message: format!("{}; `ecgraft run-stage {}` makes them again", error.message, stage.id), ..error }
}

fn again(plan: &Plan, donor: usize, error: &Error) -> String {
    format!("{error}; its stage is trained again: {}", plan.stages[donor].describe(plan))
}
