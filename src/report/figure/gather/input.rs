//! What one figure is drawn from.

use super::{Example, ExperimentResults};
use crate::compare::Arm;
use crate::store::PredictionsOfRun;

/// What one figure is drawn from.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// All that was found of the experiment.
    pub results: &'a ExperimentResults<'a>,
    /// What titles begin with: the name of the experiment, or of a group of its arms.
    pub name: &'a str,
    /// The arms that figures by arm show.
    pub arms: Vec<&'a Arm>,
    /// The record that figures of one show.
    pub example: Option<&'a Example>,
}

impl<'a> Input<'a> {
    /// Says that its last stage tells no classes, where it measures.
    ///
    /// # Errors
    /// Then.
    pub fn of_classes(&self) -> Result<(), String> {
        match &*self.results.comparison.targets {
            [] => Ok(()),
            targets => {
                let names: Vec<&str> = targets.iter().map(|target| target.name()).collect();
                Err(format!("its last stage measures {}, and tells no classes", names.join(" and ")))
            }
        }
    }

    /// The run that is shown alone: the title of a figure of it that is called `what`, and its predictions.
    pub fn best_run(&self, what: &str) -> Option<(String, &'a PredictionsOfRun)> {
        let shown = self.results.shown.as_ref()?;
        let (run, predictions) = shown.best()?;
        Some((format!("{}: {what}, {}, seed {}", self.name, shown.name(), run.seed), predictions))
    }
}
