//! Labels of records from their codes.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::{Codes, OwnMap};
use crate::ecg::LabelSet;

/// Makes labels of codes, and counts those that say nothing beside themselves.
#[derive(Debug, Default)]
pub(in crate::source) struct Labels {
    codes: Option<Codes>,
    own: Option<OwnMap>,
    said: HashMap<String, Said>,
    /// Records with codes that say nothing beside themselves.
    records: usize,
}

/// What a code says.
#[derive(Debug)]
struct Said {
    labels: LabelSet,
    is_mapped: bool,
    /// Records that have it.
    records: usize,
}

impl Labels {
    /// Of codes of this kind.
    pub fn of(codes: Codes) -> Self {
        Self::new(Some(codes), None)
    }

    /// Of codes of this kind, if they are of one, and in a map of the user's own, which comes first.
    pub fn new(codes: Option<Codes>, own: Option<OwnMap>) -> Self {
        Self { codes, own, ..Self::default() }
    }

    /// The labels of a record with these `codes`: what they are and what they say, each once. Codes that are of no kind known
    /// here are no labels themselves.
    pub fn get<'c>(&mut self, codes: impl IntoIterator<Item = &'c str>) -> LabelSet {
        self.of_records(1, codes)
    }

    /// The same of so many records that have the same codes.
    pub fn of_records<'c>(&mut self, records: usize, codes: impl IntoIterator<Item = &'c str>) -> LabelSet {
        let mut labels = LabelSet::default();
        let mut unmapped: Vec<&str> = Vec::new();
        for code in codes {
            if !self.said.contains_key(code) {
                let said = self.say(code);
                self.said.insert(code.to_owned(), said);
            }
            let Some(said) = self.said.get_mut(code) else { continue };
            said.labels.iter().for_each(|label| labels.insert(label));
            if !said.is_mapped && !unmapped.contains(&code) {
                said.records += records;
                unmapped.push(code);
            }
        }
        self.records += if unmapped.is_empty() { 0 } else { records };
        labels
    }

    fn say(&self, code: &str) -> Said {
        let mut labels = LabelSet::default();
        let by_kind = self.codes.is_some_and(|codes| match self.own.as_ref().and_then(|own| own.get(code)) {
            // What the user says of a code is said instead.
            Some(_) => {
                labels.insert(super::label(codes.vocabulary(), code));
                true
            }
            None => codes.insert(&mut labels, code),
        });
        let own = self.own.as_ref().and_then(|own| own.get(code));
        own.into_iter().flat_map(LabelSet::iter).for_each(|label| labels.insert(label));
        Said { labels, is_mapped: by_kind || own.is_some(), records: 0 }
    }

    /// How many records have codes that say nothing beside themselves, and which.
    pub fn note(&self) -> Option<String> {
        /// Codes that are listed.
        const LISTED: usize = 20;
        if self.records == 0 {
            return None;
        }
        let unmapped = self.said.iter().filter(|(_, said)| said.records > 0);
        let mut by_count: Vec<(&str, usize)> = unmapped.map(|(code, said)| (code.as_str(), said.records)).collect();
        by_count.sort_by_key(|(code, count)| (Reverse(*count), *code));
        let list: Vec<_> = by_count.iter().take(LISTED).map(|(code, count)| format!("{code} {count}x")).collect();
        let more = by_count.len().saturating_sub(LISTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let own = self.own.as_ref().map(|own| format!("that {} does not have", own.name()));
        let lacks: Vec<String> = own.into_iter().chain(self.codes.map(|codes| codes.lack().to_owned())).collect();
        Some(format!(
            "{} records have codes {}; these are labels by themselves only: {}{more}",
            self.records,
            lacks.join(" and "),
            list.join(", ")
        ))
    }
}
