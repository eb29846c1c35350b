//! Where stages and runs stand.

use std::fmt;
use std::str::FromStr;

/// Where a stage stands, or the run that it is the last of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StageStatus {
    /// To be trained.
    Pending,
    /// In work.
    Running,
    /// Trained.
    Done,
    /// Given up, for a reason that is stored with it.
    Failed,
}

impl StageStatus {
    /// All of them, in the order in which a stage goes through them.
    pub const ALL: [StageStatus; 4] =
        [StageStatus::Pending, StageStatus::Running, StageStatus::Done, StageStatus::Failed];

    /// As it is written: `pending`, `running`, `done` or `failed`.
    pub fn name(self) -> &'static str {
        match self {
            StageStatus::Pending => "pending",
            StageStatus::Running => "running",
            StageStatus::Done => "done",
            StageStatus::Failed => "failed",
        }
    }
}

impl fmt::Display for StageStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for StageStatus {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|status| status.name() == word);
        found.ok_or_else(|| format!("`{word}` is none of pending, running, done and failed"))
    }
}
