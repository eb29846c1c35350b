//! All that the store has of one experiment.

use super::{Input, Measured, Shown, measured};
use crate::Result;
use crate::compare::{Arm, Comparison, Experiment};
use crate::plan::TaskKind;
use crate::store::{LearningCurves, Run, StageRow, Store, TrainedStages};
use crate::words::number::percent;

/// One experiment with all that was found in the store.
#[derive(Debug)]
pub struct ExperimentResults<'a> {
    /// Its arms, compared.
    pub experiment: &'a Experiment,
    /// What its arms were compared with, and how differences were tested.
    pub comparison: &'a Comparison,
    /// Its runs, in the order of the plan.
    pub runs: Vec<&'a Run>,
    /// Learning curves of all stages.
    pub curves: LearningCurves,
    /// The stages that its runs are made of.
    pub stages: TrainedStages,
    /// The arm that is shown in detail, where one has been tested.
    pub shown: Option<Shown<'a>>,
    /// The run that was asked for: figures by epoch are of it alone.
    pub asked: Option<&'a Run>,
    /// What one regression measured of its test records, target by target.
    pub measured: Vec<Measured>,
}

impl<'a> ExperimentResults<'a> {
    /// Reads what belongs to `experiment` of `comparison`; `all` are the runs of the store. In detail is shown the run whose
    /// id starts with `run` and its arm, or the best arm by the metric that networks are judged by.
    ///
    /// # Errors
    /// Where the store cannot be read; a user error where no tested run of the experiment has such an id.
    pub fn read(
        store: &Store,
        comparison: &'a Comparison,
        experiment: &'a Experiment,
        all: &'a [Run],
        run: Option<&str>,
    ) -> Result<Self> {
        let runs: Vec<&Run> = all.iter().filter(|run| run.experiment == experiment.name).collect();
        let stages = store.stages(&experiment.name)?;
        let curves = store.learning_curves(&experiment.name)?;
        let shown = Shown::read(store, experiment, &comparison.judge(), &runs, run)?;
        let measured = measured::measured((store, &experiment.name), &stages, shown.as_ref())?;
        let asked = run.and_then(|_| shown.as_ref()?.best()).map(|(run, _)| run);
        Ok(Self { experiment, comparison, runs, curves, stages, shown, asked, measured })
    }

    /// The same of the arm of `run` alone, without learning curves.
    ///
    /// # Errors
    /// As [`ExperimentResults::read`].
    pub(crate) fn read_arm(
        store: &Store,
        comparison: &'a Comparison,
        experiment: &'a Experiment,
        all: &'a [Run],
        run: &'a Run,
    ) -> Result<Self> {
        let runs: Vec<&Run> = all.iter().filter(|run| run.experiment == experiment.name).collect();
        let stages = store.stages(&experiment.name)?;
        let shown = Shown::read(store, experiment, &comparison.judge(), &runs, Some(&run.run_id))?;
        let measured = measured::measured((store, &experiment.name), &stages, shown.as_ref())?;
        let curves = LearningCurves::new();
        Ok(Self { experiment, comparison, runs, curves, stages, shown, asked: Some(run), measured })
    }

    /// What figures of all of it are drawn from.
    pub fn input(&self) -> Input<'_> {
        let arms = self.experiment.arms.iter().collect();
        Input { results: self, name: &self.experiment.name, arms, example: None }
    }

    /// The arms by architecture and share of the labels, and what these are.
    pub fn groups(&self) -> Vec<(String, Vec<&'a Arm>)> {
        let groups = self
            .experiment
            .arms
            .chunk_by(|a, b| (&a.architecture, a.label_fraction) == (&b.architecture, b.label_fraction));
        let named = |arms: &'a [Arm]| {
            let first = arms.first()?;
            let name = format!("{}, {} of the labels", first.architecture, percent(first.label_fraction));
            Some((name, arms.iter().collect()))
        };
        groups.filter_map(named).collect()
    }

    /// The stages that are grafted, in an order that keeps together what differs in seed only.
    pub fn grafted(&self) -> Vec<&StageRow> {
        grafted(&self.stages)
    }
}

/// `qrs on synthetic`
pub(crate) fn stage_name(stage: &StageRow) -> String {
    let what = stage.task();
    stage.mix.as_ref().map_or_else(|| what.to_owned(), |mix| format!("{what} on {mix}"))
}

pub(super) fn grafted(stages: &TrainedStages) -> Vec<&StageRow> {
    let mut stages: Vec<&StageRow> = stages.by_id.values().filter(|stage| stage.kind != TaskKind::Transfer).collect();
    stages.sort_by_key(|stage| (&stage.architecture, &stage.mix, stage.target.as_deref().map(order), stage.seed));
    stages
}

/// Single targets before several.
fn order(target: &str) -> (usize, &str) {
    (target.matches('&').count(), target)
}
