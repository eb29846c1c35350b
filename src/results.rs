//! The folder of results: what lies where in it.

use std::path::{Path, PathBuf};

/// A folder of results. It need not be there yet; nothing here makes or reads anything.
///
/// | in it | is |
/// |---|---|
/// | `ecgraft.sqlite` | the store, and beside it SQLite's own files |
/// | `checkpoints/STAGE.safetensors` | the weights of a stage that is done |
/// | `progress/STAGE` | how far a stage is that is in work |
/// | `epochs/STAGE.jsonl` | the learning curves so far of a stage that is in work, for who watches |
/// | `shards/STAGE.sqlite` | what a worker that does not open the store found in a stage |
/// | `shards/sets/SHA256.sqlite` | the recordings of a set that shards name |
/// | `cache/` | preprocessed records, fingerprints, and who is in a source |
/// | `cache/kernels/` | the compiled kernels of GPUs |
/// | `logs/` | what the workers of `ecgraft run --workers` said |
/// | `slurm/` | what was submitted to Slurm, and its logs |
/// | `left-out/` | lists of records that were left out of a source |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultsFolder {
    root: PathBuf,
    /// Where the store is, and where caches are, if not in it.
    store: Option<PathBuf>,
    cache: Option<PathBuf>,
}

impl ResultsFolder {
    /// The name of the store's file.
    pub const STORE: &'static str = "ecgraft.sqlite";
    /// The name of the folder of lists of records that were left out.
    pub const LEFT_OUT: &'static str = "left-out";
    const CACHE: &'static str = "cache";
    const CHECKPOINTS: &'static str = "checkpoints";
    const EPOCHS: &'static str = "epochs";
    const KERNELS: &'static str = "cache/kernels";
    const PROGRESS: &'static str = "progress";
    const SHARDS: &'static str = "shards";

    /// The folder at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), store: None, cache: None }
    }

    /// The same with its store in another folder, of a worker that does not open the shared one.
    #[must_use]
    pub fn with_store(self, folder: impl Into<PathBuf>) -> Self {
        Self { store: Some(folder.into()), ..self }
    }

    /// The same with its caches in another folder, such as one on a disk of the worker's own.
    #[must_use]
    pub fn with_cache(self, folder: impl Into<PathBuf>) -> Self {
        Self { cache: Some(folder.into()), ..self }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Where the store is.
    pub fn store_folder(&self) -> &Path {
        self.store.as_deref().unwrap_or(&self.root)
    }

    /// The store's file.
    pub fn store(&self) -> PathBuf {
        self.store_folder().join(Self::STORE)
    }

    /// The file that SQLite writes to before the store's own.
    pub fn write_ahead_log(&self) -> PathBuf {
        self.store_folder().join(format!("{}-wal", Self::STORE))
    }

    /// Where preprocessed records and fingerprints are kept.
    pub fn cache(&self) -> PathBuf {
        self.cache.clone().unwrap_or_else(|| self.root.join(Self::CACHE))
    }

    /// Where the compiled kernels of GPUs are kept.
    pub fn kernels(&self) -> PathBuf {
        self.cache.as_ref().map_or_else(|| self.root.join(Self::KERNELS), |cache| cache.join("kernels"))
    }

    /// Where the weights of a stage are.
    pub fn checkpoint(&self, stage_id: &str) -> PathBuf {
        self.below(&Self::checkpoint_name(stage_id))
    }

    /// The same below the folder, as the store keeps it.
    pub fn checkpoint_name(stage_id: &str) -> String {
        format!("{}/{stage_id}.safetensors", Self::CHECKPOINTS)
    }

    /// Where a stage's progress is saved while it is trained.
    pub fn progress(&self, stage_id: &str) -> PathBuf {
        self.root.join(Self::PROGRESS).join(stage_id)
    }

    /// Where the learning curves so far of stages in work are.
    pub fn epochs(&self) -> PathBuf {
        self.root.join(Self::EPOCHS)
    }

    /// Those of one stage.
    pub fn epochs_of(&self, stage_id: &str) -> PathBuf {
        self.epochs().join(format!("{stage_id}.jsonl"))
    }

    /// Where the shards are.
    pub fn shards(&self) -> PathBuf {
        self.root.join(Self::SHARDS)
    }

    /// Where the shard of a stage is.
    pub fn shard(&self, stage_id: &str) -> PathBuf {
        self.shards().join(format!("{stage_id}.sqlite"))
    }

    /// Where the recordings of a set are that shards in the folder `shards` name by this checksum.
    pub fn record_set(shards: &Path, sha256: &str) -> PathBuf {
        shards.join("sets").join(format!("{sha256}.sqlite"))
    }

    /// Where the logs of workers are.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// A file by its name below the folder, such as [`ResultsFolder::checkpoint_name`].
    pub fn below(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Every folder that runs write files to, where a run that was killed may have left unfinished ones.
    pub fn written_by_runs(&self) -> [PathBuf; 8] {
        let names = ["", Self::CHECKPOINTS, Self::PROGRESS, Self::EPOCHS];
        let [root, checkpoints, progress, epochs] = names.map(|name| self.root.join(name));
        let [shards, sets] = [self.shards(), self.shards().join("sets")];
        [root, self.cache(), self.kernels(), checkpoints, progress, epochs, shards, sets]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_its_place() {
        let results = ResultsFolder::new("r");
        for (found, expected) in [
            (results.store(), "r/ecgraft.sqlite"),
            (results.write_ahead_log(), "r/ecgraft.sqlite-wal"),
            (results.cache(), "r/cache"),
            (results.kernels(), "r/cache/kernels"),
            (results.checkpoint("1f"), "r/checkpoints/1f.safetensors"),
            (results.progress("1f"), "r/progress/1f"),
            (results.shard("1f"), "r/shards/1f.sqlite"),
            (ResultsFolder::record_set(&results.shards(), "a0"), "r/shards/sets/a0.sqlite"),
        ] {
            assert_eq!(found, Path::new(expected));
        }
        assert_eq!(results.below(&ResultsFolder::checkpoint_name("1f")), results.checkpoint("1f"));
        assert_eq!(results.written_by_runs()[0], Path::new("r/"));
        let elsewhere = results.with_store("s").with_cache("c");
        assert_eq!([elsewhere.store(), elsewhere.cache()], ["s/ecgraft.sqlite", "c"].map(PathBuf::from));
        assert_eq!(elsewhere.checkpoint("1f"), Path::new("r/checkpoints/1f.safetensors"));
    }
}
