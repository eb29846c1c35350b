//! The detailed model: people with an age, a sex and diagnoses.
//!
//! A record is drawn in this order, each step from a random stream of its own: its conditions (`mixture`, `condition`), the
//! person (`person`), the waves' shapes (`infarct`, `ventricles`, `repolarisation`, `atria`), how long they are to be seen
//! (`durations`), from which follows how long their supports are (`plan`), and when beats are (`rhythm`).
//!
//! Distributions, what each condition does, and where both come from: `docs/simulator.md`.

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
