//! The two stages, and what a classifier is trained with before them.

use serde::{Deserialize, Serialize};

use super::keys::{CLASSES, FOLD, TARGET, TARGETS};
use super::last_stage::loss_of_last_stage;
use super::task::{Task, classes_of_task, labels_of_task};
use super::training::AUGMENTS;
use super::{Augment, Class, Condition, EarlyStopping, GradientClipping, Optimizer, Schedule, Target, Targets};
use crate::declare::{Key, Names, Range, Table, Type, count, fraction, is_default, kinds, list_of, table, words};

/// What keys of both stages mean.
macro_rules! meaning {
    (gradient_clipping) => {
        "Scale all gradients of a step down together where their L2 norm is larger, as PyTorch's `clip_grad_norm_` does; weight decay comes after. Curves get `gradient_norm`, the epoch's mean before clipping."
    };
    (evaluate_on) => {
        "Sources that every network of this stage is evaluated on besides, once it is trained: on all records of which is known what the network was to learn, but those of people, and those recordings, that trained or validated it or what is grafted in it. It changes no network, and may be added when all are trained."
    };
    (early_stopping) => {
        "Stop when the watched value has not improved. The best epoch's weights are the stage's result. Waiting begins anew at every planned change (see `from`), and no stop comes before the last of them."
    };
}

table! {
    /// Stage 1.
    pub struct Regression {
        /// One network for each; a list within the list is one network with an output for each of its targets.
        pub targets: Vec<Targets> = ["hr", "pr", "qt", "qrs"] in list_of(&Type::WordOrList(&TARGET, &TARGETS), 1),
            unit "bpm, ms, ms, ms";
        /// Most epochs.
        pub epochs: usize = 20 in count(1.0, 1e6);
        /// Records per step.
        pub batch_size: usize = 32 in count(1.0, 65536.0);
        /// The loss.
        pub loss: RegressionLoss = "mae";
        /// The optimiser.
        pub optimizer: Optimizer = {};
        /// The learning rate over time.
        pub schedule: Schedule = {};
        #[doc = meaning!(gradient_clipping)]
        pub gradient_clipping: Option<GradientClipping> = none, absent "gradients may have any size",
            example r#"{ "norm": 1.0 }"# => serde(skip_serializing_if = "Option::is_none");
        #[doc = meaning!(early_stopping)]
        pub early_stopping: Option<EarlyStopping> = none in Type::Table(EarlyStopping::OF_REGRESSION),
            absent "all epochs are trained", example r#"{ "patience": 5 }"#;
        /// Share of each mix, by patient, that chooses the epoch.
        pub validation_share: f64 = 0.1 in Type::Number(Range::between(0.0, 1.0));
        /// Share of each mix, by patient, that is measured once at the end.
        pub test_share: f64 = 0.1 in fraction();
        /// Random changes to training signals, drawn anew for each record and epoch.
        pub augment: Vec<Augment> = [] in AUGMENTS;
        #[doc = meaning!(evaluate_on)]
        pub evaluate_on: Vec<String> = [] in list_of(&Type::Name(Names::Source), 0)
            => serde(default, skip_serializing_if = "Vec::is_empty");
    }
}

kinds! {
    /// Regression losses. As JSON one whose settings are all at their defaults is its word alone.
    #[derive(Copy)]
    #[serde(from = "WrittenLoss", into = "WrittenLoss")]
    pub enum RegressionLoss as "loss", default "mae" {
        /// Mean absolute error.
        Mae = "mae";
        /// Mean squared error.
        Mse = "mse";
        /// Huber's: a square for small errors, a line for large ones.
        Huber = "huber" {
            /// Where the line starts.
            delta: f64 = 1.0 in Type::Number(Range::above(0.0)),
                unit "standard deviations of the target's training values";
        };
    }
    later "smooth-l1", "log-cosh", "quantile"
}

/// A regression loss as JSON.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WrittenLoss {
    Word(LossWord),
    Table { kind: LossWord, delta: Option<f64> },
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LossWord {
    Mae,
    Mse,
    Huber,
}

impl From<RegressionLoss> for WrittenLoss {
    fn from(loss: RegressionLoss) -> Self {
        match loss {
            RegressionLoss::Mae => WrittenLoss::Word(LossWord::Mae),
            RegressionLoss::Mse => WrittenLoss::Word(LossWord::Mse),
            RegressionLoss::Huber { delta: 1.0 } => WrittenLoss::Word(LossWord::Huber),
            RegressionLoss::Huber { delta } => WrittenLoss::Table { kind: LossWord::Huber, delta: Some(delta) },
        }
    }
}

