//! CODE-15 %: 345,779 records of 233,770 people at 400 Hz, with six flags and one for normal ECGs.
//!
//! Ribeiro et al., "Automatic diagnosis of the 12-lead ECG using a deep neural network", Nat Commun 11:1760 (2020),
//! <https://doi.org/10.1038/s41467-020-15432-4>; <https://doi.org/10.5281/zenodo.4916206>.
//!
//! `exams.csv` has a row for each record: `exam_id`, `age`, `is_male`, the flags, `patient_id`, `normal_ecg`, `trace_file`. The files that
//! it names (`exams_partN.hdf5`) have `exam_id` (N) and `tracings` (N, 4096, 12), mV, in the usual order of leads.
//!
//! What is in the files, and what is made of it:
//! - The table has another order than the files, which have one row of zeros more than records: rows are found by `exam_id`.
//! - Signals that are shorter than 4096 samples have zeros before and after them (most last 7.3 s): what is zero in all leads at
//!   either end is cut off.
//! - Flags are labels of the vocabulary `code15` (`1dAVb`, `RBBB`, `LBBB`, `SB`, `ST`, `AF`, `normal_ecg`), and the statements that say the
//!   same; whether a bundle branch block is complete is not said. Half of the records have none of the seven.
//!   Whether a record has a flag that is empty is not known.
//! - Rows whose file is not there are left out, so that one part can be used alone.
//! - Folds, of which the data have none, are drawn by patient, see `fold_seed`.
//!
//! The layout was checked against its description only, not against the files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::declare::Kind;
use crate::ecg::{Lead, RawRecord, Sex, Vocabulary, Voltage, superclass};
use crate::source::files::{has_extension, lines, paths_below};
use crate::source::interface::from_json;
use crate::source::keys::{AT_MOST, EXCLUDE, FOLD_SEED, GAIN, UNIT, UNREADABLE, data_set, folder_path};
use crate::source::known::{Folder, KnownSet, table_in};
use crate::source::maps::{Codes, Labels, SCP, SUBCLASS};
use crate::source::person::{Strange, age};
use crate::source::recognise::{Glimpse, Recognised};
use crate::source::signals::{self, Axis, Layout, Place};
use crate::source::table::{Column, Row, Table};
use crate::source::{Found, Knowledge, Listing, Record, Request, SourceKind};
use crate::{Error, Result};

const TABLE: &str = "exams.csv";

/// Flags of the table, each with the statement that says the same.
const FLAGS: [(&str, &str); 7] = [
    ("1dAVb", "1AVB"),
    ("RBBB", "CRBBB"),
    ("LBBB", "CLBBB"),
    ("SB", "SBRAD"),
    ("ST", "STACH"),
    ("AF", "AFIB"),
    ("normal_ecg", "NORM"),
];

static CODE15: Vocabulary = Vocabulary::new("code15", &["1dAVb", "RBBB", "LBBB", "SB", "ST", "AF", "normal_ecg"]);

/// CODE-15 %.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Code15 {
    /// The folder, and how it is read.
    #[serde(flatten)]
    pub folder: Folder,
}

impl Code15 {
    pub(crate) const KIND: SourceKind = SourceKind {
        declaration: Kind {
            name: "code-15",
            doc: "CODE-15 %: `exams.csv` with six flags, HDF5 files for many records each.",
            keys: &[
                folder_path!(
                    "\"$ECG_DATA/code-15\"",
                    "The folder with `exams.csv`, and all or some of the files that it names."
                ),
                data_set("`code-15`, as of every source of this kind", "\"tnmg\""),
                FOLD_SEED,
                GAIN,
                UNIT,
                UNREADABLE,
                AT_MOST,
                EXCLUDE,
            ],
        },
        knows: Knowledge {
            folds: true,
            patients: true,
            age: true,
            sex: true,
            labels: &[&superclass::VOCABULARY, &SCP, &SUBCLASS, &CODE15],
            open_labels: false,
            measurements: &[],
        },
        from_json: from_json::<Self>,
    };
}

