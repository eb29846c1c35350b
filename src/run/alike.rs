//! Stages that differ in seed and donors only, of which millions may come down to a few.

use std::collections::HashMap;

use crate::manifest::Freeze;
use crate::plan::{Plan, Stage, StageKind, TaskKind};

/// What decides the cost and the memory of a stage.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Alike<'a> {
    experiment: usize,
    architecture: &'static str,
    task: TaskKind,
    mix: Option<&'a str>,
    backbones: usize,
    /// Whether all blocks hold still to the end.
    probe: bool,
    label_fraction: u64,
}

impl<'a> Alike<'a> {
    fn of(plan: &Plan, stage: &'a Stage) -> Self {
        let (backbones, probe, label_fraction) = match &stage.kind {
            StageKind::Transfer { backbones, freeze, label_fraction, .. } => {
                let freezes = &plan.experiments[stage.experiment].freezes;
                let probe = freeze.and_then(|name| freezes.get(name)).is_some_and(Freeze::freezes_all);
                (*backbones, probe, label_fraction.to_bits())
            }
            _ => (1, false, 0),
        };
        Self {
            experiment: stage.experiment,
            architecture: stage.architecture,
            task: stage.kind.task(),
            mix: stage.mix(),
            backbones,
            probe,
            label_fraction,
        }
    }
}

/// A value for each stage of a plan, kept once for those that are alike.
#[derive(Debug)]
pub(super) struct PerStage<T> {
    values: Vec<T>,
    /// Of each stage, which of the values.
    places: Vec<u32>,
}

impl<T> PerStage<T> {
    /// What `find` says of the first stage of each kind.
    pub fn of(plan: &Plan, mut find: impl FnMut(&Stage) -> T) -> Self {
        let (mut values, mut known, mut last) = (Vec::new(), HashMap::new(), None);
        let mut places = Vec::with_capacity(plan.stages.len());
        for stage in &plan.stages {
            let alike = Alike::of(plan, stage);
            // Seeds of one arm come one after the other.
            let place = match &last {
                Some((of, place)) if *of == alike => *place,
                _ => *known.entry(alike.clone()).or_insert_with(|| {
                    values.push(find(stage));
                    values.len() as u32 - 1
                }),
            };
            places.push(place);
            last = Some((alike, place));
        }
        Self { values, places }
    }

    /// The value of each stage, by index.
    pub fn map<U: Copy>(&self, of: impl Fn(&T) -> U) -> Vec<U> {
        let values: Vec<U> = self.values.iter().map(of).collect();
        self.places.iter().map(|place| values[*place as usize]).collect()
    }
}

impl<T> std::ops::Index<usize> for PerStage<T> {
    type Output = T;

    fn index(&self, stage: usize) -> &T {
        &self.values[self.places[stage] as usize]
    }
}
