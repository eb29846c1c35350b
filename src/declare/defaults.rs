//! What holds where nothing is written.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{Default, Key, Table, Type};

/// A table at its defaults.
pub(crate) fn default_of<T: Table + DeserializeOwned>() -> T {
    let table = filled_table(T::KEYS, &Map::new(), &|_| Value::Null);
    match serde_json::from_value(Value::Object(table)) {
        Ok(table) => table,
        Err(error) => panic!("a default of {} is none: {error}", std::any::type_name::<T>()),
    }
}

/// A default of a type with the defaults of what is within it; `path` gives the value of a path.
fn filled(of: &Type, json: &Value, path: &dyn Fn(&str) -> Value) -> Value {
    match (of, json) {
        (Type::Path | Type::PathOrList(_), Value::String(text)) => path(text),
        (Type::Table(keys) | Type::Short(keys) | Type::WordOrTable(_, keys), Value::Object(object)) => {
            Value::Object(filled_table(keys, object, path))
        }
        (Type::Kind(_), Value::String(word)) => filled(of, &json!({ "kind": word }), path),
        (Type::Kind(kinds), Value::Object(object)) => {
            let name = object.get("kind").and_then(Value::as_str).or(kinds.default).unwrap_or_default();
            kinds.find(name).map_or(Value::Null, |kind| {
                let mut object = filled_table(kind.keys, object, path);
                object.insert("kind".into(), kind.name.into());
                Value::Object(object)
            })
        }
        _ => json.clone(),
    }
}

/// A table of which `written` is written.
fn filled_table(keys: &[Key], written: &Map<String, Value>, path: &dyn Fn(&str) -> Value) -> Map<String, Value> {
    let mut table = Map::new();
    for key in keys {
        let value = written.get(key.name).map(|value| filled(&key.of, value, path));
        table.insert(key.name.into(), value.unwrap_or_else(|| stand_in(key, path)));
    }
    derive(keys, &mut table);
    table
}

/// What holds where a key is not written, or what it says is faulty.
pub(crate) fn stand_in(key: &Key, path: &dyn Fn(&str) -> Value) -> Value {
    match key.default {
        Default::Json(json) => filled(&key.of, &serde_json::from_str(json).unwrap_or(Value::Null), path),
        Default::Absent(_) | Default::Derived(..) => Value::Null,
        Default::Required => match key.of {
            Type::List { .. } => Value::Array(Vec::new()),
            _ => Value::String(String::new()),
        },
    }
}

/// Fills in what follows from other keys of the table.
pub(crate) fn derive(keys: &[Key], table: &mut Map<String, Value>) {
    for key in keys {
        if let Default::Derived(_, from) = key.default
            && table.get(key.name).is_none_or(Value::is_null)
        {
            let value = from(table);
            table.insert(key.name.into(), value);
        }
    }
}
