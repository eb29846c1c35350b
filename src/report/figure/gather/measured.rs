//! What regressions measured of their test records.

use std::collections::BTreeMap;

use super::Shown;
use super::results::{grafted, stage_name};
use crate::Result;
use crate::manifest::Target;
use crate::store::{Evaluation, StageRow, Store, TrainedStages};

/// One target as a regression measured it on its test records.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What was measured.
    pub target: Target,
    /// The network, and the source where it is another than it was trained on: `qrs on synthetic (cnn, seed 0), on ludb`.
    pub network: String,
    /// Truth and measured value of each record, in the target's unit: bpm or ms.
    pub pairs: Vec<(f64, f64)>,
}

/// What was measured of each target by the first regression that has values of it: of the last stage of the run that is shown
/// alone, then of its grafts; where none of them has any, of all regressions, the lowest seed first.
pub(super) fn measured(
    (store, experiment): (&Store, &str),
    stages: &TrainedStages,
    shown: Option<&Shown<'_>>,
) -> Result<Vec<Measured>> {
    let best = shown.and_then(Shown::best).map(|(run, _)| &run.stage_id);
    let grafts = best.and_then(|id| stages.grafts.get(id)).into_iter().flatten();
    let last = best.into_iter().filter(|id| !stages.test_errors(id).is_empty());
    let own: Vec<&StageRow> = last.chain(grafts).filter_map(|id| stages.by_id.get(id)).collect();
    let mut all = grafted(stages);
    all.sort_by_key(|stage| stage.seed);
    let elsewhere = store.evaluations(experiment)?;
    for candidates in [own, all] {
        let mut found: Vec<Measured> = Vec::new();
        for stage in candidates {
            let known: Vec<Target> = found.iter().map(|of| of.target).collect();
            let own = stages.test_errors(&stage.stage_id).iter().map(|of| of.target.as_str());
            let of_stage = elsewhere.iter().filter(|one| one.stage_id == stage.stage_id);
            let mut names = own.chain(of_stage.filter_map(|one| one.subject.as_deref()));
            // Records are read of those alone that have something to show.
            if names.any(|name| known.iter().all(|target| target.name() != name)) {
                add(store, stage, &elsewhere, (&known, &mut found))?;
            }
        }
        if !found.is_empty() {
            found.sort_by_key(|of| of.target);
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// Adds to `found` what `stage` measured of targets that are not `known` from another, of its own test records and elsewhere.
fn add(
    store: &Store,
    stage: &StageRow,
    elsewhere: &[Evaluation],
    (known, found): (&[Target], &mut Vec<Measured>),
) -> Result<()> {
    let name = format!("{} ({}, seed {})", stage_name(stage), stage.architecture, stage.seed);
    let own =
        store.measured_of(&stage.stage_id)?.into_iter().map(|value| (value.target, (value.truth, value.measured)));
    gather(name.clone(), own, known, found);
    let own = elsewhere.iter().filter(|one| one.stage_id == stage.stage_id);
    let sources: BTreeMap<&str, &str> = own.map(|one| (&*one.source, &*one.fingerprint)).collect();
    for (source, fingerprint) in sources {
        let values = store.evaluated_records(&stage.stage_id, fingerprint)?;
        let values = values.into_iter().map(|value| (value.subject, (value.truth, value.said)));
        gather(format!("{name}, on {source}"), values, known, found);
    }
    Ok(())
}

/// Adds values by target, but of those that are `known` before.
fn gather(
    network: String,
    values: impl Iterator<Item = (String, (f64, f64))>,
    known: &[Target],
    found: &mut Vec<Measured>,
) {
    let mut by_target: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    values.for_each(|(target, pair)| by_target.entry(target).or_default().push(pair));
    for (name, pairs) in by_target {
        let target = Target::named(&name, "");
        if !known.contains(&target) {
            found.push(Measured { target, network: network.clone(), pairs });
        }
    }
}
