//! Labels of one vocabulary from those of another: SNOMED CT and AHA codes to PTB-XL's SCP-ECG statements, and statements to
//! their subclasses and superclasses. The maps are files beside this one; `README.md` there says where each comes from.
//!
//! Where nothing says the same, a code has its own label only; `Labels::note` tells how many records that concerns.

mod table;
#[cfg(test)]
mod tests;
mod vocabularies;

use std::collections::BTreeMap;

use self::table::{Map, Meaning, aha, snomed, statements};
use crate::ecg::{Label, LabelSet, Vocabulary, superclass};

pub use self::vocabularies::{AHA, SCP, SNOMED, SUBCLASS};

/// The vocabularies of records with SNOMED CT codes.
pub(super) const OF_SNOMED: &[&Vocabulary] = &[&superclass::VOCABULARY, &SCP, &SUBCLASS, &SNOMED];

/// The vocabularies of records with AHA codes.
pub(super) const OF_AHA: &[&Vocabulary] = &[&superclass::VOCABULARY, &SCP, &SUBCLASS, &AHA];

/// The vocabularies of records with SCP-ECG statements.
pub(super) const OF_SCP: &[&Vocabulary] = &[&superclass::VOCABULARY, &SCP, &SUBCLASS];

/// The label `name` of `vocabulary`. One that it does not have is alone in a vocabulary of the same name, so that it is
/// the same label whichever source has it.
pub(super) fn label(vocabulary: &'static Vocabulary, name: &str) -> Label {
    vocabulary.label(name).unwrap_or_else(|| Label::alone(vocabulary.name(), name))
}

/// What statements are made of: of whom they speak, and how codes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codes {
    /// SNOMED CT: `164889003`.
    Snomed,
    /// AHA/ACC/HRS statements, with modifiers and secondary statements after `+`: `60+310`.
    Aha,
    /// SCP-ECG statements as PTB-XL writes them: `AFIB`.
    Scp,
}

/// Makes labels of codes, and counts what has no SCP-ECG statement.
#[derive(Debug)]
pub(super) struct Labels {
    codes: Codes,
    /// Codes without a statement, and how many records have them.
    unmapped: BTreeMap<String, usize>,
    records: usize,
}

impl Labels {
    /// Of codes of this kind.
    pub fn of(codes: Codes) -> Self {
        Self { codes, unmapped: BTreeMap::new(), records: 0 }
    }

    /// The labels of a record with these `codes`: themselves, statements, subclasses and superclasses, each once.
    pub fn get<'c>(&mut self, codes: impl IntoIterator<Item = &'c str>) -> LabelSet {
        let mut labels = LabelSet::default();
        let mut unmapped: Vec<&str> = Vec::new();
        for code in codes {
            let known = match self.codes {
                Codes::Snomed => insert(&mut labels, snomed(), &SNOMED, code),
                Codes::Aha => insert_aha(&mut labels, code),
                Codes::Scp => insert_scp(&mut labels, code),
            };
            if !known && !unmapped.contains(&code) {
                unmapped.push(code);
            }
        }
        self.records += usize::from(!unmapped.is_empty());
        for code in unmapped {
            *self.unmapped.entry(code.to_owned()).or_default() += 1;
        }
        labels
    }

    /// How many records have codes that no SCP-ECG statement says the same as, and which.
    pub fn note(&self) -> Option<String> {
        /// Codes that are listed.
        const LISTED: usize = 20;
        if self.records == 0 {
            return None;
        }
        let mut by_count: Vec<(&String, usize)> = self.unmapped.iter().map(|(code, count)| (code, *count)).collect();
        by_count.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let list: Vec<_> = by_count.iter().take(LISTED).map(|(code, count)| format!("{code} {count}x")).collect();
        let more = by_count.len().saturating_sub(LISTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Some(format!(
            "{} records have codes that no SCP-ECG statement of PTB-XL says the same as; these are labels by themselves only: {}{more}",
            self.records,
            list.join(", ")
        ))
    }
}

/// Inserts what `code` says; whether it has a statement.
fn insert(labels: &mut LabelSet, map: &Map, vocabulary: &'static Vocabulary, code: &str) -> bool {
    let Some(Meaning { label: own, scp, classes }) = map.get(code) else {
        labels.insert(label(vocabulary, code));
        return false;
    };
    own.iter().chain(scp).chain(classes).for_each(|label| labels.insert(*label));
    !scp.is_empty()
}

/// Inserts what an AHA code says: with its modifiers as it stands, and as its parts. A combination that the map has says more
/// than its parts, which then have no statements.
fn insert_aha(labels: &mut LabelSet, code: &str) -> bool {
    let parts: Vec<&str> = code.split('+').map(str::trim).collect();
    if parts.len() == 1 {
        return insert(labels, aha(), &AHA, code);
    }
    labels.insert(label(&AHA, code));
    let combination = parts.get(1).map(|modifier| format!("{}+{modifier}", parts[0]));
    let known = combination.is_some_and(|both| aha().contains_key(both.as_str()) && insert(labels, aha(), &AHA, &both));
    let mut mapped = known;
    for (place, part) in parts.iter().enumerate() {
        // From 300 to 399 are modifiers, which say nothing alone.
        let is_modifier = part.parse::<u32>().is_ok_and(|number| (300..400).contains(&number));
        match (place, is_modifier) {
            (0, _) if known => labels.insert(label(&AHA, part)),
            (0, _) | (_, false) => mapped |= insert(labels, aha(), &AHA, part),
            _ => {}
        }
    }
    mapped
}

fn insert_scp(labels: &mut LabelSet, code: &str) -> bool {
    labels.insert(label(&SCP, code));
    let statement = statements().get(code);
    statement.iter().flat_map(|statement| statement.classes).flatten().for_each(|class| labels.insert(class));
    statement.is_some()
}

/// PTB-XL's subclass of the statement `code`, if it is diagnostic.
pub(super) fn subclass_of(code: &str) -> Option<Label> {
    statements().get(code).and_then(|statement| statement.classes[0])
}

/// The statements of PTB-XL that are diagnostic (0), of form (1), of rhythm (2).
pub fn statements_of(kind: usize) -> Vec<Label> {
    let is_it = |label: &Label| statements().get(label.name()).is_some_and(|of| of.kinds.get(kind) == Some(&true));
    SCP.labels().filter(is_it).collect()
}
