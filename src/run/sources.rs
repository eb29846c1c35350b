//! Sources that stages share: each is read once a run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use crate::Result;
use crate::data::{self, Dataset, Datasets};
use crate::error::Error;
use crate::manifest::Manifest;
use crate::plan::Fingerprints;
use crate::progress::Progress;

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
    pub(super) fn new(results: &Path, threads: usize) -> Result<Self> {
        Ok(Self {
            results: results.into(),
            cache: cache_folder(results),
            slots: Mutex::new(HashMap::new()),
            pool: super::pool(threads)?,
        })
    }

    /// The datasets called `names` in `manifest`, read where they were not yet.
    /// What a first reading finds is told to `progress`.
    pub(super) fn load(&self, manifest: &Manifest, names: &[String], progress: &Progress) -> Result<Datasets> {
        names.iter().map(|name| Ok((name.clone(), self.one(manifest, name, progress)?))).collect()
    }

    fn one(&self, manifest: &Manifest, name: &str, progress: &Progress) -> Result<Arc<Dataset>> {
        let source = manifest
            .sources
            .get(name)
            .ok_or_else(|| Error::internal(format!("no source {name} in {}", manifest.path.display())))?;
        let key =
            serde_json::to_string(&(source, &manifest.signal)).map_err(|error| Error::internal(error.to_string()))?;
        let slot = super::lock(&self.slots).entry(key).or_default().clone();
        let read = || {
            let started = Instant::now();
            let dataset = self.pool.install(|| data::load(name, source, &manifest.signal, &self.cache))?;
            let seconds = started.elapsed().as_secs_f64();
            progress.message(&format!("source {name}: {} records, {seconds:.1} s", dataset.records.len()));
            dataset.list_left_out(&self.results)?;
            dataset
                .notes
                .iter()
                .chain(&dataset.warnings)
                .for_each(|note| progress.message(&format!("source {name}: {note}")));
            Ok(Arc::new(dataset))
        };
        slot.get_or_init(read).clone()
    }
}

/// Where preprocessed records and fingerprints are kept.
pub(super) fn cache_folder(results: &Path) -> PathBuf {
    results.join("cache")
}

/// Manifests whose data are there, with the data's fingerprints, and what was said of the others.
#[derive(Debug, Default)]
pub struct Fingerprinted {
    /// Manifests that can run.
    pub manifests: Vec<Manifest>,
    /// Content hashes of their sources.
    pub fingerprints: Fingerprints,
    /// One line for each manifest whose data are somewhere an unset variable says.
    pub skipped: Vec<String>,
    /// What is wrong with the data of the others.
    pub errors: Vec<Error>,
}

/// Looks at the data of each manifest. One whose environment variables are not set is skipped; one
/// whose data are missing or damaged is an error; the others can run all the same.
pub fn fingerprints(manifests: Vec<Manifest>, results: &Path) -> Fingerprinted {
    let mut all = Fingerprinted::default();
    for manifest in manifests {
        let missing = manifest.missing_variables();
        if !missing.is_empty() {
            let list = missing.iter().map(|name| format!("${name}")).collect::<Vec<_>>().join(", ");
            all.skipped.push(format!("skipped {} ({}): {list} is not set", manifest.name, manifest.path.display()));
            continue;
        }
        let found: Result<Vec<_>> = manifest
            .used_sources()
            .into_iter()
            .map(|name| {
                let source = manifest.sources.get(&name).ok_or_else(|| Error::internal(format!("no source {name}")))?;
                let print = data::fingerprint(source, &cache_folder(results))
                    .map_err(|error| error.at(format!("source {name}")))?;
                Ok(((manifest.name.clone(), name), print))
            })
            .collect();
        match found {
            Ok(found) => {
                all.fingerprints.extend(found);
                all.manifests.push(manifest);
            }
            Err(error) => all.errors.push(error.at(manifest.path.display())),
        }
    }
    all
}
