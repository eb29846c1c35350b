//! Which stages are trained by which element of which array.

use std::collections::{HashMap, HashSet};

use crate::Result;
use crate::plan::Plan;
use crate::results::ResultsFolder;
use crate::run::{self, Pace};
use crate::slurm::Profile;
use crate::store::{StageStatus, Store};

/// Stages that can be trained at once, and the elements that they are shared out to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wave {
    /// The stages of each element, by index into the plan.
    pub elements: Vec<Vec<usize>>,
    /// About how long each element works, seconds; `None` where no stage like these was ever timed.
    pub seconds: Option<Vec<f64>>,
}

impl Wave {
    /// How many stages it has.
    pub fn stages(&self) -> usize {
        self.elements.iter().map(Vec::len).sum()
    }
}

/// Elements that share a wave of which nothing is known, or may run at once where nobody says how many may.
const AT_ONCE: usize = 200;
/// An element that works for less is mostly waiting for its turn, seconds.
const SHORTEST: f64 = 60.0;

/// The waves of what is neither done in the store of `results` nor in a shard: first what starts from nothing or from what is
/// done, then what is grafted from it. Elements are as long as the profile says, by the time that finished stages took, and at most
/// `most` a wave.
///
/// # Errors
/// Where the store cannot be read.
pub fn waves(plan: &Plan, results: &ResultsFolder, profile: &Profile, most: usize) -> Result<Vec<Wave>> {
    let (mut done, mut pace) = (HashSet::new(), Pace::default());
    if results.store().exists() {
        let store = Store::open_read_only(results.path())?;
        (done, pace) = (store.checksums()?.into_keys().collect(), paced(&store)?);
    }
    let is_done =
        |index: usize| done.contains(&plan.stages[index].id) || results.shard(&plan.stages[index].id).exists();
    let costs = run::costs(plan);
    let (longest, spread) = profile.element()?;
    let at_once = profile.array_limit.unwrap_or(AT_ONCE).min(most);
    let mut level: Vec<Option<usize>> = vec![None; plan.stages.len()];
    let mut waves: Vec<Vec<usize>> = Vec::new();
    for (index, stage) in plan.stages.iter().enumerate() {
        if is_done(index) {
            continue;
        }
        let below = stage.inputs().iter().filter_map(|&input| level[input]).max();
        level[index] = Some(below.map_or(0, |below| below + 1));
    }
    for (index, own) in plan.order().into_iter().filter_map(|index| Some((index, level[index]?))) {
        waves.resize_with(waves.len().max(own + 1), Vec::new);
        waves[own].push(index);
    }
    let of = |stages: Vec<usize>| {
        let seconds: Option<Vec<f64>> =
            stages.iter().map(|&index| pace.expected_at(plan.stages[index].kind.task(), costs[index])).collect();
        let work: Vec<f64> = seconds.clone().unwrap_or_else(|| stages.iter().map(|&index| costs[index]).collect());
        let total: f64 = work.iter().sum();
        let target = match (&seconds, spread) {
            (None, _) => total / at_once as f64,
            (Some(_), false) => longest,
            (Some(_), true) => (total / at_once as f64).clamp(SHORTEST.min(longest), longest),
        };
        // However long they are, there are no more than the array may have.
        let target = target.max(total / most as f64);
        let elements = shared_out(&stages, &work, target, most);
        let sums = seconds.map(|seconds| {
            let by_stage: HashMap<usize, f64> = stages.iter().copied().zip(seconds).collect();
            elements.iter().map(|of| of.iter().map(|index| by_stage[index]).sum()).collect()
        });
        Wave { elements, seconds: sums }
    };
    Ok(waves.into_iter().map(of).collect())
}

/// Consecutive stages to elements of about `target` of work each, and no more than `most` elements.
fn shared_out(stages: &[usize], work: &[f64], target: f64, most: usize) -> Vec<Vec<usize>> {
    let mut elements: Vec<Vec<usize>> = Vec::new();
    let mut sum = f64::INFINITY;
    for (place, (&stage, &own)) in stages.iter().zip(work).enumerate() {
        let is_full = elements.last().is_none_or(|last| !last.is_empty() && sum + own > target * (1.0 + 1e-9));
        // Those that are left over share the last ones.
        if is_full && (elements.len() < most || place == 0) {
            elements.push(Vec::new());
            sum = 0.0;
        }
        if let Some(last) = elements.last_mut() {
            last.push(stage);
            sum += own;
        }
    }
    elements
}

/// How long stages take, by those that are done.
fn paced(store: &Store) -> Result<Pace> {
    let mut stages = store.planned_stages()?;
    stages.retain(|stage| stage.row.status == StageStatus::Done);
    let cost = |settings: &str| serde_json::from_str(settings).ok().and_then(|value| run::cost_of_settings(&value));
    let costs: HashMap<String, Option<f64>> =
        stages.iter().map(|stage| (stage.row.stage_id.clone(), cost(&stage.row.settings))).collect();
    Ok(Pace::from_finished(&stages, &costs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_as_long_as_they_may_be_and_no_more_than_there_may_be() {
        let stages: Vec<usize> = (0..10).collect();
        let work = vec![1.0; 10];
        let sizes = |target, most| shared_out(&stages, &work, target, most).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(3.0, 100), [3, 3, 3, 1]);
        assert_eq!(sizes(0.1, 100), [1; 10], "one that is too long is alone");
        assert_eq!(sizes(3.0, 2), [3, 7]);
        let all: Vec<usize> = shared_out(&stages, &work, 3.0, 100).concat();
        assert_eq!(all, stages);
        assert!(shared_out(&[], &[], 3.0, 100).is_empty());
    }
}
