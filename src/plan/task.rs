//! What stages are trained for, by name.

use std::fmt;
use std::str::FromStr;

use super::StageKind;

/// What a stage is trained for: a [`StageKind`] without what goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskKind {
    /// To measure.
    Regression,
    /// To classify the records of a mix, before it is grafted.
    Classification,
    /// To classify the records of the study, grafted or from scratch.
    Transfer,
}

impl TaskKind {
    /// All of them.
    pub const ALL: [TaskKind; 3] = [TaskKind::Regression, TaskKind::Classification, TaskKind::Transfer];

    /// As it is written: `regression`, `classification` or `transfer`.
    pub fn name(self) -> &'static str {
        match self {
            TaskKind::Regression => "regression",
            TaskKind::Classification => "classification",
            TaskKind::Transfer => "transfer",
        }
    }
}

impl fmt::Display for TaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for TaskKind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|task| task.name() == word);
        found.ok_or_else(|| format!("`{word}` is none of regression, classification and transfer"))
    }
}

impl StageKind {
    /// What it is without its settings.
    pub fn task(&self) -> TaskKind {
        match self {
            StageKind::Regression { .. } => TaskKind::Regression,
            StageKind::Classification { .. } => TaskKind::Classification,
            StageKind::Transfer { .. } => TaskKind::Transfer,
        }
    }
}
