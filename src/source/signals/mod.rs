//! Signals of records in files of many formats, told apart by their endings.
//!
//! [`read`] reads one record, wherever it is: a file of its own or an entry of a file for all; [`files`] says which files it
//! is read from, [`look`] what a file says of itself. Each format is a file of this folder and a line of the registry.
//!
//! What a file says wins over what the layout says, which is for files that are silent; only `unit`, `gain` and `leads` of
//! [`Reading`](crate::source::Reading) override files. What neither says is an error that names the key to set: no unit, rate
//! or lead is guessed.

pub(in crate::source) mod asc;
mod channels;
mod hdf5;
pub(in crate::source) mod hospital;
mod look;
mod matlab;
mod matrix;
mod number;
mod numpy;
mod place;
mod registry;
mod text;
mod wfdb;

pub(crate) use hdf5::column;
pub use look::{Array, Look};
pub use place::{Axis, Layout, Place};
pub(in crate::source) use registry::read_in;
pub use registry::{files, is_there, look, read};
