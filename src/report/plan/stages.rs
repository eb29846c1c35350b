//! The stages of a plan, for other programs: as JSON, and as commands that train them.

use std::collections::HashMap;
use std::path::PathBuf;

use serde_json::json;

use crate::Result;
use crate::plan::Plan;
use crate::results::ResultsFolder;
use crate::run::{self, Device};
use crate::store::{StageStatus, Store};
use crate::words::shell::quoted;

/// Where the stages of a plan stand.
struct Standing<'a> {
    plan: &'a Plan,
    results: &'a ResultsFolder,
    statuses: HashMap<String, StageStatus>,
    checksums: HashMap<String, Option<String>>,
}

impl<'a> Standing<'a> {
    fn read(plan: &'a Plan, results: &'a ResultsFolder) -> Result<Self> {
        let (mut statuses, mut checksums) = (HashMap::new(), HashMap::new());
        if results.store().exists() {
            let store = Store::open_read_only(results.path())?;
            (statuses, checksums) = (store.statuses()?, store.checksums()?);
        }
        Ok(Self { plan, results, statuses, checksums })
    }

    /// `done`, `shard` of one whose shard is not merged, or as in the store; `pending` of one that is not there.
    fn of(&self, index: usize) -> &'static str {
        let id = &self.plan.stages[index].id;
        match self.statuses.get(id) {
            Some(StageStatus::Done) => StageStatus::Done.name(),
            _ if self.results.shard(id).exists() => "shard",
            Some(status) => status.name(),
            None => StageStatus::Pending.name(),
        }
    }

    fn is_done(&self, index: usize) -> bool {
        matches!(self.of(index), "done" | "shard")
    }
}

/// One JSON object a line for each stage of the plan, inputs before their users: `id`, `kind`, `label`, `experiment`,
/// `architecture`, `seed`, `inputs` (ids), `runs` (how many it is the last stage of), `status` (`pending`, `running`,
/// `failed`, `shard` or `done`), `ready` (whether it can be trained now), `weights_sha256` of one that is done,
/// `work` (its share of that of the whole plan, 0 to 1) and `memory_bytes` (on a CPU, reckoned).
///
/// # Errors
/// Where there is a store that cannot be read.
pub fn json_lines(plan: &Plan, results: &ResultsFolder) -> Result<String> {
    let standing = Standing::read(plan, results)?;
    let costs = run::costs(plan);
    let total: f64 = costs.iter().sum();
    let (memory, _) = run::memory(plan, results, Device::Cpu);
    let mut runs = vec![0usize; plan.stages.len()];
    plan.trials.iter().for_each(|trial| runs[trial.stage] += 1);
    let mut text = String::new();
    for (index, stage) in plan.stages.iter().enumerate() {
        let inputs: Vec<&str> = stage.inputs().iter().map(|&input| plan.stages[input].id.as_str()).collect();
        let ready = !standing.is_done(index) && stage.inputs().iter().all(|&input| standing.is_done(input));
        let line = json!({
            "id": stage.id,
            "kind": stage.kind.task().name(),
            "label": stage.describe(plan),
            "experiment": plan.experiments[stage.experiment].name,
            "architecture": stage.architecture,
            "seed": stage.seed,
            "inputs": inputs,
            "runs": runs[index],
            "status": standing.of(index),
            "ready": ready,
            "weights_sha256": standing.checksums.get(&stage.id),
            "work": costs[index] / total,
            "memory_bytes": memory[index],
        });
        text.push_str(&format!("{line}\n"));
    }
    Ok(text)
}

/// A command a line that trains each stage that can be trained now: all that it is grafted from is done, in the store or
/// as a shard. For what the store has and no shard does, shards are written first, and how many is said second.
///
/// # Errors
/// Where there is a store that cannot be read, or a shard cannot be written.
pub fn commands(plan: &Plan, results: &ResultsFolder, manifests: &[PathBuf]) -> Result<(String, usize)> {
    let standing = Standing::read(plan, results)?;
    let is_ready = |&index: &usize| {
        let inputs = plan.stages[index].inputs();
        !standing.is_done(index) && inputs.iter().all(|&input| standing.is_done(input))
    };
    let ready: Vec<usize> = plan.order().into_iter().filter(is_ready).collect();
    let written = if standing.statuses.is_empty() { 0 } else { run::write_donors(plan, &ready, results)? };
    let manifests: String =
        manifests.iter().map(|path| format!(" --manifest {}", quoted(&path.to_string_lossy()))).collect();
    let results = quoted(&results.path().to_string_lossy());
    let line = |&index: &usize| format!("ecgraft run-stage {}{manifests} --results {results}\n", plan.stages[index].id);
    Ok((ready.iter().map(line).collect(), written))
}
