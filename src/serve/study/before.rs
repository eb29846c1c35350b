//! Stages before there is a store that knows of them: workers that do not open it may be at work already.

use std::collections::HashMap;
use std::sync::Arc;

use super::shards::Sharded;
use crate::run::epochs::Watched;
use crate::store::{PlannedStage, StageRow, StageStatus};

/// The stages that shards have, and those whose epochs are told of; which of them are done is said of them later.
pub(super) fn stages(shards: &HashMap<String, Sharded>, watched: &HashMap<String, Arc<Watched>>) -> Vec<PlannedStage> {
    let alone = |row: StageRow| PlannedStage { row, inputs: Vec::new() };
    let done = shards.values().map(|shard| alone(shard.row.clone()));
    let others = watched.iter().filter(|(id, _)| !shards.contains_key(*id));
    let mut stages: Vec<PlannedStage> =
        done.chain(others.filter_map(|(id, watched)| Some(alone(row(id, watched)?)))).collect();
    stages.sort_by(|one, other| one.row.stage_id.cmp(&other.row.stage_id));
    stages
}

/// A stage as the store would have it, by what its worker says; `None` where that is of another version.
fn row(id: &str, Watched { head, .. }: &Watched) -> Option<StageRow> {
    Some(StageRow {
        stage_id: id.to_owned(),
        kind: head.kind.parse().ok()?,
        architecture: head.architecture.clone(),
        mix: head.mix.clone(),
        target: head.target.clone(),
        seed: head.seed,
        settings: String::new(),
        data_fingerprint: String::new(),
        status: StageStatus::Pending,
        error: None,
        worker: None,
        lease_until: None,
        device: None,
        version: None,
        started_at: None,
        finished_at: None,
        wall_s: None,
        best_epoch: None,
        last_step: None,
        frozen_at_best: None,
        checkpoint: None,
        weights_sha256: None,
        findings_sha256: None,
        notes: Vec::new(),
    })
}
