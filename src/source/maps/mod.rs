//! Labels of one vocabulary from those of another: SNOMED CT and AHA codes to PTB-XL's SCP-ECG statements, and statements to
//! their subclasses and superclasses. The maps are files beside this one; `README.md` there says where each comes from.
//! Codes of a hospital's own come with a map of theirs.
//!
//! Where nothing says the same, a code has its own label only; `Labels::note` tells how many records that concerns.

mod codes;
mod labels;
mod own;
mod table;
#[cfg(test)]
mod tests;
mod vocabularies;

use self::table::statements;
use crate::ecg::{Label, Vocabulary, superclass};

pub(super) use self::codes::Codes;
pub(super) use self::labels::Labels;
pub(super) use self::own::OwnMap;
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

/// PTB-XL's subclass of the statement `code`, if it is diagnostic.
pub(super) fn subclass_of(code: &str) -> Option<Label> {
    statements().get(code).and_then(|statement| statement.classes[0])
}

/// The statements of PTB-XL that are diagnostic (0), of form (1), of rhythm (2).
pub fn statements_of(kind: usize) -> Vec<Label> {
    let is_it = |label: &Label| statements().get(label.name()).is_some_and(|of| of.kinds.get(kind) == Some(&true));
    SCP.labels().filter(is_it).collect()
}
