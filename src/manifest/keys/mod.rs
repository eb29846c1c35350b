//! The manifest language: every key with its type, unit, range, default and meaning.

mod networks;
mod stages;

pub(crate) use networks::ARCHITECTURE;
use networks::FREEZE;
use stages::{CLASSIFICATION, DONOR, REGRESSION, TRANSFER};

use super::language::{Key, Names, Range, Type, Words};
use crate::source::{KINDS, LEAD};

const fn words(what: &'static str, known: &'static [(&'static str, &'static str)]) -> Words {
    Words { what, known, later: &[] }
}

const fn count(min: f64, max: f64) -> Type {
    Type::Integer(Range::from_to(min, max))
}

const fn list(of: &'static Type, min: usize) -> Type {
    Type::List { of, min, max: usize::MAX, unique: true }
}

/// A list whose items may repeat.
const fn sequence(of: &'static Type, min: usize, max: usize) -> Type {
    Type::List { of, min, max, unique: false }
}

const SEED: Type = Type::Integer(Range::at_least(0.0));
const FOLD: Type = count(1.0, 10.0);
const EPOCH: Type = count(1.0, 1e6);
const SHARE: Type = Type::Number(Range::above_to(0.0, 1.0));

/// The keys at the top of a manifest.
pub(crate) const MANIFEST: &[Key] = &[
    Key::required(
        "name",
        Type::Text(1),
        "\"synthetic-to-real\"",
        "The experiment's name; unique among manifests run together.",
    ),
    Key::new("description", Type::Text(0), "\"\"", "What the experiment asks."),
    Key::optional(
        "allow_overlap",
        Type::Text(1),
        "nobody who validates or tests a classifier trains anything that is grafted under it",
        "\"asked how much it matters\"",
        "The reason why people who validate or test a classifier may also train the networks that are grafted under it; every table shows it.",
    ),
    Key::new("sources", Type::Named(&Type::Kind(&KINDS)), "{}", "Where records come from, by name."),
    Key::new("signal", Type::Table(SIGNAL), "{}", "What every network sees."),
    Key::new("mixes", Type::Named(&Type::Table(MIX)), "{}", "What the regression networks are trained on, by name."),
    Key::new("architectures", Type::Named(&Type::Kind(&ARCHITECTURE)), "{}", "Networks, by name."),
    Key::new(
        "freezes",
        Type::Named(&Type::Table(FREEZE)),
        "{}",
        "Which blocks hold still in the transfer stage, and for how long, by name. `none` is always there: everything is fine-tuned from the first step.",
    ),
    Key::new(
        "regression",
        Type::Table(REGRESSION),
        "{}",
        "Stage 1: regression, one separate network for each of `targets`.",
    ),
    Key::new("transfer", Type::Table(TRANSFER), "{}", "Stage 2: transfer to classification."),
    Key::new(
        "classification",
        Type::Table(CLASSIFICATION),
        "{}",
        "Stage 1 of grafts from `classification`: a classifier that is trained on the mix's own records, as far as nothing else is said in the way of [transfer].",
    ),
    Key::new(
        "compute",
        Type::Table(COMPUTE),
        "{}",
        "How numbers are made; part of a run's identity. Where it runs is chosen on the command line.",
    ),
    Key::new("trials", Type::Table(TRIALS), "{}", "Every combination of these lists is a trial."),
];

const NORMALIZE: Words = words(
    "normalisation",
    &[
        ("z-score", "per record and lead: mean 0, standard deviation 1"),
        ("min-max", "per record and lead: into 0 to 1"),
        ("none", "as recorded, in mV"),
        ("train-z-score", "per lead, with mean and standard deviation of the stage's training records"),
    ],
);

const SIGNAL: &[Key] = &[
    Key::new(
        "leads",
        list(&Type::Word(&LEAD), 1),
        r#"["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"]"#,
        "The leads, in the order of the network's input channels. Derived leads (III, aVR, aVL, aVF) are computed where a source lacks them.",
    ),
    Key::new(
        "sampling_rate",
        Type::Number(Range::from_to(1.0, 10000.0)),
        "100.0",
        "Sources are resampled to this rate with an anti-aliasing filter.",
    )
    .unit("Hz"),
    Key::new(
        "duration",
        Type::Number(Range::above_to(0.0, 3600.0)),
        "10.0",
        "Longer records are cropped, shorter ones refused with their name.",
    )
    .unit("s"),
    Key::optional(
        "bandpass",
        sequence(&Type::Number(Range::above(0.0)), 2, 2),
        "no filter",
        "[0.5, 40.0]",
        "Low and high edge of a zero-phase band-pass; the high edge is below half the sampling rate.",
    )
    .unit("Hz"),
    Key::new("normalize", Type::Word(&NORMALIZE), "\"z-score\"", "How amplitudes are normalised."),
];

