//! The manifest language: every key with its type, unit, range, default and meaning.

mod stages;

use stages::DONOR;
pub(super) use stages::{CLASS, TARGET, TARGETS};

use super::{Compute, Freeze, Mix, Pretraining, Regression, Signal, Transfer, Trials};
use crate::declare::{Key, Kind, Kinds, Range, Type, Value as _, Words, count, known as words, list_of as list};
use crate::nn::{ARCHITECTURES, Fusion};

pub(super) const SEED: Type = Type::Integer(Range::at_least(0.0));
pub(super) const FOLD: Type = count(1.0, 10.0);
pub(super) const EPOCH: Type = count(1.0, 1e6);
pub(super) const SHARE: Type = Type::Number(Range::above_to(0.0, 1.0));

/// Which collection a source is of.
const fn data_set(absent: &'static str, example: &'static str) -> Key {
    Key::optional(
        "data_set",
        Type::Text(1),
        absent,
        example,
        "Which collection the records are of. Patients of one name in one data set are one person, whatever their sources are called and wherever they lie: give two collections of one layout two names.",
    )
}

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
    Key::new("sources", Type::Named(&Type::Kind(&SOURCE)), "{}", "Where records come from, by name."),
    Key::new("signal", Signal::TYPE, "{}", "What every network sees."),
    Key::new("mixes", Type::Named(&Mix::TYPE), "{}", "What the regression networks are trained on, by name."),
    Key::new("architectures", Type::Named(&Type::Kind(&ARCHITECTURES)), "{}", "Networks, by name."),
    Key::new(
        "freezes",
        Type::Named(&Freeze::TYPE),
        "{}",
        "Which blocks hold still in the transfer stage, and for how long, by name. `none` is always there: everything is fine-tuned from the first step.",
    ),
    Key::new("regression", Regression::TYPE, "{}", "Stage 1: regression, one separate network for each of `targets`."),
    Key::new("transfer", Transfer::TYPE, "{}", "Stage 2: transfer to classification."),
    Key::new(
        "classification",
        Type::Table(Pretraining::KEYS),
        "{}",
        "Stage 1 of grafts from `classification`: a classifier that is trained on the mix's own records, as far as nothing else is said in the way of [transfer].",
    ),
    Key::new(
        "compute",
        Compute::TYPE,
        "{}",
        "How numbers are made; part of a run's identity. Where it runs is chosen on the command line.",
    ),
    Key::new("trials", Trials::TYPE, "{}", "Every combination of these lists is a trial."),
];

const GAIN: Key = Key::optional(
    "gain",
    Type::Number(Range::above(0.0)),
    "as the files say",
    "1000.0",
    "Steps of a sample per mV (or per `unit`, where that is written), for files that say something else; `run` tells where amplitudes look wrong.",
)
.unit("1/mV");

const UNIT: Key = Key::optional(
    "unit",
    Type::Word(&VOLTAGE),
    "as the files say",
    "\"uV\"",
    "The unit of the files' values, or of `gain`, for files that say something else.",
);

const VOLTAGE: Words = words("unit", &[("nV", "nanovolt"), ("uV", "microvolt"), ("mV", "millivolt"), ("V", "volt")]);

const LEADS: Key = Key::new(
    "leads",
    Type::Named(&Type::Word(&LEAD)),
    "{}",
    "Leads by the names that the files give them, such as `{ CH1 = \"I\" }`. Known anyway, in upper or lower case and with spaces or underscores: `I`, `Lead I`, `ECG I`, `ECG lead I`, `MDC_ECG_LEAD_I`, and `DI`, `DII`, `DIII`.",
);

const UNREADABLE: Key = Key::new(
    "unreadable",
    Type::Word(&WHAT_TO_DO),
    "\"stop\"",
    "What becomes of a record that cannot be read: its file is not there, too short or damaged, or a sample is missing in the leads and the time that are used.",
);

const WHAT_TO_DO: Words = words(
    "way with unreadable records",
    &[
        ("stop", "an error that names the first of them"),
        ("leave-out", "the others are read; a file in the results folder's `left-out` lists each with its reason"),
    ],
);

const AT_MOST: Key = Key::new(
    "at_most",
    Type::Number(Range::from_to(0.0, 1.0)),
    "0.02",
    "The largest share of the records that `unreadable = \"leave-out\"` may leave out; more is an error.",
);

const SOURCE: Kinds = Kinds {
    what: "source",
    default: None,
    known: &[
        Kind {
            name: "simulator",
            doc: "The built-in simulator: HR, PR, QRS and QT are exact by construction.",
            keys: &[
                Key::new("records", count(1.0, 1e7), "2000", "How many records."),
                Key::new("seed", SEED, "7", "Seed of the records."),
            ],
        },
        Kind {
            name: "deepfake-ecg",
            doc: "The published DeepFake-ECG layout: `*.asc` files and a ground-truth CSV.",
            keys: &[
                Key::new(
                    "path",
                    Type::Path,
                    "\"$ECG_DATA/deepfake-ecg\"",
                    "The folder. A relative path starts at the manifest's folder; `$VAR` comes from the environment.",
                ),
                data_set("`deepfake-ecg`, as of every source of this kind", "\"another GAN\""),
                GAIN,
                UNIT,
                UNREADABLE,
                AT_MOST,
            ],
        },
        Kind {
            name: "ptb-xl",
            doc: "The PhysioNet layout of PTB-XL.",
            keys: &[
                Key::new(
                    "path",
                    Type::Path,
                    "\"$ECG_DATA/ptb-xl\"",
                    "The folder with `ptbxl_database.csv`. A relative path starts at the manifest's folder; `$VAR` comes from the environment.",
                ),
                Key::optional(
                    "features",
                    Type::Path,
                    "records have no regression targets",
                    "\"$ECG_DATA/ptb-xl-plus/features/12sl_features.csv\"",
                    "The PTB-XL+ features CSV with the regression targets of real records. `12sl_features.csv` and `unig_features.csv` measure global intervals; ECGDeli's are extremes over leads, and its PR is taken from `PQ_Int_Global`, as its `PR_Int_Global` ends at the R peak.",
                ),
                data_set("`ptb-xl`, as of every source of this kind", "\"georgia\""),
                GAIN,
                UNIT,
                LEADS,
                UNREADABLE,
                AT_MOST,
            ],
        },
    ],
    later: &[],
};

pub(super) const LEAD: Words = words(
    "lead",
    &[
        ("I", ""),
        ("II", ""),
        ("III", ""),
        ("aVR", ""),
        ("aVL", ""),
        ("aVF", ""),
        ("V1", ""),
        ("V2", ""),
        ("V3", ""),
        ("V4", ""),
        ("V5", ""),
        ("V6", ""),
    ],
);

pub(super) const PRECISION: Words =
    words("precision", &[("tf32", "10-bit mantissa inputs, f32 sums; the CPU is always f32"), ("f32", "full f32")]);

pub(super) const GRAFTS: Type = list(&DONOR, 1);

pub(super) const FUSIONS: Type = list(&Type::Word(&Fusion::WORDS), 1);
