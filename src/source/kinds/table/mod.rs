//! Any collection with a table: a row for each record, and signals in files that the table names.

mod codes;
mod expression;
mod frame;
mod keys;
mod labels;
mod list;
mod measures;
mod pattern;
mod person;
mod source;

pub use codes::Form;
pub use keys::{Join, Labels, Likelihood, MeasurementKeys, SexValues};
pub use source::TableSource;

pub(crate) use codes::{Code, Looks};
pub(crate) use frame::is_missing;
