//! What nobody asks for any more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{bytes, counted, size};
use crate::results::ResultsFolder;
use crate::store::{Kept, Other, StageStatus, Store};
use crate::{Result, data, durable, process};

/// Files of stages that the store does not know as done are a worker's elsewhere, if they are younger.
const YOUNG: Duration = Duration::from_secs(3600);
/// Unfinished files of unknown processes are left over when nobody has written to them for so long.
const STALE: Duration = Duration::from_secs(86_400);
/// The same of progress of stages that the store does not know: a worker elsewhere may wait for its turn to go on.
const WAITED: Duration = Duration::from_secs(7 * 86_400);

/// What is to be looked for beside what is always left over.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// Stages that no current run is made of, with their weights and all that they found.
    pub abandoned: bool,
    /// All prepared records, also of data in use: they are made again when they are needed.
    pub caches: bool,
}

/// What can go, and what came of it.
#[derive(Clone, Debug, Default)]
pub struct Garbage {
    /// Files by kind.
    kinds: BTreeMap<&'static str, Vec<(PathBuf, u64)>>,
    /// Stages that are abandoned.
    stages: usize,
    /// Bytes of the store that nothing is in.
    free: u64,
    /// What was left alone, and why: sentences.
    kept: Vec<String>,
    /// Whether it was removed.
    is_done: bool,
    /// What could not be removed.
    failed: Vec<String>,
}

/// Finds what can go from `results`, and with `remove` removes it.
///
/// # Errors
/// A user error where there is no store, or it cannot be read or written.
pub fn gc(results: &ResultsFolder, asked: Asked, remove: bool) -> Result<Garbage> {
    let store = Store::open_read_only(results.path())?;
    let mut found = look(results, &store, asked)?;
    drop(store);
    if !remove {
        return Ok(found);
    }
    let mut store = Store::open(results.path())?;
    let abandoned = if asked.abandoned { store.remove_abandoned(process::is_gone)? } else { Vec::new() };
    found.stages = abandoned.len();
    // As it stands now: what was found before may be in use since.
    found.kinds = look(results, &store, Asked { abandoned: false, ..asked })?.kinds;
    let of_abandoned = abandoned.iter().map(|id| results.checkpoint(id)).filter(|path| path.is_file());
    let of_abandoned: Vec<_> = of_abandoned.map(|path| (path.clone(), bytes(&path))).collect();
    if !of_abandoned.is_empty() {
        found.kinds.insert(ABANDONED, of_abandoned);
    }
    let failed = store.alone(|stages| {
        let is_named = |path: &Path| {
            let id = path.file_stem().and_then(|id| id.to_str()).and_then(|id| stages.get(id));
            id.is_some_and(|kept| matches!(kept.status, StageStatus::Done | StageStatus::Running))
        };
        for kind in [ABANDONED, UNNAMED] {
            // One that was trained again meanwhile.
            found.kinds.entry(kind).or_default().retain(|(path, _)| !is_named(path));
        }
        found.kinds.retain(|_, files| !files.is_empty());
        let paths = found.kinds.values().flatten().map(|(path, _)| path);
        let failed = paths.filter_map(|path| Some((path, std::fs::remove_file(path).err()?)));
        failed.map(|(path, why)| format!("{}: {why}", path.display())).collect()
    })?;
    found.failed = failed;
    found.free = store.free_bytes()?;
    if found.free > 0
        && let Err(error) = store.compact()
    {
        found.failed.push(format!("the store is not made smaller: {}", error.message));
    }
    found.is_done = true;
    Ok(found)
}

const ABANDONED: &str = "checkpoints of abandoned stages";
const UNNAMED: &str = "checkpoints of no stage";
const PROGRESS: &str = "progress that nobody goes on from";
const SHARDS: &str = "shards that are in the store";
const SETS: &str = "sets that no shard names";
const CACHES: &str = "prepared records";
const UNFINISHED: &str = "unfinished files";

