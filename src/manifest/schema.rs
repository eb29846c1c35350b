//! The JSON Schema of the language, for editors.

use serde_json::{Map, Value, json};

use super::keys;
use crate::declare::{Default, Key, Kinds, Range, Type, Words};

/// The manifest language as JSON Schema (draft 2020-12): every key with description, default, range
/// and words. References between names are not in it; `ecgraft check` proves those.
pub fn schema() -> Value {
    let mut schema = table(keys::MANIFEST, None, true);
    schema.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("title".into(), "ecgraft manifest".into());
    Value::Object(schema)
}

/// An object with these keys and, for a table with kinds, its `kind`.
fn table(keys: &[Key], kind: Option<(&str, &str)>, kind_is_required: bool) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    if let Some((name, doc)) = kind {
        properties.insert("kind".into(), json!({ "const": name, "description": doc }));
        if kind_is_required {
            required.push("kind");
        }
    }
    for key in keys {
        properties.insert(key.name.into(), property(key));
        if let Default::Required = key.default {
            required.push(key.name);
        }
    }
    let mut object = Map::new();
    object.insert("type".into(), "object".into());
    object.insert("properties".into(), Value::Object(properties));
    if !required.is_empty() {
        object.insert("required".into(), json!(required));
    }
    object.insert("additionalProperties".into(), false.into());
    object
}

fn property(key: &Key) -> Value {
    let mut schema = of_type(&key.of);
    let mut description = key.doc.to_string();
    if !key.unit.is_empty() {
        description.push_str(&format!(" Unit: {}.", key.unit));
    }
    let words = match key.of {
        Type::Word(words) | Type::WordOrTable(words, _) => words.known,
        Type::List { of: Type::Word(words) | Type::WordOrList(words, _), .. }
        | Type::Classes(Type::List { of: Type::Word(words), .. }) => words.known,
        _ => &[],
    };
    if !words.is_empty() {
        let meanings = words.iter().filter(|(_, meaning)| !meaning.is_empty());
        let meanings: Vec<String> = meanings.map(|(word, meaning)| format!("`{word}`: {meaning}")).collect();
        if !meanings.is_empty() {
            description.push_str(&format!(" {}.", meanings.join("; ")));
        }
    }
    match key.default {
        Default::Json(default) => {
            schema.insert("default".into(), serde_json::from_str(default).unwrap_or(Value::Null));
        }
        Default::Absent(absent) | Default::Derived(absent, _) => {
            description.push_str(&format!(" Without it: {absent}."))
        }
        Default::Required => {}
    }
    if !key.example.is_empty() {
        schema.insert("examples".into(), json!([serde_json::from_str(key.example).unwrap_or(Value::Null)]));
    }
    schema.insert("description".into(), description.into());
    Value::Object(schema)
}

fn of_type(of: &Type) -> Map<String, Value> {
    let value = match of {
        Type::Bool => json!({ "type": "boolean" }),
        Type::Text(0) | Type::Name(_) => json!({ "type": "string" }),
        Type::Text(min) => json!({ "type": "string", "minLength": min }),
        Type::PathOrList(list) => json!({ "oneOf": [of_type(&Type::Path), of_type(list)] }),
        Type::Path | Type::Condition => json!({ "type": "string", "minLength": 1 }),
        Type::Integer(range) => number("integer", range),
        Type::Number(range) => number("number", range),
        Type::Word(Words { open: Some(_), .. }) => json!({ "type": "string", "minLength": 1 }),
        Type::Classes(list) => {
            let rule = json!({ "oneOf": [{ "type": "string", "minLength": 1 },
                { "type": "array", "items": { "type": "string", "minLength": 1 }, "minItems": 1 }] });
            let example = json!({ "MI": ["MI"], "other": "*" });
            let table =
                json!({ "type": "object", "additionalProperties": rule, "minProperties": 2, "examples": [example] });
            let mut list = of_type(list);
            list.insert("examples".into(), json!([["NORM", "MI"]]));
            json!({ "oneOf": [list, table] })
        }
        Type::Word(Words { known, .. }) => {
            json!({ "type": "string", "enum": known.iter().map(|(word, _)| *word).collect::<Vec<_>>() })
        }
        Type::WordOrList(words, list) => json!({ "oneOf": [of_type(&Type::Word(words)), of_type(list)] }),
        Type::WordOrTable(words, keys) => {
            json!({ "oneOf": [of_type(&Type::Word(words)), Value::Object(table(keys, None, false))] })
        }
        Type::List { of: item, min, max, unique } => {
            let mut list = json!({ "type": "array", "items": of_type(item) });
            if *min > 0 {
                list["minItems"] = json!(min);
            }
            if *max < usize::MAX {
                list["maxItems"] = json!(max);
            }
            if *unique {
                list["uniqueItems"] = json!(true);
            }
            list
        }
        Type::Table(keys) => return table(keys, None, false),
        Type::Short(keys) => {
            let first = keys.first().map(property);
            let short = first.into_iter().chain([Value::Object(table(keys, None, false))]);
            json!({ "oneOf": short.collect::<Vec<_>>() })
        }
        Type::Kind(kinds) => json!({ "oneOf": variants(kinds) }),
        Type::Named(value) => json!({ "type": "object", "additionalProperties": of_type(value) }),
        Type::Choices => json!({ "type": ["array", "object"] }),
        Type::Overrides => json!({ "type": "object" }),
    };
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn variants(kinds: &Kinds) -> Vec<Value> {
    let variant = |kind: &crate::declare::Kind| {
        Value::Object(table(kind.keys, Some((kind.name, kind.doc)), kinds.default != Some(kind.name)))
    };
    let names: Vec<&str> = kinds.known.iter().map(|kind| kind.name).collect();
    let name = json!({ "type": "string", "enum": names, "description": "The kind alone, its keys at their defaults." });
    kinds.known.iter().map(variant).chain([name]).collect()
}

fn number(kind: &str, range: &Range) -> Value {
    let bound = |bound: f64| if kind == "integer" { json!(bound as i64) } else { json!(bound) };
    let mut schema = json!({ "type": kind });
    schema[if range.above { "exclusiveMinimum" } else { "minimum" }] = bound(range.min);
    if range.max.is_finite() {
        schema[if range.below { "exclusiveMaximum" } else { "maximum" }] = bound(range.max);
    }
    schema
}
