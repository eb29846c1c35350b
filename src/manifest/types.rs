//! What a manifest says, typed, with every default filled in.
//!
//! Everything that decides a result derives `Serialize`; its JSON is what stage ids are hashed from.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Architecture, Condition, Donor, Fusion, Pretraining, Regression, Transfer, glob_matches};
use crate::ecg::{Lead, Measurement};
use crate::source::Source;

/// One manifest, checked: every name it refers to exists and every value is in range.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The file it was read from.
    pub path: PathBuf,
    /// The text, as read.
    pub text: String,
    /// SHA-256 of the text, lower-case hexadecimal.
    pub sha256: String,
    /// The experiment's name; unique among manifests run together.
    pub name: String,
    /// What the experiment asks.
    pub description: String,
    /// Why people who validate or test a classifier may also train what is grafted under it; they may not where absent.
    pub allow_overlap: Option<String>,
    /// Where records come from, by name.
    pub sources: BTreeMap<String, Box<dyn Source>>,
    /// What every network sees.
    pub signal: Signal,
    /// What regression networks are trained on, by name.
    pub mixes: BTreeMap<String, Mix>,
    /// Networks, by name.
    pub architectures: BTreeMap<String, Architecture>,
    /// Freeze schedules of the transfer stage, by name.
    pub freezes: BTreeMap<String, Freeze>,
    /// Stage 1: regression, one separate network for each of its targets.
    pub regression: Regression,
    /// Stage 1 of grafts from `classification`.
    pub classification: Pretraining,
    /// Stage 2: transfer to classification.
    pub transfer: Transfer,
    /// How numbers are made.
    pub compute: Compute,
    /// The lists whose every combination is a trial.
    pub trials: Trials,
}

/// What every network sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// The leads, in the order of the network's input channels.
    pub leads: Vec<Lead>,
    /// Hz.
    pub sampling_rate: f64,
    /// s. Longer records are cropped, shorter ones refused.
    pub duration: f64,
    /// Hz: low and high edge of a zero-phase band-pass; none where absent.
    pub bandpass: Option<[f64; 2]>,
    /// How amplitudes are normalised.
    pub normalize: Normalize,
}

impl Signal {
    /// Leads and samples per lead.
    pub fn shape(&self) -> (usize, usize) {
        (self.leads.len(), self.length())
    }

    /// Samples per lead: `sampling_rate * duration`, rounded.
    pub fn length(&self) -> usize {
        (self.sampling_rate * self.duration).round() as usize
    }
}

/// Amplitude normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Normalize {
    /// Per record and lead: mean 0, standard deviation 1.
    ZScore,
    /// Per record and lead: into 0 to 1.
    MinMax,
    /// As recorded, in mV.
    None,
    /// Per lead, with mean and standard deviation of the stage's own training records.
    TrainZScore,
}

/// What regression networks are trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mix {
    /// Total number of records; all that the parts offer where absent.
    pub records: Option<usize>,
    /// The parts.
    pub parts: Vec<MixPart>,
}

/// One part of a mix. What is absent is in no JSON of it but for the first three, so that ids of older manifests hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixPart {
    /// The source's name.
    pub source: String,
    /// Share of the mix; shares are exact, largest remainder first. Parts without shares take all they have.
    pub share: Option<f64>,
    /// Only records of these folds (PTB-XL's `strat_fold`); every allowed fold where absent.
    pub folds: Option<Vec<u8>>,
    /// `where`: only records that fulfil it.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// At most this many records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_records: Option<usize>,
    /// Trains from this epoch on, counted from 1; from the first where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_epoch: Option<usize>,
    /// Trains up to this epoch; to the end where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_epoch: Option<usize>,
}

impl MixPart {
    /// The epochs, counted from 1, in which its records train.
    pub fn epochs(&self) -> RangeInclusive<usize> {
        self.from_epoch.unwrap_or(1)..=self.until_epoch.unwrap_or(usize::MAX)
    }
}

/// Which blocks hold still in the transfer stage, and for how long.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// One after another; after the last everything is trained. Empty: fine-tune from the first step.
    pub steps: Vec<FreezeStep>,
    /// Running statistics of a frozen block.
    pub batch_norm: BatchNormMode,
    /// Learning-rate factors by block name glob (`head` is a name too). Of several that match, the longest counts:
    /// see [`Freeze::scale`].
    pub learning_rate_scale: BTreeMap<String, f64>,
    /// What pulls weights towards where they started; nothing where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub l2_sp: Option<L2Sp>,
}

