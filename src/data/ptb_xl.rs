//! PTB-XL in PhysioNet's layout, with features in PTB-XL+'s.
//!
//! Wagner et al., "PTB-XL, a large publicly available electrocardiography dataset", Sci Data 7:154 (2020);
//! Strodthoff et al., "PTB-XL+, a comprehensive electrocardiographic feature dataset", Sci Data 10:279 (2023).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::files::{File, has_extension, look_at_all, not_a_folder, paths_below};
use super::listing::{Listing, TargetColumns, missing_targets};
use super::table::{Column, Row, Table};
use super::{Record, wfdb};
use crate::manifest::{OLDEST, Sex, Signal, Superclass};
use crate::{Error, Result};

const DATABASE: &str = "ptbxl_database.csv";
const STATEMENTS: &str = "scp_statements.csv";

/// How far below the path of the manifest the table may be.
const DEPTH: usize = 4;

/// Records at up to this rate, Hz, are read from the 100 Hz signals.
const LOW_RATE: f64 = 100.0;

/// The columns that name a record's signals of 100 and of 500 Hz.
const LOW_RATE_FILE: &str = "filename_lr";
pub(super) const HIGH_RATE_FILE: &str = "filename_hr";

/// The columns of PTB-XL+ for RR, PR, QT and QRS.
const FEATURES: [&str; 4] = ["RR_Mean_Global", "PR_Int_Global", "QT_Int_Global", "QRS_Dur_Global"];

/// Everything a source at `path` is read from.
pub(super) fn files(path: &Path, features: Option<&Path>) -> Result<Vec<File>> {
    let root = root(path)?;
    let wanted = |path: &Path| has_extension(path, "hea") || has_extension(path, "dat");
    let mut files = look_at_all(&root, paths_below(&root, usize::MAX, |_| true, wanted)?)?;
    for table in [DATABASE, STATEMENTS] {
        files.push(File::look(table, &root.join(table))?);
    }
    if let Some(features) = features {
        files.push(File::look("features", features)?);
    }
    Ok(files)
}

/// The records of the source at `path`, with targets where there are `features`.
pub(super) fn list(path: &Path, features: Option<&Path>, signal: &Signal) -> Result<Listing> {
    let root = root(path)?;
    let statements = Statements::read(&root.join(STATEMENTS))?;
    let mut targets = features.map(read_features).transpose()?.unwrap_or_default();

    let table = Table::open(&root.join(DATABASE))?;
    let file_column = if signal.sampling_rate <= LOW_RATE { LOW_RATE_FILE } else { HIGH_RATE_FILE };
    let file = table.column(file_column)?;
    let id = table.column("ecg_id")?;
    let patient = table.column("patient_id")?;
    let codes = table.column("scp_codes")?;
    let fold = table.column("strat_fold")?;
    let mut person = Person { age: table.optional_column("age"), sex: table.optional_column("sex"), odd: [0; 2] };
    let (mut records, mut paths) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    let mut unknown = Unknown::default();
    table.each(|row| {
        let name = row.name(&id)?;
        if !seen.insert(name.clone()) {
            return Err(row.error(&id, format_args!("record {name} is there twice")));
        }
        let text = row.text(&codes);
        let statements_of_record = scp_codes(&text).ok_or_else(|| {
            row.error(&codes, format_args!("`{text}` is not of the form {{'NORM': 100.0, 'SR': 0.0}}"))
        })?;
        let number = row.number(&fold)?.filter(|fold| fold.fract() == 0.0 && (1.0..=10.0).contains(fold));
        let number = number
            .ok_or_else(|| row.error(&fold, format_args!("`{}` is not a fold; folds are 1 to 10", row.text(&fold))))?;
        paths.push(root.join(row.name(&file)?));
        records.push(Record {
            patient: row.name(&patient)?,
            fold: Some(number as u8),
            age: person.age(&row),
            sex: person.sex(&row),
            targets: targets.remove(&name).unwrap_or_default(),
            classes: statements.classes(&statements_of_record, &mut unknown),
            id: name,
        });
        Ok(())
    })?;
    if records.is_empty() {
        return Err(Error::user(format!("{}: the table has no records", root.join(DATABASE).display())));
    }
    let mut notes: Vec<String> = unknown.note().into_iter().chain(person.notes()).collect();
    if features.is_some() {
        notes.extend(missing_targets(&records));
    }
    Ok(Listing { records, files: paths, read: wfdb::read, column: Some(file_column), notes })
}

/// The table of all records.
pub(super) fn database(path: &Path) -> Result<PathBuf> {
    Ok(root(path)?.join(DATABASE))
}

