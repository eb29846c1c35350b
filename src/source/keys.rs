//! Keys of the manifest that sources have in common, for their kinds' declarations.

use crate::declare::{Key, Range, Type, Words};

const fn words(what: &'static str, known: &'static [(&'static str, &'static str)]) -> Words {
    Words { what, known, later: &[], open: None }
}

/// The key `path` of a source that is a folder: an example, and what is in the folder.
macro_rules! folder_path {
    ($example:literal, $doc:literal) => {
        $crate::declare::Key::new(
            "path",
            $crate::declare::Type::Path,
            $example,
            concat!($doc, " A relative path starts at the manifest's folder; `$VAR` comes from the environment."),
        )
    };
}
pub(super) use folder_path;

/// The keys of a known data set in WFDB: its folder, which collection it is, and those that all of them have.
pub(super) const fn known_set(path: Key, data_set: Key) -> [Key; 9] {
    [path, data_set, FOLD_SEED, GAIN, UNIT, LEADS, UNREADABLE, AT_MOST, EXCLUDE]
}

/// Which collection a source is of.
pub(super) const fn data_set(absent: &'static str, example: &'static str) -> Key {
    Key::optional(
        "data_set",
        Type::Text(1),
        absent,
        example,
        "Which collection the records are of. Patients of one name in one data set are one person, whatever their sources are called and wherever they lie: give two collections of one layout two names.",
    )
}

/// How large a step of a sample is.
pub(super) const GAIN: Key = Key::optional(
    "gain",
    Type::Number(Range::above(0.0)),
    "as the files say",
    "1000.0",
    "Steps of a sample per mV (or per `unit`, where that is written), for files that say something else; `run` tells where amplitudes look wrong.",
)
.unit("1/mV");

/// The unit of the files' values.
pub(super) const UNIT: Key = Key::optional(
    "unit",
    Type::Word(&VOLTAGE),
    "as the files say",
    "\"uV\"",
    "The unit of the files' values, or of `gain`, for files that say something else.",
);

/// Units of voltage.
const VOLTAGE: Words = words("unit", &[("nV", "nanovolt"), ("uV", "microvolt"), ("mV", "millivolt"), ("V", "volt")]);

/// Names of leads.
pub(super) const LEADS: Key = Key::new(
    "leads",
    Type::Named(&Type::Word(&LEAD)),
    "{}",
    "Leads by the names that the files give them, such as `{ CH1 = \"I\" }`. Known anyway, in upper or lower case and with spaces or underscores: `I`, `Lead I`, `ECG I`, `ECG lead I`, `MDC_ECG_LEAD_I`, and `DI`, `DII`, `DIII`.",
);

/// What draws the folds of records that come without.
pub(super) const FOLD_SEED: Key = Key::new(
    "fold_seed",
    Type::Integer(Range::at_least(0.0)),
    "0",
    "Draws folds 1 to 10 for records that come without: those of a patient are one, and folds have equally many patients. Another seed, other folds.",
);

/// What becomes of records that cannot be read.
pub(super) const UNREADABLE: Key = Key::new(
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

/// How many may be left out.
pub(super) const AT_MOST: Key = Key::new(
    "at_most",
    Type::Number(Range::from_to(0.0, 1.0)),
    "0.02",
    "The largest share of the records that `unreadable = \"leave-out\"` may leave out; more is an error.",
);

/// Which records are left out.
pub(super) const EXCLUDE: Key = Key::optional(
    "exclude",
    Type::Path,
    "no record is left out for its name",
    "\"noisy.txt\"",
    "A text with a record's id in each line: these are left out, whatever is in them. Empty lines and what follows a `#` say nothing; an id that no record has is an error. The file's content is part of what the data are.",
);

/// The leads, as manifests write them.
pub(crate) const LEAD: Words = words(
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
