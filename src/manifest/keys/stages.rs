//! Words of the two stages.

use crate::declare::{Type, Words, known as words, list_of as list, open};
use crate::manifest::Target;

pub(in crate::manifest) const TARGET: Words = open(
    words(
        "target",
        &[("hr", "heart rate, bpm"), ("pr", "PR interval, ms"), ("qt", "QT interval, ms"), ("qrs", "QRS duration, ms")],
    ),
    Target::RESERVED,
);

/// Targets of one network.
pub(in crate::manifest) const TARGETS: Type = list(&Type::Word(&TARGET), 1);

const DONOR_WORDS: Words = open(
    words(
        "target",
        &[
            ("hr", "heart rate"),
            ("pr", "PR interval"),
            ("qt", "QT interval"),
            ("qrs", "QRS duration"),
            ("classification", "a classifier trained on the mix, see [classification]"),
            ("masked", "masked reconstruction of the mix's records, see [masked]"),
            ("contrastive", "two views of a record told from those of others, see [contrastive]"),
            ("weights:NAME", "weights from elsewhere, see [weights.NAME]"),
        ],
    ),
    &[],
);

/// A network that is grafted.
pub(super) const DONOR: Type = Type::WordOrList(&DONOR_WORDS, &TARGETS);

const CLASS: Words = open(
    words(
        "class",
        &[
            ("NORM", "normal ECG"),
            ("MI", "myocardial infarction"),
            ("STTC", "ST/T change"),
            ("CD", "conduction disturbance"),
            ("HYP", "hypertrophy"),
        ],
    ),
    &[],
);

/// The classes of a classifier.
pub(in crate::manifest) const CLASSES: Type = Type::Classes(&list(&Type::Word(&CLASS), 2));
