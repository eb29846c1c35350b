//! Where stages and runs stand.

use crate::words::named::named;

named! {
    /// Where a stage stands, or the run that it is the last of.
    pub enum StageStatus {
        /// To be trained.
        Pending = "pending",
        /// In work.
        Running = "running",
        /// Trained.
        Done = "done",
        /// Given up, for a reason that is stored with it.
        Failed = "failed",
    }
}
