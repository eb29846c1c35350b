//! The two stages, and what both are trained with.

use super::{FOLD, SHARE, count, list, sequence, words};
use crate::declare::{Default, Key, Kind, Kinds, Names, Range, Type, Words};

const TARGET: Words = words(
    "target",
    &[("hr", "heart rate, bpm"), ("pr", "PR interval, ms"), ("qt", "QT interval, ms"), ("qrs", "QRS duration, ms")],
);

/// Targets of one network.
const TARGETS: Type = list(&Type::Word(&TARGET), 1);

const DONOR_WORDS: Words = words(
    "target",
    &[
        ("hr", "heart rate"),
        ("pr", "PR interval"),
        ("qt", "QT interval"),
        ("qrs", "QRS duration"),
        ("classification", "a classifier trained on the mix, see [classification]"),
    ],
);

/// A network that is grafted.
pub(super) const DONOR: Type = Type::WordOrList(&DONOR_WORDS, &TARGETS);

const LOSS: Kinds = Kinds {
    what: "loss",
    default: Some("mae"),
    known: &[
        Kind { name: "mae", doc: "Mean absolute error.", keys: &[] },
        Kind { name: "mse", doc: "Mean squared error.", keys: &[] },
        Kind {
            name: "huber",
            doc: "Huber's: a square for small errors, a line for large ones.",
            keys: &[Key::new("delta", Type::Number(Range::above(0.0)), "1.0", "Where the line starts.")
                .unit("standard deviations of the target's training values")],
        },
    ],
    later: &["smooth-l1", "log-cosh", "quantile"],
};

const TRANSFER_LOSS: Kinds = Kinds {
    what: "loss",
    default: Some("cross-entropy"),
    known: &[
        Kind {
            name: "cross-entropy",
            doc: "Cross entropy of a softmax with `labels = \"single\"`, binary cross entropy of a sigmoid per class with `labels = \"multi\"`.",
            keys: &[],
        },
        Kind {
            name: "focal",
            doc: "Focal loss (Lin 2017): the same times (1 - p)^gamma, p being the probability given to what is true.",
            keys: &[Key::new(
                "gamma",
                Type::Number(Range::from_to(0.0, 100.0)),
                "2.0",
                "The larger, the less counts what is right already; 0 is the cross entropy.",
            )],
        },
    ],
    later: &[],
};

const WEIGHT_DECAY: Type = Type::Number(Range::from_below(0.0, 1.0));
const LEARNING_RATE: Type = Type::Number(Range::above(0.0));
const BETAS: Key = Key::new(
    "betas",
    sequence(&Type::Number(Range::from_below(0.0, 1.0)), 2, 2),
    "[0.9, 0.999]",
    "Decay of the two moments.",
);

const OPTIMIZER: Kinds = Kinds {
    what: "optimizer",
    default: Some("adam"),
    known: &[
        Kind {
            name: "adam",
            doc: "Adam (Kingma 2015).",
            keys: &[
                Key::new("learning_rate", LEARNING_RATE, "0.001", "Step size."),
                Key::new("weight_decay", WEIGHT_DECAY, "0.0", "L2 factor, in the gradient."),
                BETAS,
            ],
        },
        Kind {
            name: "adamw",
            doc: "AdamW (Loshchilov 2019).",
            keys: &[
                Key::new("learning_rate", LEARNING_RATE, "0.001", "Step size."),
                Key::new("weight_decay", WEIGHT_DECAY, "0.01", "Decoupled decay factor."),
                BETAS,
            ],
        },
        Kind {
            name: "sgd",
            doc: "Stochastic gradient descent.",
            keys: &[
                Key::new("learning_rate", LEARNING_RATE, "0.01", "Step size."),
                Key::new("weight_decay", WEIGHT_DECAY, "0.0", "L2 factor, in the gradient."),
                Key::new("momentum", Type::Number(Range::from_below(0.0, 1.0)), "0.9", "Momentum; 0 is none."),
                Key::new("nesterov", Type::Bool, "false", "Nesterov's form of momentum."),
            ],
        },
        Kind {
            name: "rmsprop",
            doc: "RMSprop (Hinton 2012).",
            keys: &[
                Key::new("learning_rate", LEARNING_RATE, "0.01", "Step size."),
                Key::new("weight_decay", WEIGHT_DECAY, "0.0", "L2 factor, in the gradient."),
                Key::new(
                    "alpha",
                    Type::Number(Range::from_below(0.0, 1.0)),
                    "0.99",
                    "Decay of the mean of squared gradients.",
                ),
                Key::new("momentum", Type::Number(Range::from_below(0.0, 1.0)), "0.0", "Momentum; 0 is none."),
            ],
        },
    ],
    later: &[],
};

