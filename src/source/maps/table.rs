//! The maps' files, read once.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::{AHA, SCP, SNOMED, SUBCLASS};
use crate::ecg::{Label, Vocabulary, superclass};

/// What a code of one of the maps says.
#[derive(Clone, Debug, Default)]
pub(super) struct Meaning {
    /// The code's own label.
    pub label: Option<Label>,
    /// SCP-ECG statements; none where nothing says the same.
    pub scp: Vec<Label>,
    /// Subclasses and superclasses of the statements, and those that are known without.
    pub classes: Vec<Label>,
}

/// A map by code.
pub(super) type Map = HashMap<&'static str, Meaning>;

/// What PTB-XL's table says of a statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statement {
    /// Whether it is diagnostic, of form, of rhythm; several of them may hold.
    pub kinds: [bool; 3],
    /// Its subclass and its superclass, if it is diagnostic.
    pub classes: [Option<Label>; 2],
}

/// PTB-XL's statements by code.
pub(super) fn statements() -> &'static HashMap<&'static str, Statement> {
    static KNOWN: OnceLock<HashMap<&'static str, Statement>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let rows = rows(include_str!("scp.csv")).into_iter().filter_map(|row| {
            let [code, diagnostic, form, rhythm, superclass, subclass] = row[..] else { return None };
            let kinds = [diagnostic, form, rhythm].map(|mark| mark == "1");
            let classes = [SUBCLASS.label(subclass), superclass::VOCABULARY.label(superclass)];
            Some((code, Statement { kinds, classes }))
        });
        rows.collect()
    })
}

/// Codes of SNOMED CT.
pub(super) fn snomed() -> &'static Map {
    static KNOWN: OnceLock<Map> = OnceLock::new();
    KNOWN.get_or_init(|| map(include_str!("snomed.csv"), &SNOMED))
}

/// Codes of the AHA/ACC/HRS statements.
pub(super) fn aha() -> &'static Map {
    static KNOWN: OnceLock<Map> = OnceLock::new();
    KNOWN.get_or_init(|| map(include_str!("aha.csv"), &AHA))
}

/// A map whose last columns are statements, subclass, superclass and note, and whose first is the code.
fn map(text: &'static str, vocabulary: &'static Vocabulary) -> Map {
    let meanings = rows(text).into_iter().filter_map(|row| {
        let [code, .., scp, subclass, superclass, _] = row[..] else { return None };
        let scp: Vec<Label> = scp.split_whitespace().filter_map(|name| SCP.label(name)).collect();
        let own = [SUBCLASS.label(subclass), superclass::VOCABULARY.label(superclass)];
        let of_statements =
            scp.iter().filter_map(|label| statements().get(label.name())).flat_map(|statement| statement.classes);
        let classes = of_statements.chain(own).flatten().collect();
        Some((code, Meaning { label: vocabulary.label(code), scp, classes }))
    });
    meanings.collect()
}

/// The fields of all lines but the first; no field of the maps has a comma.
pub(super) fn rows(text: &'static str) -> Vec<Vec<&'static str>> {
    text.lines().skip(1).map(|line| line.split(',').collect()).collect()
}
