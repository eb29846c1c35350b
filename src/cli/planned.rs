//! From paths on the command line to a plan of what is sound among them.

use crate::error::Error;
use crate::manifest::{self, glob_matches};
use crate::plan::{self, Plan};
use crate::{Result, run, stop};

/// How many experiments cannot be run, their problems having been told.
#[derive(Debug, Default)]
pub(super) struct Broken(usize);

impl Broken {
    /// An error that counts them, if there are any.
    pub(super) fn into_result(self, what: &str) -> Result<()> {
        match self.0 {
            0 => Ok(()),
            1 => Err(Error::user(format!("one experiment or more {what}"))),
            count => Err(Error::user(format!("{count} experiments or more {what}"))),
        }
    }
}

/// Reads the manifests, looks at their data and plans what is sound. What is not is told on standard
/// error, and does not stop the rest.
pub(super) fn planned(
    manifests: &super::Manifests,
    results: &super::Results,
    only: Option<&str>,
) -> Result<(Plan, Broken)> {
    let (mut sound, problems) = manifest::load_sound(&manifests.paths);
    if let Some(only) = only {
        let names: Vec<String> = sound.iter().map(|manifest| manifest.name.clone()).collect();
        sound.retain(|manifest| glob_matches(only, &manifest.name));
        if sound.is_empty() && !names.is_empty() {
            return Err(Error::user(format!(
                "--only {only}: no experiment has such a name; there are {}",
                names.join(", ")
            )));
        }
    }
    if sound.is_empty() {
        return problems.map_or(Ok((Plan::default(), Broken(0))), Err);
    }
    let found = run::fingerprints(sound, &results.dir);
    stop::check()?;
    for line in found.skipped.iter().chain(&found.notes) {
        eprintln!("{line}");
    }
    let mut broken = 0;
    for error in problems.iter().chain(&found.errors) {
        eprintln!("error: {error}");
        broken += 1;
    }
    if found.manifests.is_empty() && broken > 0 {
        return Err(Error::user("nothing is left to run (see above)"));
    }
    Ok((plan::expand(found.manifests, &found.fingerprints, &found.overlaps)?, Broken(broken)))
}

/// Which sources share people, a line for each two of an experiment.
pub(super) fn overlaps(plan: &Plan) -> String {
    let mut text = String::new();
    for manifest in &plan.experiments {
        for pair in plan.overlaps.get(&manifest.name).into_iter().flat_map(|shared| &shared.pairs) {
            text.push_str(&format!("{}: {}\n", manifest.name, pair.text(manifest.allow_overlap.is_some())));
        }
    }
    text
}