fn look(results: &ResultsFolder, store: &Store, asked: Asked) -> Result<Garbage> {
    let stages = store.kept()?;
    let mut found = Garbage { free: store.free_bytes()?, ..Garbage::default() };
    let now = clock(results);
    let abandoned = || stages.iter().filter(|(_, kept)| !kept.is_current);
    let held = |kept: &&Kept| kept.worker.as_deref().is_some_and(|worker| !process::is_gone(worker));
    if asked.abandoned {
        match abandoned().find(|(_, kept)| held(kept)) {
            None => found.stages = abandoned().count(),
            Some((id, _)) => found.kept.push(format!(
                "stage {id} is abandoned and in work: abandoned stages are left alone until its worker ends"
            )),
        }
    }
    let is_free = |kept: &Kept| asked.abandoned && found.kept.is_empty() && !kept.is_current;
    let mut kinds: BTreeMap<&'static str, Vec<(PathBuf, u64)>> = BTreeMap::new();
    let mut add = |kind, path: PathBuf| {
        let size = bytes(&path);
        kinds.entry(kind).or_default().push((path, size));
    };
    for (id, path) in files(&results.checkpoint("x"), ".safetensors") {
        match stages.get(&id) {
            Some(kept) if is_free(kept) => add(ABANDONED, path),
            Some(kept) if kept.status == StageStatus::Done => {}
            // Trained by a worker elsewhere, whose shard is not folded in yet, or is about to be written.
            _ if results.shard(&id).exists() || is_young(&path, now, YOUNG) => {}
            Some(kept) if kept.status == StageStatus::Running => {}
            _ => add(UNNAMED, path),
        }
    }
    for (id, path) in files(&results.progress("x"), "").into_iter().chain(files(&results.epochs_of("x"), ".jsonl")) {
        let status = stages.get(&id).map(|kept| kept.status);
        if status == Some(StageStatus::Done) || status.is_none() && !is_young(&path, now, WAITED) {
            add(PROGRESS, path);
        }
    }
    let mut all_are_in = true;
    for (id, path) in files(&results.shard("x"), ".sqlite") {
        match stages.get(&id).is_some_and(|kept| is_in(kept, &id, &path)) {
            true => add(SHARDS, path),
            false => all_are_in = false,
        }
    }
    // A worker that runs may be about to name one that is there.
    if asked.caches && all_are_in {
        let sets = files(&ResultsFolder::record_set(&results.shards(), "x"), ".sqlite");
        sets.into_iter().for_each(|(_, path)| add(SETS, path));
    }
    let in_work = stages.iter().find(|(_, kept)| kept.status == StageStatus::Running && held(kept));
    match in_work {
        Some((id, _)) => found.kept.push(format!("stage {id} is in work: prepared records are left alone")),
        None => unused_caches(results, store, asked)?.into_iter().for_each(|path| add(CACHES, path)),
    }
    for folder in results.written_by_runs() {
        durable::unfinished_in(&folder, now, STALE).into_iter().for_each(|path| add(UNFINISHED, path));
    }
    found.kinds = kinds;
    Ok(found)
}

/// The present time by the clock that gives files their times, which may be a server's: the store's last change, or ours.
fn clock(results: &ResultsFolder) -> SystemTime {
    let written = [results.store(), results.write_ahead_log()].map(|path| path.metadata().and_then(|of| of.modified()));
    written.into_iter().flatten().chain([SystemTime::now()]).max().unwrap_or_else(SystemTime::now)
}

fn is_young(path: &Path, now: SystemTime, age: Duration) -> bool {
    let changed = path.metadata().and_then(|metadata| metadata.modified());
    changed.is_ok_and(|changed| now.duration_since(changed).is_ok_and(|since| since < age))
}

/// The files beside `like` whose names end so, by what is before it; hidden ones are not among them.
fn files(like: &Path, ending: &str) -> Vec<(String, PathBuf)> {
    let entries = like.parent().and_then(|folder| std::fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file())).filter_map(|entry| {
        let name = entry.file_name().into_string().ok().filter(|name| !name.starts_with('.'))?;
        Some((name.strip_suffix(ending)?.to_owned(), entry.path()))
    });
    let mut all: Vec<_> = named.collect();
    all.sort();
    all
}

/// Whether the shard of a stage at `path` says no more than the store does.
fn is_in(kept: &Kept, id: &str, path: &Path) -> bool {
    let offers = Other::shard(path).and_then(|shard| shard.offers()).unwrap_or_default();
    let is_same = |sha256: &Option<String>| sha256.is_some() && *sha256 == kept.weights_sha256;
    kept.status == StageStatus::Done && offers.iter().any(|offer| offer.id == id && is_same(&offer.weights_sha256))
}

/// Prepared records of data that no stage is of, or of earlier versions; all that is in the cache where that is asked for.
fn unused_caches(results: &ResultsFolder, store: &Store, asked: Asked) -> Result<Vec<PathBuf>> {
    let cache = results.cache().join("x");
    if asked.caches {
        let all = files(&cache, "").into_iter().chain(files(&results.kernels().join("x"), ""));
        return Ok(all.map(|(_, path)| path).collect());
    }
    let prepared = files(&cache, ".bin");
    if prepared.is_empty() {
        return Ok(Vec::new());
    }
    let used = store.fingerprints()?;
    let is_used =
        |path: &Path| data::fingerprint_of_cached(path).is_some_and(|fingerprint| used.contains(&fingerprint));
    Ok(prepared.into_iter().map(|(_, path)| path).filter(|path| !is_used(path)).collect())
}

impl Garbage {
    /// What can go, or went, in lines.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        let all: u64 = self.kinds.values().flatten().map(|(_, bytes)| bytes).sum::<u64>() + self.free;
        for (kind, files) in &self.kinds {
            let bytes = files.iter().map(|(_, bytes)| bytes).sum();
            text.push_str(&format!("{:<36} {:>10}  {:>9}\n", kind, counted(files.len(), "file"), size(bytes)));
        }
        if self.stages > 0 {
            text.push_str(&format!("{:<36} {:>10}\n", "abandoned stages", self.stages));
        }
        if self.free > 0 {
            text.push_str(&format!("{:<36} {:>10}  {:>9}\n", "free room in the store", "", size(self.free)));
        }
        self.kept.iter().for_each(|line| text.push_str(&format!("{line}\n")));
        self.failed.iter().for_each(|line| text.push_str(&format!("cannot be removed: {line}\n")));
        let is_any = all > 0 || self.stages > 0;
        text.push_str(&match (is_any, self.is_done) {
            (false, _) => "nothing is left over\n".to_owned(),
            (true, true) => format!("{} freed\n", size(all)),
            (true, false) => format!("{} would be freed; nothing was removed: --yes does it\n", size(all)),
        });
        text
    }
}
