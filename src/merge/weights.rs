//! The weights of stages that are folded in.

use std::path::Path;

use super::File;
use crate::error::Error;
use crate::results::ResultsFolder;
use crate::store::{Folding, Offered};
use crate::train::checkpoint::Checkpoint;
use crate::{Result, durable};

/// Where the weights of a stage are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weights {
    /// Here.
    Here,
    /// They were copied here.
    Brought,
    /// In neither place, or the stage has other ones here.
    Nowhere,
}

/// Sees to it that the weights of a stage are here, where they are anywhere.
///
/// # Errors
/// Where those that are there are not what the stage's checksum says, and where they cannot be written.
pub(super) fn bring(results: &ResultsFolder, folding: &Folding<'_>, file: &File, offered: &Offered) -> Result<Weights> {
    let own = folding.checksum(&offered.id)?;
    if own.is_some_and(|own| own != offered.weights_sha256) {
        return Ok(Weights::Nowhere);
    }
    let fits = |path: &Path| Checkpoint::read(path)?.is_of(&offered.id, offered.weights_sha256.as_deref());
    let here = results.checkpoint(&offered.id);
    let unfit = if here.exists() {
        match fits(&here) {
            Ok(()) => return Ok(Weights::Here),
            Err(why) => Some(why),
        }
    } else {
        None
    };
    let there = super::checkpoint(&file.home, offered).filter(|there| *there != here && there.exists());
    match (there, unfit) {
        (Some(there), _) => {
            fits(&there)?;
            let copied = std::fs::read(&there).and_then(|bytes| durable::write(&here, &bytes));
            let wrong =
                |error| Error::user(format!("{} cannot be copied to {}: {error}", there.display(), here.display()));
            copied.map(|()| Weights::Brought).map_err(wrong)
        }
        (None, Some(why)) => Err(why),
        (None, None) => Ok(Weights::Nowhere),
    }
}
