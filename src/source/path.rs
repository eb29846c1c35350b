//! Paths in manifests.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A path in a manifest. Relative paths start at the manifest's folder; `$VAR` comes from the environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataPath {
    /// As written in the manifest.
    pub written: String,
    /// The path it stands for, or the environment variable that is not set.
    pub resolved: std::result::Result<PathBuf, String>,
}

impl DataPath {
    /// The path it stands for.
    ///
    /// # Errors
    /// A user error where its environment variable is not set.
    pub fn resolved(&self) -> Result<&Path> {
        match &self.resolved {
            Ok(path) => Ok(path),
            Err(variable) => {
                Err(Error::user(format!("{}: the environment variable {variable} is not set", self.written)))
            }
        }
    }
}
