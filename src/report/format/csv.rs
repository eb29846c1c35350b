//! CSV: one header row, one row for each arm, all digits, empty where there is no value.

use serde::Serialize;

use super::{Format, Row, rows};
use crate::report::Comparison;

/// Comma-separated values.
#[derive(Clone, Copy, Debug, Default)]
pub struct Csv;

impl Format for Csv {
    fn write(&self, comparison: &Comparison) -> String {
        csv(&Row::default(), rows(comparison))
    }
}

/// The rows as CSV under the names of their fields. `any` is a row to learn these from where there is none.
pub(in crate::report) fn csv<R: Serialize>(any: &R, rows: impl Iterator<Item = R>) -> String {
    let mut header = written(std::iter::once(any));
    header.truncate(header.find('\n').map_or(header.len(), |end| end + 1));
    let rows = written(rows);
    if rows.is_empty() { header } else { rows }
}

fn written<R: Serialize>(rows: impl Iterator<Item = R>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        // Flat structs into memory: there is nothing that can fail.
        let _ = writer.serialize(row);
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
