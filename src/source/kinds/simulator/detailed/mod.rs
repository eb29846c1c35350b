//! The detailed model: people with an age, a sex and diagnoses.

mod atria;
mod condition;
mod durations;
mod infarct;
mod mixture;
mod person;
mod plan;
mod repolarisation;
mod rhythm;
mod ventricles;

pub use condition::Condition;

pub(super) use mixture::Mixture;
use person::Person;
pub(super) use plan::Plan;

/// Goes up when records of the detailed model change.
pub const VERSION: u32 = 1;
