//! Results out of the store as people and machines read them: comparisons and lists of runs in several formats, figures,
//! pages, exports, and how far a study is.

use std::path::Path;

use crate::Result;
use crate::compare::{Question, compare};
use crate::store::Store;

pub mod answer;
mod elsewhere;
pub mod export;
pub mod figure;
pub mod format;
pub(crate) mod layout;
mod legend;
mod page;
mod pairs;
pub mod plan;
mod regressions;
pub mod runs;
pub mod search;
mod sheet;
pub mod show;
pub mod status;
mod subgroups;

pub use format::{Format, ListFormat};
pub use page::page;

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
pub fn listing(results: &Path, filter: &runs::Filter, format: ListFormat) -> Result<(String, Option<String>)> {
    let runs = Store::open_read_only(results)?.runs()?;
    let found = filter.apply(&runs).map_err(|error| error.at(results.display()))?;
    Ok((runs::write(&found, format), filter.nothing(&runs, &found)))
}
