//! What networks are trained on before the transfer.

use std::ops::RangeInclusive;

use super::Condition;
use super::keys::{EPOCH, FOLD, SHARE};
use crate::declare::{Names, Type, Value as _, count, list_of, sequence, table};

table! {
    /// What regression networks are trained on.
    pub struct Mix, incomplete {
        /// Total number of records; shares of it are exact, largest remainder first.
        pub records: Option<usize> = none in count(1.0, 1e7), absent "all that the parts offer", example "1000";
        /// The parts.
        pub parts: Vec<MixPart> = required in sequence(&MixPart::TYPE, 1, usize::MAX),
            example r#"[{ "source": "simulated" }]"#;
    }
}

table! {
    /// One part of a mix. What is absent is in no JSON of it but for the first three, so that ids of older manifests hold.
    pub struct MixPart {
        /// The source's name.
        pub source: String = required in Type::Name(Names::Source), example "\"ptbxl\"";
        /// Share of the mix. Either all parts have one or none has; together they are 1.
        pub share: Option<f64> = none in SHARE, absent "the part gives all it has", example "1.0";
        /// Only records of these folds (PTB-XL's `strat_fold`).
        pub folds: Option<Vec<u8>> = none in list_of(&FOLD, 1),
            absent "every fold that is not kept for the transfer stage's validation and test", example "[1, 2, 3, 4]";
        /// Only records that fulfil this condition on what is known of them: `hr` (bpm), `pr`, `qt`, `qrs` (ms); for PTB-XL
        /// also `fold`, `age` (years; 90 is 90 and above), `sex` ('male', 'female') and the classes NORM, MI, STTC, CD, HYP.
        /// Operators: < <= > >= = !=, and, or, not, parentheses. A comparison with a value that is not known is neither
        /// true nor false, nor is its negation; records for which the whole condition is true are taken.
        pub condition: Option<Condition> = none in Type::Condition, named "where", absent "all records",
            example "\"hr < 60 and not MI\""
            => serde(default, rename = "where", skip_serializing_if = "Option::is_none");
        /// At most this many records, drawn at random with the stage's seed; a smaller number draws a part of what a larger
        /// one does.
        pub max_records: Option<usize> = none in count(1.0, 1e7), absent "no limit", example "500"
            => serde(default, skip_serializing_if = "Option::is_none");
        /// A curriculum: the part's records train from this epoch on, counted from 1. They validate and test in every
        /// epoch. Early stopping and `plateau` count their patience anew when the parts that train change, and early
        /// stopping waits for the last such change.
        pub from_epoch: Option<usize> = none in EPOCH, absent "from the first epoch", example "1", unit "epochs"
            => serde(default, skip_serializing_if = "Option::is_none");
        /// A curriculum: the part's records train up to and with this epoch. In each of the stage's epochs some part must
        /// train.
        pub until_epoch: Option<usize> = none in EPOCH, absent "to the last epoch", example "20", unit "epochs"
            => serde(default, skip_serializing_if = "Option::is_none");
    }
}

impl MixPart {
    /// The epochs, counted from 1, in which its records train.
    pub fn epochs(&self) -> RangeInclusive<usize> {
        self.from_epoch.unwrap_or(1)..=self.until_epoch.unwrap_or(usize::MAX)
    }
}
