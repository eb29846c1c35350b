//! Stages.

use chrono::{DateTime, Utc};

use super::table_row;
use crate::plan::TaskKind;
use crate::store::StageStatus;

table_row! {
    /// One row of the table `stage`.
    #[derive(Clone, Debug, PartialEq)]
    #[allow(missing_docs)]
    pub struct StageRow {
        pub stage_id: String,
        pub kind: TaskKind,
        pub architecture: String,
        /// `None` of a transfer.
        pub mix: Option<String>,
        /// Of a regression.
        pub target: Option<String>,
        pub seed: u64,
        /// JSON: everything the id was hashed from.
        pub settings: String,
        pub data_fingerprint: String,
        pub status: StageStatus,
        pub error: Option<String>,
        /// Who is at work on it.
        pub worker: Option<String>,
        /// When others may take it from that worker, seconds since 1970, UTC.
        pub lease_until: Option<f64>,
        pub device: Option<String>,
        pub version: Option<String>,
        /// RFC 3339, UTC.
        pub started_at: Option<String>,
        /// RFC 3339, UTC.
        pub finished_at: Option<String>,
        pub wall_s: Option<f64>,
        /// From 1.
        pub best_epoch: Option<usize>,
        /// The first epoch, from 1, after which no step of the freeze ends; `None` where none does.
        pub last_step: Option<usize>,
        /// Whether the kept epoch lies before it.
        pub frozen_at_best: Option<bool>,
        /// Below the results folder.
        pub checkpoint: Option<String>,
        /// Of the checkpoint's tensors; `None` of a stage that was trained before it was kept.
        pub weights_sha256: Option<String>,
        /// Of its curves, scores and predictions; `None` of a stage that was trained before it was kept.
        pub findings_sha256: Option<String>,
        pub notes: Vec<String>,
    }
}

impl StageRow {
    /// When it was begun.
    pub fn began(&self) -> Option<DateTime<Utc>> {
        let time = DateTime::parse_from_rfc3339(self.started_at.as_deref()?).ok()?;
        Some(time.with_timezone(&Utc))
    }

    /// What it is trained for in a word: its targets, or its kind.
    pub fn task(&self) -> &str {
        self.target.as_deref().unwrap_or(self.kind.name())
    }
}
