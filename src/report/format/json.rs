//! JSON: an array with one object for each arm, under the names of the CSV's columns.

use serde::Serialize;

use super::{Format, rows};
use crate::report::Comparison;

/// JavaScript object notation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

impl Format for Json {
    fn write(&self, comparison: &Comparison) -> String {
        json(&rows(comparison).collect::<Vec<_>>())
    }
}

/// The rows as an array of objects.
pub(in crate::report) fn json<R: Serialize>(rows: &[R]) -> String {
    // Flat structs with names for keys: there is nothing that can fail.
    let mut text = serde_json::to_string_pretty(rows).unwrap_or_default();
    text.push('\n');
    text
}
