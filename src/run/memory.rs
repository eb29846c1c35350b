//! How much memory stages need, reckoned before they begin, and how much there is.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::tensor::Cpu;

use super::alike::PerStage;
use super::{Device, Shared, lock};
use crate::manifest::{Architecture, Freeze, Fusion, Manifest};
use crate::nn::{Cost, Input, Network};
use crate::plan::{Plan, Stage, StageKind};
use crate::results::ResultsFolder;
use crate::{data, stop};

/// What the program itself takes, with what threads work in.
const PROGRAM: u64 = 60_000_000;
/// Bytes of a number.
const NUMBER: u64 = 4;
/// Copies of a network's values: those in training, the best, what was grafted, gradients, and the optimizer's two.
const COPIES: u64 = 6;
/// Memory of a training step over what is kept for its gradients: the gradients of some layers come on top.
const OVER_KEPT: f64 = 1.25;
/// Records in one pass where nothing is trained, and those of a last, smaller one, whose memory is not shared.
const INFERENCE: usize = 2 * 64;
/// Outputs of a layer's size that such a pass has at once.
const ALIVE: usize = 4;

/// What a stage needs.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    /// Bytes of its network, with gradients and what is kept for them.
    pub network: u64,
    /// Bytes of the sources that it reads, which stages share, by a name of each.
    pub sources: BTreeMap<String, u64>,
    /// Stages that tell the same work in memory of the same sizes.
    pub sizes: String,
}

impl Needs {
    /// Of several at once, in bytes.
    fn together<'a>(all: impl Iterator<Item = &'a Needs>) -> u64 {
        let mut sources = BTreeMap::new();
        let networks: u64 = all.inspect(|needs| sources.extend(needs.sources.iter())).map(|needs| needs.network).sum();
        PROGRAM + networks + sources.values().copied().sum::<u64>()
    }

    /// Alone, in bytes.
    pub fn alone(&self) -> u64 {
        Self::together(std::iter::once(self))
    }
}

/// What each stage of `plan` needs, by index.
pub(super) fn reckon(plan: &Plan, results: &ResultsFolder, device: Device) -> PerStage<Needs> {
    let cache = results.cache();
    // Stages share architectures and sources.
    let (mut values, mut sources) = (HashMap::new(), HashMap::new());
    PerStage::of(plan, |stage| {
        let manifest = &plan.experiments[stage.experiment];
        let (mut own, mut records) = (Needs::default(), 0);
        for name in source_names(plan, stage) {
            let Some((source, print)) =
                manifest.source(&name).zip(plan.fingerprints.get(&(manifest.scope(), name.clone())))
            else {
                continue;
            };
            let key = format!("{print} {}", serde_json::json!(manifest.signal.as_prepared()));
            let size = *sources
                .entry(key.clone())
                .or_insert_with(|| data::size(source, print, &manifest.signal, &cache).unwrap_or_default());
            if own.sources.insert(key, size.bytes).is_none() {
                records += size.records;
            }
        }
        if let Some(architecture) = manifest.architectures.get(stage.architecture) {
            let signal = manifest.signal.shape();
            let key = serde_json::json!((architecture, signal)).to_string();
            let values = *values.entry(key.clone()).or_insert_with(|| values_of(architecture, signal));
            own.sizes = format!("{key} {}", batch_size(manifest, stage));
            own.network = network(plan, stage, architecture, (values, records), device);
        }
        own
    })
}

/// Records of a step of a stage's training.
fn batch_size(manifest: &Manifest, stage: &Stage) -> usize {
    match &stage.kind {
        StageKind::Regression { .. } => manifest.regression.batch_size,
        StageKind::Classification { .. } => manifest.classification.training.batch_size,
        StageKind::Masked { .. } => manifest.masked.training.batch_size,
        // Two views of each record.
        StageKind::Contrastive { .. } => 2 * manifest.contrastive.training.batch_size,
        StageKind::Transfer { .. } => manifest.transfer.batch_size,
        StageKind::Weights { .. } => 0,
    }
}

/// The sources that a stage reads: also those that tell who may not take part.
pub(super) fn source_names(plan: &Plan, stage: &Stage) -> Vec<String> {
    let manifest = &plan.experiments[stage.experiment];
    let mix = stage.mix();
    let parts = mix.and_then(|mix| manifest.mixes.get(mix)).into_iter().flat_map(|mix| &mix.parts);
    let mut names: Vec<String> = parts.map(|part| part.source.clone()).collect();
    if matches!(stage.kind, StageKind::Weights { .. }) {
        return names;
    }
    names.push(manifest.transfer.source.clone());
    names.extend_from_slice(plan.linked_through(stage.experiment, mix));
    names
}

