//! PTB-XL in PhysioNet's layout, with features in PTB-XL+'s.
//!
//! Wagner et al., "PTB-XL, a large publicly available electrocardiography dataset", Sci Data 7:154 (2020);
//! Strodthoff et al., "PTB-XL+, a comprehensive electrocardiographic feature dataset", Sci Data 10:279 (2023).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::files::{File, has_extension, look_at_all, not_a_folder, paths_below};
use super::listing::{Listing, TargetColumns, missing_targets};
use super::plausible::{AGE, HIDDEN_AGE, Intervals, Origin, admit};
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

/// The rates of both, Hz.
const RATES: [f64; 2] = [100.0, 500.0];

/// The columns of PTB-XL+ for RR, PR, QT and QRS.
const FEATURES: [&str; 4] = ["RR_Mean_Global", "PR_Int_Global", "QT_Int_Global", "QRS_Dur_Global"];

/// The column by which ECGDeli's table is known: from P onset to QRS onset, where its `PR_Int_Global` ends at the R peak.
const PQ: &str = "PQ_Int_Global";

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

/// The files of a source at `path` that its table and headers name, and that are not among `found`: signals with other
/// endings, records outside the folder. What cannot be read is told when records are.
pub(super) fn others(path: &Path, found: &[File]) -> Result<Vec<PathBuf>> {
    let root = root(path)?;
    let mut records = BTreeSet::new();
    if let Ok(table) = Table::open(&root.join(DATABASE)) {
        let columns = [LOW_RATE_FILE, HIGH_RATE_FILE].map(|name| table.optional_column(name));
        let _ = table.each(|row| {
            records.extend(columns.iter().flatten().filter_map(|column| Some(root.join(row.name(column).ok()?))));
            Ok(())
        });
    }
    let found: HashSet<&Path> = found.iter().map(|file| file.path.as_path()).collect();
    let records: Vec<PathBuf> = records.into_iter().collect();
    let named = records.par_iter().flat_map_iter(|record| wfdb::files(record));
    let others: BTreeSet<PathBuf> = named.filter(|file| !found.contains(file.as_path()) && file.is_file()).collect();
    Ok(others.into_iter().collect())
}

/// Looks at files that [`others`] found.
pub(super) fn look_at_others(path: &Path, others: &[PathBuf]) -> Result<Vec<File>> {
    look_at_all(&root(path)?, others.to_vec())
}

/// The records of the source at `path`, with targets where there are `features`.
pub(super) fn list(path: &Path, features: Option<&Path>, signal: &Signal) -> Result<Listing> {
    let root = root(path)?;
    let statements = Statements::read(&root.join(STATEMENTS))?;
    let mut features = features.map(Features::read).transpose()?;
    let wanted = if signal.sampling_rate <= LOW_RATE { LOW_RATE_FILE } else { HIGH_RATE_FILE };
    let Rows { mut records, intervals, files, others, mut notes } =
        Rows::read(&root, wanted, &statements, features.as_mut())?;
    let mut warnings = Vec::new();
    if let Some(features) = features {
        let origin = Origin { table: features.table, columns: features.columns, rates: &RATES };
        warnings.extend(features.note);
        warnings.extend(admit(&mut records, &intervals, &origin)?);
        notes.extend(missing_targets(&records));
    }
    let (files, column, note) = choose(wanted, files, others, &root, signal)?;
    warnings.extend(note);
    Ok(Listing { records, files, read: wfdb::read_for, column: Some(column), notes, warnings })
}

/// What the database has, row by row.
struct Rows {
    /// Without targets.
    records: Vec<Record>,
    intervals: Vec<Intervals>,
    /// The signals of the rate that is wanted, and of the other where the table has them.
    files: Vec<PathBuf>,
    others: Vec<PathBuf>,
    notes: Vec<String>,
}

impl Rows {
    fn read(root: &Path, wanted: &str, statements: &Statements, mut features: Option<&mut Features>) -> Result<Self> {
        let path = root.join(DATABASE);
        let table = Table::open(&path)?;
        let file = table.column(wanted)?;
        let other = table.optional_column(if wanted == LOW_RATE_FILE { HIGH_RATE_FILE } else { LOW_RATE_FILE });
        let id = table.column("ecg_id")?;
        let patient = table.column("patient_id")?;
        let codes = table.column("scp_codes")?;
        let fold = table.column("strat_fold")?;
        let mut person = Person { age: table.optional_column("age"), sex: table.optional_column("sex"), odd: [0; 2] };
        let (mut seen, mut unknown) = (HashSet::new(), Unknown::default());
        let (records, intervals, files, others, notes) = Default::default();
        let mut rows = Self { records, intervals, files, others, notes };
        table.each(|row| {
            let name = row.name(&id)?;
            if !seen.insert(name.clone()) {
                return Err(row.error(&id, format_args!("record {name} is there twice")));
            }
            let text = row.text(&codes);
            let codes_of_record = scp_codes(&text).ok_or_else(|| {
                row.error(&codes, format_args!("`{text}` is not of the form {{'NORM': 100.0, 'SR': 0.0}}"))
            })?;
            let fold = fold_of(&row, &fold)?;
            rows.files.push(root.join(row.name(&file)?));
            rows.others.extend(other.as_ref().and_then(|other| row.name(other).ok()).map(|name| root.join(name)));
            let known = features.as_mut().and_then(|features| features.rows.remove(&name));
            rows.intervals.push(known.unwrap_or_default());
            rows.records.push(Record {
                patient: row.name(&patient)?,
                fold: Some(fold),
                age: person.age(&row),
                sex: person.sex(&row),
                classes: statements.classes(&codes_of_record, &mut unknown),
                id: name,
                ..Record::default()
            });
            Ok(())
        })?;
        if rows.records.is_empty() {
            return Err(Error::user(format!("{}: the table has no records", path.display())));
        }
        statements.check(&unknown)?;
        rows.notes = unknown.note().into_iter().chain(person.notes()).collect();
        Ok(rows)
    }
}

