//! CSV: one header row, one row for each arm, all digits, empty where there is no value.

use serde::Serialize;
use serde_json::Value;

use super::{Format, columns, rows};
use crate::report::Comparison;

/// Comma-separated values.
#[derive(Clone, Copy, Debug, Default)]
pub struct Csv;

impl Format for Csv {
    fn write(&self, comparison: &Comparison) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        // Into memory, as many fields in each row as in the first: there is nothing that can fail.
        let _ = writer.write_record(columns(comparison));
        for row in rows(comparison) {
            let _ = writer.write_record(row.iter().map(|(_, value)| match value {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            }));
        }
        text(writer)
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
    text(writer)
}

fn text(writer: csv::Writer<Vec<u8>>) -> String {
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
