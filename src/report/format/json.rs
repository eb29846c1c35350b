//! JSON: an array with one object for each arm, under the names of the CSV's columns.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Format, Row, rows};
use crate::compare::Comparison;

/// JavaScript object notation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

impl Format for Json {
    fn is_one_table(&self) -> bool {
        true
    }

    fn write(&self, comparison: &Comparison) -> String {
        json(&rows(comparison).map(Object).collect::<Vec<_>>())
    }
}

/// A row, its names in the order of the columns.
struct Object(Row);

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The rows as an array of objects.
pub(in crate::report) fn json<R: Serialize>(rows: &[R]) -> String {
    // Flat structs with names for keys: there is nothing that can fail.
    let mut text = serde_json::to_string_pretty(rows).unwrap_or_default();
    text.push('\n');
    text
}
