//! Results out of the store: arms compared with their baselines, and runs listed, in several formats.

use std::path::Path;

use crate::manifest::{choices, glob_matches};
use crate::store::{Run, Store};
use crate::{Error, Result};

mod arms;
pub mod export;
pub mod figure;
pub mod format;
mod keys;
pub(crate) mod layout;
mod legend;
mod metric;
mod page;
mod question;
mod ranks;
pub mod runs;
mod sheet;
pub mod status;
mod test;
mod test_evidence;

pub use arms::{Arm, Comparison, Delta, Experiment, LEVEL, Pivot, Runs, Selection, Shape, Summary, compare};
pub use format::Format;
pub use keys::{Key, Only, Sort};
pub use metric::Metric;
pub use page::page;
pub use question::{MOST_RUNS, Question, RESAMPLES};
pub use test::Test;
pub use test_evidence::TestEvidence;

/// What `question` asks of the store of `results`, in `format`.
///
/// # Errors
/// A user error where there is no store, or no experiment, metric or key that is asked for.
pub fn comparison(results: &Path, question: &Question, format: &dyn Format) -> Result<String> {
    let store = Store::open_read_only(results)?;
    let selection = question.selection(&store).map_err(|error| error.at(results.display()))?;
    Ok(format.write(&compare(&selection.0, &selection.1)))
}

/// The list of runs in the store of `results`, and a word where it is empty.
///
/// # Errors
/// A user error where there is no store, or no experiment has such a name.
pub fn listing(results: &Path, filter: &runs::Filter, format: runs::ListFormat) -> Result<(String, Option<String>)> {
    let runs = Store::open_read_only(results)?.runs()?;
    let found = filter.apply(&runs).map_err(|error| error.at(results.display()))?;
    Ok((format.write(&found), filter.nothing(&runs, &found)))
}

/// Names of the experiments of `runs` that `globs` stand for: in the order of the globs, and of the
/// store within a glob; all of them where there is no glob.
///
/// # Errors
/// A user error, with the names there are, for a glob that stands for none.
pub fn select(runs: &[Run], globs: &[String]) -> Result<Vec<String>> {
    let mut names: Vec<&str> = Vec::new();
    for run in runs {
        if !names.contains(&run.experiment.as_str()) {
            names.push(&run.experiment);
        }
    }
    if names.is_empty() {
        return Err(Error::user("no experiment has runs yet; `ecgraft run` makes them"));
    }
    if globs.is_empty() {
        return Ok(names.into_iter().map(str::to_owned).collect());
    }
    let mut selected: Vec<String> = Vec::new();
    for glob in globs {
        let found: Vec<&str> = names.iter().copied().filter(|name| glob_matches(glob, name)).collect();
        if found.is_empty() {
            return Err(Error::user(format!("no experiment is called `{glob}`{}", choices(glob, names))));
        }
        for name in found {
            if !selected.iter().any(|known| known == name) {
                selected.push(name.to_owned());
            }
        }
    }
    Ok(selected)
}
