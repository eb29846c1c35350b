//! What both stages are trained with: optimiser, schedule, clipping, early stopping, and changes to signals.

use super::keys::SHARE;
use crate::declare::{Key, Range, Type, Value as _, Words, count, fraction, is_default, kinds, sequence, table, words};

const POSITIVE: Type = Type::Number(Range::above(0.0));
const NOT_NEGATIVE: Type = Type::Number(Range::at_least(0.0));
const BETWEEN_0_AND_1: Type = Type::Number(Range::between(0.0, 1.0));

kinds! {
    /// Optimisers.
    #[serde(deny_unknown_fields, tag = "kind")]
    pub enum Optimizer as "optimizer", default "adam" {
        /// Adam (Kingma 2015).
        Adam = "adam" {
            /// Step size.
            learning_rate: f64 = 0.001 in POSITIVE;
            /// L2 factor, in the gradient.
            weight_decay: f64 = 0.0 in fraction();
            /// Decay of the two moments.
            betas: [f64; 2] = [0.9, 0.999] in sequence(&fraction(), 2, 2);
        };
        /// AdamW (Loshchilov 2019).
        Adamw = "adamw" {
            /// Step size.
            learning_rate: f64 = 0.001 in POSITIVE;
            /// Decoupled decay factor.
            weight_decay: f64 = 0.01 in fraction();
            /// Decay of the two moments.
            betas: [f64; 2] = [0.9, 0.999] in sequence(&fraction(), 2, 2);
        };
        /// Stochastic gradient descent.
        Sgd = "sgd" {
            /// Step size.
            learning_rate: f64 = 0.01 in POSITIVE;
            /// L2 factor, in the gradient.
            weight_decay: f64 = 0.0 in fraction();
            /// Momentum; 0 is none.
            momentum: f64 = 0.9 in fraction();
            /// Nesterov's form of momentum.
            nesterov: bool = false;
        };
        /// RMSprop (Hinton 2012).
        Rmsprop = "rmsprop" {
            /// Step size.
            learning_rate: f64 = 0.01 in POSITIVE;
            /// L2 factor, in the gradient.
            weight_decay: f64 = 0.0 in fraction();
            /// Decay of the mean of squared gradients.
            alpha: f64 = 0.99 in fraction();
            /// Momentum; 0 is none.
            momentum: f64 = 0.0 in fraction();
        };
    }
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

/// What `warmup_epochs` of every schedule means.
macro_rules! warmup {
    () => {
        "Length of a linear warm-up from 0, step by step: a factor on the schedule, but that `cosine` starts after it. Less than the stage's `epochs`."
    };
}

kinds! {
    /// The learning rate over time.
    #[serde(deny_unknown_fields, tag = "kind")]
    pub enum Schedule as "schedule", default "exponential" {
        /// The learning rate stays.
        Constant = "constant" {
            #[doc = warmup!()]
            warmup_epochs: f64 = 0.0 in NOT_NEGATIVE, unit "epochs"
                => serde(default, skip_serializing_if = "is_default");
        };
        /// Times gamma after each epoch.
        Exponential = "exponential" {
            /// The factor.
            gamma: f64 = 0.99 in SHARE;
            #[doc = warmup!()]
            warmup_epochs: f64 = 0.0 in NOT_NEGATIVE, unit "epochs"
                => serde(default, skip_serializing_if = "is_default");
        };
        /// Half a cosine down to 0 over the epochs that the warm-up leaves, step by step.
        Cosine = "cosine" {
            #[doc = warmup!()]
            warmup_epochs: f64 = 0.0 in NOT_NEGATIVE, unit "epochs";
        };
        /// Up from 1/25 of the learning rate, then down to 1/250,000 of it, by cosines, step by step (Smith 2018).
        OneCycle = "one-cycle" {
            /// Share of the steps that go up.
            warmup_share: f64 = 0.3 in BETWEEN_0_AND_1;
        };
        /// Times factor when the watched validation metric has not improved for more than `patience` epochs.
        Plateau = "plateau" {
            /// The factor.
            factor: f64 = 0.5 in BETWEEN_0_AND_1;
            /// How long to wait.
            patience: usize = 3 in count(1.0, 1e6), unit "epochs";
            #[doc = warmup!()]
            warmup_epochs: f64 = 0.0 in NOT_NEGATIVE, unit "epochs"
                => serde(default, skip_serializing_if = "is_default");
        };
    }
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

table! {
    /// Gradients are scaled down together where they are larger than this, as `torch.nn.utils.clip_grad_norm_` does.
    pub struct GradientClipping {
        /// The largest norm.
        pub norm: f64 = 1.0 in POSITIVE;
    }
}

table! {
    /// When to stop early.
    pub struct EarlyStopping {
        /// How long without improvement before stopping.
        pub patience: usize = 8 in count(1.0, 1e6), unit "epochs";
        /// What is watched on validation data.
        pub metric: StoppingMetric = "macro_auc";
        /// Which epochs' weights may be the stage's result.
        pub from: StoppingFrom = "start" => serde(default, skip_serializing_if = "is_default");
    }
}

impl Copy for GradientClipping {}

impl EarlyStopping {
    /// The keys in the regression stage: less patience, and one metric.
    pub(super) const OF_REGRESSION: &[Key] = {
        const LOSS: Words = Words {
            what: "metric of the regression stage",
            known: &[("loss", "the validation loss")],
            later: &[],
            open: None,
        };
        let [patience, metric, from] = <EarlyStopping as crate::declare::Table>::KEYS else { unreachable!() };
        &[patience.preset("5"), Key { of: Type::Word(&LOSS), ..metric.preset("\"loss\"") }, *from]
    };
}

words! {
    /// Which epochs' weights may be a stage's result.
    pub enum StoppingFrom as "beginning of the choice" {
        /// every epoch may be kept
        Start = "start",
        /// only epochs after the last planned change: the end of a step of the freeze, a part of the mix that comes or
        /// goes, the end of a warm-up, the peak of `one-cycle`
        LastStep = "last-step",
    }
}

words! {
    /// What early stopping watches: the loss and `mae` are better where they are lower, the others, which are there for
    /// classifiers only, where they are higher. Where `transfer.targets` are measured, `mae` is watched if nothing is said.
    pub enum StoppingMetric as "metric of the transfer stage" {
        /// the validation loss
        Loss = "loss",
        /// macro-averaged area under the ROC curve
        MacroAuc = "macro_auc",
        /// share of right answers
        Accuracy = "accuracy",
        /// macro-averaged F1
        MacroF1 = "macro_f1",
        /// mean absolute error, with `transfer.targets`
        Mae = "mae",
    }
}

kinds! {
    /// A random change to training signals, drawn anew for each record and epoch.
    #[serde(deny_unknown_fields, tag = "kind")]
    pub enum Augment as "augmentation" {
        /// White noise. A GPU draws other numbers than the CPU.
        GaussianNoise = "gaussian-noise" {
            /// Standard deviation.
            sd: f64 = 0.05 in NOT_NEGATIVE, unit "normalised signal";
        };
        /// A slow sine (0.05 to 0.5 Hz) with random phase, one per record, scaled by lead.
        BaselineWander = "baseline-wander" {
            /// Its largest amplitude.
            amplitude: f64 = 0.1 in NOT_NEGATIVE, unit "normalised signal";
        };
        /// Each lead is zeroed with probability p.
        LeadDropout = "lead-dropout" {
            /// The probability.
            p: f64 = 0.1 in fraction();
        };
        /// A random window is kept, the rest zeroed.
        RandomCrop = "random-crop" {
            /// Length of the window, at most what a network sees at once: `signal.window.length`, else `signal.duration`.
            duration: f64 = 9.0 in POSITIVE, unit "s";
        };
        /// The record is moved in time, zeros taking the empty place.
        TimeShift = "time-shift" {
            /// The most it is moved by, to either side; less than what a network sees at once.
            shift: f64 = 0.5 in NOT_NEGATIVE, unit "s";
        };
        /// All leads of a record times one factor.
        AmplitudeScale = "amplitude-scale" {
            /// The factor is uniform from 1 - range to 1 + range.
            range: f64 = 0.2 in fraction();
        };
    }
}

/// The type of `augment`: any number of changes, one after another.
pub(super) const AUGMENTS: Type = sequence(&Augment::TYPE, 0, usize::MAX);
