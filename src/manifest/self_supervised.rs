//! What networks learn from signals alone before they are grafted: `[masked]` and `[contrastive]`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Regression;
use crate::declare::{Key, Range, Table, Type, count, fraction, table, words};

table! {
    /// What is hidden of a record, and how what is given for it is measured.
    pub struct Masking {
        /// Share of the patches that are masked, of each lead or of all together. Masked samples are 0 in the input; the loss
        /// is over them alone. Validation and test records have the same masks in each epoch.
        pub share: f64 = 0.5 in fraction();
        /// Length of a patch.
        pub patch: f64 = 100.0 in Type::Number(Range::above(0.0)), unit "ms";
        /// Whether the leads of a record are masked in the same places.
        pub leads: MaskedLeads = "each";
        /// Share of the leads that are masked whole, which are drawn for each record; one lead at least is left.
        pub whole_leads: f64 = 0.0 in fraction();
        /// The loss: as a regression's, of normalised samples.
        pub loss: MaskedLoss = "mae";
    }
}

words! {
    /// Where the leads of a record are masked.
    pub enum MaskedLeads as "masking of leads" {
        /// patches are drawn for each lead by itself
        Each = "each",
        /// the same patches in all leads: what is hidden in one is not seen in another
        All = "all",
    }
}

words! {
    /// Losses of masked reconstruction.
    pub enum MaskedLoss as "loss" {
        /// mean absolute error
        Mae = "mae",
        /// mean squared error
        Mse = "mse",
    }
}

table! {
    /// What the two views of a record are, and how near they are to be.
    pub struct Views {
        /// What the similarities of projections, their cosines, are divided by (Chen 2020).
        pub temperature: f64 = 0.1 in Type::Number(Range::above(0.0));
        /// Outputs of the head, whose hidden layer is the architecture's: the projection.
        pub projection: usize = 64 in count(1.0, 65536.0);
        /// Length of a view: a random window of what a network sees at once. A network that takes any length is given these
        /// samples alone, one that does not (`vit`) all, those outside as 0.
        pub window: Option<f64> = none in Type::Number(Range::above(0.0)), unit "s",
            absent "half of what a network sees at once", example "5.0";
    }
}

/// Stage 1 of grafts from `masked`: masked reconstruction of the mix's records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Masked {
    /// How it is trained; its targets and its loss say nothing.
    pub training: Regression,
    /// What is hidden.
    pub masking: Masking,
}

/// Stage 1 of grafts from `contrastive`: two views of a record are to be told from those of all others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contrastive {
    /// How it is trained; its targets and its loss say nothing.
    pub training: Regression,
    /// What a view is.
    pub views: Views,
}

/// Places of the keys in `[regression]` that such stages are trained by.
const TRAINING: [usize; 9] = [1, 2, 4, 5, 6, 7, 8, 9, 10];

/// Keys of one's own, then those of a training.
const fn keys<const ALL: usize>(own: &[Key]) -> [Key; ALL] {
    let mut keys = [own[0]; ALL];
    let mut i = 0;
    while i < ALL {
        keys[i] = if i < own.len() {
            own[i]
        } else {
            Regression::KEYS[TRAINING[i - own.len()]].inherited("as in [regression]")
        };
        i += 1;
    }
    keys
}

impl Masked {
    /// The keys of `[masked]`.
    pub(super) const KEYS: &[Key] = {
        const KEYS: [Key; Masking::KEYS.len() + TRAINING.len()] = keys(Masking::KEYS);
        &KEYS
    };
}

impl Contrastive {
    /// The keys of `[contrastive]`.
    pub(super) const KEYS: &[Key] = {
        const KEYS: [Key; Views::KEYS.len() + TRAINING.len()] = keys(Views::KEYS);
        &KEYS
    };
}

impl Views {
    /// Samples of a view, of `length` that a network sees at once.
    pub fn samples(&self, sampling_rate: f64, length: usize) -> usize {
        let written = self.window.map(|window| (window * sampling_rate).round() as usize);
        written.unwrap_or(length / 2).clamp(1, length.max(1))
    }
}

/// Makes the tables `masked` and `contrastive` of a manifest what the types are.
pub(super) fn complete(json: &mut Value) {
    for (table, own) in [("masked", ("masking", Masking::KEYS)), ("contrastive", ("views", Views::KEYS))] {
        json[table] = completed(&json[table], own, &json["regression"]);
    }
}

/// A table as [`Masked`] and [`Contrastive`] have it: its `own` keys under a `name`, and what it leaves to `[regression]`.
fn completed(written: &Value, (name, own): (&str, &[Key]), regression: &Value) -> Value {
    let own: Map<String, Value> = own.iter().map(|key| (key.name.to_owned(), written[key.name].clone())).collect();
    let mut training = regression.clone();
    for key in TRAINING.map(|place| Regression::KEYS[place].name) {
        if !written[key].is_null() {
            training[key] = written[key].clone();
        }
    }
    json!({ name: own, "training": training })
}
