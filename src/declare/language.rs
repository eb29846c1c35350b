//! How the manifest language is described: one description from which come the reading of manifests,
//! their defaults, the checks of keys, words and ranges, and the JSON Schema.

use serde_json::{Map, Value};

/// One key of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// As written.
    pub name: &'static str,
    /// What its value is.
    pub of: Type,
    /// What holds where it is not written.
    pub default: Default,
    /// Unit of the value; empty where it has none.
    pub unit: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// A value as JSON, for keys without a default; empty where there is none.
    pub example: &'static str,
}

/// What holds where a key is not written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Default {
    /// The key must be written.
    Required,
    /// This value, as JSON; within it, defaults hold again.
    Json(&'static str),
    /// No value; the text says what follows from that.
    Absent(&'static str),
    /// A value that follows from the other keys of the table, all there; the text says how.
    Derived(&'static str, fn(&Map<String, Value>) -> Value),
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Type {
    /// `true` or `false`.
    Bool,
    /// Text with at least this many characters.
    Text(usize),
    /// A path with `$VAR`.
    Path,
    /// A path with `$VAR`, or a list of them.
    PathOrList(&'static Type),
    /// A condition on records: see [`crate::manifest::Condition`].
    Condition,
    /// A whole number.
    Integer(Range),
    /// A number.
    Number(Range),
    /// One of some words.
    Word(&'static Words),
    /// One of some words, or a list.
    WordOrList(&'static Words, &'static Type),
    /// One of some words, or a table with these keys.
    WordOrTable(&'static Words, &'static [Key]),
    /// A list of classes, or a table from their names to conditions: see [`crate::manifest::Class`].
    Classes(&'static Type),
    /// A name declared elsewhere in the manifest.
    Name(Names),
    /// A list.
    List {
        /// What its items are.
        of: &'static Type,
        /// Fewest items.
        min: usize,
        /// Most items.
        max: usize,
        /// Whether no item may come twice.
        unique: bool,
    },
    /// A table with these keys.
    Table(&'static [Key]),
    /// A table with these keys; the value of the first alone where the others are at their defaults.
    Short(&'static [Key]),
    /// A table whose `kind` decides its keys; the kind's name alone where they are at their defaults.
    Kind(&'static Kinds),
    /// A table from names of the user's choice to values of one type.
    Named(&'static Type),
    /// A table of other keys of the manifest, that are said otherwise.
    Overrides,
    /// Values of any key, as a list or a range.
    Choices,
}

/// What names can stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Names {
    Source,
    Mix,
    Architecture,
    Freeze,
    Variant,
}

impl Names {
    /// All of them.
    pub const ALL: [Names; 5] = [Names::Source, Names::Mix, Names::Architecture, Names::Freeze, Names::Variant];

    /// The word for one.
    pub fn word(self) -> &'static str {
        ["source", "mix", "architecture", "freeze", "variant"][self as usize]
    }

    /// The table that declares them.
    pub fn table(self) -> &'static str {
        ["sources", "mixes", "architectures", "freezes", "variants"][self as usize]
    }
}

/// Words a value can be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    /// What such a word is called in messages.
    pub what: &'static str,
    /// The words and what they mean.
    pub known: &'static [(&'static str, &'static str)],
    /// Words that are known but not in this build.
    pub later: &'static [&'static str],
    /// Whether other words may be too, which are then checked with what they name; not these, which mean something else.
    pub open: Option<&'static [&'static str]>,
}

/// Kinds a table can be of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kinds {
    /// What such a table is called in messages.
    pub what: &'static str,
    /// The kind where none is written.
    pub default: Option<&'static str>,
    /// The kinds.
    pub known: &'static [Kind],
    /// Kinds that are known but not in this build.
    pub later: &'static [&'static str],
}

/// One kind of a table, with its keys beside `kind`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// The word of `kind`.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// The keys beside `kind`.
    pub keys: &'static [Key],
}

/// Words without any that are not in this build.
pub(crate) const fn known(what: &'static str, known: &'static [(&'static str, &'static str)]) -> Words {
    Words { what, known, later: &[], open: None }
}

/// Words beside which others may be, all but the `reserved`.
pub(crate) const fn open(words: Words, reserved: &'static [&'static str]) -> Words {
    Words { open: Some(reserved), ..words }
}

