//! What figures are drawn from: all that the store has of one experiment, and example records out of their source.

mod epochs;
mod examples;
mod input;
mod measured;
mod results;
mod shown;

pub(in crate::report) use examples::examples;
pub use examples::{Example, Trace};
pub use input::Input;
pub use measured::Measured;
pub use results::ExperimentResults;
pub(crate) use results::stage_name;
pub use shown::Shown;
