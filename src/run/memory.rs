//! How much memory stages need, reckoned before they begin, and how much there is.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use dfdx::prelude::Cpu;

use super::sources::cache_folder;
use super::{Device, Shared, cost, lock};
use crate::manifest::{Architecture, Fusion, RecurrentConfig};
use crate::nn::Network;
use crate::ops::recurrent::Cell;
use crate::plan::{Plan, Stage, StageKind};
use crate::{data, stop};

/// What the program itself takes.
const PROGRAM: u64 = 24 << 20;
/// Bytes of a number.
const NUMBER: u64 = 4;
/// Copies of a network's values: those in training, the best, what was grafted, gradients, and the optimizer's two.
const COPIES: u64 = 6;

/// What a stage needs.
#[derive(Clone, Debug, Default)]
pub(super) struct Needs {
    /// Bytes of its network, with gradients and what is kept for them.
    pub network: u64,
    /// Bytes of the sources that it reads, which stages share, by a name of each.
    pub sources: BTreeMap<String, u64>,
}

impl Needs {
    /// Of several at once, in bytes.
    fn together<'a>(all: impl Iterator<Item = &'a Needs>) -> u64 {
        let mut sources = BTreeMap::new();
        let networks: u64 = all.map(|needs| (sources.extend(needs.sources.iter()), needs.network).1).sum();
        PROGRAM + networks + sources.values().copied().sum::<u64>()
    }

    /// Alone, in bytes.
    pub fn alone(&self) -> u64 {
        Self::together(std::iter::once(self))
    }
}

/// What each stage of `plan` needs, by index.
pub(super) fn reckon(plan: &Plan, results: &Path, device: Device) -> Vec<Needs> {
    let cache = cache_folder(results);
    // Stages share architectures and sources.
    let (mut values, mut sources) = (HashMap::new(), HashMap::new());
    let mut needs = Vec::with_capacity(plan.stages.len());
    for stage in &plan.stages {
        let manifest = &plan.experiments[stage.experiment];
        let mut own = Needs::default();
        for name in source_names(plan, stage) {
            let Some((source, print)) =
                manifest.sources.get(&name).zip(plan.fingerprints.get(&(manifest.name.clone(), name.clone())))
            else {
                continue;
            };
            let key = format!("{print} {}", serde_json::json!(manifest.signal));
            let bytes = *sources
                .entry(key.clone())
                .or_insert_with(|| data::bytes(source, print, &manifest.signal, &cache).unwrap_or_default());
            own.sources.insert(key, bytes);
        }
        if let Some(architecture) = manifest.architectures.get(&stage.architecture) {
            let signal = manifest.signal.shape();
            let key = serde_json::json!((architecture, signal)).to_string();
            let values = *values.entry(key).or_insert_with(|| values_of(architecture, signal));
            own.network = network(plan, stage, architecture, values, device);
        }
        needs.push(own);
    }
    needs
}

/// The sources that a stage reads: also those that tell who may not take part.
fn source_names(plan: &Plan, stage: &Stage) -> Vec<String> {
    let manifest = &plan.experiments[stage.experiment];
    let mix = stage.mix();
    let parts = mix.and_then(|mix| manifest.mixes.get(mix)).into_iter().flat_map(|mix| &mix.parts);
    let mut names: Vec<String> = parts.map(|part| part.source.clone()).collect();
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

/// Bytes of a stage's network while it trains on the CPU; on a GPU the values alone, which pass through here.
fn network(plan: &Plan, stage: &Stage, architecture: &Architecture, values: u64, device: Device) -> u64 {
    let manifest = &plan.experiments[stage.experiment];
    let (batch, backbones, probe) = match &stage.kind {
        StageKind::Regression { .. } => (manifest.regression.batch_size, 1, false),
        StageKind::Classification { .. } => (manifest.classification.training.batch_size, 1, false),
        StageKind::Transfer { backbones, freeze, .. } => {
            let freeze = freeze.as_ref().and_then(|name| manifest.freezes.get(name));
            (manifest.transfer.batch_size, *backbones, freeze.is_some_and(cost::is_probe))
        }
    };
    let copies = COPIES * NUMBER * values * backbones as u64;
    if device != Device::Cpu {
        return copies;
    }
    let (leads, length) = manifest.signal.shape();
    let Kept { all, largest } = kept(architecture, leads, length);
    let inputs = 4 * leads * length * batch;
    let training = if probe { 0 } else { all * batch * backbones };
    let passing = 3 * largest * batch.max(64);
    copies + NUMBER * (inputs + training + passing) as u64
}

/// Numbers that a network makes of one record.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    /// Those that are kept for the gradients.
    all: usize,
    /// The most that one layer makes.
    largest: usize,
}

