//! What a manifest says of the two stages, typed.

use serde::{Deserialize, Serialize};

use super::Targets;
use crate::ecg::Label;

/// Whether a value is at its default: those that came later are left out of the JSON then, so that stages
/// without them keep their ids.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Stage 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regression {
    /// One separate network for each.
    pub targets: Vec<Targets>,
    /// Most epochs.
    pub epochs: usize,
    /// Records per step.
    pub batch_size: usize,
    /// The loss.
    pub loss: RegressionLoss,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// The learning rate over time.
    pub schedule: Schedule,
    /// How large gradients may be; of any size where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient_clipping: Option<GradientClipping>,
    /// Stop when the validation loss has not improved; the best epoch's weights are the result.
    pub early_stopping: Option<EarlyStopping>,
    /// Share of each mix, by patient, that validates.
    pub validation_share: f64,
    /// Share of each mix, by patient, that is measured once at the end.
    pub test_share: f64,
    /// Random changes to training signals.
    pub augment: Vec<Augment>,
}

/// Regression losses. As JSON one whose settings are all at their defaults is its word alone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "WrittenLoss", into = "WrittenLoss")]
pub enum RegressionLoss {
    /// Mean absolute error.
    Mae,
    /// Mean squared error.
    Mse,
    /// Huber's: a square up to `delta`, a line beyond.
    Huber {
        /// In units of the target's training standard deviation. Default 1.
        delta: f64,
    },
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

/// Gradients are scaled down together where they are larger than this, as `torch.nn.utils.clip_grad_norm_` does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GradientClipping {
    /// The largest L2 norm of all gradients of a step together.
    pub norm: f64,
}

/// Optimisers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "lowercase")]
pub enum Optimizer {
    /// Adam (Kingma 2015); weight decay as L2 in the gradient.
    Adam {
        /// Step size.
        learning_rate: f64,
        /// L2 factor.
        weight_decay: f64,
        /// Decay of the two moments.
        betas: [f64; 2],
    },
    /// AdamW (Loshchilov 2019); decoupled weight decay.
    Adamw {
        /// Step size.
        learning_rate: f64,
        /// Decay factor.
        weight_decay: f64,
        /// Decay of the two moments.
        betas: [f64; 2],
    },
    /// Stochastic gradient descent.
    Sgd {
        /// Step size.
        learning_rate: f64,
        /// L2 factor.
        weight_decay: f64,
        /// Momentum; 0 is none.
        momentum: f64,
        /// Nesterov's form.
        nesterov: bool,
    },
    /// RMSprop (Hinton 2012).
    Rmsprop {
        /// Step size.
        learning_rate: f64,
        /// L2 factor.
        weight_decay: f64,
        /// Decay of the mean of squared gradients.
        alpha: f64,
        /// Momentum; 0 is none.
        momentum: f64,
    },
}

impl Optimizer {
    /// The step size before any schedule.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Optimizer::Adam { learning_rate, .. }
            | Optimizer::Adamw { learning_rate, .. }
            | Optimizer::Sgd { learning_rate, .. }
            | Optimizer::Rmsprop { learning_rate, .. } => *learning_rate,
        }
    }
}

/// The learning rate over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case")]
pub enum Schedule {
    /// It stays.
    Constant {
        /// Epochs of linear warm-up.
        #[serde(default, skip_serializing_if = "is_default")]
        warmup_epochs: f64,
    },
    /// Times gamma after each epoch.
    Exponential {
        /// The factor.
        gamma: f64,
        /// Epochs of linear warm-up, a factor too.
        #[serde(default, skip_serializing_if = "is_default")]
        warmup_epochs: f64,
    },
    /// Half a cosine from the learning rate to 0 over the epochs, after a linear warm-up.
    Cosine {
        /// Epochs of linear warm-up.
        warmup_epochs: f64,
    },
    /// Up from 1/25 to the learning rate over `warmup_share` of the steps, then down to 1/250,000 of it, by cosines
    /// (Smith 2018; PyTorch's `OneCycleLR` and its defaults).
    OneCycle {
        /// Share of the steps that go up.
        warmup_share: f64,
    },
    /// Times factor when the watched validation metric has not improved for more than `patience` epochs.
    Plateau {
        /// The factor.
        factor: f64,
        /// Epochs without improvement that change nothing.
        patience: usize,
        /// Epochs of linear warm-up, a factor too.
        #[serde(default, skip_serializing_if = "is_default")]
        warmup_epochs: f64,
    },
}

