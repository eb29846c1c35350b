//! The manifest language: every key with its type, unit, range, default and meaning.

mod stages;

use stages::DONOR;
pub(super) use stages::{CLASSES, TARGET, TARGETS};

use super::{
    Comparisons, Compute, Contrastive, Freeze, Masked, Mix, Pretraining, Protocol, Regression, Search, Signal,
    Transfer, Trials, WeightsFile,
};
use crate::declare::{Key, Range, Type, Value as _, Words, count, known as words, list_of as list};
use crate::nn::{ARCHITECTURES, Fusion};
use crate::source::KINDS;

pub(super) const SEED: Type = Type::Integer(Range::at_least(0.0));
pub(super) const FOLD: Type = count(1.0, 10.0);
pub(super) const EPOCH: Type = count(1.0, 1e6);
pub(super) const SHARE: Type = Type::Number(Range::above_to(0.0, 1.0));

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
        "include",
        Type::PathOrList(&list(&Type::Path, 1)),
        "nothing",
        "\"base.toml\"",
        "Manifests whose keys hold here too, where this one does not say otherwise, and the later where several do: tables are joined key by key, unless they are of different kinds; lists and other values are replaced. Relative paths start at the folder of the file that they are written in. The store keeps the text of all of them.",
    ),
    Key::optional(
        "protocol",
        Protocol::TYPE,
        "all keys are the manifest's",
        "\"ptb-xl-benchmark\"",
        "A published protocol, which sets some keys of [signal] and [transfer]: they may be left out, and may not say otherwise.",
    ),
    Key::optional(
        "allow_overlap",
        Type::Text(1),
        "nobody who validates or tests a classifier trains anything that is grafted under it",
        "\"asked how much it matters\"",
        "The reason why people who validate or test a classifier may also train the networks that are grafted under it; every table shows it.",
    ),
    Key::new("sources", Type::Named(&Type::Kind(&KINDS)), "{}", "Where records come from, by name."),
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
    Key::new(
        "transfer",
        Transfer::TYPE,
        "{}",
        "Stage 2: transfer to classification, or, with `targets`, to a regression.",
    ),
    Key::new(
        "classification",
        Type::Table(Pretraining::KEYS),
        "{}",
        "Stage 1 of grafts from `classification`: a classifier that is trained on the mix's own records, as far as nothing else is said in the way of [transfer].",
    ),
    Key::new(
        "masked",
        Type::Table(Masked::KEYS),
        "{}",
        "Stage 1 of grafts from `masked`: a network that gives what is masked of the mix's records, one linear layer from its features over time to samples (SimMIM, Xie 2022); what they are called and what is measured of them plays no part.",
    ),
    Key::new(
        "contrastive",
        Type::Table(Contrastive::KEYS),
        "{}",
        "Stage 1 of grafts from `contrastive`: a network to whose projection two views of a record of the mix are nearer than those of all others of the batch, by the loss NT-Xent of SimCLR (Chen 2020). Both views are changed by `augment`, each by itself.",
    ),
    Key::new(
        "weights",
        Type::Named(&WeightsFile::TYPE),
        "{}",
        "Weights from elsewhere, by name; a graft `[\"weights:NAME\"]` begins with them. Whose records taught them is not known, so that `ecgraft audit` cannot prove that nobody tests what they taught.",
    ),
    Key::new(
        "compute",
        Compute::TYPE,
        "{}",
        "How numbers are made; part of a run's identity. Where it runs is chosen on the command line.",
    ),
    Key::new(
        "variants",
        Type::Named(&Type::Overrides),
        "{}",
        "The manifest with some keys said otherwise, by name: each as its way from the top in quotes (`\"transfer.optimizer.learning_rate\" = 0.01`, `\"signal.leads\" = [\"II\"]`), or as tables within tables, which are joined as with `include`. All keys may be but `name`, `description`, `include`, `trials` and `comparisons`. Stages that a variant does not touch are shared. `base` is the manifest as it stands.",
    ),
    Key::optional(
        "search",
        Search::TYPE,
        "there is nothing for `ecgraft search` to do",
        r#"{ over = { "transfer.batch_size" = [16, 32] } }"#,
        "What `ecgraft search` tries: settings that are best on the validation folds. It decides no stage of the trials.",
    ),
    Key::new("trials", Trials::TYPE, "{}", "Every combination of these lists is a trial."),
    Key::new(
        "comparisons",
        Comparisons::TYPE,
        "{}",
        "What is to be compared, said before it is seen what comes out: `run`, `compare` and `report` show it first, corrected as planned; every other difference is exploratory. It decides the id of no stage.",
    ),
];

pub(super) const PRECISION: Words =
    words("precision", &[("tf32", "10-bit mantissa inputs, f32 sums; the CPU is always f32"), ("f32", "full f32")]);

pub(super) const GRAFTS: Type = list(&DONOR, 1);
/// As [`GRAFTS`], or none.
pub(super) const GRAFTED_OR_NONE: Type = list(&DONOR, 0);

pub(super) const FUSIONS: Type = list(&Type::Word(&Fusion::WORDS), 1);