const MIX: &[Key] = &[
    Key::optional(
        "records",
        count(1.0, 1e7),
        "all that the parts offer",
        "1000",
        "Total number of records; shares of it are exact, largest remainder first.",
    ),
    Key::required("parts", sequence(&Type::Table(PART), 1, usize::MAX), r#"[{ "source": "simulated" }]"#, "The parts."),
];

const WHERE_DOC: &str = "Only records that fulfil this condition on what is known of them: `hr` (bpm), `pr`, `qt`, \
`qrs` (ms); for PTB-XL also `fold`, `age` (years; 90 is 90 and above), `sex` ('male', 'female') and the classes NORM, \
MI, STTC, CD, HYP. Operators: < <= > >= = !=, and, or, not, parentheses. A comparison with a value that is not known is \
neither true nor false, nor is its negation; records for which the whole condition is true are taken.";

const PART: &[Key] = &[
    Key::required("source", Type::Name(Names::Source), "\"ptbxl\"", "The source's name."),
    Key::optional(
        "share",
        SHARE,
        "the part gives all it has",
        "1.0",
        "Share of the mix. Either all parts have one or none has; together they are 1.",
    ),
    Key::optional(
        "folds",
        list(&FOLD, 1),
        "every fold that is not kept for the transfer stage's validation and test",
        "[1, 2, 3, 4]",
        "Only records of these folds (PTB-XL's `strat_fold`).",
    ),
    Key::optional(
        "where",
        Type::Condition,
        "all records",
        "\"hr < 60 and not MI\"",
        WHERE_DOC,
    ),
    Key::optional(
        "max_records",
        count(1.0, 1e7),
        "no limit",
        "500",
        "At most this many records, drawn at random with the stage's seed; a smaller number draws a part of what a larger one does.",
    ),
    Key::optional(
        "from_epoch",
        EPOCH,
        "from the first epoch",
        "1",
        "A curriculum: the part's records train from this epoch on, counted from 1. They validate and test in every epoch. Early stopping and `plateau` count their patience anew when the parts that train change, and early stopping waits for the last such change.",
    )
    .unit("epochs"),
    Key::optional(
        "until_epoch",
        EPOCH,
        "to the last epoch",
        "20",
        "A curriculum: the part's records train up to and with this epoch. In each of the stage's epochs some part must train.",
    )
    .unit("epochs"),
];

const PRECISION: Words =
    words("precision", &[("tf32", "10-bit mantissa inputs, f32 sums; the CPU is always f32"), ("f32", "full f32")]);

const COMPUTE: &[Key] = &[Key::new(
    "precision",
    Type::Word(&PRECISION),
    "\"tf32\"",
    "Number format of CUDA convolutions and matrix products.",
)];

const GRAFTS: Type = list(&DONOR, 1);

const FUSIONS: Type = list(&Type::Word(&FUSION), 1);
const FUSION: Words = words(
    "fusion",
    &[
        ("concat", "side by side"),
        ("gate", "an average with learned weights that depend on the record"),
        ("mean", "the average"),
    ],
);

const TRIALS: &[Key] = &[
    Key::optional(
        "mix",
        list(&Type::Name(Names::Mix), 0),
        "all declared mixes",
        r#"["synthetic"]"#,
        "Mix names. Without any there are only from-scratch trials.",
    ),
    Key::optional(
        "architecture",
        list(&Type::Name(Names::Architecture), 1),
        "all declared architectures",
        r#"["inception"]"#,
        "Architecture names.",
    ),
    Key::optional(
        "from",
        sequence(&GRAFTS, 1, usize::MAX),
        "one graft of all `regression.targets` together",
        r#"[["qrs"], ["hr", "pr", "qt", "qrs"]]"#,
        "Which networks are grafted: a target stands for its own network, a list of targets for the one that measures them all, `classification` for a classifier trained on the mix. Several: their features are joined by `fusion`.",
    ),
    Key::new("freeze", list(&Type::Name(Names::Freeze), 1), r#"["none"]"#, "Freeze names."),
    Key::new(
        "label_fraction",
        list(&SHARE, 1),
        "[1.0]",
        "Shares of the transfer training records: by patient, stratified, nested across fractions.",
    ),
    Key::new("seed", list(&SEED, 1), "[0]", "Seeds."),
    Key::new("scratch", Type::Bool, "true", "Add the from-scratch baseline for every architecture, fraction and seed."),
    Key::new(
        "matched_scratch",
        Type::Bool,
        "false",
        "Add, for each graft of several networks, a baseline of as many fresh backbones: what size alone gives.",
    ),
    Key::new(
        "exclude",
        sequence(&Type::Table(EXCLUDE), 0, usize::MAX),
        "[]",
        "Leave out every trial that agrees with all the keys given.",
    ),
    Key::new(
        "fusion",
        Type::WordOrList(&FUSION, &FUSIONS),
        "\"concat\"",
        "How the features of several grafted networks are joined; grafts of one network are there once.",
    ),
];

const EXCLUDE: &[Key] = &[
    Key::optional("mix", Type::Name(Names::Mix), "any", "\"synthetic\"", "The mix."),
    Key::optional("architecture", Type::Name(Names::Architecture), "any", "\"cnn\"", "The architecture."),
    Key::optional("from", GRAFTS, "any", r#"["qrs"]"#, "The grafted networks."),
    Key::optional("fusion", Type::Word(&FUSION), "any", "\"concat\"", "The fusion of several grafted networks."),
    Key::optional("freeze", Type::Name(Names::Freeze), "any", "\"none\"", "The freeze."),
    Key::optional("label_fraction", SHARE, "any", "1.0", "The share of the training records."),
    Key::optional("seed", SEED, "any", "0", "The seed."),
];
