//! Signals of records in files of many formats, told apart by their endings.
//!
//! [`read`] reads one record, wherever it is: a file of its own or an entry of a file for all; [`files`] says which files it
//! is read from.

mod place;

pub use place::{Layout, Place};
