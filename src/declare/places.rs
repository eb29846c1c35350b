//! Where in the text each value stands.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The bytes of the text at fault and what is wrong with them.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub span: Range<usize>,
    pub message: String,
}

/// Spans of all written values by their way from the top: `["mixes", "half", "parts", "0", "share"]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    spans: BTreeMap<Vec<String>, Range<usize>>,
    faulty: BTreeSet<Vec<String>>,
}

impl Places {
    /// Notes where a value stands.
    pub fn insert(&mut self, place: &[String], span: Range<usize>) {
        self.spans.insert(place.to_vec(), span);
    }

    /// Notes that a problem of the value was reported; what is read there is only a stand-in.
    pub fn mark_faulty(&mut self, place: &[String]) {
        self.faulty.insert(place.to_vec());
    }

    /// Whether the value was written, not taken from defaults.
    pub fn is_written(&self, place: &[&str]) -> bool {
        self.spans.contains_key(&owned(place))
    }

    /// Whether no problem was reported of the value, of what it is in, or of what is in it.
    pub fn is_sound(&self, place: &[&str]) -> bool {
        let place = owned(place);
        !self.faulty.iter().any(|faulty| faulty.starts_with(&place) || place.starts_with(faulty))
    }

    /// The span of the value, or of the nearest written one around it.
    pub fn span(&self, place: &[&str]) -> Range<usize> {
        let mut place = owned(place);
        loop {
            if let Some(span) = self.spans.get(&place) {
                return span.clone();
            }
            if place.pop().is_none() {
                return 0..0;
            }
        }
    }
}

/// What is wrong with one table of a manifest, told key by key; a value that was already faulty gets no second problem.
#[derive(Debug)]
pub(crate) struct Faults<'a> {
    places: &'a Places,
    table: Vec<&'a str>,
    /// What was told.
    pub problems: Vec<Problem>,
}

impl<'a> Faults<'a> {
    /// None yet, of the table at `table`.
    pub fn new(places: &'a Places, table: &[&'a str]) -> Self {
        Self { places, table: table.to_vec(), problems: Vec::new() }
    }

    /// Whether a key is written, not at its default.
    pub fn is_written(&self, key: &str) -> bool {
        self.places.is_written(&self.at(&[key]))
    }

    /// Whether nothing was told of a key's value yet.
    pub fn is_sound(&self, key: &str) -> bool {
        self.places.is_sound(&self.at(&[key]))
    }

    /// Tells what is wrong with a key, or with one item of it: `&["kernels", "1"]`.
    pub fn tell(&mut self, key: &[&str], message: String) {
        let place = self.at(key);
        if self.places.is_sound(&place) {
            self.problems.push(Problem { span: self.places.span(&place), message });
        }
    }

    fn at<'b>(&'b self, key: &[&'b str]) -> Vec<&'b str> {
        self.table.iter().chain(key).copied().collect()
    }
}

fn owned(place: &[&str]) -> Vec<String> {
    place.iter().map(|step| step.to_string()).collect()
}
