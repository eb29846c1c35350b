//! Reads a document by the description of the language: every value typed, in range, and defaults
//! filled in; every problem noted with its place.

use std::collections::BTreeMap;
use std::ops::Range as Span;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::Text;
use super::{BASE, Choices, Condition, Env, keys, path};
use crate::declare::{self, Default, Key, Kind, Kinds, Names, Places, Problem, Range, Type, Words};

/// What was read: the whole manifest as JSON in the shape of its types.
pub(super) struct Read {
    /// With all defaults; stand-ins where a problem was noted.
    pub json: Value,
    /// Where values stand.
    pub places: Places,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// Reads `document`, which is that of `text`, or of a variant in it.
pub(super) fn manifest(text: &Text, document: &DeTable<'_>, env: Env<'_>) -> Read {
    let declared = Names::ALL.into_iter().map(|names| (names, declared(document, names))).collect();
    let mut reader = Reader { text, env, declared, place: Vec::new(), places: Places::default(), problems: Vec::new() };
    let json = reader.table("the manifest", keys::MANIFEST, document, 0..0, false);
    Read { json: Value::Object(json), places: reader.places, problems: reader.problems }
}

/// The names a document declares, also those whose values turn out to be faulty.
fn declared(document: &DeTable<'_>, names: Names) -> Vec<String> {
    let table = document.get(names.table()).and_then(|value| value.get_ref().as_table());
    let mut declared: Vec<String> =
        table.into_iter().flat_map(|table| table.keys()).map(|key| key.get_ref().to_string()).collect();
    let always = match names {
        Names::Freeze => Some("none"),
        Names::Variant if !declared.is_empty() => Some(BASE),
        _ => None,
    };
    declared.extend(always.filter(|always| !declared.iter().any(|name| name == always)).map(str::to_owned));
    declared
}

pub(super) struct Reader<'a> {
    text: &'a Text,
    env: Env<'a>,
    declared: BTreeMap<Names, Vec<String>>,
    /// The way to the value being read.
    place: Vec<String>,
    places: Places,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// Notes a problem of the value being read.
    pub(super) fn problem(&mut self, span: Span<usize>, message: impl Into<String>) {
        self.places.mark_faulty(&self.place);
        self.problems.push(Problem { span, message: message.into() });
    }

    /// The value at one step further down, or `None` where it is faulty.
    fn step(&mut self, step: String, of: &Type, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        self.inside(&step, value, |reader| reader.value(of, value))
    }

    /// Reads `value`, which is one step further down.
    pub(super) fn inside<T>(
        &mut self,
        step: &str,
        value: &Spanned<DeValue<'_>>,
        read: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.place.push(step.to_owned());
        self.places.insert(&self.place, value.span());
        let read = read(self);
        self.place.pop();
        read
    }

    /// Remembers where a name within the value being read stands.
    pub(super) fn name_at(&mut self, name: &str, span: Span<usize>) {
        self.place.push(name.to_owned());
        self.places.insert(&self.place, span);
        self.place.pop();
    }

    /// A condition, and where its names stand.
    pub(super) fn condition(&mut self, text: &str, span: Span<usize>) -> Option<Condition> {
        for (name, part) in Condition::places(text) {
            let part = inside(&self.text.whole, span.clone(), text, part);
            self.name_at(&name, part);
        }
        match Condition::parse(text) {
            Ok(condition) => Some(condition),
            Err(fault) => {
                let span = inside(&self.text.whole, span, text, fault.span);
                self.problem(span, format!("`{}`: {}", self.name(), fault.message));
                None
            }
        }
    }