/// Knows the table again, and a file with tracings.
pub(super) fn recognise(glimpse: &Glimpse) -> Option<Recognised> {
    let columns = ["exam_id", "patient_id", "trace_file", "1dAVb", "normal_ecg"];
    let has_tracings = |path: &Path| {
        let look = signals::look(path, &Layout::default());
        look.is_ok_and(|look| look.arrays.iter().any(|array| array.name == "tracings"))
    };
    let is_it = glimpse.has_table(TABLE, &columns) && glimpse.of_ending("hdf5").next().is_some_and(has_tracings);
    glimpse.of_kind(&Code15::KIND, is_it)
}

impl KnownSet for Code15 {
    fn of_kind(&self) -> &'static SourceKind {
        &Self::KIND
    }

    fn folder(&self) -> &Folder {
        &self.folder
    }

    fn files_below(&self, root: &Path) -> Result<Vec<PathBuf>> {
        let mut files = paths_below(root, 1, |_| true, |path| has_extension(path, "hdf5"))?;
        files.push(table_in(root, TABLE)?);
        Ok(files)
    }

    fn count(&self, root: &Path) -> Option<usize> {
        lines(&root.join(TABLE)).ok()
    }

    fn records(&self, root: &Path) -> Result<Listing> {
        list(root)
    }

    fn signal(&self, listing: &Listing, index: usize, request: &Request<'_>) -> Result<Found> {
        let layout = Layout {
            sampling_rate: Some(400.0),
            order: Some(Lead::ALL.to_vec()),
            array: Some("tracings".into()),
            leads_are: Some(Axis::Columns),
        };
        let entry = listing.entries.get(index).map(|entry| *entry as usize);
        let place = Place { path: listing.file(index)?.to_owned(), entry };
        let reading = request.reading.in_unit(Voltage::Millivolt);
        // All leads, as only all of them tell where the signal begins.
        let found = signals::read(&place, &layout, &Request::all(&reading))?;
        sort_out(cut(found), request)
    }
}

/// The part between the zeros at both ends.
fn cut(mut found: Found) -> Found {
    let signals = &mut found.raw.signals;
    let begin = signals.iter().filter_map(|lead| lead.iter().position(|sample| *sample != 0.0)).min();
    let end = signals.iter().filter_map(|lead| lead.iter().rposition(|sample| *sample != 0.0)).max();
    if let (Some(begin), Some(end)) = (begin, end) {
        for lead in signals {
            lead.truncate(end + 1);
            lead.drain(..begin.min(lead.len()));
        }
    }
    found
}

/// The leads that are asked for, and those that are read beside them.
fn sort_out(found: Found, request: &Request<'_>) -> Result<Found> {
    let there = found.raw.leads.clone();
    if let Some(lead) = request.missing(&there) {
        return Err(Error::user(format!("it has no lead {}", lead.name())));
    }
    let used = request.used(&there);
    let mut raw = RawRecord { sampling_rate: found.raw.sampling_rate, leads: Vec::new(), signals: Vec::new() };
    let mut others = Vec::new();
    for (lead, samples) in there.into_iter().zip(found.raw.signals) {
        if used.contains(&lead) {
            raw.leads.push(lead);
            raw.signals.push(samples);
        } else if request.wants(lead) {
            others.push((lead, samples));
        }
    }
    Ok(Found { raw, others, ..found })
}

/// Columns of the table.
struct Columns {
    id: Column,
    patient: Column,
    file: Column,
    age: Option<Column>,
    is_male: Option<Column>,
    flags: Vec<(Column, &'static str, &'static str)>,
}