impl From<WrittenLoss> for RegressionLoss {
    fn from(written: WrittenLoss) -> Self {
        let (WrittenLoss::Word(kind) | WrittenLoss::Table { kind, .. }) = written;
        match (kind, written) {
            (LossWord::Mae, _) => RegressionLoss::Mae,
            (LossWord::Mse, _) => RegressionLoss::Mse,
            (LossWord::Huber, WrittenLoss::Table { delta: Some(delta), .. }) => RegressionLoss::Huber { delta },
            (LossWord::Huber, _) => RegressionLoss::Huber { delta: 1.0 },
        }
    }
}

table! {
    /// Stage 2.
    pub struct Transfer, incomplete {
        /// The source of the records, which has labels and folds.
        pub source: String = none in Type::Name(Names::Source), absent "the manifest's only source with labels",
            example "\"ptbxl\"";
        /// Folds for training.
        pub train_folds: Vec<u8> = [1, 2, 3, 4, 5, 6, 7, 8] in list_of(&FOLD, 1);
        /// Folds that choose the epoch.
        pub validation_folds: Vec<u8> = [9] in list_of(&FOLD, 1);
        /// Folds read once, at the end.
        pub test_folds: Vec<u8> = [10] in list_of(&FOLD, 1);
        /// Only records that fulfil this condition, written as that of a mix's part.
        pub condition: Option<Condition> = none in Type::Condition, named "where", absent "all records",
            example "\"age >= 18 and not PACE\""
            => serde(default, rename = "where", skip_serializing_if = "Option::is_none");
        /// What the last stage measures, in place of classes: one network with an output for each. It is a regression then, in
        /// the units of these targets, and the epoch of the lowest mean absolute error of the validation records is kept (of
        /// several targets the mean, each divided by the standard deviation of its training values). The source needs folds and
        /// these targets, no labels.
        pub targets: Vec<Target> = [] in TARGETS
            => serde(default, skip_serializing_if = "Vec::is_empty");
        /// What is classified, in the words of PTB-XL's benchmark: it gives `classes` and `labels`, where these are not written.
        /// As there, records with none of the classes take no part, and the folds' defaults are its own. Sources that know PTB-XL's
        /// statements by a map (`cinc`, `sph`, tables with codes) have the same classes.
        pub task: Task = "superclass";
        /// One class per record or several.
        pub labels: Labels = none, absent "`single` with the task `superclass`, `multi` with the others", example "\"multi\"",
            derived labels_of_task;
        /// The classes, in the order of the network's outputs: a list of labels of the source, or a table from names of your
        /// own to labels, conditions on them, or `"*"` for the records of none of the others:
        /// `{ AF = "AFIB or AFLT", STEMI = ["AMI", "IMI"], other = "*" }`. All that `where` knows may be in a condition
        /// (`"sex = 'female'"`, `"age >= 65"`); a record of which a class is not known is left out.
        pub classes: Vec<Class> = none in CLASSES, absent "those of `task`", example r#"["NORM", "MI", "STTC", "CD", "HYP"]"#,
            derived classes_of_task;
        /// Most epochs.
        pub epochs: usize = 30 in count(1.0, 1e6);
        /// Records per step.
        pub batch_size: usize = 32 in count(1.0, 65536.0);
        /// The loss: of a softmax or of a sigmoid per class, as `labels` says. `class_weights` count in both kinds. With
        /// `targets` that of a regression.
        pub loss: TransferLoss = none, absent "`cross-entropy`, and `mae` with `targets`", example "\"focal\"",
            derived loss_of_last_stage => serde(default, skip_serializing_if = "is_default");
        /// Share e by which targets are moved towards the uniform distribution (Szegedy 2016): of K classes with a
        /// softmax the right one gets 1 - e + e / K and the others e / K, as PyTorch has it, class weights included; with
        /// sigmoids a target t becomes (1 - e) t + e / 2. Only with the cross entropy.
        pub label_smoothing: f64 = 0.0 in fraction() => serde(default, skip_serializing_if = "is_default");
        /// The optimiser.
        pub optimizer: Optimizer = {};
        /// The learning rate over time.
        pub schedule: Schedule = {};
        #[doc = meaning!(gradient_clipping)]
        pub gradient_clipping: Option<GradientClipping> = none, absent "gradients may have any size",
            example r#"{ "norm": 1.0 }"# => serde(skip_serializing_if = "Option::is_none");
        #[doc = meaning!(early_stopping)]
        pub early_stopping: Option<EarlyStopping> = none, absent "all epochs are trained",
            example r#"{ "patience": 8, "metric": "macro_auc" }"#;
        /// Weights of the classes in the loss.
        pub class_weights: ClassWeights = "none";
        /// Random changes to training signals, drawn anew for each record and epoch.
        pub augment: Vec<Augment> = [] in AUGMENTS;
        #[doc = meaning!(evaluate_on)]
        pub evaluate_on: Vec<String> = [] in list_of(&Type::Name(Names::Source), 0)
            => serde(default, skip_serializing_if = "Vec::is_empty");
        /// What is taken of a grafted network. With `hidden`, freezes know the hidden layer as the block `hidden`: it must be
        /// named, `*` does not mean it.
        pub graft: GraftedPart = "backbone" => serde(default, skip_serializing_if = "is_default");
        /// Which records a `label_fraction` of the trials is a share of. Test records are always all.
        pub budget: Budget = "train" => serde(default, skip_serializing_if = "is_default");
    }
}

