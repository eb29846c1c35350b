//! What is known of whom an ECG is of.

use serde::{Deserialize, Serialize};

/// Stands for every age above 89: PTB-XL writes 300 for them (its first releases 90 to 95).
pub const OLDEST: f64 = 90.0;

/// Sex as PTB-XL knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Sex {
    Male,
    Female,
}

impl Sex {
    /// Both.
    pub const ALL: [Sex; 2] = [Sex::Male, Sex::Female];

    /// `male` or `female`.
    pub fn name(self) -> &'static str {
        ["male", "female"][self as usize]
    }
}
