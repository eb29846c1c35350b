//! Results out of the store as people and machines read them: comparisons and lists of runs in several formats, figures,
//! pages, exports, and how far a study is.

use std::path::Path;

use crate::compare::{Question, compare, select};
use crate::store::Store;
use crate::{Error, Result};

mod evidence;
mod examples;
pub mod export;
pub mod figure;
pub mod format;
pub(crate) mod layout;
mod legend;
mod page;
pub mod runs;
mod sheet;
pub mod show;
pub mod status;

pub use evidence::Kind;
pub use format::Format;
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

/// A figure of one experiment in the store of `results`; of the only one, where no name is given. What is of one run, or of
/// one arm, is of the done run whose id starts with `run`; else of the arm with the highest mean test macro AUC. What is by
/// epoch is of all runs, or of that one.
///
/// # Errors
/// A user error where there is no store, no such experiment or run or several of them, nothing to draw, or where a figure
/// of a whole experiment is asked for of one run.
pub fn plot(results: &Path, kind: Kind, experiment: Option<&str>, run: Option<&str>) -> Result<figure::Figure> {
    run.map_or(Ok(()), |_| kind.check_run())?;
    one(results, experiment, run, |_, evidence| evidence.figure(kind))
}

/// A test record of a run on ECG paper, with its true and predicted classes: the record called `record`, else the one that
/// the run judges best. The other arguments are those of [`plot`].
///
/// # Errors
/// As [`plot`], and where the records that the run was tested on are not there any more.
pub fn ecg(
    results: &Path,
    experiment: Option<&str>,
    run: Option<&str>,
    record: Option<&str>,
) -> Result<figure::Figure> {
    one(results, experiment, run, |store, evidence| {
        let name = &evidence.experiment.name;
        let examples = examples::examples(results, store, evidence, record);
        let examples = examples.map_err(|why| Error::user(format!("{name}: there is no ECG to draw: {why}")))?;
        let first = examples.figures.into_iter().next();
        first.ok_or_else(|| Error::user(format!("{name}: no record was tested")))
    })
}

/// Does `work` with what belongs to one experiment.
fn one<T>(
    results: &Path,
    experiment: Option<&str>,
    run: Option<&str>,
    work: impl FnOnce(&Store, &evidence::Evidence<'_>) -> Result<T>,
) -> Result<T> {
    let store = Store::open_read_only(results)?;
    let globs: Vec<String> = experiment.into_iter().map(str::to_owned).collect();
    let experiments = select(&store.runs()?, &globs).map_err(|error| error.at(results.display()))?;
    if experiments.len() > 1 {
        let names = experiments.join(", ");
        return Err(Error::user(format!("a figure is of one experiment; there are {names}: name one")));
    }
    let (runs, selection) = Question { experiments, ..Question::default() }.selection(&store)?;
    let compared = compare(&runs, &selection);
    let of = compared.experiments.first().ok_or_else(|| Error::internal("a selected experiment is not there"))?;
    work(&store, &evidence::Evidence::of(&store, &compared, of, &runs, run)?)
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
