//! Sources that stages share: each is read once a run.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use super::overlap::{Everybody, Indexes, shared_people};
use super::weights;
use crate::Result;
use crate::data::{self, Dataset, Datasets, Index, Print};
use crate::error::Error;
use crate::manifest::Manifest;
use crate::plan::{Fingerprints, Overlaps, SharedPeople};
use crate::progress::Progress;
use crate::results::ResultsFolder;
use crate::source::Source;

/// A source's records, or why they cannot be had; filled by the first stage that asks.
type Slot = Arc<OnceLock<Result<Arc<Dataset>>>>;

/// Datasets by source and signal settings.
pub(super) struct Sources {
    results: PathBuf,
    cache: PathBuf,
    slots: Mutex<HashMap<String, Slot>>,
    /// All threads read, whichever worker asks.
    pool: rayon::ThreadPool,
}

impl Sources {
    pub(super) fn new(results: &ResultsFolder, threads: usize) -> Result<Self> {
        Ok(Self {
            results: results.path().into(),
            cache: results.cache(),
            slots: Mutex::new(HashMap::new()),
            pool: super::pool(threads)?,
        })
    }

    /// The datasets called `names` in `manifest`, read where they were not yet.
    /// What a first reading finds is told to `progress`.
    pub(super) fn load(
        &self,
        manifest: &Manifest,
        names: &[String],
        planned: &Fingerprints,
        progress: &Progress,
    ) -> Result<Datasets> {
        names.iter().map(|name| Ok((name.clone(), self.one(manifest, name, planned, progress)?))).collect()
    }

    /// Forgets datasets whose file was found damaged, so that they are read anew.
    pub(super) fn forget_damaged(&self) {
        let is_damaged = |slot: &Slot| matches!(slot.get(), Some(Ok(dataset)) if dataset.signals.is_damaged());
        super::lock(&self.slots).retain(|_, slot| !is_damaged(slot));
    }

    fn one(
        &self,
        manifest: &Manifest,
        name: &str,
        planned: &Fingerprints,
        progress: &Progress,
    ) -> Result<Arc<Dataset>> {
        let source = source(manifest, name)?;
        let key = json(&(source, &manifest.signal.as_prepared()))?;
        let planned = planned
            .get(&(manifest.scope(), name.to_owned()))
            .ok_or_else(|| Error::internal(format!("source {name} was not planned")))?;
        let slot = super::lock(&self.slots).entry(key).or_default().clone();
        let read = || {
            let started = Instant::now();
            let dataset =
                self.pool.install(|| data::load_planned(name, source, &manifest.signal, &self.cache, planned))?;
            let seconds = started.elapsed().as_secs_f64();
            progress.message(&format!("source {name}: {} records, {seconds:.1} s", dataset.records.len()));
            dataset.list_left_out(&self.results)?;
            let told = dataset.told.iter().chain(&dataset.notes).chain(&dataset.warnings);
            told.for_each(|note| progress.message(&format!("source {name}: {note}")));
            Ok(Arc::new(dataset))
        };
        slot.get_or_init(read).clone()
    }
}

/// Manifests whose data are there, with the data's fingerprints, and what was said of the others.
#[derive(Debug, Default)]
pub struct Fingerprinted {
    /// Manifests that can run.
    pub manifests: Vec<Manifest>,
    /// Content hashes of their sources.
    pub fingerprints: Fingerprints,
    /// Which of their sources have people in common.
    pub overlaps: Overlaps,
    /// One line for each manifest whose data are somewhere an unset variable says.
    pub skipped: Vec<String>,
    /// What the user should know: files of the cache that did not fit.
    pub notes: Vec<String>,
    /// What is wrong with the data of the others.
    pub errors: Vec<Error>,
}

