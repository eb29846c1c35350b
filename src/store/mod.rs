//! The SQLite store: schema, migrations, writing, reading. The only module that speaks SQL.

use std::path::Path;

use crate::Result;

/// One row of the `runs` view.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Run {
    pub run_id: String,
    pub experiment: String,
    pub architecture: String,
    /// `None` from scratch.
    pub mix: Option<String>,
    /// `hr+pr+qt+qrs`, or `scratch`.
    pub graft: String,
    /// `None` from scratch.
    pub freeze: Option<String>,
    pub label_fraction: f64,
    pub seed: u64,
    pub device: Option<String>,
    /// `pending`, `running`, `done` or `failed`.
    pub status: String,
    pub error: Option<String>,
    pub started_at: Option<String>,
    pub finished_at: Option<String>,
    pub wall_s: Option<f64>,
    pub test_macro_auc: Option<f64>,
    pub test_accuracy: Option<f64>,
    pub test_macro_f1: Option<f64>,
    pub manifest_sha256: String,
    pub data_fingerprint: String,
    pub version: Option<String>,
    pub stage_id: String,
}

/// The store in a results folder.
#[derive(Debug)]
pub struct Store {}

impl Store {
    /// Opens `results/ecgraft.sqlite`, creating folder, file and schema where they lack.
    ///
    /// # Errors
    /// A user error where the folder cannot be written or holds another program's file, or a newer schema.
    pub fn open(results: &Path) -> Result<Store> {
        let _ = results;
        Err(crate::Error::internal("not built yet"))
    }

    /// Opens an existing store for reading only.
    ///
    /// # Errors
    /// A user error where there is none, saying how to make one.
    pub fn open_read_only(results: &Path) -> Result<Store> {
        let _ = results;
        Err(crate::Error::internal("not built yet"))
    }

    /// All runs, by experiment and place in its plan.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn runs(&self) -> Result<Vec<Run>> {
        Ok(Vec::new())
    }
}
