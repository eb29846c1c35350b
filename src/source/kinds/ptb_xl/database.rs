//! The table of all records: who they are of, their labels, and where their signals are.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::features::Features;
use super::folder::root;
use super::statements::{Statements, Unknown};
use super::{DATABASE, HIGH_RATE_FILE, LOW_RATE_FILE, STATEMENTS};
use crate::ecg::{Sex, Vocabulary};
use crate::source::intervals::{Intervals, Origin, admit, missing_measurements};
use crate::source::kinds::table::Form;
use crate::source::person::{Said, Strange, years};
use crate::source::table::{Column, Row, Table};
use crate::source::{Listing, Record, wfdb};
use crate::{Error, Result};

/// Records at up to this rate, Hz, are read from the 100 Hz signals.
const LOW_RATE: f64 = 100.0;

/// The rates of both, Hz.
const RATES: [f64; 2] = [100.0, 500.0];

/// The records of the source at `path`, with intervals where there are `features`; diagnostic statements count from
/// `min_likelihood`, percent, on; signals of `sampling_rate`, Hz, are wanted.
pub(super) fn list(
    path: &Path,
    mut features: Option<Features>,
    min_likelihood: f64,
    sampling_rate: f64,
) -> Result<Listing> {
    let root = root(path)?;
    let statements = Statements::read(&root.join(STATEMENTS), min_likelihood)?;
    let wanted = if sampling_rate <= LOW_RATE { LOW_RATE_FILE } else { HIGH_RATE_FILE };
    let Rows { mut records, intervals, files, others, mut notes } =
        Rows::read(&root, wanted, &statements, features.as_mut())?;
    let mut warnings = Vec::new();
    if let Some(features) = features {
        let origin = Origin { table: features.table, columns: features.columns, rates: &RATES };
        warnings.extend(features.note);
        warnings.extend(admit(&mut records, &intervals, &origin)?);
        notes.extend(missing_measurements(&records));
    }
    let (files, column, note) = choose(wanted, files, others, &root, sampling_rate)?;
    warnings.extend(note);
    Ok(Listing { records, files, column: Some(column), notes, warnings, ..Listing::default() })
}

/// What the database has, row by row.
struct Rows {
    /// Without measurements.
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
        let site = table.optional_column("site");
        let mut sites: Vec<Option<String>> = Vec::new();
        let mut person = Person {
            age: table.optional_column("age"),
            sex: table.optional_column("sex"),
            strange: Strange::default(),
        };
        let (mut seen, mut unknown) = (HashSet::new(), Unknown::default());
        let (records, intervals, files, others, notes) = Default::default();
        let mut rows = Self { records, intervals, files, others, notes };
        table.each(|row| {
            let name = row.name(&id)?;
            if !seen.insert(name.clone()) {
                return Err(row.error(&id, format_args!("record {name} is there twice")));
            }
            let text = row.text(&codes);
            let codes_of_record = Form::Dictionary.codes(&text).ok_or_else(|| {
                row.error(&codes, format_args!("`{text}` is not of the form {{'NORM': 100.0, 'SR': 0.0}}"))
            })?;
            let fold = fold_of(&row, &fold)?;
            rows.files.push(root.join(row.name(&file)?));
            rows.others.extend(other.as_ref().and_then(|other| row.name(other).ok()).map(|name| root.join(name)));
            let known = features.as_mut().and_then(|features| features.rows.remove(&name));
            rows.intervals.push(known.unwrap_or_default());
            sites.push(site.as_ref().and_then(|site| row.name(site).ok()));
            rows.records.push(Record {
                patient: row.name(&patient)?,
                fold: Some(fold),
                age: person.age(&row),
                sex: person.sex(&row),
                labels: statements.labels(&codes_of_record, &mut unknown),
                id: name,
                ..Record::default()
            });
            Ok(())
        })?;
        if rows.records.is_empty() {
            return Err(Error::user(format!("{}: the table has no records", path.display())));
        }
        place(&mut rows.records, &sites);
        statements.check(&unknown)?;
        rows.notes = unknown.note().into_iter().chain(person.notes()).collect();
        Ok(rows)
    }
}

/// Gives records the places where they were made, as labels of a vocabulary `site`.
fn place(records: &mut [Record], sites: &[Option<String>]) {
    let names: BTreeSet<&str> = sites.iter().flatten().map(String::as_str).collect();
    let names: Vec<&str> = names.into_iter().collect();
    // Places are numbers of two bytes; of so many hospitals none has a part worth looking at.
    if names.is_empty() || names.len() > usize::from(u16::MAX) {
        return;
    }
    let vocabulary = Vocabulary::interned("site", &names);
    for (record, site) in records.iter_mut().zip(sites) {
        let label = site.as_deref().and_then(|site| vocabulary.label(site));
        label.into_iter().for_each(|label| record.labels.insert(label));
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
    sampling_rate: f64,
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
            sampling_rate
        );
        return Ok((others, HIGH_RATE_FILE, Some(note)));
    }
    if wanted == HIGH_RATE_FILE && there == 0 && others_there > 0 {
        return Err(Error::user(format!(
            "{}: signal.sampling_rate is {} Hz, and none of the {all} records has its 500 Hz signals (column {HIGH_RATE_FILE}), \
             such as {}.hea; {others_there} have 100 Hz signals, which have nothing above 50 Hz: put records500 there, or set \
             signal.sampling_rate to at most 100",
            root.display(),
            sampling_rate,
            paths[0].display()
        )));
    }
    Ok((paths, wanted, None))
}

/// The error for a record whose file, which `column` names, is not there.
pub(super) fn missing(error: Error, column: &str) -> Error {
    let mut error = error.at(format_args!("column {column}"));
    if column == HIGH_RATE_FILE {
        error.message.push_str("; with a signal.sampling_rate of at most 100 the 100 Hz signals are read instead");
    }
    error
}

/// Age and sex, which a table may lack; a value that makes no sense is one that is not known.
struct Person {
    age: Option<Column>,
    sex: Option<Column>,
    strange: Strange,
}

impl Person {
    /// Years. The first releases have ages up to 95, later ones 300 for all above 89: here all of these are 90.
    fn age(&mut self, row: &Row) -> Option<f32> {
        let said = said(row, self.age.as_ref()?, years);
        said.known(&mut self.strange.ages)
    }

    /// 0 is male, 1 female (Wagner et al. 2020, table 2).
    fn sex(&mut self, row: &Row) -> Option<Sex> {
        let sex = |number| match number {
            0.0 => Said::Known(Sex::Male),
            1.0 => Said::Known(Sex::Female),
            _ => Said::Strange,
        };
        let said = said(row, self.sex.as_ref()?, sex);
        said.known(&mut self.strange.sexes)
    }

    fn notes(&self) -> impl Iterator<Item = String> {
        self.strange.notes_with("0 (male) nor 1 (female)")
    }
}

/// What the number in a column says, if there is one.
fn said<T>(row: &Row, column: &Column, of_number: impl Fn(f64) -> Said<T>) -> Said<T> {
    match row.number(column) {
        Ok(Some(number)) => of_number(number),
        Ok(None) => Said::Nothing,
        Err(_) => Said::Strange,
    }
}
