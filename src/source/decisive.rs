//! What of a source's settings decides what its records are.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Source;
use crate::declare::{Default, Key, Type};
use crate::{Error, Result};

/// The settings of `source` that decide what its records are, as far as they are not at their defaults: which column is
/// the label, which statements count, what draws folds. Not among them are paths, of whose files the content counts, the
/// data set, which says whose records are, and all that [`Source::reading`] says.
pub(crate) fn decisive(source: &dyn Source) -> Result<BTreeMap<String, Value>> {
    let fault = |error: serde_json::Error| Error::internal(format!("settings cannot be written as JSON: {error}"));
    let Value::Object(mut settings) = source.settings().map_err(fault)? else { return Ok(BTreeMap::new()) };
    let reading = source.reading().map(serde_json::to_value).transpose().map_err(fault)?;
    let of_reading = reading.iter().filter_map(Value::as_object).flat_map(Map::keys).map(String::as_str);
    for key in of_reading.chain(["data_set"]) {
        settings.remove(key);
    }
    Ok(changed(source.kind().declaration.keys, settings).collect())
}

/// Those of the settings of a table with these keys that are not at their defaults.
fn changed(keys: &[Key], settings: Map<String, Value>) -> impl Iterator<Item = (String, Value)> {
    settings.into_iter().filter_map(move |(name, value)| {
        let value = match keys.iter().find(|key| key.name == name) {
            Some(key) => decided(&key.of, value).filter(|value| !is_default(key, value))?,
            None => value,
        };
        Some((name, value))
    })
}

/// What a value of this type decides; `None` where it is not written or a path.
fn decided(of: &Type, value: Value) -> Option<Value> {
    match (of, value) {
        (_, Value::Null) | (Type::Path | Type::PathOrList(_), _) => None,
        (Type::Table(keys) | Type::Short(keys), Value::Object(table)) => {
            Some(Value::Object(changed(keys, table).collect()))
        }
        (Type::Named(of), Value::Object(table)) => {
            let values = table.into_iter().filter_map(|(name, value)| Some((name, decided(of, value)?)));
            Some(Value::Object(values.collect()))
        }
        (_, value) => Some(value),
    }
}

fn is_default(key: &Key, value: &Value) -> bool {
    match key.default {
        Default::Json(json) => serde_json::from_str::<Value>(json).is_ok_and(|default| default == *value),
        _ => false,
    }
}