    /// The value as JSON, or `None` where a problem was noted.
    pub(super) fn value(&mut self, of: &Type, value: &Spanned<DeValue<'_>>) -> Option<Value> {
        let span = value.span();
        match (of, value.get_ref()) {
            (Type::Bool, DeValue::Boolean(value)) => Some(Value::Bool(*value)),
            (Type::Text(min), DeValue::String(text)) => self.text(*min, text, span),
            (Type::PathOrList(list), DeValue::Array(_)) => self.value(list, value),
            (Type::Path | Type::PathOrList(_), DeValue::String(text)) => self.path(text, span),
            (Type::Condition, DeValue::String(text)) => {
                self.condition(text, span).and_then(|condition| serde_json::to_value(condition).ok())
            }
            (Type::Classes(list), DeValue::Table(_) | DeValue::Array(_)) => self.classes(list, value),
            (Type::Integer(range), DeValue::Integer(integer)) => {
                match i64::from_str_radix(integer.as_str(), integer.radix()) {
                    Ok(number) => self.in_range(range, number as f64, span).then(|| Value::from(number)),
                    Err(_) => self.fault(span, format!("`{}` is too large for a whole number", self.name())),
                }
            }
            (Type::Number(range), DeValue::Integer(integer)) => {
                let number = i64::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(i64::MAX) as f64;
                self.in_range(range, number, span).then(|| Value::from(number))
            }
            (Type::Number(range), DeValue::Float(float)) => match float.as_str().parse::<f64>() {
                Ok(number) if number.is_finite() => self.in_range(range, number, span).then(|| Value::from(number)),
                _ => {
                    let message = format!("`{}` is {}; it must be a finite number", self.name(), float.as_str());
                    self.fault(span, message)
                }
            },
            (Type::Word(words) | Type::WordOrList(words, _) | Type::WordOrTable(words, _), DeValue::String(word)) => {
                self.word(words, word, span)
            }
            (Type::WordOrList(_, list), DeValue::Array(_)) => self.value(list, value),
            (Type::Name(names), DeValue::String(name)) => self.reference(*names, name, span),
            (Type::List { .. }, DeValue::Array(array)) => self.list(of, array, span),
            (Type::Table(keys) | Type::Short(keys) | Type::WordOrTable(_, keys), DeValue::Table(table)) => {
                let what = self.here();
                Some(Value::Object(self.table(&what, keys, table, span, false)))
            }
            (Type::Short([first, others @ ..]), _) => {
                let mut read = Map::from_iter(others.iter().map(|key| (key.name.to_owned(), self.stand_in(key))));
                read.insert(first.name.into(), self.value(&first.of, value)?);
                Some(Value::Object(read))
            }
            (Type::Kind(kinds), DeValue::Table(table)) => self.kind(kinds, table, span),
            (Type::Kind(kinds), DeValue::String(word)) => {
                let kind = self.known_kind(kinds, word, span.clone())?;
                self.table_of_kind(kind, &DeTable::new(), span)
            }
            (Type::Named(of), DeValue::Table(table)) => Some(self.named(of, table)),
            // What it says is read with the rest of the variant.
            (Type::Choices, found) => match Choices::read(found) {
                Ok(choices) => serde_json::to_value(choices).ok(),
                Err(why) => self.fault(span, format!("`{}` {why}", self.name())),
            },
            (Type::Overrides, DeValue::Table(_)) => Some(Value::Object(Map::new())),
            (of, found) => {
                self.fault(span, format!("`{}` must be {}, not {}", self.name(), expected(of), article(found)))
            }
        }
    }

    /// A path, as seen from the file that it is written in.
    fn path(&mut self, text: &str, span: Span<usize>) -> Option<Value> {
        match path::resolve(text, self.text.folder_at(span.start), self.env) {
            Ok(path) => serde_json::to_value(path).ok(),
            Err(message) => self.fault(span, message),
        }
    }

    /// Notes a problem of the value being read, of which there is none then.
    pub(super) fn fault(&mut self, span: Span<usize>, message: impl Into<String>) -> Option<Value> {
        self.problem(span, message);
        None
    }

    /// A text of at least `min` characters.
    fn text(&mut self, min: usize, text: &str, span: Span<usize>) -> Option<Value> {
        if text.trim().chars().count() < min {
            return self.fault(span, format!("`{}` is empty", self.name()));
        }
        if min > 0 && text.contains(char::is_control) {
            return self.fault(span, format!("`{}` has a line break or another control character", self.name()));
        }
        Some(Value::String(text.to_owned()))
    }

