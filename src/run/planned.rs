//! From paths to a plan of what is sound among the manifests there.

use std::path::PathBuf;

use super::fingerprints;
use crate::error::Error;
use crate::manifest::{self, glob_matches};
use crate::metrics::with_known_metrics;
use crate::plan::{self, Plan};
use crate::results::ResultsFolder;
use crate::{Result, stop};

/// What can be run of some manifests.
#[derive(Debug, Default)]
pub struct Planned {
    /// What is sound among them.
    pub plan: Plan,
    /// How many problems others have, which were told.
    pub broken: usize,
}

impl Planned {
    /// An error that counts what is broken, if anything is, and says `what` of it.
    ///
    /// # Errors
    /// A user error where a manifest, or its data, is not sound.
    pub fn into_result(self, what: &str) -> Result<()> {
        match self.broken {
            0 => Ok(()),
            1 => Err(Error::user(format!("one experiment or more {what}"))),
            count => Err(Error::user(format!("{count} experiments or more {what}"))),
        }
    }
}

/// Reads the manifests at `paths`, of them those whose name the glob `only` stands for, looks at their data, of which
/// `results` keeps what it found, and plans what is sound. What is not is told, line by line, and does not stop the rest.
///
/// # Errors
/// A user error where nothing is sound, or no manifest has a name that is asked for.
pub fn plan_manifests(
    paths: &[PathBuf],
    results: &ResultsFolder,
    only: Option<&str>,
    tell: &mut dyn FnMut(&str),
) -> Result<Planned> {
    let (mut sound, problems) = manifest::load_sound(paths);
    if let Some(only) = only {
        let mut names: Vec<String> = sound.iter().map(|manifest| manifest.name.clone()).collect();
        names.dedup();
        sound.retain(|manifest| glob_matches(only, &manifest.name));
        if sound.is_empty() && !names.is_empty() {
            return Err(Error::user(format!(
                "--only {only}: no experiment has such a name; there are {}",
                names.join(", ")
            )));
        }
    }
    if sound.is_empty() {
        return problems.map_or(Ok(Planned::default()), Err);
    }
    let (sound, unknown) = with_known_metrics(sound);
    let found = fingerprints(sound, results);
    stop::check()?;
    found.skipped.iter().chain(&found.notes).for_each(|line| tell(line));
    let mut broken = 0;
    for error in problems.iter().chain(&unknown).chain(&found.errors) {
        tell(&format!("error: {error}"));
        broken += 1;
    }
    if found.manifests.is_empty() && broken > 0 {
        return Err(Error::user("nothing is left to run (see above)"));
    }
    Ok(Planned { plan: plan::expand(found.manifests, &found.fingerprints, &found.overlaps)?, broken })
}
