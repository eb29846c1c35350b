//! One figure of one experiment, out of the store.

use std::path::Path;

use super::{Drawing, ExperimentResults, Figure, Scope, Section, examples, names_of};
use crate::compare::{Key, Question, compare, experiments};
use crate::store::Store;
use crate::{Error, Result};

/// What a figure is asked for of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// The experiment, by its name; the only one there is where there is none.
    pub experiment: Option<&'a str>,
    /// The run whose id starts so; without it all runs, or the best of the arm with the highest mean test macro AUC.
    pub run: Option<&'a str>,
    /// The test record; without it the one that the run judges best.
    pub record: Option<&'a str>,
    /// What each arm is compared with, as [`Question::baseline`] has it.
    pub baseline: &'a [String],
    /// The key along which every two arms are compared, as [`Question::against`] has it.
    pub against: Option<Key>,
}

impl Subject<'_> {
    /// Refuses what the figure is not of.
    ///
    /// # Errors
    /// A user error that says of what the figure is.
    fn check(&self, figure: &dyn Figure) -> Result<()> {
        if self.record.is_some() && figure.scope() != Scope::Record {
            let names = names_of(|figure| figure.scope() == Scope::Record);
            return Err(Error::user(format!("--record is for `ecgraft plot {names}`")));
        }
        let names_other = !self.baseline.is_empty() || self.against.is_some();
        if names_other && figure.section() != Some(Section::Differences) {
            let names = names_of(|figure| figure.section() == Some(Section::Differences));
            return Err(Error::user(format!("--baseline and --against are for `ecgraft plot {names}`")));
        }
        match (self.run, figure.scope()) {
            (Some(_), Scope::Experiment(what)) => Err(Error::user(format!(
                "--run: {} has {what}, and none of one run; leave it out, or draw another figure",
                figure.name()
            ))),
            _ => Ok(()),
        }
    }
}

/// A figure of `subject` in the store of `results`.
///
/// # Errors
/// A user error where there is no store, no such experiment, run or record, or several of them, nothing to draw, where a
/// figure of a whole experiment is asked for of one run, or the records that a run was tested on are not there any more.
pub fn plot(results: &Path, figure: &dyn Figure, subject: &Subject<'_>) -> Result<Drawing> {
    subject.check(figure)?;
    let store = Store::open_read_only(results)?;
    let globs: Vec<String> = subject.experiment.into_iter().map(str::to_owned).collect();
    let experiments = experiments(&store, &globs).map_err(|error| error.at(results.display()))?;
    if experiments.len() > 1 {
        let names = experiments.join(", ");
        return Err(Error::user(format!("a figure is of one experiment; there are {names}: name one")));
    }
    let (baseline, against) = (subject.baseline.to_vec(), subject.against);
    let question = Question { experiments, baseline, against, ..Question::default() };
    let (runs, selection) = question.selection(&store)?;
    let comparison = compare(&runs, &selection);
    let experiment = comparison.experiments.first();
    let experiment = experiment.ok_or_else(|| Error::internal("a selected experiment is not there"))?;
    let found = ExperimentResults::read(&store, &comparison, experiment, &runs, subject.run)?;
    let missing = |why: String| Error::user(format!("{}: {why}", experiment.name));
    let chosen = match figure.scope() {
        Scope::Record => {
            examples(results, &store, &found, subject.record)
                .map_err(|why| missing(format!("there is no ECG to draw: {why}")))?
                .records
        }
        _ => Vec::new(),
    };
    let mut input = found.input();
    input.example = chosen.first();
    figure.draw(&input).map_err(missing)
}
