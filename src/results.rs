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
/// | `shards/*.sqlite` | finished stages of workers that did not open the store |
/// | `cache/` | preprocessed records, fingerprints, and who is in a source |
/// | `cache/kernels/` | the compiled kernels of GPUs |
/// | `left-out/` | lists of records that were left out of a source |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultsFolder {
    root: PathBuf,
}

impl ResultsFolder {
    /// The name of the store's file.
    pub const STORE: &'static str = "ecgraft.sqlite";
    /// The name of the folder of lists of records that were left out.
    pub const LEFT_OUT: &'static str = "left-out";
    const CACHE: &'static str = "cache";
    const CHECKPOINTS: &'static str = "checkpoints";
    const EPOCHS: &'static str = "epochs";
    const SHARDS: &'static str = "shards";
    const KERNELS: &'static str = "cache/kernels";
    const PROGRESS: &'static str = "progress";

    /// The folder at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The store's file.
    pub fn store(&self) -> PathBuf {
        self.root.join(Self::STORE)
    }

    /// The file that SQLite writes to before the store's own.
    pub fn write_ahead_log(&self) -> PathBuf {
        self.root.join(format!("{}-wal", Self::STORE))
    }

    /// Where preprocessed records and fingerprints are kept.
    pub fn cache(&self) -> PathBuf {
        self.root.join(Self::CACHE)
    }

    /// Where the compiled kernels of GPUs are kept.
    pub fn kernels(&self) -> PathBuf {
        self.root.join(Self::KERNELS)
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

    /// Where workers that do not open the store leave what they finished.
    pub fn shards(&self) -> PathBuf {
        self.root.join(Self::SHARDS)
    }

    /// A file by its name below the folder, such as [`ResultsFolder::checkpoint_name`].
    pub fn below(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Every folder that runs write files to, where a run that was killed may have left unfinished ones.
    pub fn written_by_runs(&self) -> [PathBuf; 6] {
        let folders = ["", Self::CACHE, Self::KERNELS, Self::CHECKPOINTS, Self::PROGRESS, Self::EPOCHS];
        folders.map(|name| self.root.join(name))
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
        ] {
            assert_eq!(found, Path::new(expected));
        }
        assert_eq!(results.below(&ResultsFolder::checkpoint_name("1f")), results.checkpoint("1f"));
        assert_eq!(results.written_by_runs()[0], Path::new("r/"));
    }
}