    /// A list, whose type `of` says what its items are and how many.
    fn list(&mut self, of: &Type, array: &[Spanned<DeValue<'_>>], span: Span<usize>) -> Option<Value> {
        let Type::List { of, min, max, unique } = *of else { return None };
        let items: Vec<Option<Value>> =
            array.iter().enumerate().map(|(index, item)| self.step(index.to_string(), of, item)).collect();
        self.list_length(min, max, items.len(), span);
        if unique {
            for (index, item) in items.iter().enumerate() {
                if item.is_some() && items[..index].contains(item) {
                    let shown = item.as_ref().map(shown).unwrap_or_default();
                    self.problem(array[index].span(), format!("{shown} comes twice in `{}`", self.name()));
                }
            }
        }
        // Of a fixed number of items each one counts: what is left of them has no meaning.
        let is_broken = min == max && items.iter().flatten().count() != min;
        (!is_broken).then(|| Value::Array(items.into_iter().flatten().collect()))
    }

    /// A table from names of the user's choice to values of one type.
    fn named(&mut self, of: &Type, table: &DeTable<'_>) -> Value {
        let mut read = Map::new();
        for (key, value) in table {
            let name = key.get_ref().to_string();
            if name.trim().is_empty() || name.contains(char::is_control) {
                let message = format!("a name in `{}` is empty or has a control character", self.name());
                self.problem_at(&name, key.span(), message);
            }
            if let Some(value) = self.step(name.clone(), of, value) {
                read.insert(name, value);
            }
        }
        Value::Object(read)
    }

    /// A table with these keys; what is faulty is replaced by a stand-in.
    fn table(
        &mut self,
        what: &str,
        keys: &[Key],
        table: &DeTable<'_>,
        span: Span<usize>,
        kind: bool,
    ) -> Map<String, Value> {
        for (key, _) in table {
            let name = key.get_ref().as_ref();
            let is_known = keys.iter().any(|key| key.name == name) || kind && name == "kind";
            if !is_known {
                let known = keys.iter().map(|key| key.name);
                let hint = declare::hint(name, known.chain(kind.then_some("kind")));
                let home = other_home(&hint, name);
                let message = format!("unknown key `{name}` in {what}{hint}{home}");
                self.problem_at(name, key.span(), message);
            }
        }
        let mut read = Map::new();
        for key in keys {
            let value = match table.get(key.name) {
                Some(value) => self.step(key.name.into(), &key.of, value).unwrap_or_else(|| self.stand_in(key)),
                None => {
                    // A misspelt key was already told.
                    let near = |written: &str| declare::nearest(written, &[key.name]).is_some();
                    let is_misspelt = table
                        .keys()
                        .map(|written| written.get_ref().as_ref())
                        .any(|written| keys.iter().all(|key| key.name != written) && near(written));
                    if matches!(key.default, Default::Required) && !is_misspelt {
                        self.problem_at(key.name, span.clone(), format!("{what} needs the key `{}`", key.name));
                    }
                    self.stand_in(key)
                }
            };
            read.insert(key.name.into(), value);
        }
        declare::derive(keys, &mut read);
        read
    }

    pub(super) fn problem_at(&mut self, step: &str, span: Span<usize>, message: String) {
        self.place.push(step.into());
        self.problem(span, message);
        self.place.pop();
    }

    /// A table whose `kind` decides its keys, of which a word alone is the short form.
    fn kind(&mut self, kinds: &Kinds, table: &DeTable<'_>, span: Span<usize>) -> Option<Value> {
        let kind: &Kind = match table.get("kind").map(|value| (value.span(), value.get_ref())) {
            Some((span, DeValue::String(word))) => self.known_kind(kinds, word, span)?,
            Some((span, other)) => {
                self.problem(span, format!("`kind` must be a text, not {}", article(other)));
                return None;
            }
            None => match kinds.default.and_then(|name| kinds.find(name)) {
                Some(kind) => kind,
                None => {
                    let known: Vec<&str> = kinds.known.iter().map(|kind| kind.name).collect();
                    let message = format!("{} needs the key `kind`; known: {}", self.here(), declare::list(&known));
                    self.problem(span, message);
                    return None;
                }
            },
        };
        self.table_of_kind(kind, table, span)
    }

    fn known_kind(&mut self, kinds: &Kinds, word: &str, span: Span<usize>) -> Option<&'static Kind> {
        let found = kinds.find(word);
        if found.is_none() {
            let known: Vec<&str> = kinds.known.iter().map(|kind| kind.name).collect();
            self.problem(span, unknown_word(kinds.what, word, &known, kinds.later));
        }
        found
    }

    fn table_of_kind(&mut self, kind: &Kind, table: &DeTable<'_>, span: Span<usize>) -> Option<Value> {
        let what = format!("{} of kind `{}`", self.here(), kind.name);
        let mut read = self.table(&what, kind.keys, table, span, true);
        read.insert("kind".into(), kind.name.into());
        Some(Value::Object(read))
    }

    fn word(&mut self, words: &Words, word: &str, span: Span<usize>) -> Option<Value> {
        let known: Vec<&str> = words.known.iter().map(|(word, _)| *word).collect();
        let is_own = words.open.is_some_and(|reserved| !reserved.contains(&word) && !word.trim().is_empty());
        if known.contains(&word) || is_own && !word.contains(char::is_control) {
            return Some(word.into());
        }
        self.problem(span, unknown_word(words.what, word, &known, words.later));
        None
    }

    fn reference(&mut self, names: Names, name: &str, span: Span<usize>) -> Option<Value> {
        let declared = &self.declared[&names];
        if declared.iter().any(|known| known == name) {
            return Some(name.into());
        }
        let hint = declare::hint(name, declared.iter().map(String::as_str));
        self.problem(span, format!("no {} is called `{name}`{hint}", names.word()));
        None
    }

    fn in_range(&mut self, range: &Range, number: f64, span: Span<usize>) -> bool {
        let inside = range.contains(number);
        if !inside {
            self.problem(span, format!("`{}` is {number}; it must be {range}", self.name()));
        }
        inside
    }