/// Weights and statistics of a network.
fn values_of(architecture: &Architecture, signal: (usize, usize)) -> u64 {
    let mut random = crate::seed::stream(0, "counted", 0);
    let net = Network::new(&Cpu::default(), architecture, signal, (1, Fusion::Concat), 5, &mut random);
    let mut count = 0;
    if let Ok(mut net) = net {
        net.visit(|_, param| count += param.shape.iter().product::<usize>());
    }
    count as u64
}

/// Bytes of a stage's network while it trains on the CPU, from the number of its values and of the records that there
/// are; on a GPU the values alone, which pass through here.
fn network(
    plan: &Plan,
    stage: &Stage,
    architecture: &Architecture,
    (values, records): (u64, u64),
    device: Device,
) -> u64 {
    let manifest = &plan.experiments[stage.experiment];
    let mix_records = |mix: &str| manifest.mixes.get(mix).and_then(|mix| mix.records).unwrap_or(usize::MAX);
    let records = usize::try_from(records).unwrap_or(usize::MAX);
    let batch = batch_size(manifest, stage);
    let (backbones, probe, records) = match &stage.kind {
        StageKind::Regression { mix, .. } | StageKind::Classification { mix } | StageKind::Masked { mix } => {
            (1, false, records.min(mix_records(mix)))
        }
        // Two views of each record.
        StageKind::Contrastive { mix } => (1, false, 2 * records.min(mix_records(mix))),
        StageKind::Weights { .. } => return COPIES * NUMBER * values,
        StageKind::Transfer { backbones, freeze, label_fraction, .. } => {
            let freeze = freeze.and_then(|name| manifest.freezes.get(name));
            let records = (records as f64 * label_fraction) as usize;
            (*backbones, freeze.is_some_and(Freeze::freezes_all), records)
        }
    };
    let copies = COPIES * NUMBER * values * backbones as u64;
    if device != Device::Cpu {
        return copies;
    }
    let (leads, length) = manifest.signal.shape();
    let Cost { kept, largest, .. } = architecture.cost(Input { leads, length });
    // The last batch of an epoch is of another size, and has memory of its own. Some validate and test.
    let batches = (2 * batch).min((records as f64 * 0.8) as usize).max(batch.min(records));
    let training = if probe { 0 } else { kept * batches * backbones };
    let inputs = 4 * leads * length * batch;
    copies + NUMBER * (inputs + (training as f64 * OVER_KEPT) as usize + ALIVE * largest * INFERENCE) as u64
}

/// Bytes that this process could have in all, without swapping and within its control groups: what it has, and what
/// is available. `None` where the system does not tell.
pub(super) fn available() -> Option<u64> {
    // Tests say what there is.
    if let Some(told) = std::env::var("ECGRAFT_MEMORY").ok().and_then(|text| text.parse().ok()) {
        return Some(told);
    }
    let read = |name: &str| std::fs::read_to_string(name).ok();
    let machine = field(&read("/proc/meminfo")?, "MemAvailable:")? * 1024;
    let own = read("/proc/self/status").and_then(|status| field(&status, "VmRSS:")).unwrap_or(0) * 1024;
    Some(groups().into_iter().chain([machine]).min().unwrap_or(machine) + own)
}

/// The number after `name` at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.split_whitespace().next()?.parse().ok()
}

/// What the control groups that this process is in leave, each that has a limit.
fn groups() -> Vec<u64> {
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut left = Vec::new();
    for line in own.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (root, names) = match controllers {
            "" => ("/sys/fs/cgroup", ["memory.max", "memory.current"]),
            _ if controllers.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", ["memory.limit_in_bytes", "memory.usage_in_bytes"])
            }
            _ => continue,
        };
        // In a container the path may be that of the machine outside, where only the root is to be seen.
        for folder in Path::new(path).ancestors() {
            let folder = Path::new(root).join(folder.strip_prefix("/").unwrap_or(folder));
            let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
            left.extend(left_of_group(&read(names[0]), &read(names[1]), &read("memory.stat")));
        }
    }
    left
}

/// What a control group leaves: its limit without what is in use, but for pages of files that can be dropped.
fn left_of_group(limit: &str, used: &str, stat: &str) -> Option<u64> {
    let limit: u64 = limit.trim().parse().ok()?;
    let used: u64 = used.trim().parse().ok()?;
    let droppable = field(stat, "inactive_file ").or(field(stat, "total_inactive_file ")).unwrap_or(0);
    // Version 1 says 2^63 where there is no limit.
    (limit < 1 << 62).then(|| limit.saturating_sub(used.saturating_sub(droppable)))
}

