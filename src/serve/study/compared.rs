//! The comparison so far.

use chrono::{DateTime, Utc};

use crate::compare::{Arm, Comparison, Experiment, Question, compare};
use crate::error::Blame;
use crate::report::page::{Html, is_of_arm, so_far};
use crate::results::ResultsFolder;
use crate::store::{Run, Store};
use crate::{Error, Result};

/// What `ecgraft compare` says of the experiments, and the tables that show it.
#[derive(Debug, Default)]
pub(in crate::serve) struct Compared {
    /// Counts them.
    pub number: u64,
    /// When it was begun.
    pub at: DateTime<Utc>,
    /// Runs and comparison of each kind of experiments: those that classify, those that measure the same.
    pub kinds: Vec<(Vec<Run>, Comparison)>,
    /// Tables, by experiment.
    pub tables: Vec<Table>,
    /// Whether the store could be read.
    pub is_whole: bool,
    /// What cannot be compared, and why.
    pub left_out: Vec<String>,
}

/// The tables of one experiment.
#[derive(Debug)]
pub(in crate::serve) struct Table {
    pub experiment: String,
    pub done: usize,
    pub planned: usize,
    pub html: String,
}

impl Compared {
    /// What is to be said of the experiments called `names` now.
    pub fn read(results: &ResultsFolder, names: &[String], number: u64) -> Self {
        let mut compared = Self { number, at: Utc::now(), ..Self::default() };
        match compared.fill(results, names) {
            Ok(()) => compared.is_whole = true,
            Err(error) => compared.left_out.push(error.message),
        }
        compared
    }

    fn fill(&mut self, results: &ResultsFolder, names: &[String]) -> Result<()> {
        let store = Store::open_to_watch(results.path())?;
        let question = Question { experiments: names.to_vec(), ..Question::default() };
        for question in question.apart(&store)? {
            match question.selection(&store) {
                Ok((runs, selection)) => {
                    let comparison = compare(&runs, &selection);
                    self.kinds.push((runs, comparison));
                }
                Err(Error { blame: Blame::User, message }) => {
                    self.left_out.push(format!("{}: {message}", question.experiments.join(", ")));
                }
                Err(error) => return Err(error),
            }
        }
        let experiments = self.kinds.iter().flat_map(|(runs, comparison)| {
            comparison.experiments.iter().map(move |experiment| table(runs, comparison, experiment))
        });
        self.tables = experiments.collect();
        Ok(())
    }

    /// The arm that `run`, by its id, is a seed of, and what it is compared with.
    pub fn arm_of(&self, run_id: &str) -> Option<(&[Run], &Comparison, &Experiment, &Arm)> {
        self.kinds.iter().find_map(|(runs, comparison)| {
            let run = runs.iter().find(|run| run.run_id == run_id)?;
            let experiment = comparison.experiments.iter().find(|experiment| experiment.name == run.experiment)?;
            let arm = experiment.arms.iter().find(|arm| is_of_arm(run, experiment, arm))?;
            Some((runs.as_slice(), comparison, experiment, arm))
        })
    }
}

/// The tables of an experiment, each arm with a link to its page: that of its first run.
fn table(runs: &[Run], comparison: &Comparison, experiment: &Experiment) -> Table {
    let mut html = Html::default();
    let link = |arm: &Arm| {
        let run = runs.iter().find(|run| is_of_arm(run, experiment, arm))?;
        Some(format!("/arm/{}", run.run_id))
    };
    so_far(&mut html, comparison, experiment, &link);
    Table {
        experiment: experiment.name.clone(),
        done: experiment.runs.done,
        planned: experiment.runs.planned,
        html: html.0,
    }
}