const WARMUP: Key = Key::new(
    "warmup_epochs",
    Type::Number(Range::at_least(0.0)),
    "0.0",
    "Length of a linear warm-up from 0, step by step: a factor on the schedule, but that `cosine` starts after it. Less than the stage's `epochs`.",
)
.unit("epochs");

const SCHEDULE: Kinds = Kinds {
    what: "schedule",
    default: Some("exponential"),
    known: &[
        Kind { name: "constant", doc: "The learning rate stays.", keys: &[WARMUP] },
        Kind {
            name: "exponential",
            doc: "Times gamma after each epoch.",
            keys: &[Key::new("gamma", SHARE, "0.99", "The factor."), WARMUP],
        },
        Kind {
            name: "cosine",
            doc: "Half a cosine down to 0 over the epochs that the warm-up leaves, step by step.",
            keys: &[WARMUP],
        },
        Kind {
            name: "one-cycle",
            doc: "Up from 1/25 of the learning rate, then down to 1/250,000 of it, by cosines, step by step (Smith 2018).",
            keys: &[Key::new(
                "warmup_share",
                Type::Number(Range::between(0.0, 1.0)),
                "0.3",
                "Share of the steps that go up.",
            )],
        },
        Kind {
            name: "plateau",
            doc: "Times factor when the watched validation metric has not improved for more than `patience` epochs.",
            keys: &[
                Key::new("factor", Type::Number(Range::between(0.0, 1.0)), "0.5", "The factor."),
                Key::new("patience", count(1.0, 1e6), "3", "How long to wait.").unit("epochs"),
                WARMUP,
            ],
        },
    ],
    later: &[],
};

const AUGMENT: Kinds = Kinds {
    what: "augmentation",
    default: None,
    known: &[
        Kind {
            name: "gaussian-noise",
            doc: "White noise. A GPU draws other numbers than the CPU.",
            keys: &[Key::new("sd", Type::Number(Range::at_least(0.0)), "0.05", "Standard deviation.")
                .unit("normalised signal")],
        },
        Kind {
            name: "baseline-wander",
            doc: "A slow sine (0.05 to 0.5 Hz) with random phase, one per record, scaled by lead.",
            keys: &[Key::new("amplitude", Type::Number(Range::at_least(0.0)), "0.1", "Its largest amplitude.")
                .unit("normalised signal")],
        },
        Kind {
            name: "lead-dropout",
            doc: "Each lead is zeroed with probability p.",
            keys: &[Key::new("p", Type::Number(Range::from_below(0.0, 1.0)), "0.1", "The probability.")],
        },
        Kind {
            name: "random-crop",
            doc: "A random window is kept, the rest zeroed.",
            keys: &[Key::new(
                "duration",
                Type::Number(Range::above(0.0)),
                "9.0",
                "Length of the window, at most `signal.duration`.",
            )
            .unit("s")],
        },
        Kind {
            name: "time-shift",
            doc: "The record is moved in time, zeros taking the empty place.",
            keys: &[Key::new(
                "shift",
                Type::Number(Range::at_least(0.0)),
                "0.5",
                "The most it is moved by, to either side; less than `signal.duration`.",
            )
            .unit("s")],
        },
        Kind {
            name: "amplitude-scale",
            doc: "All leads of a record times one factor.",
            keys: &[Key::new(
                "range",
                Type::Number(Range::from_below(0.0, 1.0)),
                "0.2",
                "The factor is uniform from 1 - range to 1 + range.",
            )],
        },
    ],
    later: &[],
};