/// The folder with the tables: `path` itself or the only one below.
fn root(path: &Path) -> Result<PathBuf> {
    if path.join(DATABASE).is_file() {
        return Ok(path.into());
    }
    if !path.is_dir() {
        return Err(not_a_folder(path));
    }
    let enter = |folder: &walkdir::DirEntry| !folder.file_name().to_string_lossy().starts_with("records");
    let tables = paths_below(path, DEPTH, enter, |path| path.file_name().is_some_and(|name| name == DATABASE))?;
    match tables.as_slice() {
        [table] => Ok(table.parent().unwrap_or(path).into()),
        [] => Err(Error::user(format!(
            "{}: there is no {DATABASE} in this folder or below; name PTB-XL's own folder, which holds it",
            path.display()
        ))),
        several => {
            let list: Vec<_> = several.iter().map(|path| path.display().to_string()).collect();
            Err(Error::user(format!(
                "{}: there are several {DATABASE} below this folder; name the folder of one of them: {}",
                path.display(),
                list.join(", ")
            )))
        }
    }
}

/// Targets by record from a features table.
fn read_features(path: &Path) -> Result<HashMap<String, [Option<f32>; 4]>> {
    let table = Table::open(path)?;
    let id = table.column("ecg_id")?;
    let columns = TargetColumns::find(&table, Table::column, FEATURES)?;
    columns.by_record(table, &id)
}

/// The superclass of each SCP statement; `None` for those that are not diagnostic.
struct Statements(HashMap<String, Option<Superclass>>);

impl Statements {
    fn read(path: &Path) -> Result<Self> {
        let table = Table::open(path)?;
        let code = table.first_column();
        let diagnostic = table.column("diagnostic")?;
        let class = table.column("diagnostic_class")?;
        let mut statements = HashMap::new();
        table.each(|row| {
            let superclass = if row.number(&diagnostic)? == Some(1.0) {
                let text = row.text(&class);
                let known = Superclass::parse(&text);
                Some(known.ok_or_else(|| {
                    let all = Superclass::ALL.map(Superclass::name).join(", ");
                    row.error(&class, format_args!("`{text}` is not a superclass ({all})"))
                })?)
            } else {
                None
            };
            statements.insert(row.name(&code)?, superclass);
            Ok(())
        })?;
        Ok(Self(statements))
    }

    /// The superclasses of all `codes`, whatever their likelihood.
    fn classes(&self, codes: &[&str], unknown: &mut Unknown) -> [bool; 5] {
        let mut classes = [false; 5];
        let mut strange = false;
        for &code in codes {
            match self.0.get(code) {
                Some(Some(class)) => classes[*class as usize] = true,
                Some(None) => {}
                None => {
                    *unknown.codes.entry(code.to_owned()).or_default() += 1;
                    strange = true;
                }
            }
        }
        unknown.records += usize::from(strange);
        classes
    }
}

/// Age and sex, which a table may lack; a value that makes no sense is one that is not known.
struct Person {
    age: Option<Column>,
    sex: Option<Column>,
    /// Records with a strange age, and with a strange sex.
    odd: [usize; 2],
}

impl Person {
    /// Years. The first releases have ages up to 95, later ones 300 for all above 89: here all of these are 90.
    fn age(&mut self, row: &Row) -> Option<f32> {
        let column = self.age.as_ref()?;
        match row.number(column) {
            Ok(Some(age)) if (0.0..=300.0).contains(&age) => Some(age.min(OLDEST) as f32),
            Ok(None) => None,
            _ => {
                self.odd[0] += 1;
                None
            }
        }
    }

    /// 0 is male, 1 female (Wagner et al. 2020, table 2).
    fn sex(&mut self, row: &Row) -> Option<Sex> {
        let column = self.sex.as_ref()?;
        match row.number(column) {
            Ok(Some(0.0)) => Some(Sex::Male),
            Ok(Some(1.0)) => Some(Sex::Female),
            Ok(None) => None,
            _ => {
                self.odd[1] += 1;
                None
            }
        }
    }

    fn notes(&self) -> impl Iterator<Item = String> {
        let known = ["the age is not a number from 0 to 300", "the sex is neither 0 (male) nor 1 (female)"];
        let told = self.odd.into_iter().zip(known).filter(|(count, _)| *count > 0);
        told.map(|(count, what)| format!("{what} in {count} records and taken as not known"))
    }
}

/// SCP codes that the table of statements does not have.
#[derive(Default)]
struct Unknown {
    codes: BTreeMap<String, usize>,
    records: usize,
}

impl Unknown {
    fn note(&self) -> Option<String> {
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
fn scp_codes(text: &str) -> Option<Vec<&str>> {
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
