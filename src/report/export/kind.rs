//! What an export is.

use std::path::Path;

use crate::Result;

/// A way to write all results for other programs.
pub trait Export: Sync {
    /// Its name, which is also the flag of `ecgraft export`: `parquet`.
    fn name(&self) -> &'static str;

    /// What the flag names, in a line without a full stop.
    fn about(&self) -> &'static str;

    /// Writes the store of `results` to `folder`. Returns what was written, a line for each file.
    ///
    /// # Errors
    /// A user error where there is no store, where the folder cannot be written, and where it has files of these names
    /// that no export made. What was there before is then as it was.
    fn write(&self, results: &Path, folder: &Path) -> Result<String>;
}

impl std::fmt::Debug for dyn Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