const AUGMENTS: Key = Key::new(
    "augment",
    sequence(&Type::Kind(&AUGMENT), 0, usize::MAX),
    "[]",
    "Random changes to training signals, drawn anew for each record and epoch.",
);
const BATCH_SIZE: Key = Key::new("batch_size", count(1.0, 65536.0), "32", "Records per step.");
const OPTIMIZER_KEY: Key = Key::new("optimizer", Type::Kind(&OPTIMIZER), "{}", "The optimiser.");
const SCHEDULE_KEY: Key = Key::new("schedule", Type::Kind(&SCHEDULE), "{}", "The learning rate over time.");
const GRADIENT_CLIPPING: Key = Key::optional(
    "gradient_clipping",
    Type::Table(&[Key::new("norm", Type::Number(Range::above(0.0)), "1.0", "The largest norm.")]),
    "gradients may have any size",
    r#"{ "norm": 1.0 }"#,
    "Scale all gradients of a step down together where their L2 norm is larger, as PyTorch's `clip_grad_norm_` does; weight decay comes after. Curves get `gradient_norm`, the epoch's mean before clipping.",
);
const PATIENCE: Key =
    Key::new("patience", count(1.0, 1e6), "5", "How long without improvement before stopping.").unit("epochs");
const FROM: Key = Key::new(
    "from",
    Type::Word(&words(
        "beginning of the choice",
        &[
            ("start", "every epoch may be kept"),
            (
                "last-step",
                "only epochs after the last planned change: the end of a step of the freeze, a part of the mix that comes or goes, the end of a warm-up, the peak of `one-cycle`",
            ),
        ],
    )),
    "\"start\"",
    "Which epochs' weights may be the stage's result.",
);
const STOPPING_DOC: &str = "Stop when the watched value has not improved. The best epoch's weights are the stage's result. Waiting begins anew at every planned change (see `from`), and no stop comes before the last of them.";

pub(super) const REGRESSION: &[Key] = &[
    Key::new(
        "targets",
        list(&Type::WordOrList(&TARGET, &TARGETS), 1),
        r#"["hr", "pr", "qt", "qrs"]"#,
        "One network for each; a list within the list is one network with an output for each of its targets.",
    )
    .unit("bpm, ms, ms, ms"),
    Key::new("epochs", count(1.0, 1e6), "20", "Most epochs."),
    BATCH_SIZE,
    Key::new("loss", Type::Kind(&LOSS), "\"mae\"", "The loss."),
    OPTIMIZER_KEY,
    SCHEDULE_KEY,
    GRADIENT_CLIPPING,
    Key::optional(
        "early_stopping",
        Type::Table(&[
            PATIENCE,
            Key::new(
                "metric",
                Type::Word(&words("metric of the regression stage", &[("loss", "the validation loss")])),
                "\"loss\"",
                "What is watched on validation data.",
            ),
            FROM,
        ]),
        "all epochs are trained",
        r#"{ "patience": 5 }"#,
        STOPPING_DOC,
    ),
    SHARES[0],
    SHARES[1],
    AUGMENTS,
];

/// What is held back of a mix.
const SHARES: [Key; 2] = [
    Key::new(
        "validation_share",
        Type::Number(Range::between(0.0, 1.0)),
        "0.1",
        "Share of each mix, by patient, that chooses the epoch.",
    ),
    Key::new(
        "test_share",
        Type::Number(Range::from_below(0.0, 1.0)),
        "0.1",
        "Share of each mix, by patient, that is measured once at the end.",
    ),
];

const TASK: Words = Words {
    what: "task",
    known: &[("superclass", "PTB-XL's five diagnostic superclasses")],
    later: &["diagnostic", "subclass", "form", "rhythm", "all"],
};

const LABELS: Words = words(
    "labelling",
    &[
        ("single", "only records with exactly one class; softmax"),
        ("multi", "every record with at least one class; a sigmoid per class"),
    ],
);

const CLASS: Words = words(
    "class",
    &[
        ("NORM", "normal ECG"),
        ("MI", "myocardial infarction"),
        ("STTC", "ST/T change"),
        ("CD", "conduction disturbance"),
        ("HYP", "hypertrophy"),
    ],
);

