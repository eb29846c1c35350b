//! The reference of the language as Markdown, for people.

use std::fmt::Write;

use serde_json::{Value, json};

use super::keys;
use crate::declare::{Default, Key, Kind, Kinds, Type, Words};

const HEAD: &str = "\
# The manifest language

Every table and key of a manifest, with type, unit, range, default and meaning. This page is written by
`ecgraft schema --markdown` from the description that manifests are parsed with; a test fails where the two differ.
`ecgraft schema` prints the same as JSON Schema, for editors, and `ecgraft check` says what is wrong with a manifest, with
line and column.

A manifest is TOML. What names refer to, and what one key demands of another, is checked beyond the types given here. `NAME`
stands for a name of your choice. Where a table has kinds, `kind` says which it is; a kind whose other keys all stay at
their defaults may be written as a word: `optimizer = \"sgd\"`.
An unknown key or word is an error, with the nearest known one.
";

/// The manifest language as a Markdown page: every table with its keys, their types, units, ranges, defaults and
/// meanings, every kind and every word. It is `docs/manifest.md`.
pub fn reference() -> String {
    let mut page = Page { text: HEAD.into(), bodies: Vec::new() };
    page.section(
        "Top of a manifest",
        "",
        "The keys before the first table, and the tables.",
        Holds::Keys(keys::MANIFEST),
    );
    page.text
}

