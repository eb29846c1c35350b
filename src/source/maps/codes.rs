//! What the codes of each vocabulary say.

use super::table::{Map, Meaning, aha, snomed, statements};
use super::{AHA, OF_AHA, OF_SCP, OF_SNOMED, SCP, SNOMED, SUBCLASS, label};
use crate::ecg::{LabelSet, Vocabulary, superclass};

const OF_SUBCLASS: &[&Vocabulary] = &[&superclass::VOCABULARY, &SUBCLASS];
const OF_SUPERCLASS: &[&Vocabulary] = &[&superclass::VOCABULARY];

/// Vocabularies of which it is known what their codes say in others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Codes {
    /// SNOMED CT: `164889003`.
    Snomed,
    /// AHA/ACC/HRS statements, with modifiers and secondary statements after `+`: `60+310`.
    Aha,
    /// SCP-ECG statements as PTB-XL writes them: `AFIB`.
    Scp,
    /// PTB-XL's subclasses: `AMI`.
    Subclass,
    /// PTB-XL's superclasses: `MI`.
    Superclass,
}

impl Codes {
    const ALL: [Codes; 5] = [Codes::Snomed, Codes::Aha, Codes::Scp, Codes::Subclass, Codes::Superclass];

    /// Those of the vocabulary called `name`, if it is one of them.
    pub fn called(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|codes| codes.vocabulary().name() == name)
    }

    /// Their own vocabulary.
    pub fn vocabulary(self) -> &'static Vocabulary {
        match self {
            Codes::Snomed => &SNOMED,
            Codes::Aha => &AHA,
            Codes::Scp => &SCP,
            Codes::Subclass => &SUBCLASS,
            Codes::Superclass => &superclass::VOCABULARY,
        }
    }

    /// All vocabularies of records with such codes.
    pub fn vocabularies(self) -> &'static [&'static Vocabulary] {
        match self {
            Codes::Snomed => OF_SNOMED,
            Codes::Aha => OF_AHA,
            Codes::Scp => OF_SCP,
            Codes::Subclass => OF_SUBCLASS,
            Codes::Superclass => OF_SUPERCLASS,
        }
    }

    /// What is said of codes that say nothing beside themselves: codes "that ...".
    pub(super) fn lack(self) -> &'static str {
        match self {
            Codes::Snomed | Codes::Aha | Codes::Scp => "that no SCP-ECG statement of PTB-XL says the same as",
            Codes::Subclass => "that are no subclasses of PTB-XL",
            Codes::Superclass => "that are no superclasses of PTB-XL",
        }
    }

    /// Inserts what `code` says, itself first; whether it says more than itself.
    pub(super) fn insert(self, labels: &mut LabelSet, code: &str) -> bool {
        match self {
            Codes::Snomed => insert(labels, snomed(), &SNOMED, code),
            Codes::Aha => insert_aha(labels, code),
            Codes::Scp => insert_scp(labels, code),
            Codes::Subclass => insert_subclass(labels, code),
            Codes::Superclass => {
                labels.insert(label(&superclass::VOCABULARY, code));
                superclass::VOCABULARY.label(code).is_some()
            }
        }
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

/// Inserts a subclass and the superclass that it is of.
fn insert_subclass(labels: &mut LabelSet, code: &str) -> bool {
    let own = label(&SUBCLASS, code);
    labels.insert(own);
    let of = statements().values().find(|statement| statement.classes[0] == Some(own));
    of.and_then(|statement| statement.classes[1]).into_iter().for_each(|class| labels.insert(class));
    of.is_some()
}