impl Kept {
    fn add(&mut self, numbers: usize) {
        self.all += numbers;
        self.largest = self.largest.max(numbers);
    }
}

/// See [`Kept`].
fn kept(architecture: &Architecture, leads: usize, length: usize) -> Kept {
    let mut kept = Kept::default();
    match architecture {
        Architecture::Cnn(config) => {
            let mut length = length;
            for outputs in &config.channels {
                kept.add(outputs * length);
                length /= 2;
                kept.add(outputs * length);
            }
        }
        Architecture::Inception1d(config) => {
            for block in 1..=config.depth {
                kept.add(4 * config.filters * length);
                if block % 3 == 0 {
                    kept.add(4 * config.filters * length);
                    kept.add(4 * config.filters * length);
                }
            }
        }
        Architecture::Resnet1d(config) => {
            let mut length = length;
            kept.add(config.width * length);
            for block in 0..config.blocks {
                length = length.div_ceil(1 + usize::from(block > 0));
                (0..4).for_each(|_| kept.add(config.width * length));
            }
        }
        Architecture::Xresnet1d(config) => {
            let mut length = length.div_ceil(2);
            config.stem().iter().for_each(|channels| kept.add(channels * length));
            for (stage, blocks) in config.stages().into_iter().enumerate() {
                length = length.div_ceil(if stage == 0 { 2 } else { 1 });
                for block in 0..blocks {
                    let convs = if config.has_bottlenecks() { 2 } else { 1 };
                    let before = length;
                    length = length.div_ceil(1 + usize::from(stage > 0 && block == 0));
                    kept.add(config.width * before);
                    (1..convs).for_each(|_| kept.add(config.width * length));
                    (0..2).for_each(|_| kept.add(config.features() * length));
                    if block == 0 {
                        kept.add(config.features() * length);
                    }
                }
            }
        }
        Architecture::Vit(config) => {
            let patches = length / config.patch;
            kept.add(patches * config.dim);
            for _ in 0..config.depth {
                kept.add(patches * (5 * config.dim + config.heads * patches));
                kept.add(patches * (2 * config.dim + 2 * config.mlp));
            }
        }
        Architecture::Rnn(config) => recurrent(&mut kept, config, Cell::Rnn, length),
        Architecture::Lstm(config) => recurrent(&mut kept, config, Cell::Lstm, length),
        Architecture::Gru(config) => recurrent(&mut kept, config, Cell::Gru, length),
    }
    let _ = leads;
    kept
}

fn recurrent(kept: &mut Kept, config: &RecurrentConfig, cell: Cell, length: usize) {
    for _ in 0..config.layers {
        kept.add(config.hidden * config.directions() * (cell.gates() + 2) * length);
    }
}

/// Bytes that this process could take yet, without swapping and within its control group; `None` where the system does
/// not tell.
pub(super) fn available() -> Option<u64> {
    // Tests say what there is.
    if let Some(told) = std::env::var("ECGRAFT_MEMORY").ok().and_then(|text| text.parse().ok()) {
        return Some(told);
    }
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let machine = field(&meminfo, "MemAvailable:")? * 1024;
    Some(groups().into_iter().chain([machine]).min().unwrap_or(machine))
}

/// Bytes that this process has.
fn own() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    field(&status, "VmRSS:").unwrap_or(0) * 1024
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
    match (needs.map(Needs::alone), available().map(|left| left + own())) {
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
        let room = available().map(|left| left + own());
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