/// A whole number from `min` to `max`.
pub(crate) const fn count(min: f64, max: f64) -> Type {
    Type::Integer(Range::from_to(min, max))
}

/// A number from 0, below 1.
pub(crate) const fn fraction() -> Type {
    Type::Number(Range::from_below(0.0, 1.0))
}

/// A list of at least `min` items, none twice.
pub(crate) const fn list_of(of: &'static Type, min: usize) -> Type {
    Type::List { of, min, max: usize::MAX, unique: true }
}

/// A list of `min` to `max` items, which may repeat.
pub(crate) const fn sequence(of: &'static Type, min: usize, max: usize) -> Type {
    Type::List { of, min, max, unique: false }
}

impl Kinds {
    /// The kind with this name.
    pub fn find(&self, name: &str) -> Option<&'static Kind> {
        self.known.iter().find(|kind| kind.name == name)
    }
}

impl Key {
    /// A key with a default, as JSON.
    pub const fn new(name: &'static str, of: Type, default: &'static str, doc: &'static str) -> Self {
        Self { name, of, default: Default::Json(default), unit: "", doc, example: "" }
    }

    /// A key that must be written.
    pub const fn required(name: &'static str, of: Type, example: &'static str, doc: &'static str) -> Self {
        Self { name, of, default: Default::Required, unit: "", doc, example }
    }

    /// A key without a default value; `absent` says what holds without it.
    pub const fn optional(
        name: &'static str,
        of: Type,
        absent: &'static str,
        example: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { name, of, default: Default::Absent(absent), unit: "", doc, example }
    }

    /// The same without a default value; `absent` says what holds without it.
    pub const fn inherited(mut self, absent: &'static str) -> Self {
        if let Default::Json(example) = self.default {
            self.example = example;
        }
        self.default = Default::Absent(absent);
        self
    }

    /// The same with another default, as JSON.
    pub const fn preset(mut self, default: &'static str) -> Self {
        self.default = Default::Json(default);
        self
    }

    /// The same under another name: for names that Rust does not allow.
    pub const fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// The same with what it means that the key is not written.
    pub const fn absent(mut self, absent: &'static str) -> Self {
        self.default = match self.default {
            Default::Derived(_, from) => Default::Derived(absent, from),
            _ => Default::Absent(absent),
        };
        self
    }

    /// The same with a value that follows from the other keys, where the key is not written.
    pub const fn derived(mut self, from: fn(&Map<String, Value>) -> Value) -> Self {
        if let Default::Absent(absent) = self.default {
            self.default = Default::Derived(absent, from);
        }
        self
    }

    /// The same with an example, as JSON.
    pub const fn example(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }

    /// The same with a unit.
    pub const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }
}

/// Numbers that a value may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range {
    pub min: f64,
    /// Whether `min` itself is too small.
    pub above: bool,
    pub max: f64,
    /// Whether `max` itself is too large.
    pub below: bool,
}

impl Range {
    /// From `min` to `max`, both allowed.
    pub const fn from_to(min: f64, max: f64) -> Self {
        Self { min, above: false, max, below: false }
    }

    /// Above `min`, up to `max`.
    pub const fn above_to(min: f64, max: f64) -> Self {
        Self { min, above: true, max, below: false }
    }

    /// Above `min`, below `max`.
    pub const fn between(min: f64, max: f64) -> Self {
        Self { min, above: true, max, below: true }
    }

    /// From `min`, below `max`.
    pub const fn from_below(min: f64, max: f64) -> Self {
        Self { min, above: false, max, below: true }
    }

    /// At least `min`.
    pub const fn at_least(min: f64) -> Self {
        Self { min, above: false, max: f64::INFINITY, below: false }
    }

    /// Above `min`.
    pub const fn above(min: f64) -> Self {
        Self { min, above: true, max: f64::INFINITY, below: false }
    }

    /// Whether `value` is one of them.
    pub fn contains(&self, value: f64) -> bool {
        let low = if self.above { value > self.min } else { value >= self.min };
        let high = if self.below { value < self.max } else { value <= self.max };
        low && high
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.above && !self.below && self.max.is_finite() {
            return write!(f, "from {} to {}", self.min, self.max);
        }
        write!(f, "{} {}", if self.above { "above" } else { "at least" }, self.min)?;
        if self.max.is_finite() {
            write!(f, " and {} {}", if self.below { "below" } else { "at most" }, self.max)?;
        }
        Ok(())
    }
}
