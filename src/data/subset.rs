//! The parts that records are split into, by name.

use std::fmt;
use std::str::FromStr;

/// A part of a [`Split`](super::Split): what its records are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subset {
    /// What the network learns from.
    Train,
    /// What decides when it stops, and which epoch is kept.
    Validation,
    /// What is measured once, at the end.
    Test,
}

impl Subset {
    /// All of them, in the order of [`Members::picks`](super::Members::picks).
    pub const ALL: [Subset; 3] = [Subset::Train, Subset::Validation, Subset::Test];

    /// As it is written: `train`, `validation` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Subset::Train => "train",
            Subset::Validation => "validation",
            Subset::Test => "test",
        }
    }
}

impl fmt::Display for Subset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Subset {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|subset| subset.name() == word);
        found.ok_or_else(|| format!("`{word}` is none of train, validation and test"))
    }
}
