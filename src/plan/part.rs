//! Parts of a plan.

use std::collections::BTreeSet;

use super::{Plan, StageKind, TaskKind, Trial};
use crate::Result;
use crate::error::Error;

impl Plan {
    /// The part that has the stages of these indices, with all that they are grafted from, and the trials whose last stages
    /// are among them.
    pub fn part(&self, chosen: &[usize]) -> Plan {
        let mut wanted: BTreeSet<usize> = chosen.iter().copied().collect();
        let mut look: Vec<usize> = chosen.to_vec();
        while let Some(index) = look.pop() {
            look.extend(self.stages[index].inputs().iter().copied().filter(|input| wanted.insert(*input)));
        }
        let places: Vec<usize> = wanted.into_iter().collect();
        // Ascending, so that inputs still come before their users.
        let place = |index: &usize| places.binary_search(index).ok();
        let mut stages: Vec<_> = places.iter().map(|&index| self.stages[index].clone()).collect();
        for stage in &mut stages {
            if let StageKind::Transfer { grafts, .. } = &mut stage.kind {
                *grafts = grafts.iter().filter_map(place).collect();
            }
        }
        let is_chosen = |trial: &&Trial| chosen.contains(&trial.stage);
        let trials = self.trials.iter().filter(is_chosen).filter_map(|trial| {
            let stage = place(&trial.stage)?;
            Some(Trial { stage, ..trial.clone() })
        });
        Plan { trials: trials.collect(), stages, ..self.clone() }
    }

    /// The indices of all stages in the order in which they are begun: classifiers from scratch first, as every difference is
    /// from one of them, and a table of what is done says something early.
    pub fn order(&self) -> Vec<usize> {
        let is_scratch = |index: &usize| {
            let stage = &self.stages[*index];
            stage.kind.task() == TaskKind::Transfer && stage.inputs().is_empty()
        };
        let (mut first, rest): (Vec<usize>, Vec<usize>) = (0..self.stages.len()).partition(is_scratch);
        first.extend(rest);
        first
    }

    /// The indices of the stages whose ids begin with these words, each once.
    ///
    /// # Errors
    /// A user error where a word is the beginning of no id, or of several.
    pub fn stages_called(&self, words: &[String]) -> Result<Vec<usize>> {
        let mut found = BTreeSet::new();
        for word in words {
            let of: Vec<usize> =
                (0..self.stages.len()).filter(|&index| self.stages[index].id.starts_with(word.as_str())).collect();
            match of[..] {
                [index] => {
                    found.insert(index);
                }
                [] => {
                    return Err(Error::user(format!(
                        "no stage of these manifests has an id that begins with {word}; `ecgraft plan --json` lists them. \
                         An id hangs on settings and data: where it was planned on another machine, the manifests or the \
                         data here are not the same"
                    )));
                }
                _ => {
                    let ids: Vec<&str> = of.iter().take(5).map(|&index| self.stages[index].id.as_str()).collect();
                    return Err(Error::user(format!("{word} begins the ids of several stages: {}", ids.join(", "))));
                }
            }
        }
        Ok(found.into_iter().collect())
    }
}
