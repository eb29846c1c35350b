//! A map of the user's own: a table with the columns `code`, `label` and perhaps `vocabulary`.

use std::collections::HashMap;
use std::path::Path;

use super::Codes;
use crate::Result;
use crate::declare::hint;
use crate::ecg::{Label, LabelSet};
use crate::source::table::Table;

/// What the codes of a hospital say.
#[derive(Debug)]
pub(in crate::source) struct OwnMap {
    name: String,
    labels: HashMap<String, LabelSet>,
}

impl OwnMap {
    /// Reads the table at `path`: a row for each thing that a code says. Labels are PTB-XL's statements, or of the vocabulary
    /// that the row names; those with a map (`scp`, `snomed`, `aha`, `subclass`) say what they do there.
    ///
    /// # Errors
    /// A user error with line and column where a column or a field is not there, or where a statement, a subclass or a
    /// superclass is none.
    pub fn read(path: &Path) -> Result<Self> {
        let table = Table::open_any(path)?;
        let (code, label) = (table.likely_column("code")?, table.likely_column("label")?);
        let vocabulary = table.optional_column("vocabulary");
        let mut labels: HashMap<String, LabelSet> = HashMap::new();
        table.each(|row| {
            let name = row.name(&label)?;
            let of = vocabulary.as_ref().map(|column| row.text(column)).filter(|text| !text.is_empty());
            let set = labels.entry(row.name(&code)?).or_default();
            let of = of.as_deref().unwrap_or(Codes::Scp.vocabulary().name());
            insert(set, of, &name).map_err(|why| row.error(&label, why))
        })?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, labels })
    }

    /// What its file is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What `code` says.
    pub fn get(&self, code: &str) -> Option<&LabelSet> {
        self.labels.get(code)
    }
}

/// Inserts the label `name` of the vocabulary called `of`, and what it says.
fn insert(labels: &mut LabelSet, of: &str, name: &str) -> std::result::Result<(), String> {
    let Some(codes) = Codes::called(of) else {
        labels.insert(Label::alone(of, name));
        return Ok(());
    };
    let vocabulary = codes.vocabulary();
    // Of the others there are more than are known here.
    let is_whole = matches!(codes, Codes::Scp | Codes::Subclass | Codes::Superclass);
    if is_whole && vocabulary.label(name).is_none() {
        let hint = hint(name, vocabulary.names().iter().copied());
        return Err(format!("`{name}` is no label of {of}, and the column vocabulary names no other{hint}"));
    }
    codes.insert(labels, name);
    Ok(())
}
