//! Results out of the store as people and machines read them: comparisons and lists of runs in several formats, figures,
//! pages, exports, and how far a study is.

use std::path::Path;

use crate::compare::{Question, compare};
use crate::error::Blame;
use crate::store::Store;
use crate::{Error, Result};

pub mod answer;
mod elsewhere;
pub mod export;
pub mod figure;
mod floors;
pub mod format;
pub(crate) mod layout;
mod legend;
pub(crate) mod page;
mod pairs;
pub mod plan;
mod regressions;
pub mod runs;
pub mod search;
mod sheet;
pub mod show;
pub mod slurm;
pub mod status;
mod subgroups;

pub use format::{Format, ListFormat};
pub use page::page;

/// What `question` asks of the store of `results`, in `format`: experiments that classify, and those that measure the same
/// targets, each kind by itself.
///
/// # Errors
/// A user error where there is no store, or no experiment, metric or key that is asked for.
pub fn comparison(results: &Path, question: &Question, format: &dyn Format) -> Result<String> {
    let store = Store::open_read_only(results)?;
    let kinds = question.apart(&store).map_err(|error| error.at(results.display()))?;
    if let ([first, second, ..], true) = (&*kinds, format.is_one_table()) {
        return Err(Error::user(format!(
            "{} and {} are not of one kind, classes or the same measured targets, so that one table cannot have both; name \
             experiments of one kind",
            first.experiments[0], second.experiments[0]
        )));
    }
    let (mut texts, mut left_out) = (Vec::new(), Vec::new());
    for question in &kinds {
        match question.selection(&store) {
            Ok((runs, selection)) => texts.push(format.write(&compare(&runs, &selection))),
            Err(error) if error.blame == Blame::User => left_out.push((question, error)),
            Err(error) => return Err(error.at(results.display())),
        }
    }
    // What is asked may be of one kind alone.
    if let (Some((_, error)), true) = (left_out.first(), texts.is_empty()) {
        return Err(error.clone().at(results.display()));
    }
    let told = |(question, error): &(&Question, Error)| {
        format!("Left out: {}, as {}.\n", question.experiments.join(", "), error.message)
    };
    texts.extend(left_out.iter().map(told));
    Ok(texts.join("\n"))
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
