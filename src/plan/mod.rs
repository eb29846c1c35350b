//! Manifests in, trials and the distinct stages they share out.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Result;
use crate::manifest::{Donor, Fusion, Manifest, Targets, graft_label};

mod expand;
mod identity;
mod overlap;
mod part;
mod settings;
mod stored;
mod task;

pub use overlap::{Overlap, Overlaps, SharedPeople};
pub(crate) use stored::check as check_settings;
pub use stored::{id_of_run, id_of_settings};
pub use task::TaskKind;

/// Goes up when kernels, simulator, preprocessing or training change numbers; part of every stage id.
pub const NUMERIC_VERSION: u32 = 5;

/// Content hash of each source that is used, by ([`Manifest::scope`], source name).
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
    /// The fingerprints it was expanded with.
    pub fingerprints: Fingerprints,
    /// Who is in several sources, as it was expanded with.
    pub overlaps: Overlaps,
}

impl Plan {
    /// The sources, beside those of a stage's own data, that say who is who in it: for the mix of this name, or for the
    /// transfer, of an experiment.
    pub fn linked_through(&self, experiment: usize, mix: Option<&str>) -> &[String] {
        let manifest = self.experiments.get(experiment);
        manifest.map_or(&[], |manifest| overlap::linked_through(manifest, mix, &self.overlaps))
    }

    /// Which sources share people, a line for each two of an experiment.
    pub fn describe_overlaps(&self) -> String {
        let mut text = String::new();
        for manifest in &self.experiments {
            for pair in self.overlaps.get(&manifest.scope()).into_iter().flat_map(|shared| &shared.pairs) {
                let line = format!("{}: {}\n", manifest.name, pair.text(manifest.allow_overlap.is_some()));
                // The same of several variants is told once.
                if !text.contains(&line) {
                    text.push_str(&line);
                }
            }
        }
        text
    }

    /// Whether the ids of an experiment's stages on the mix of this name cover whom the transfer validates and tests.
    pub fn holds_out(&self, experiment: usize, mix: &str) -> bool {
        let found = self.experiments.get(experiment).and_then(|manifest| Some((manifest, manifest.mixes.get(mix)?)));
        let people = found.map(|(manifest, of)| overlap::on_mix(manifest, mix, of, &self.fingerprints, &self.overlaps));
        matches!(people, Some(Ok(Some(people))) if people.holds_out())
    }
}

/// A pure function of its settings, data and seed: one network trained once.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Hash of everything that decides the result, 20 hexadecimal digits.
    pub id: String,
    /// Index into [`Plan::experiments`] of the first manifest that asks for it.
    pub experiment: usize,
    /// Architecture name in that manifest.
    pub architecture: &'static str,
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
        targets: Targets,
    },
    /// A classifier trained on a mix, to be grafted.
    Classification {
        /// Mix name.
        mix: String,
    },
    /// Masked reconstruction of the records of a mix.
    Masked {
        /// Mix name.
        mix: String,
    },
    /// Contrastive learning on the records of a mix.
    Contrastive {
        /// Mix name.
        mix: String,
    },
    /// Weights from elsewhere, brought here.
    Weights {
        /// Their name.
        name: String,
        /// Whether the hidden layer of the head is taken too.
        hidden: bool,
    },
    /// A classifier, grafted or from scratch.
    Transfer {
        /// Indices into [`Plan::stages`] of the grafted networks; empty from scratch.
        grafts: Arc<[usize]>,
        /// Backbones: as many as grafts, or the fresh ones of a baseline.
        backbones: usize,
        /// How the features of several are joined.
        fusion: Fusion,
        /// Freeze name; `None` from scratch. With a freeze and without grafts fresh weights hold still.
        freeze: Option<&'static str>,
        /// Share of the training records, in (0, 1].
        label_fraction: f64,
    },
}

/// One row of the study: an arm under one seed. There may be millions: names are shared by all that have them.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Hash of experiment name, variant and fold, and transfer stage, 20 hexadecimal digits.
    pub run_id: String,
    /// Index into [`Plan::experiments`].
    pub experiment: usize,
    /// Architecture name.
    pub architecture: &'static str,
    /// Mix name; `None` from scratch.
    pub mix: Option<&'static str>,
    /// Grafted networks; empty from scratch.
    pub graft: Arc<[Donor]>,
    /// Backbones: as many as grafted networks, or the fresh ones of a baseline.
    pub backbones: usize,
    /// How the features of several backbones are joined.
    pub fusion: Fusion,
    /// Freeze name; `None` from scratch. With a freeze and without grafts fresh weights hold still.
    pub freeze: Option<&'static str>,
    /// Share of the training records, in (0, 1].
    pub label_fraction: f64,
    /// Variant of the manifest; `None` where it has none.
    pub variant: Option<&'static str>,
    /// Fold that is tested; `None` where the trials do not rotate them.
    pub fold: Option<u8>,
    /// The seed.
    pub seed: u64,
    /// Index into [`Plan::stages`] of the transfer stage.
    pub stage: usize,
    /// Its place in the whole plan.
    pub position: usize,
}

impl Trial {
    /// The graft as tables show it, see [`graft_label`].
    pub fn graft_label(&self) -> String {
        graft_label(&self.graft, self.backbones, self.fusion, self.freeze)
    }
}

/// Expands the manifests.
///
/// The trials of a manifest are every combination of its lists but those left out, the seed
/// changing fastest, then its baselines from scratch: one for each architecture, label fraction and
/// seed; then, where backbones hold still to the end, the same of frozen fresh weights. Combinations that come to the same transfer stage, as when two freezes differ in name
/// only, are one trial, under the first of the names.
///
/// A manifest of several variants, or whose trials rotate the test folds, is there once for each, under one name (see
/// [`crate::manifest::parse_all`]); what these do not touch is the same stage.
///
/// A stage's id is a hash of what decides its result, and [`NUMERIC_VERSION`]:
///
/// * regression: architecture, signal, precision, mix (with fingerprints for sources), the settings of
///   `[regression]` but for the list of targets, the network's targets, the seed, and, where the mix has people of the
///   transfer's data, whose they are: the fingerprint and the folds that are held out, or that overlap is allowed;
/// * classification: the same with the settings of `[classification]` for those of `[regression]`;
/// * masked and contrastive: the same with `[masked]` or `[contrastive]`;
/// * weights from elsewhere: architecture, signal, precision, the content of the file, and how its names are mapped;
/// * transfer: the ids of the grafted stages in order, how several are fused, architecture, signal, precision, the settings of
///   `[transfer]` (with the fingerprint for the source), freeze, label fraction, seed.
///
/// Where people are known to be one by other sources still, or by data sets that the manifest names, these are in the id
/// too. Names, descriptions, paths and the order of manifests are in no stage id, so that stages are
/// shared between trials and between experiments.
///
/// `overlaps` says which sources have people in common; those of equal content have, whatever it says.
///
/// # Errors
/// A user error where a fingerprint of a source that is used is missing, where trials name what is
/// not defined, or where two manifests have one name, variant and fold.
pub fn expand(manifests: Vec<Manifest>, fingerprints: &Fingerprints, overlaps: &Overlaps) -> Result<Plan> {
    expand::expand(manifests, fingerprints, overlaps)
}