fn fold_of(row: &Row, column: &Column) -> Result<u8> {
    let fold = row.number(column)?.filter(|fold| fold.fract() == 0.0 && (1.0..=10.0).contains(fold));
    let fold =
        fold.ok_or_else(|| row.error(column, format_args!("`{}` is not a fold; folds are 1 to 10", row.text(column))))?;
    Ok(fold as u8)
}

/// The files that are read: those of the column that is `wanted`, or the 500 Hz ones where those of 100 Hz are not all
/// there; their column, and what the user should know.
fn choose(
    wanted: &'static str,
    paths: Vec<PathBuf>,
    others: Vec<PathBuf>,
    root: &Path,
    signal: &Signal,
) -> Result<(Vec<PathBuf>, &'static str, Option<String>)> {
    let all = paths.len();
    let count = |paths: &[PathBuf]| paths.par_iter().filter(|path| wfdb::is_there(path)).count();
    let there = count(&paths);
    if there == all {
        return Ok((paths, wanted, None));
    }
    let others_there = if others.len() == all { count(&others) } else { 0 };
    if wanted == LOW_RATE_FILE && (others_there == all || there == 0 && others_there > 0) {
        let note = format!(
            "{} of {all} records have no 100 Hz signals (column {LOW_RATE_FILE}); the 500 Hz ones (column {HIGH_RATE_FILE}) of all \
             records are read and resampled to {} Hz",
            all - there,
            signal.sampling_rate
        );
        return Ok((others, HIGH_RATE_FILE, Some(note)));
    }
    if wanted == HIGH_RATE_FILE && there == 0 && others_there > 0 {
        return Err(Error::user(format!(
            "{}: signal.sampling_rate is {} Hz, and none of the {all} records has its 500 Hz signals (column {HIGH_RATE_FILE}), \
             such as {}.hea; {others_there} have 100 Hz signals, which have nothing above 50 Hz: put records500 there, or set \
             signal.sampling_rate to at most 100",
            root.display(),
            signal.sampling_rate,
            paths[0].display()
        )));
    }
    Ok((paths, wanted, None))
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

/// A features table of PTB-XL+.
struct Features {
    /// Where it is.
    table: String,
    /// The columns that are used.
    columns: [&'static str; 4],
    rows: HashMap<String, Intervals>,
    /// What the user should know of its definitions.
    note: Option<String>,
}

impl Features {
    fn read(path: &Path) -> Result<Self> {
        let table = Table::open(path)?;
        let mut columns = FEATURES;
        let mut note = None;
        if table.optional_column(PQ).is_some() {
            columns[1] = PQ;
            note = Some(format!(
                "{} is ECGDeli's: PR is taken from {PQ}, as its {} ends at the R peak; its QRS and QT are extremes over leads (in \
                 PTB-XL+ 163 and 510 ms in the mean, 97 and 396 by 12SL), and it has a PR for atrial fibrillation too; \
                 12sl_features.csv or unig_features.csv measure what is usually meant",
                path.file_name().unwrap_or_default().to_string_lossy(),
                FEATURES[1]
            ));
        }
        let id = table.column("ecg_id")?;
        let rows = TargetColumns::find(&table, Table::column, columns)?.by_record(table, &id)?;
        Ok(Self { table: path.display().to_string(), columns, rows, note })
    }
}

/// Which superclass each SCP code is of; `None` for the others.
struct Statements {
    path: PathBuf,
    classes: HashMap<String, Option<Superclass>>,
    /// The first column, and the first value in it.
    first: [String; 2],
}

impl Statements {
    fn read(path: &Path) -> Result<Self> {
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
        Ok(Self { path: path.into(), classes: statements, first })
    }

    /// # Errors
    /// A user error where the database has codes and the table knows none of them.
    fn check(&self, unknown: &Unknown) -> Result<()> {
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
    fn classes(&self, codes: &[&str], unknown: &mut Unknown) -> [bool; 5] {
        let mut classes = [false; 5];
        let mut strange = false;
        for &code in codes {
            let found = self.classes.get(code);
            unknown.known += usize::from(found.is_some());
            match found {
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
            Ok(Some(age)) if AGE.contains(age) || age == HIDDEN_AGE => Some(age.min(OLDEST) as f32),
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
        let age = format!("the age is neither {} nor {HIDDEN_AGE} (above 89)", AGE.range());
        let known = [age, "the sex is neither 0 (male) nor 1 (female)".into()];
        let told = self.odd.into_iter().zip(known).filter(|(count, _)| *count > 0);
        told.map(|(count, what)| format!("{what} in {count} records and taken as not known"))
    }
}

/// SCP codes that the table of statements does not have.
#[derive(Default)]
struct Unknown {
    codes: BTreeMap<String, usize>,
    records: usize,
    /// How often codes were known.
    known: usize,
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
