//! SCP codes, and which superclass each is of.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::{DATABASE, STATEMENTS};
use crate::ecg::{Label, LabelSet, superclass};
use crate::source::kinds::table::Code;
use crate::source::maps::{SCP, SUBCLASS, label, subclass_of};
use crate::source::table::Table;
use crate::{Error, Result};

/// What the folder's table says of a code.
struct Statement {
    /// Its own label.
    label: Label,
    is_diagnostic: bool,
    /// Superclass and subclass, of a diagnostic one.
    classes: [Option<Label>; 2],
}

/// What each SCP code is: by the table in the folder, whatever the map of the program says.
pub(super) struct Statements {
    path: PathBuf,
    statements: HashMap<String, Statement>,
    /// The lowest likelihood of a diagnostic statement that counts, percent.
    min_likelihood: f64,
    /// The first column, and the first value in it.
    first: [String; 2],
}

impl Statements {
    pub fn read(path: &Path, min_likelihood: f64) -> Result<Self> {
        let table = Table::open(path)?;
        let code = table.first_column();
        let diagnostic = table.column("diagnostic")?;
        let class = table.column("diagnostic_class")?;
        let subclass = table.optional_column("diagnostic_subclass");
        let mut statements = HashMap::new();
        let mut first = [table.columns.first().cloned().unwrap_or_default(), String::new()];
        table.each(|row| {
            if statements.is_empty() {
                first[1] = row.text(&code).into_owned();
            }
            let is_diagnostic = row.number(&diagnostic)? == Some(1.0);
            let superclass = if is_diagnostic {
                let text = row.text(&class);
                let known = superclass::VOCABULARY.label(&text);
                Some(known.ok_or_else(|| {
                    let all = superclass::VOCABULARY.names().join(", ");
                    row.error(&class, format_args!("`{text}` is not a superclass ({all})"))
                })?)
            } else {
                None
            };
            let name = row.name(&code)?;
            // A table without the column has the subclasses that PTB-XL's own has.
            let subclass = match &subclass {
                Some(column) => {
                    Some(row.text(column)).filter(|text| !text.is_empty()).map(|text| label(&SUBCLASS, &text))
                }
                None => subclass_of(&name),
            };
            let subclass = subclass.filter(|_| is_diagnostic);
            let own = label(&SCP, &name);
            statements.insert(name, Statement { label: own, is_diagnostic, classes: [superclass, subclass] });
            Ok(())
        })?;
        Ok(Self { path: path.into(), statements, min_likelihood, first })
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

    /// The statements of `codes`, with their subclasses and superclasses; diagnostic ones that are likely enough.
    pub fn labels(&self, codes: &[Code], unknown: &mut Unknown) -> LabelSet {
        let mut labels = LabelSet::default();
        let mut strange = false;
        for (code, likelihood) in codes {
            let is_unlikely = likelihood.is_some_and(|likelihood| likelihood < self.min_likelihood);
            let found = self.statements.get(code);
            unknown.known += usize::from(found.is_some());
            match found {
                Some(statement) if statement.is_diagnostic && is_unlikely => {}
                Some(statement) => {
                    labels.insert(statement.label);
                    statement.classes.into_iter().flatten().for_each(|class| labels.insert(class));
                }
                None => {
                    *unknown.codes.entry(code.clone()).or_default() += 1;
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