/// Looks at the data of each manifest. One whose environment variables are not set is skipped; one
/// whose data are missing or damaged is an error; the others can run all the same.
pub fn fingerprints(manifests: Vec<Manifest>, results: &ResultsFolder) -> Fingerprinted {
    let mut all = Fingerprinted::default();
    let mut looks =
        Looks { cache: results.cache(), prints: HashMap::new(), indexes: HashMap::new(), everybody: HashMap::new() };
    for manifest in manifests {
        let missing = manifest.missing_variables();
        if !missing.is_empty() {
            let list = missing.iter().map(|name| format!("${name}")).collect::<Vec<_>>().join(", ");
            let line = format!("skipped {} ({}): {list} is not set", manifest.name, manifest.path.display());
            // The same of several variants is told once, here and below.
            if !all.skipped.contains(&line) {
                all.skipped.push(line);
            }
            continue;
        }
        let found = manifest.used_sources().into_iter().map(|name| Ok((name.clone(), looks.print(&manifest, &name)?)));
        let found =
            found.collect::<Result<Vec<_>>>().and_then(|prints| Ok((looks.shared(&manifest, &prints)?, prints)));
        let found = found.and_then(|found| Ok((found, weights::fingerprints(&manifest)?)));
        match found {
            Ok(((shared, prints), weights)) => {
                let of_manifest = |(name, print)| ((manifest.scope(), name), print);
                all.fingerprints.extend(weights.into_iter().map(of_manifest));
                let prints = prints.into_iter().map(|(name, print)| ((manifest.scope(), name), print));
                all.fingerprints.extend(prints.map(|(source, print)| (source, print.fingerprint.clone())));
                all.overlaps.insert(manifest.scope(), shared);
                all.manifests.push(manifest);
            }
            Err(error) => {
                let error = error.at(manifest.path.display());
                if all.errors.iter().all(|told| told.message != error.message) {
                    all.errors.push(error);
                }
            }
        }
    }
    let told = looks.prints.into_values().filter_map(|print| print.told.clone());
    all.notes.extend(told.chain(looks.indexes.into_values().filter_map(|(_, told)| told)));
    all.notes.sort();
    all.notes.dedup();
    all
}

/// Sources that were looked at, each once.
struct Looks {
    cache: PathBuf,
    /// By source.
    prints: HashMap<String, Arc<Print>>,
    /// By source and signal, with what is to be said of it.
    indexes: HashMap<String, (Arc<Index>, Option<String>)>,
    /// By all of a manifest's sources and its signal.
    everybody: HashMap<String, Everybody>,
}

impl Looks {
    fn print(&mut self, manifest: &Manifest, name: &str) -> Result<Arc<Print>> {
        let source = source(manifest, name)?;
        let key = json(&source)?;
        if let Some(print) = self.prints.get(&key) {
            return Ok(print.clone());
        }
        let print = Arc::new(data::print(source, &self.cache).map_err(|error| error.at(format!("source {name}")))?);
        self.prints.insert(key, print.clone());
        Ok(print)
    }

    /// What the sources of a manifest have in common. One source alone has nothing to share, and is not read.
    fn shared(&mut self, manifest: &Manifest, prints: &[(String, Arc<Print>)]) -> Result<SharedPeople> {
        if prints.len() < 2 {
            return Ok(SharedPeople::default());
        }
        let (mut indexes, mut keys) = (Indexes::new(), Vec::new());
        for (name, print) in prints {
            let source = source(manifest, name)?;
            let key = json(&(source, &manifest.signal))?;
            if !self.indexes.contains_key(&key) {
                let found = data::index(source, &manifest.signal, print, &self.cache);
                let (index, told) = found.map_err(|error| error.at(format!("source {name}")))?;
                self.indexes.insert(key.clone(), (Arc::new(index), told));
            }
            indexes.extend(self.indexes.get(&key).map(|(index, _)| (name.clone(), index.clone())));
            keys.push((name, key));
        }
        let everybody = self.everybody.entry(json(&keys)?).or_insert_with(|| Everybody::new(&indexes));
        Ok(shared_people(manifest, &indexes, everybody))
    }
}

fn source<'m>(manifest: &'m Manifest, name: &str) -> Result<&'m dyn Source> {
    let found = manifest.source(name);
    found.ok_or_else(|| Error::internal(format!("no source {name} in {}", manifest.path.display())))
}

fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::internal(error.to_string()))
}