words! {
    /// What is taken of a grafted network.
    pub enum GraftedPart as "graft" {
        /// its backbone, under a fresh head
        Backbone = "backbone",
        /// its backbone and the hidden layer of its head, with the batch norms before and after it, under fresh outputs; of
        /// one network, which has a head
        Hidden = "hidden",
    }
}

words! {
    /// Which labels there are a share of.
    pub enum Budget as "label budget" {
        /// the training records; all validation records choose the epoch
        Train = "train",
        /// training and validation records, the same share of both, as of somebody who has so many labels and no more
        All = "all",
    }
}

kinds! {
    /// Losses of the transfer stage: of a softmax where records have one class, of a sigmoid per class where
    /// they have several; of measured numbers where it has `targets`.
    #[derive(Copy)]
    #[serde(deny_unknown_fields, tag = "kind")]
    pub enum TransferLoss as "loss", default "cross-entropy" {
        /// Cross entropy of a softmax with `labels = "single"`, binary cross entropy of a sigmoid per class with `labels = "multi"`.
        CrossEntropy = "cross-entropy";
        /// Focal loss (Lin 2017): the same times (1 - p)^gamma, p being the probability given to what is true.
        Focal = "focal" {
            /// The larger, the less counts what is right already; 0 is the cross entropy.
            gamma: f64 = 2.0 in Type::Number(Range::from_to(0.0, 100.0));
        };
        /// Mean absolute error; with `targets`.
        Mae = "mae";
        /// Mean squared error; with `targets`.
        Mse = "mse";
        /// Huber's: a square for small errors, a line for large ones; with `targets`.
        Huber = "huber" {
            /// Where the line starts.
            delta: f64 = 1.0 in Type::Number(Range::above(0.0)),
                unit "standard deviations of the target's training values";
        };
    }
}

#[expect(clippy::derivable_impls, reason = "a declaration of kinds has no place for the attribute")]
impl Default for TransferLoss {
    fn default() -> Self {
        TransferLoss::CrossEntropy
    }
}

impl Transfer {
    /// Outputs of its networks.
    pub fn outputs(&self) -> usize {
        if self.targets.is_empty() { self.classes.len() } else { self.targets.len() }
    }
}

impl TransferLoss {
    /// The regression loss that it is, if it is one.
    pub fn of_numbers(self) -> Option<RegressionLoss> {
        match self {
            TransferLoss::CrossEntropy | TransferLoss::Focal { .. } => None,
            TransferLoss::Mae => Some(RegressionLoss::Mae),
            TransferLoss::Mse => Some(RegressionLoss::Mse),
            TransferLoss::Huber { delta } => Some(RegressionLoss::Huber { delta }),
        }
    }
}

/// Stage 1 of grafts from `classification`: a classifier trained on the mix's own records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pretraining {
    /// How it is trained: as a transfer from scratch; its source and folds say nothing.
    pub training: Transfer,
    /// Share of each mix, by patient, that validates.
    pub validation_share: f64,
    /// Share of each mix, by patient, that is measured once at the end.
    pub test_share: f64,
}

impl Pretraining {
    /// The keys of `[classification]`: how classifiers learn, as far as it is not as in `[transfer]`, and what is held
    /// back of a mix.
    pub(super) const KEYS: &[Key] = {
        const KEYS: [Key; 15] = {
            let (learning, regression) = (Transfer::KEYS, Regression::KEYS);
            let mut keys = [learning[0]; 15];
            let mut i = 0;
            // The first six of the transfer are where its records come from, and what is measured of them.
            while i < 13 {
                keys[i] = learning[i + 6].inherited("as in [transfer]");
                i += 1;
            }
            keys[13] = regression[8].inherited("as in [regression]");
            keys[14] = regression[9].inherited("as in [regression]");
            keys
        };
        &KEYS
    };
}

words! {
    /// How many classes a record may have.
    pub enum Labels as "labelling" {
        /// only records with exactly one class; softmax
        Single = "single",
        /// every record with at least one class; a sigmoid per class
        Multi = "multi",
    }
}

words! {
    /// Weights of the classes in the loss.
    pub enum ClassWeights as "class weighting" {
        /// all 1
        None = "none",
        /// inverse to the class frequency in the training records
        Balanced = "balanced",
    }
}
