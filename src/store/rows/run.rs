//! Runs: trials with what came of them.

use super::table_row;
use crate::ecg::Measurement;
use crate::store::StageStatus;

table_row! {
    /// One row of the view `runs`.
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
        /// `None` where its manifest has no variants.
        pub variant: Option<String>,
        /// The fold that it was tested on; `None` where the manifest does not rotate them.
        pub fold: Option<u8>,
        pub seed: u64,
        pub device: Option<String>,
        /// That of its transfer stage; failed too where what it is grafted from has.
        pub status: StageStatus,
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
        /// Why people who validate or test may train what is grafted; `None` where they may not.
        pub allow_overlap: Option<String>,
        /// Whether the kept epoch lies before the last thaw; `None` where nothing thaws, or it is not done.
        pub frozen_at_best: Option<bool>,
    }
    beside {
        /// Where its last stage measures: the mean absolute error of each target on the test records, in the target's unit.
        pub test_errors: Vec<(Measurement, f64)>,
    }
}

impl Run {
    /// What it is judged by, where it is done and that is defined: its test macro AUC, or the mean absolute error of the first
    /// target that its last stage measures.
    pub fn judged(&self) -> Option<f64> {
        self.test_macro_auc.or_else(|| self.test_errors.first().map(|(_, error)| *error))
    }
}