impl Columns {
    fn find(table: &Table) -> Result<Self> {
        let flag = |(name, code): (&'static str, &'static str)| Ok((table.column(name)?, name, code));
        Ok(Self {
            id: table.column("exam_id")?,
            patient: table.column("patient_id")?,
            file: table.column("trace_file")?,
            age: table.optional_column("age"),
            is_male: table.optional_column("is_male"),
            flags: FLAGS.into_iter().map(flag).collect::<Result<_>>()?,
        })
    }

    fn record(&self, row: &Row, labels: &mut Labels, strange: &mut Strange) -> Result<Record> {
        let (mut set, mut missing) = (Vec::new(), Vec::new());
        for (column, name, code) in &self.flags {
            match flag(row, column)? {
                Some(true) => set.push((*name, *code)),
                Some(false) => {}
                None => missing.push((*name, *code)),
            }
        }
        let mut labels_of = |flags: &[(&str, &str)]| {
            let mut all = labels.get(flags.iter().map(|(_, code)| *code));
            flags.iter().filter_map(|(name, _)| CODE15.label(name)).for_each(|label| all.insert(label));
            all
        };
        let all = labels_of(&set);
        let is_male = self.is_male.as_ref().map(|column| flag(row, column)).transpose()?.flatten();
        Ok(Record {
            id: row.name(&self.id)?,
            patient: row.name(&self.patient)?,
            age: self.age.as_ref().and_then(|column| age(&row.text(column)).known(&mut strange.ages)),
            sex: is_male.map(|is_male| if is_male { Sex::Male } else { Sex::Female }),
            unknown: labels_of(&missing).without(&all),
            labels: all,
            ..Record::default()
        })
    }
}

/// `True`, `False`, 1 or 0; `None` where it is empty.
fn flag(row: &Row, column: &Column) -> Result<Option<bool>> {
    let text = row.text(column);
    match text.to_lowercase().as_str() {
        "true" | "1" | "1.0" => Ok(Some(true)),
        "false" | "0" | "0.0" => Ok(Some(false)),
        "" | "nan" => Ok(None),
        _ => Err(row.error(column, format_args!("`{text}` is neither True nor False"))),
    }
}

fn list(root: &Path) -> Result<Listing> {
    let path = root.join(TABLE);
    let table = Table::open(&path)?;
    let columns = Columns::find(&table)?;
    let (mut listing, mut strange, mut labels) = (Listing::default(), Strange::default(), Labels::of(Codes::Scp));
    let mut parts: HashMap<PathBuf, Option<HashMap<u64, u32>>> = HashMap::new();
    let (mut rows, mut without) = (0, 0);
    table.each(|row| {
        rows += 1;
        let file = root.join(row.name(&columns.file)?);
        if !parts.contains_key(&file) {
            let part = if file.is_file() { Some(places(&file)?) } else { None };
            parts.insert(file.clone(), part);
        }
        let Some(Some(part)) = parts.get(&file) else {
            without += 1;
            return Ok(());
        };
        let record = columns.record(&row, &mut labels, &mut strange)?;
        let place = record.id.parse().ok().and_then(|id: u64| part.get(&id));
        let place = place.ok_or_else(|| row.error(&columns.id, format_args!("{} has no such exam", file.display())))?;
        listing.entries.push(*place);
        listing.records.push(record);
        listing.files.push(file);
        Ok(())
    })?;
    if listing.records.is_empty() {
        return Err(Error::user(format!("{}: none of the files that its {rows} rows name is there", path.display())));
    }
    if without > 0 {
        listing
            .notes
            .push(format!("{without} of {rows} rows of {TABLE} are of files that are not there; they were left out"));
    }
    listing.column = Some("trace_file");
    listing.notes.extend(strange.notes());
    Ok(listing)
}

/// Where in a file each exam is.
fn places(file: &Path) -> Result<HashMap<u64, u32>> {
    let exams = signals::column(file, "exam_id")?;
    // The row of zeros is no exam, and would be found by none.
    Ok(exams.into_iter().zip(0..).map(|(exam, place)| (exam as u64, place)).collect())
}
