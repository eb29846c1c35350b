//! The ways in which lists are written.

/// How a list is written: of runs, or of the rows that answer a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFormat {
    /// A table for the terminal.
    Table {
        /// Characters in a line; as wide as it needs where `None`.
        columns: Option<usize>,
    },
    /// One header row, one row for each run, all that the store knows of it; or each row of the answer, with all digits.
    Csv,
    /// An array with one object for each row, under the names of the CSV's columns.
    Json,
}
