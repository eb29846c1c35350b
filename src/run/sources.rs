//! Sources that stages share: each is read once a run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use crate::Result;
use crate::data::{self, Dataset, Datasets};
use crate::error::Error;
use crate::manifest::Manifest;
use crate::plan::Fingerprints;

/// A source's records, or why they cannot be had; filled by the first stage that asks.
type Slot = Arc<OnceLock<Result<Arc<Dataset>>>>;

/// Datasets by source and signal settings.
pub(super) struct Sources {
    cache: PathBuf,
    slots: Mutex<HashMap<String, Slot>>,
    /// All threads read, whichever worker asks.
    pool: rayon::ThreadPool,
}

impl Sources {
    pub(super) fn new(results: &Path, threads: usize) -> Result<Self> {
        Ok(Self { cache: cache_folder(results), slots: Mutex::new(HashMap::new()), pool: super::pool(threads)? })
    }

    /// The datasets called `names` in `manifest`, read where they were not yet.
    pub(super) fn load(&self, manifest: &Manifest, names: &[String]) -> Result<Datasets> {
        names.iter().map(|name| Ok((name.clone(), self.one(manifest, name)?))).collect()
    }

    fn one(&self, manifest: &Manifest, name: &str) -> Result<Arc<Dataset>> {
        let source = manifest
            .sources
            .get(name)
            .ok_or_else(|| Error::internal(format!("no source {name} in {}", manifest.path.display())))?;
        let key =
            serde_json::to_string(&(source, &manifest.signal)).map_err(|error| Error::internal(error.to_string()))?;
        let slot = super::lock(&self.slots).entry(key).or_default().clone();
        slot.get_or_init(|| self.pool.install(|| data::load(name, source, &manifest.signal, &self.cache)).map(Arc::new))
            .clone()
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