/// L2-SP (Li, Grandvalet and Davoine 2018): the gradient of alpha / 2 |w - w0|^2 for the weights w of grafted
/// backbones, w0 being what was grafted, and of beta / 2 |w|^2 for those of the head. Weights are the matrices and
/// kernels of layers: biases, and scales and shifts of batch norms, are not pulled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct L2Sp {
    /// The pull towards the grafted weights.
    pub alpha: f64,
    /// The pull of the head towards 0.
    pub beta: f64,
}

impl Freeze {
    /// The epochs, counted from 0, at which steps have ended: of each step that ends, in order.
    pub fn ends(&self) -> impl Iterator<Item = usize> {
        let lengths = self.steps.iter().map_while(|step| step.epochs);
        lengths.scan(0, |end: &mut usize, epochs| {
            *end = end.saturating_add(epochs);
            Some(*end)
        })
    }

    /// The learning-rate factor of a block (or of `head`): that of the matching name of
    /// `learning_rate_scale` with the most letters beside `*` and `?` (of equal ones the first in alphabetical order), 1 where none matches.
    pub fn scale(&self, block: &str) -> f64 {
        let matching = self.learning_rate_scale.iter().filter(|(pattern, _)| glob_matches(pattern, block));
        matching
            .rev()
            .max_by_key(|(pattern, _)| pattern.chars().filter(|c| !"*?".contains(*c)).count())
            .map_or(1.0, |(_, scale)| *scale)
    }
}

/// One step of a freeze schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreezeStep {
    /// Block names; `*` and `?` match as in globs.
    pub blocks: Vec<String>,
    /// How many epochs; to the end where absent (only in the last step).
    pub epochs: Option<usize>,
}

/// What the running statistics of a frozen block's batch norms do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchNormMode {
    /// They hold still, and normalise.
    #[default]
    Frozen,
    /// They follow the new data, though the weights hold still.
    Adapt,
}

/// What a regression network is to give: something that is measured in records.
pub type Target = Measurement;

/// How numbers are made; part of a run's identity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compute {
    /// Of CUDA convolutions and matrix products; the CPU is always f32.
    pub precision: Precision,
}

/// Number format of CUDA convolutions and matrix products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 10-bit mantissa inputs, f32 sums.
    Tf32,
    /// Full f32.
    F32,
}

/// Every combination of these lists is a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trials {
    /// Mix names.
    pub mix: Vec<String>,
    /// Architecture names.
    pub architecture: Vec<String>,
    /// Which networks are grafted.
    pub from: Vec<Vec<Donor>>,
    /// How the features of several are joined; says nothing of grafts of one network.
    pub fusion: Vec<Fusion>,
    /// Freeze names.
    pub freeze: Vec<String>,
    /// Shares of the transfer training records.
    pub label_fraction: Vec<f64>,
    /// Seeds.
    pub seed: Vec<u64>,
    /// Add the from-scratch baseline for every architecture, fraction and seed.
    pub scratch: bool,
    /// Add, for each graft of several networks, a baseline of as many fresh backbones.
    pub matched_scratch: bool,
    /// Combinations to leave out.
    pub exclude: Vec<Exclude>,
}

/// Leaves out every trial that agrees with all the keys given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Exclude {
    pub mix: Option<String>,
    pub architecture: Option<String>,
    pub from: Option<Vec<Donor>>,
    pub fusion: Option<Fusion>,
    pub freeze: Option<String>,
    pub label_fraction: Option<f64>,
    pub seed: Option<u64>,
}

impl Exclude {
    /// Whether it leaves out every trial that agrees with the keys of `pattern`, whatever else is true of it.
    pub fn covers(&self, pattern: &Exclude) -> bool {
        fn agrees<T: PartialEq>(own: &Option<T>, other: &Option<T>) -> bool {
            own.is_none() || own == other
        }
        agrees(&self.mix, &pattern.mix)
            && agrees(&self.architecture, &pattern.architecture)
            && agrees(&self.from, &pattern.from)
            && agrees(&self.fusion, &pattern.fusion)
            && agrees(&self.freeze, &pattern.freeze)
            && agrees(&self.label_fraction, &pattern.label_fraction)
            && agrees(&self.seed, &pattern.seed)
    }
}

impl Trials {
    /// Whether one entry of `exclude` leaves out every trial that agrees with the keys of `pattern`.
    pub fn leave_out(&self, pattern: &Exclude) -> bool {
        self.exclude.iter().any(|exclude| exclude.covers(pattern))
    }
}