/// Why a stage's worker likely ended `times` times without a word.
pub(super) fn likely_reason(needs: Option<&Needs>, times: u32) -> String {
    let ended = format!("its worker ended {times} times without a word");
    let again = "`ecgraft run` tries it once more, after all others";
    match (needs.map(Needs::alone), available()) {
        (Some(needs), Some(room)) if needs > room / 10 * 6 => format!(
            "{ended}, likely for want of memory: it needs about {}, and {} are available; use --jobs 1, a smaller \
             batch_size or a machine with more memory; {again}",
            size(needs),
            size(room)
        ),
        (Some(needs), Some(room)) => format!(
            "{ended}: killed, or the machine went down; memory is likely not the reason, as it needs about {} of {} that \
             are available; {again}",
            size(needs),
            size(room)
        ),
        _ => format!("{ended}: killed, for want of memory, or as the machine went down; {again}"),
    }
}

/// `1.2 GB`, `340 MB`
pub fn size(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    if megabytes < 1000.0 { format!("{megabytes:.0} MB") } else { format!("{:.1} GB", megabytes / 1000.0) }
}

/// Which stages this process trains now, so that no more begin than there is memory for.
#[derive(Debug, Default)]
pub(super) struct Room {
    inside: Mutex<Inside>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct Inside {
    stages: Vec<usize>,
    /// What was read stays in memory.
    met: Needs,
    is_told: bool,
}

impl Room {
    /// Lets stage `index` begin, if there is memory for it beside those in work. One alone begins whatever it needs,
    /// with a word where that is more than there is.
    pub fn enter(&self, shared: &Shared<'_>, index: usize) -> bool {
        let mut inside = lock(&self.inside);
        let all = inside.stages.iter().chain([&index]).map(|&index| &shared.memory[index]);
        let needed = Needs::together(all.chain([&inside.met]));
        let room = available();
        let label = || shared.plan.stages[index].describe(shared.plan);
        if let Some(room) = room.filter(|&room| needed > room) {
            if !inside.stages.is_empty() {
                if !inside.is_told {
                    let (needed, room) = (size(needed), size(room));
                    let line = format!(
                        "{} waits until a stage ends: with those in work it would need about {needed} of memory, and \
                         there are {room}",
                        label()
                    );
                    shared.progress.message(&line);
                    inside.is_told = true;
                }
                return false;
            }
            let (needed, room) = (size(needed), size(room));
            shared.progress.message(&format!(
                "{} needs about {needed} of memory, and there are {room}: it may be killed; a smaller batch_size needs less",
                label()
            ));
        }
        inside.stages.push(index);
        inside.met.sources.extend(shared.memory[index].sources.clone());
        true
    }

    /// Stage `index` has ended.
    pub fn leave(&self, index: usize) {
        lock(&self.inside).stages.retain(|known| *known != index);
        self.left.notify_all();
    }

    /// Waits until a stage ends, or all is to stop.
    pub fn wait(&self) {
        let mut inside = lock(&self.inside);
        let before = inside.stages.len();
        while inside.stages.len() >= before && before > 0 && !stop::asked() {
            let waited = self.left.wait_timeout(inside, Duration::from_millis(100));
            inside = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_leave_what_is_not_in_use() {
        assert_eq!(left_of_group("1000\n", "700\n", "anon 500\ninactive_file 200\n"), Some(500));
        assert_eq!(left_of_group("1000", "1200", ""), Some(0));
        assert_eq!(left_of_group("max\n", "700", ""), None);
        assert_eq!(left_of_group("9223372036854771712", "700", ""), None, "version 1, without a limit");
        assert_eq!(left_of_group("1000", "700", "total_inactive_file 100"), Some(400));
        assert_eq!(field("MemTotal: 5 kB\nMemAvailable:   12 kB\n", "MemAvailable:"), Some(12));
    }

    #[test]
    fn stages_share_their_sources() {
        let needs =
            |network, source: &str| Needs { network, sources: [(source.to_owned(), 10)].into(), ..Needs::default() };
        let all = [needs(1, "a"), needs(2, "a"), needs(4, "b")];
        assert_eq!(Needs::together(all.iter()), PROGRAM + 7 + 20);
        assert_eq!(all[1].alone(), PROGRAM + 12);
    }

    #[test]
    fn reasons_name_what_to_do() {
        let much = Needs { network: 1 << 60, ..Needs::default() };
        let reason = likely_reason(Some(&much), 2);
        if available().is_some() {
            assert!(reason.contains("want of memory") && reason.contains("--jobs 1"), "{reason}");
            let little = likely_reason(Some(&Needs::default()), 2);
            assert!(little.contains("memory is likely not the reason"), "{little}");
        }
        assert!(likely_reason(None, 2).contains("2 times"));
        assert_eq!([size(12_400_000), size(3_210_000_000)], ["12 MB", "3.2 GB"]);
    }
}