impl Schedule {
    /// Epochs over which the learning rate first rises from 0; `one-cycle` has a way up of its own.
    pub fn warmup_epochs(&self) -> f64 {
        match self {
            Schedule::Constant { warmup_epochs }
            | Schedule::Exponential { warmup_epochs, .. }
            | Schedule::Cosine { warmup_epochs }
            | Schedule::Plateau { warmup_epochs, .. } => *warmup_epochs,
            Schedule::OneCycle { .. } => 0.0,
        }
    }
}

/// When to stop early.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    /// Epochs without improvement before stopping.
    pub patience: usize,
    /// What is watched on validation data.
    pub metric: StoppingMetric,
    /// Which epochs may be kept.
    #[serde(default, skip_serializing_if = "is_default")]
    pub from: StoppingFrom,
}

/// Which epochs' weights may be a stage's result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoppingFrom {
    /// Those of every epoch.
    #[default]
    Start,
    /// Those of epochs after the last planned change: of what is frozen, of which records train, of a warm-up.
    LastStep,
}

/// What early stopping watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoppingMetric {
    /// The stage's loss; lower is better.
    Loss,
    /// Macro AUC; higher is better. Transfer only.
    MacroAuc,
    /// Accuracy; higher is better. Transfer only.
    Accuracy,
    /// Macro F1; higher is better. Transfer only.
    MacroF1,
}

/// A random change to training signals, drawn anew for each record and epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case")]
pub enum Augment {
    /// White noise, in units of the normalised signal. Its numbers on a GPU are others than on a CPU.
    GaussianNoise {
        /// Standard deviation.
        sd: f64,
    },
    /// A slow sine (0.05 to 0.5 Hz) with random phase, one per record, scaled by lead.
    BaselineWander {
        /// Its largest amplitude, in units of the normalised signal.
        amplitude: f64,
    },
    /// Each lead is zeroed with probability p.
    LeadDropout {
        /// The probability.
        p: f64,
    },
    /// A random window of this duration is kept, the rest zeroed.
    RandomCrop {
        /// s.
        duration: f64,
    },
    /// The whole record is moved in time, zeros taking the empty place.
    TimeShift {
        /// The most it is moved by, to either side; s.
        shift: f64,
    },
    /// All leads times one factor, uniform from 1 - range to 1 + range.
    AmplitudeScale {
        /// The range.
        range: f64,
    },
}

/// Stage 2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// The source's name; PTB-XL layout.
    pub source: String,
    /// The task.
    pub task: Task,
    /// One class per record or several.
    pub labels: Labels,
    /// The classes, in the order of the network's outputs.
    pub classes: Vec<Label>,
    /// Folds for training.
    pub train_folds: Vec<u8>,
    /// Folds that choose the epoch.
    pub validation_folds: Vec<u8>,
    /// Folds read once, at the end.
    pub test_folds: Vec<u8>,
    /// Most epochs.
    pub epochs: usize,
    /// Records per step.
    pub batch_size: usize,
    /// The loss.
    #[serde(default, skip_serializing_if = "is_default")]
    pub loss: TransferLoss,
    /// The share by which targets are moved towards the uniform distribution; cross entropy only.
    #[serde(default, skip_serializing_if = "is_default")]
    pub label_smoothing: f64,
    /// The optimiser.
    pub optimizer: Optimizer,
    /// The learning rate over time.
    pub schedule: Schedule,
    /// How large gradients may be; of any size where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient_clipping: Option<GradientClipping>,
    /// When to stop.
    pub early_stopping: Option<EarlyStopping>,
    /// Weights of the classes in the loss.
    pub class_weights: ClassWeights,
    /// Random changes to training signals.
    pub augment: Vec<Augment>,
}

/// Losses of the transfer stage: of a softmax where records have one class, of a sigmoid per class where
/// they have several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case")]
pub enum TransferLoss {
    /// Cross entropy; binary cross entropy of sigmoids.
    #[default]
    CrossEntropy,
    /// The focal loss (Lin 2017).
    Focal {
        /// How little counts what is right already; 0 is the cross entropy.
        gamma: f64,
    },
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

/// Classification tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// PTB-XL's five diagnostic superclasses.
    Superclass,
}

/// How many classes a record may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Labels {
    /// Only records with exactly one class; softmax (the study).
    Single,
    /// Every record with at least one class; a sigmoid per class (the PTB-XL benchmark).
    Multi,
}

/// Weights of the classes in the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeights {
    /// All 1.
    None,
    /// Inverse to the class frequency in the training records.
    Balanced,
}