    fn list_length(&mut self, min: usize, max: usize, length: usize, span: Span<usize>) {
        if (min..=max).contains(&length) {
            return;
        }
        let items = |count: usize| format!("{count} {}", if count == 1 { "item" } else { "items" });
        let needed = if min == max {
            items(min)
        } else if length < min {
            format!("at least {}", items(min))
        } else {
            format!("at most {}", items(max))
        };
        self.problem(span, format!("`{}` needs {needed}, not {length}", self.name()));
    }

    /// What holds where a key is not written, or what it says is faulty.
    fn stand_in(&self, key: &Key) -> Value {
        declare::stand_in(key, &|text| match path::resolve(text, self.text.folder_at(0), self.env) {
            Ok(path) => serde_json::to_value(path).unwrap_or(Value::Null),
            Err(_) => Value::Null,
        })
    }

    /// The key being read: `parts.source` of `mixes.half.parts[0].source` is `source`.
    pub(super) fn name(&self) -> String {
        let is_index = |step: &String| step.bytes().all(|byte| byte.is_ascii_digit());
        match self.place.iter().rposition(|step| !is_index(step)) {
            Some(last) => dotted(&self.place[last..]),
            None => dotted(&self.place),
        }
    }

    /// The way to what is being read, as messages show it.
    fn here(&self) -> String {
        format!("`{}`", dotted(&self.place))
    }
}

/// Where in the `document` the bytes `part` of `text` stand, whose quotes are at `span`; the whole of it where it is
/// written with escapes beside that of a quote.
fn inside(document: &str, span: Span<usize>, text: &str, part: Span<usize>) -> Span<usize> {
    let written = document.get(span.clone()).unwrap_or_default();
    let quotes = if written.starts_with("\"\"\"") || written.starts_with("'''") { 3 } else { 1 };
    let start = span.start + quotes;
    match written.get(quotes..written.len().saturating_sub(quotes)) {
        Some(within) if within == text => start + part.start..start + part.end,
        Some(within) if within == text.replace('"', "\\\"") => {
            let escapes = |end: usize| text.get(..end).unwrap_or_default().matches('"').count();
            start + part.start + escapes(part.start)..start + part.end + escapes(part.end)
        }
        _ => span,
    }
}

/// `mixes.half.parts[0]`
fn dotted(place: &[String]) -> String {
    place.iter().enumerate().fold(String::new(), |mut text, (depth, step)| {
        if depth > 0 && step.bytes().all(|byte| byte.is_ascii_digit()) {
            text.push_str(&format!("[{step}]"));
        } else {
            text.push_str(if depth > 0 { "." } else { "" });
            text.push_str(step);
        }
        text
    })
}

fn unknown_word(what: &str, word: &str, known: &[&str], later: &[&str]) -> String {
    if later.contains(&word) {
        return format!("`{word}` is not available in this build; available: {}", declare::list(known));
    }
    format!("unknown {what} `{word}`{}", declare::hint(word, known.iter().copied()))
}

/// For a key that is near none here: the table at the top where it belongs, if there is one.
fn other_home(hint: &str, name: &str) -> String {
    let homes: Vec<&str> = keys::MANIFEST
        .iter()
        .filter(|key| matches!(key.of, Type::Table(keys) if keys.iter().any(|key| key.name == name)))
        .map(|key| key.name)
        .collect();
    if homes.is_empty() || hint.starts_with("; did") {
        String::new()
    } else {
        format!("; it belongs in {}", declare::list(&homes))
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{text}`"),
        other => format!("{other}"),
    }
}

fn expected(of: &Type) -> &'static str {
    match of {
        Type::Bool => "`true` or `false`",
        Type::Text(_) => "a text",
        Type::Path => "a path in quotes",
        Type::PathOrList(_) => "a path in quotes or a list",
        Type::Condition => "a condition in quotes",
        Type::Integer(_) => "a whole number",
        Type::Number(_) => "a number",
        Type::Word(_) => "a word in quotes",
        Type::WordOrList(..) => "a word in quotes or a list",
        Type::WordOrTable(..) => "a word in quotes or a table",
        Type::Name(_) => "a name in quotes",
        Type::Classes(_) => "a list or a table",
        Type::List { .. } => "a list",
        Type::Choices => "a list or a range",
        Type::Kind(_) => "a table or a word in quotes",
        Type::Table(_) | Type::Short(_) | Type::Named(_) | Type::Overrides => "a table",
    }
}

fn article(found: &DeValue<'_>) -> String {
    match found {
        DeValue::String(text) => format!("the text \"{text}\""),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(value) => format!("{value}"),
        DeValue::Datetime(_) => "a date".into(),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
    }
}
