//! How well the networks that are grafted measure, over seeds.

use std::collections::{BTreeMap, BTreeSet};

use super::Only;
use crate::Result;
use crate::data::Subset;
use crate::ecg::Measurement;
use crate::metrics::BesideMedian;
use crate::plan::TaskKind;
use crate::statistics::Spread;
use crate::store::{MeasuredTarget, Run, StageStatus, Store};

/// Regressions that differ in seed only, and one of the targets that they measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Regressions {
    /// The target, with its unit.
    pub target: Measurement,
    /// Their architecture.
    pub architecture: String,
    /// All that they measure: `qrs`, or `hr&qrs` where one network measures both.
    pub what: String,
    /// The mix that taught them.
    pub mix: Option<String>,
    /// Seeds.
    pub seeds: BTreeSet<u64>,
    /// What was measured by each, split by split.
    pub measured: Vec<MeasuredTarget>,
}

impl Regressions {
    /// A number of a split over the seeds.
    pub fn over_seeds(&self, split: Subset, of: impl Fn(&MeasuredTarget) -> Option<f64>) -> Option<Spread> {
        let own = self.measured.iter().filter(|one| one.split == split);
        Spread::from_values(&own.filter_map(of).collect::<Vec<_>>())
    }

    /// How those of each seed compare with the median on their test records; none where it was not kept.
    pub fn beside_median(&self) -> Vec<BesideMedian> {
        let own = self.measured.iter().filter(|one| one.split == Subset::Test);
        own.filter_map(MeasuredTarget::beside_median).collect()
    }
}

/// The regressions that are grafted in the done runs of an experiment that all of `only` admit: target by target, each in the
/// order of the plan.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn regressions(store: &Store, runs: &[Run], experiment: &str, only: &[Only]) -> Result<Vec<Regressions>> {
    let stages = store.stages(experiment)?;
    let is_meant = |run: &&Run| {
        run.experiment == experiment && run.status == StageStatus::Done && only.iter().all(|only| only.admits(run))
    };
    let (mut seen, mut found): (BTreeSet<&str>, Vec<Regressions>) = (BTreeSet::new(), Vec::new());
    for run in runs.iter().filter(is_meant) {
        for id in stages.grafts.get(&run.stage_id).into_iter().flatten() {
            let stage = stages.by_id.get(id).filter(|stage| stage.kind == TaskKind::Regression);
            let Some(stage) = stage.filter(|_| seen.insert(id)) else { continue };
            let mut by_target: BTreeMap<Measurement, Vec<MeasuredTarget>> = BTreeMap::new();
            for measured in store.errors_of(id)? {
                by_target.entry(measured.measurement()).or_default().push(measured);
            }
            for (target, measured) in by_target {
                let (architecture, mix) = (stage.architecture.clone(), stage.mix.clone());
                let what = stage.target.clone().unwrap_or_default();
                let own = found.iter_mut().find(|one| {
                    (one.target, &one.architecture, &one.what, &one.mix) == (target, &architecture, &what, &mix)
                });
                match own {
                    Some(own) => {
                        own.seeds.insert(stage.seed);
                        own.measured.extend(measured);
                    }
                    None => {
                        let seeds = BTreeSet::from([stage.seed]);
                        found.push(Regressions { target, architecture, what, mix, seeds, measured });
                    }
                }
            }
        }
    }
    found.sort_by_key(|one| one.target);
    Ok(found)
}
