//! How long stages take, from what finished ones took.

use std::collections::HashMap;

use crate::plan::TaskKind;
use crate::store::{PlannedStage, StageRow, StageStatus};

/// Seconds and costs of finished stages.
#[derive(Debug, Default)]
pub struct Pace {
    /// By kind and cost: those that differ in seed, target or what they are grafted from alone.
    alike: HashMap<(TaskKind, u64), Sum>,
    by_kind: HashMap<TaskKind, Sum>,
    all: Sum,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    stages: usize,
    seconds: f64,
    cost: f64,
}

impl Sum {
    fn add(&mut self, seconds: f64, cost: f64) {
        *self = Sum { stages: self.stages + 1, seconds: self.seconds + seconds, cost: self.cost + cost };
    }
}

impl Pace {
    /// What the finished among `stages` tell; `costs` is by stage id.
    pub fn from_finished(stages: &[PlannedStage], costs: &HashMap<String, Option<f64>>) -> Pace {
        let mut pace = Pace::default();
        for stage in stages.iter().map(|stage| &stage.row).filter(|stage| stage.status == StageStatus::Done) {
            let (Some(seconds), Some(cost)) = (stage.wall_s, cost(stage, costs)) else { continue };
            pace.alike.entry((stage.kind, cost.to_bits())).or_default().add(seconds, cost);
            pace.by_kind.entry(stage.kind).or_default().add(seconds, cost);
            pace.all.add(seconds, cost);
        }
        pace
    }

    /// Seconds that `stage` will likely take in all: the mean of those alike, else by its cost at the pace of its kind,
    /// else of all. `None` where none is finished.
    pub fn expected(&self, stage: &StageRow, costs: &HashMap<String, Option<f64>>) -> Option<f64> {
        if self.all.stages == 0 {
            return None;
        }
        match cost(stage, costs) {
            Some(cost) => self.expected_at(stage.kind, cost),
            None => Some(self.all.seconds / self.all.stages as f64),
        }
    }

    /// The same of a stage of this kind and cost.
    pub fn expected_at(&self, kind: TaskKind, cost: f64) -> Option<f64> {
        if self.all.stages == 0 {
            return None;
        }
        if let Some(sum) = self.alike.get(&(kind, cost.to_bits())) {
            return Some(sum.seconds / sum.stages as f64);
        }
        let sum = self.by_kind.get(&kind).unwrap_or(&self.all);
        Some(sum.seconds / sum.cost * cost)
    }
}

fn cost(stage: &StageRow, costs: &HashMap<String, Option<f64>>) -> Option<f64> {
    costs.get(&stage.stage_id).copied().flatten().filter(|cost| cost.is_finite() && *cost > 0.0)
}