const METRIC: Words = words(
    "metric of the transfer stage",
    &[
        ("loss", "the validation loss"),
        ("macro_auc", "macro-averaged area under the ROC curve"),
        ("accuracy", "share of right answers"),
        ("macro_f1", "macro-averaged F1"),
    ],
);

const CLASS_WEIGHTS: Words = words(
    "class weighting",
    &[("none", "all 1"), ("balanced", "inverse to the class frequency in the training records")],
);

/// Where the records of the transfer stage come from.
const RECORDS: [Key; 4] = [
    Key::optional(
        "source",
        Type::Name(Names::Source),
        "the manifest's only source of kind `ptb-xl`",
        "\"ptbxl\"",
        "The source of the records, of kind `ptb-xl`.",
    ),
    Key::new("train_folds", list(&FOLD, 1), "[1, 2, 3, 4, 5, 6, 7, 8]", "Folds for training."),
    Key::new("validation_folds", list(&FOLD, 1), "[9]", "Folds that choose the epoch."),
    Key::new("test_folds", list(&FOLD, 1), "[10]", "Folds read once, at the end."),
];

/// How classifiers learn.
const LEARNING: [Key; 13] = [
    Key::new("task", Type::Word(&TASK), "\"superclass\"", "What is classified."),
    Key::new("labels", Type::Word(&LABELS), "\"single\"", "One class per record or several."),
    Key::new(
        "classes",
        list(&Type::Word(&CLASS), 2),
        r#"["NORM", "MI", "STTC", "CD", "HYP"]"#,
        "The classes, in the order of the network's outputs.",
    ),
    Key::new("epochs", count(1.0, 1e6), "30", "Most epochs."),
    BATCH_SIZE,
    Key::new(
        "loss",
        Type::Kind(&TRANSFER_LOSS),
        "\"cross-entropy\"",
        "The loss: of a softmax or of a sigmoid per class, as `labels` says. `class_weights` count in both kinds.",
    ),
    Key::new(
        "label_smoothing",
        Type::Number(Range::from_below(0.0, 1.0)),
        "0.0",
        "Share e by which targets are moved towards the uniform distribution (Szegedy 2016): of K classes with a softmax the right one gets 1 - e + e / K and the others e / K, as PyTorch has it, class weights included; with sigmoids a target t becomes (1 - e) t + e / 2. Only with the cross entropy.",
    ),
    OPTIMIZER_KEY,
    SCHEDULE_KEY,
    GRADIENT_CLIPPING,
    Key::optional(
        "early_stopping",
        Type::Table(&[
            Key { default: Default::Json("8"), ..PATIENCE },
            Key::new("metric", Type::Word(&METRIC), "\"macro_auc\"", "What is watched on validation data."),
            FROM,
        ]),
        "all epochs are trained",
        r#"{ "patience": 8, "metric": "macro_auc" }"#,
        STOPPING_DOC,
    ),
    Key::new("class_weights", Type::Word(&CLASS_WEIGHTS), "\"none\"", "Weights of the classes in the loss."),
    AUGMENTS,
];

pub(super) const TRANSFER: &[Key] = &joined::<4, 13, 17>(RECORDS, LEARNING);

pub(super) const CLASSIFICATION: &[Key] =
    &joined::<13, 2, 15>(inherited(LEARNING, "as in [transfer]"), inherited(SHARES, "as in [regression]"));

const fn inherited<const N: usize>(mut keys: [Key; N], absent: &'static str) -> [Key; N] {
    let mut i = 0;
    while i < N {
        keys[i] = keys[i].inherited(absent);
        i += 1;
    }
    keys
}

/// The keys of both: `N` is `A + B`.
const fn joined<const A: usize, const B: usize, const N: usize>(a: [Key; A], b: [Key; B]) -> [Key; N] {
    let mut keys = [a[0]; N];
    let mut i = 0;
    while i < N {
        keys[i] = if i < A { a[i] } else { b[i - A] };
        i += 1;
    }
    keys
}
