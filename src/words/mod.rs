//! Words and digits: how numbers, times and lines are written, for every room that writes any.

pub mod csv;
pub(crate) mod named;
pub mod number;
pub mod shell;
pub mod text;
pub mod time;
