//! SCP codes, and which superclass each is of.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::{DATABASE, STATEMENTS};
use crate::ecg::{Label, LabelSet, superclass};
use crate::source::table::Table;
use crate::{Error, Result};

/// Which superclass each SCP code is of; `None` for the others.
pub(super) struct Statements {
    path: PathBuf,
    classes: HashMap<String, Option<Label>>,
    /// The first column, and the first value in it.
    first: [String; 2],
}

impl Statements {
    pub fn read(path: &Path) -> Result<Self> {
        let table = Table::open(path)?;
        let code = table.first_column();
        let diagnostic = table.column("diagnostic")?;
        let class = table.column("diagnostic_class")?;
        let mut statements = HashMap::new();
        let mut first = [table.columns.first().cloned().unwrap_or_default(), String::new()];
        table.each(|row| {
            if statements.is_empty() {
                first[1] = row.text(&code).into_owned();
            }
            let superclass = if row.number(&diagnostic)? == Some(1.0) {
                let text = row.text(&class);
                let known = superclass::VOCABULARY.label(&text);
                Some(known.ok_or_else(|| {
                    let all = superclass::VOCABULARY.names().join(", ");
                    row.error(&class, format_args!("`{text}` is not a superclass ({all})"))
                })?)
            } else {
                None
            };
            statements.insert(row.name(&code)?, superclass);
            Ok(())
        })?;
        Ok(Self { path: path.into(), classes: statements, first })
    }

    /// # Errors
    /// A user error where the database has codes and the table knows none of them.
    pub fn check(&self, unknown: &Unknown) -> Result<()> {
        let Some(code) = unknown.codes.keys().next().filter(|_| unknown.known == 0) else { return Ok(()) };
        let [column, value] = &self.first;
        let column = if column.is_empty() { "which has no name".to_owned() } else { format!("`{column}`") };
        // A column that pandas' to_csv() put before the codes.
        let is_number = value.parse::<f64>().is_ok();
        let advice = if is_number { "; save it without the index (pandas: `to_csv(index=False)`)" } else { "" };
        Err(Error::user(format!(
            "{}: none of the {} SCP codes of {DATABASE}, such as {code}, is in the first column, {column}, which has {}; it \
             must hold the codes{advice}",
            self.path.display(),
            unknown.codes.len(),
            if value.is_empty() { "no values".to_owned() } else { format!("values such as `{value}`") },
        )))
    }

    /// The superclasses of all `codes`, whatever their likelihood.
    pub fn labels(&self, codes: &[&str], unknown: &mut Unknown) -> LabelSet {
        let mut labels = LabelSet::default();
        let mut strange = false;
        for &code in codes {
            let found = self.classes.get(code);
            unknown.known += usize::from(found.is_some());
            match found {
                Some(Some(class)) => labels.insert(*class),
                Some(None) => {}
                None => {
                    *unknown.codes.entry(code.to_owned()).or_default() += 1;
                    strange = true;
                }
            }
        }
        unknown.records += usize::from(strange);
        labels
    }
}

/// SCP codes that the table of statements does not have.
#[derive(Default)]
pub(super) struct Unknown {
    codes: BTreeMap<String, usize>,
    records: usize,
    /// How often codes were known.
    known: usize,
}

impl Unknown {
    pub fn note(&self) -> Option<String> {
        let list: Vec<_> = self.codes.iter().map(|(code, count)| format!("{code} {count}x")).collect();
        (!list.is_empty()).then(|| {
            format!(
                "{} records have SCP codes that {STATEMENTS} does not know; the codes were ignored: {}",
                self.records,
                list.join(", ")
            )
        })
    }
}

/// The keys of a Python dictionary from text to number, such as `{'NORM': 100.0, 'SR': 0.0}`.
pub(super) fn scp_codes(text: &str) -> Option<Vec<&str>> {
    let inside = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    if inside.is_empty() {
        return Some(Vec::new());
    }
    inside.strip_suffix(',').unwrap_or(inside).split(',').map(scp_code).collect()
}

/// The key of one entry, such as `'NORM': 100.0`.
fn scp_code(entry: &str) -> Option<&str> {
    let (key, likelihood) = entry.split_once(':')?;
    likelihood.trim().parse::<f64>().ok()?;
    let key = key.trim();
    let quote = key.chars().next().filter(|quote| "'\"".contains(*quote))?;
    key.strip_prefix(quote)?.strip_suffix(quote).filter(|name| !name.is_empty() && !name.contains(['\'', '"']))
}

#[cfg(test)]
mod tests {
    use super::scp_codes;

    #[test]
    fn python_dictionaries() {
        assert_eq!(scp_codes("{'NORM': 100.0, 'SR': 0.0}"), Some(vec!["NORM", "SR"]));
        assert_eq!(scp_codes("{\"ISC_\":50}"), Some(vec!["ISC_"]));
        assert_eq!(scp_codes("{'LVH': 35.0,}"), Some(vec!["LVH"]));
        assert_eq!(scp_codes("{}"), Some(vec![]));
        for faulty in ["", "NORM", "{'NORM'}", "{'NORM': x}", "{NORM: 1}", "{'NORM: 1}", "{'A': 1, }, {}", "{'A': 1"] {
            assert_eq!(scp_codes(faulty), None, "{faulty}");
        }
    }
}
