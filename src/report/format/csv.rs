//! CSV: one header row, one row for each arm, all digits, empty where there is no value.

use serde_json::Value;

use super::{Format, columns, rows};
use crate::compare::Comparison;
use crate::words::csv;

/// Comma-separated values.
#[derive(Clone, Copy, Debug, Default)]
pub struct Csv;

impl Format for Csv {
    fn is_one_table(&self) -> bool {
        true
    }

    fn write(&self, comparison: &Comparison) -> String {
        let cell = |(_, value): (String, Value)| match value {
            Value::Null => String::new(),
            Value::String(text) => text,
            other => other.to_string(),
        };
        csv::table(columns(comparison), rows(comparison).map(|row| row.into_iter().map(cell)))
    }
}
