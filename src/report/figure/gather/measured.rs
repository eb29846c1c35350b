//! What regressions measured of their test records.

use super::Shown;
use super::results::{grafted, stage_name};
use crate::Result;
use crate::manifest::Target;
use crate::store::{MeasuredTarget, StageRow, Store, TrainedStages};

/// One target as a regression measured it on its test records.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What was measured.
    pub target: Target,
    /// The network: `qrs on synthetic (cnn, seed 0)`.
    pub network: String,
    /// Truth and measured value of each record, in the target's unit: bpm or ms.
    pub pairs: Vec<(f64, f64)>,
}

/// What was measured of each target by the first regression that has values of it: of the grafts of the run that is shown
/// alone; where none of them has any, of all regressions, the lowest seed first.
pub(super) fn measured(store: &Store, stages: &TrainedStages, shown: Option<&Shown<'_>>) -> Result<Vec<Measured>> {
    let best = shown.and_then(Shown::best).and_then(|(run, _)| stages.grafts.get(&run.stage_id));
    let own: Vec<&StageRow> = best.into_iter().flatten().filter_map(|id| stages.by_id.get(id)).collect();
    let mut all = grafted(stages);
    all.sort_by_key(|stage| stage.seed);
    for candidates in [own, all] {
        let mut found: Vec<Measured> = Vec::new();
        for stage in candidates {
            add(store, stage, stages.test_errors(&stage.stage_id), &mut found)?;
        }
        if !found.is_empty() {
            found.sort_by_key(|of| of.target);
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// Adds to `found` what `stage` measured of targets that are not among them yet.
fn add(store: &Store, stage: &StageRow, test_errors: &[MeasuredTarget], found: &mut Vec<Measured>) -> Result<()> {
    let has = |target: Target| found.iter().any(|of| of.target == target);
    let new = |target: &Target| !has(*target) && test_errors.iter().any(|of| of.target == target.name());
    let new: Vec<Target> = Target::BUILT_IN.into_iter().filter(new).collect();
    if new.is_empty() {
        return Ok(());
    }
    let network = format!("{} ({}, seed {})", stage_name(stage), stage.architecture, stage.seed);
    let values = store.measured_of(&stage.stage_id)?;
    for target in new {
        let of_target = values.iter().filter(|value| value.target == target.name());
        let pairs: Vec<(f64, f64)> = of_target.map(|value| (value.truth, value.measured)).collect();
        if !pairs.is_empty() {
            found.push(Measured { target, network: network.clone(), pairs });
        }
    }
    Ok(())
}
