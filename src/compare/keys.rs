//! What an arm is known by, and which runs are meant.

use std::fmt;
use std::str::FromStr;

use crate::manifest::{choices, glob_matches};
use crate::store::Run;
use crate::words::number::percent;
use crate::{Error, Result};

/// What runs are put together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Key {
    Architecture,
    Graft,
    Mix,
    Freeze,
    Variant,
    LabelFraction,
    Fold,
}

impl Key {
    /// All, in the order of their columns.
    pub const ALL: [Key; 7] =
        [Key::Architecture, Key::Graft, Key::Mix, Key::Freeze, Key::Variant, Key::LabelFraction, Key::Fold];

    /// Those that arms are known by if nothing else is asked for: variants where there are any, and test folds not, which
    /// are pooled.
    pub fn usual<'r>(mut runs: impl Iterator<Item = &'r Run>) -> Vec<Key> {
        let variants = runs.any(|run| run.variant.is_some());
        Key::ALL.into_iter().filter(|key| *key != Key::Fold && (*key != Key::Variant || variants)).collect()
    }

    /// The column of the view `runs`.
    pub fn name(self) -> &'static str {
        match self {
            Key::Architecture => "architecture",
            Key::Graft => "graft",
            Key::Mix => "mix",
            Key::Freeze => "freeze",
            Key::Variant => "variant",
            Key::Fold => "fold",
            Key::LabelFraction => "label_fraction",
        }
    }

    /// The head of its column for people.
    pub fn heading(self) -> &'static str {
        if self == Key::LabelFraction { "labels" } else { self.name() }
    }

    /// Whether it is of what is grafted: a network from scratch has none.
    pub fn is_of_grafts(self) -> bool {
        matches!(self, Key::Mix | Key::Freeze)
    }

    /// What a run has there; `None` for the mix and the freeze of one from scratch, and where its manifest has no variants
    /// or does not rotate its folds.
    pub fn value(self, run: &Run) -> Option<String> {
        match self {
            Key::Architecture => Some(run.architecture.clone()),
            Key::Graft => Some(run.graft.clone()),
            Key::Mix => run.mix.clone(),
            Key::Freeze => run.freeze.clone(),
            Key::Variant => run.variant.clone(),
            Key::Fold => run.fold.map(|fold| fold.to_string()),
            Key::LabelFraction => Some(percent(run.label_fraction)),
        }
    }
}

impl FromStr for Key {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = |key: &Key| key.name() == text || key.heading() == text;
        Key::ALL.into_iter().find(known).ok_or_else(|| {
            let names = choices(text, Key::ALL.map(Key::name));
            Error::user(format!("`{text}` is nothing that runs are put together by{names}"))
        })
    }
}

/// A condition on runs: `freeze=none,probe`, `label_fraction=0.1`, `seed=0`.
#[derive(Clone, Debug, PartialEq)]
pub struct Only {
    /// `None` for the seed.
    key: Option<Key>,
    /// Any of these: globs of names, shares, or seeds.
    values: Vec<String>,
    /// Whether they are names as they stand, `none` being one.
    exact: bool,
}

impl Only {
    /// The runs that have the value called `name` under `key`.
    pub(super) fn named(key: Key, name: &str) -> Self {
        Self { key: Some(key), values: vec![name.to_owned()], exact: true }
    }

    /// What it is of; `None` for the seed.
    pub fn key(&self) -> Option<Key> {
        self.key
    }

    /// Its values as tables show them: `qrs`, `10% labels`.
    pub(super) fn shown(&self) -> String {
        let value = |value: &String| match self.key {
            Some(Key::LabelFraction) => format!("{} labels", share(value).map_or_else(|| value.clone(), percent)),
            _ => value.clone(),
        };
        self.values.iter().map(value).collect::<Vec<_>>().join("/")
    }

    /// Whether the run is meant.
    pub fn admits(&self, run: &Run) -> bool {
        self.values.iter().any(|value| self.is_value_of(value, run))
    }

    fn is_value_of(&self, value: &str, run: &Run) -> bool {
        match self.key {
            None => value.parse() == Ok(run.seed),
            Some(Key::LabelFraction) => share(value).is_some_and(|share| (share - run.label_fraction).abs() < 1e-9),
            Some(key) if self.exact => key.value(run).as_deref() == Some(value),
            Some(key) => match key.value(run) {
                Some(name) => glob_matches(value, &name),
                None => NO_NAME.contains(&value),
            },
        }
    }

    /// Whether there are such runs, done or not: that each value is one of some of `runs`. `option` is where it was said.
    ///
    /// # Errors
    /// A user error for a value that none has, with the nearest and all there are.
    pub fn check(&self, runs: &[&Run], option: &str) -> Result<()> {
        let Some(value) = self.values.iter().find(|value| !runs.iter().any(|run| self.is_value_of(value, run))) else {
            return Ok(());
        };
        let of = |run: &&Run| match self.key {
            None => run.seed.to_string(),
            Some(key) => key.value(run).unwrap_or_else(|| NO_NAME[0].to_owned()),
        };
        let mut known: Vec<String> = Vec::new();
        for name in runs.iter().map(of) {
            if !known.contains(&name) {
                known.push(name);
            }
        }
        let key = self.key.map_or("seed", Key::name);
        let choices = choices(value, known.iter().map(String::as_str));
        Err(Error::user(format!("{option} {key}={value}: no run has this {key}{choices}")))
    }
}

impl fmt::Display for Only {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key.map_or("seed", Key::name), self.values.join(","))
    }
}

/// What the mix and the freeze of a run from scratch are called, which has neither.
const NO_NAME: [&str; 3] = ["none", "-", "—"];

impl FromStr for Only {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some((name, values)) = text.split_once('=') else {
            return Err(Error::user(format!("`{text}` is not KEY=VALUE, such as label_fraction=0.1")));
        };
        let key = match name.trim() {
            "seed" => None,
            name => Some(name.parse().map_err(|error: Error| Error::user(format!("{}, seed", error.message)))?),
        };
        let values: Vec<String> =
            values.trim_start_matches('=').split(',').map(|value| value.trim().to_owned()).collect();
        for value in &values {
            let (fits, wanted) = match key {
                None => (value.parse::<u64>().is_ok(), "a seed"),
                Some(Key::LabelFraction) => (share(value).is_some(), "a share such as 0.1 or 10%"),
                Some(_) => (!value.is_empty(), "a name or glob"),
            };
            if !fits {
                return Err(Error::user(format!("`{text}`: `{value}` is not {wanted}")));
            }
        }
        Ok(Self { key, values, exact: false })
    }
}

/// `0.1` and `10%`.
fn share(text: &str) -> Option<f64> {
    match text.strip_suffix('%') {
        Some(percents) => percents.parse::<f64>().ok().map(|percents| percents / 100.0),
        None => text.parse().ok(),
    }
}

/// What rows are sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sort {
    /// The metric of this place, the best first.
    Metric(usize),
    /// The difference from the baseline, the best first.
    Difference,
    /// The p-value, the smallest first.
    P,
    /// A key, by name.
    Key(Key),
}
