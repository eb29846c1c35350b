//! The parts that records are split into, by name.

use crate::words::named::named;

named! {
    /// A part of the records of a stage: what they are for.
    pub enum Subset {
        /// What the network learns from.
        Train = "train",
        /// What decides when it stops, and which epoch is kept.
        Validation = "validation",
        /// What is measured once, at the end.
        Test = "test",
    }
}
