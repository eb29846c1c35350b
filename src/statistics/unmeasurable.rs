//! Why something has no interval and no p-value: said instead of a number that means nothing.

use std::fmt;

/// Below so many patients on a side an interval is said to rest on few.
pub const FEW_PATIENTS: usize = 5;
/// Fewer patients than this on a side have no variance.
pub const LEAST_PATIENTS: usize = 2;

/// Why there is no interval and no p-value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmeasurable {
    /// The test is over seeds, and there is one.
    OneSeed,
    /// The value is the same for every seed: a spread of 0 is no measure of what other seeds would give.
    SameForSeeds,
    /// The value is the same whichever patients are tested.
    SameForPatients,
    /// Fewer than half of the resamples of the patients have a value.
    Undefined,
    /// So few patients are on a side that their variance is not known.
    Patients(Support),
}

impl fmt::Display for Unmeasurable {
    /// What follows "it has none, as".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneSeed => f.write_str("there is one seed"),
            Self::SameForSeeds => f.write_str("it is the same for all seeds"),
            Self::SameForPatients => f.write_str("it is the same whichever patients are drawn"),
            Self::Undefined => f.write_str("most resamples of the patients have no value"),
            Self::Patients(support) => write!(f, "it rests on {support}"),
        }
    }
}

/// The fewest patients that a number rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    /// How many they are.
    pub patients: usize,
    /// Which they are.
    pub side: Side,
}

/// Which patients a number rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// All of them.
    All,
    /// Those with a record that has this class.
    With(String),
    /// Those with a record that has not.
    Without(String),
    /// Those with a record that only one of two networks has right.
    Discordant,
}

impl Support {
    /// Whether they are enough for a variance.
    pub fn suffices(&self) -> bool {
        self.patients >= LEAST_PATIENTS
    }

    /// Whether they are so few that it must be said.
    pub fn is_small(&self) -> bool {
        self.patients < FEW_PATIENTS
    }
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.patients {
            1 => f.write_str("1 patient")?,
            patients => write!(f, "{patients} patients")?,
        }
        match &self.side {
            Side::All => Ok(()),
            Side::With(class) => write!(f, " with {class}"),
            Side::Without(class) => write!(f, " without {class}"),
            Side::Discordant => f.write_str(" whom only one of the two has right"),
        }
    }
}

/// Whether values around `mean` with this standard deviation differ by more than rounding does: `rounding` is that of
/// numbers about 1.
pub(super) fn varies(sd: f64, mean: f64, rounding: f64) -> bool {
    sd > rounding * mean.abs().max(1.0)
}
