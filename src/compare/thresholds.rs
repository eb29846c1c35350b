//! Thresholds that are chosen on the validation records of each network, for what it predicts of its test records.

use std::collections::{BTreeSet, HashMap};

use crate::Result;
use crate::metrics::ThresholdRule;
use crate::store::Store;

/// From which probability on networks predict their classes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thresholds {
    /// How they were chosen.
    pub rule: ThresholdRule,
    /// By stage, in the order of its classes.
    by_stage: HashMap<String, Vec<f64>>,
    /// Classes of which none could be chosen somewhere, as all validation records have them or none has.
    pub unknown: BTreeSet<String>,
    /// Stages of which no validation predictions are kept, so that nothing is known of what a threshold changes.
    pub without: usize,
}

impl Thresholds {
    /// Those of these stages.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn choose(rule: ThresholdRule, store: &Store, stages: &[String]) -> Result<Self> {
        let mut found = Self { rule, ..Self::default() };
        if rule == ThresholdRule::Half {
            return Ok(found);
        }
        let validations = store.validations(stages)?;
        found.without = stages.iter().filter(|stage| !validations.contains_key(*stage)).count();
        for (stage, of) in validations {
            let (thresholds, unknown) = rule.choose_all(of.set.classes.len(), &of.probabilities, &of.set.truth);
            found.unknown.extend(unknown.into_iter().map(|class| of.set.classes[class].clone()));
            found.by_stage.insert(stage, thresholds);
        }
        Ok(found)
    }

    /// Those of a stage.
    pub(super) fn of(&self, stage: &str) -> Option<&[f64]> {
        self.by_stage.get(stage).map(Vec::as_slice)
    }
}