/// What a section is about.
enum Holds {
    Keys(&'static [Key]),
    Kinds(&'static Kinds),
}

struct Page {
    text: String,
    /// What sections have below their first lines, with their headings: what is the same is written once.
    bodies: Vec<(String, String)>,
}

impl Page {
    /// The section of a table, then those of the tables within it.
    fn section(&mut self, heading: &str, path: &str, doc: &str, holds: Holds) {
        let body = match holds {
            Holds::Keys(keys) => table(keys, path),
            Holds::Kinds(kinds) => kinds_in_words(kinds, path),
        };
        let _ = write!(self.text, "\n## {heading}\n\n{}\n\n", escaped(doc));
        // Paths are in links only, and those of the same table elsewhere lead to the same sections.
        let plain = body.replace(&anchor(path), "");
        if let Some((_, first)) = self.bodies.iter().find(|(known, _)| *known == plain) {
            let _ = writeln!(self.text, "As [{first}](#{}).", anchor(first));
            return;
        }
        self.text.push_str(&body);
        self.bodies.push((plain, heading.into()));
        match holds {
            Holds::Keys(keys) => self.within(keys, path),
            Holds::Kinds(kinds) => kinds.known.iter().for_each(|kind| self.within(kind.keys, path)),
        }
    }

    fn within(&mut self, keys: &'static [Key], path: &str) {
        for key in keys {
            if let Some((holds, path)) = inner(&key.of, joined(path, key.name)) {
                self.section(&format!("`{path}`"), &path, key.doc, holds);
            }
        }
    }
}

/// The table in a value of this type, and its path.
fn inner(of: &Type, path: String) -> Option<(Holds, String)> {
    match *of {
        Type::Table(keys) | Type::Short(keys) | Type::WordOrTable(_, keys) => Some((Holds::Keys(keys), path)),
        Type::Kind(kinds) => Some((Holds::Kinds(kinds), path)),
        Type::Named(value) => inner(value, joined(&path, "NAME")),
        Type::List { of, .. } => inner(of, path),
        _ => None,
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.into() } else { format!("{path}.{name}") }
}

/// The keys, a row for each, and the words they can be.
fn table(keys: &[Key], path: &str) -> String {
    if keys.is_empty() {
        return "It has no other keys.\n".into();
    }
    let mut text = "| key | type | default | meaning |\n|---|---|---|---|\n".to_owned();
    for key in keys {
        let mut of = in_words(&key.of);
        if !key.unit.is_empty() {
            let _ = write!(of, "; in {}", key.unit);
        }
        if let Some((_, path)) = inner(&key.of, joined(path, key.name)) {
            of = format!("[{of}](#{})", anchor(&path));
        }
        let cells = [format!("`{}`", key.name), escaped(&of), default(key), escaped(key.doc)];
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    for key in keys {
        if let Some(words) = words(&key.of) {
            let _ = write!(text, "\n`{}`:\n\n{}", key.name, meanings(words));
        }
    }
    text
}

/// The kinds, with the keys of each.
fn kinds_in_words(kinds: &Kinds, path: &str) -> String {
    let mut text = String::new();
    if let Some(default) = kinds.default {
        let _ = writeln!(text, "Without `kind` it is `{default}`.\n");
    }
    for Kind { name, doc, keys } in kinds.known {
        let _ = write!(text, "### `kind = \"{name}\"`\n\n{}\n\n{}\n", escaped(doc), table(keys, path));
    }
    text.push_str(&later(kinds.later));
    text.truncate(text.trim_end().len());
    text + "\n"
}

fn meanings(words: &Words) -> String {
    let mut text = String::new();
    for (word, meaning) in words.known {
        let meaning = if meaning.is_empty() { String::new() } else { format!(": {}", escaped(meaning)) };
        let _ = writeln!(text, "- `{word}`{meaning}");
    }
    if !words.later.is_empty() {
        let _ = write!(text, "\n{}", later(words.later));
    }
    text
}

fn later(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { String::new() } else { format!("Known, but not in this version: {}.\n", names.join(", ")) }
}

/// The words with meanings, or too many for a cell, that a value of this type has.
fn words(of: &Type) -> Option<&'static Words> {
    match *of {
        Type::Word(words) | Type::WordOrList(words, _) | Type::WordOrTable(words, _) => {
            words.known.iter().any(|(_, meaning)| !meaning.is_empty()).then_some(words)
        }
        Type::List { of, .. } | Type::Classes(of) => self::words(of),
        _ => None,
    }
}

fn in_words(of: &Type) -> String {
    match of {
        Type::Bool => "`true` or `false`".into(),
        Type::Text(0) => "text".into(),
        Type::Text(_) => "text, not empty".into(),
        Type::Path => "path".into(),
        Type::PathOrList(list) => format!("path, or {}", in_words(list)),
        Type::Condition => "condition".into(),
        Type::Integer(range) => format!("whole number {range}"),
        Type::Number(range) => format!("number {range}"),
        Type::Word(words) => {
            let mut known: Vec<String> = words.known.iter().map(|(word, _)| format!("`{word}`")).collect();
            known.extend(words.open.map(|_| format!("another {}", words.what)));
            known.join(" or ")
        }
        Type::WordOrList(words, list) => format!("{}, or {}", in_words(&Type::Word(words)), in_words(list)),
        Type::WordOrTable(words, _) => format!("{}, or table", in_words(&Type::Word(words))),
        Type::Classes(list) => format!("{}, or a table from names to conditions", in_words(list)),
        Type::Name(names) => format!("name of one of the {}", names.table()),
        Type::List { of, min, max, unique } => {
            let count = match (*min, *max) {
                (min, max) if min == max => format!(", {min} of them"),
                (0, usize::MAX) => String::new(),
                (min, usize::MAX) => format!(", at least {min}"),
                (min, max) => format!(", {min} to {max} of them"),
            };
            format!("list ({}){count}{}", in_words(of), if *unique { ", none twice" } else { "" })
        }
        Type::Table(_) => "table".into(),
        Type::Short(keys) => {
            let first = keys.first().map(|key| in_words(&key.of)).unwrap_or_default();
            format!("{first}; or table")
        }
        Type::Kind(kinds) => format!("{} of a kind", kinds.what),
        Type::Named(value) => format!("table from names to values, each: {}", in_words(value)),
        Type::Choices => "list of values or range".into(),
        Type::Overrides => "table of keys".into(),
    }
}

fn default(key: &Key) -> String {
    let example = || match parsed(key.example) {
        Some(value) if value != json!({}) => format!("; for example `{}`", toml(&value)),
        _ => String::new(),
    };
    match key.default {
        Default::Required => format!("required{}", escaped(&example())),
        Default::Absent(absent) | Default::Derived(absent, _) => escaped(&format!("{absent}{}", example())),
        Default::Json(json) => match parsed(json) {
            Some(Value::Object(object)) if object.is_empty() => match key.of {
                Type::Named(_) => "none".into(),
                Type::Kind(Kinds { default: Some(kind), .. }) => format!("`\"{kind}\"`"),
                _ => "all its defaults".into(),
            },
            Some(value) => format!("`{}`", escaped(&toml(&value))),
            None => String::new(),
        },
    }
}

fn parsed(json: &str) -> Option<Value> {
    serde_json::from_str(json).ok()
}

/// A value as TOML has it.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let pairs: Vec<String> = object.iter().map(|(key, value)| format!("{key} = {}", toml(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Array(values) => format!("[{}]", values.iter().map(toml).collect::<Vec<_>>().join(", ")),
        value => value.to_string(),
    }
}

/// Text for a cell of a Markdown table.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Where GitHub's links to this heading lead.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}
