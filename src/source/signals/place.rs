//! Where a record's signal is, and how it lies there.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::ecg::Lead;

/// Where the signal of one record is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file; of WFDB the record's path without an ending, that of its header, or a signal file with its header beside it.
    pub path: PathBuf,
    /// Of a file for many records its number there, from 0.
    pub entry: Option<usize>,
}

/// How signals lie in files, as far as these do not say it themselves: what a file says wins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// Samples per second, Hz, of files that do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_rate: Option<f64>,
    /// The leads, in the order of the file, where the file does not name them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Vec<Lead>>,
    /// The array of the file that holds the signals: `tracings`, `ECG/data`; where there is only one it need not be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub array: Option<String>,
    /// Whether leads are rows or columns, where there are as many samples as leads: only then the shape does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leads_are: Option<Axis>,
}

/// What the leads of an array are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// Each lead is a row: (leads, samples).
    Rows,
    /// Each lead is a column: (samples, leads).
    Columns,
}
