//! The Chapman University and Shaoxing People's Hospital database as first published: 10,646 records of as many people, 10 s at 500 Hz.
//!
//! Zheng et al., "A 12-lead electrocardiogram database for arrhythmia research covering more than 10,000 patients", Sci Data 7:48
//! (2020), <https://doi.org/10.1038/s41597-020-0386-x>; files: <https://doi.org/10.6084/m9.figshare.c.4560497>.
//!
//! `Diagnostics.xlsx` has a row for each record: `FileName` (without its ending), `Rhythm`, `Beat`, `PatientAge`, `Gender`,
//! `VentricularRate`, `QRSDuration`, `QTInterval` and more. Signals are `ECGData/FileName.csv`, microvolts, a column for each lead below its
//! name; those in `ECGDataDenoised` are read where there is no `ECGData`.
//!
//! What is in the files, and what is made of it:
//! - The rhythm and each of the conditions in `Beat`, which has spaces between them or `NONE`, are labels of the vocabulary `chapman`,
//!   and the statements that say the same. `AF` is flutter here, `AFIB` fibrillation; whether a bundle branch block is complete is not
//!   said, as in the Challenge it counts as complete.
//! - There is no PR. Folds, of which the data have none, are drawn, see `fold_seed`.
//! - The table may be there as `Diagnostics.csv` too. Rows whose file is not there are told when they are read.
//! - `ecg-arrhythmia` and the Challenge 2021 have many of the same recordings under other names.
//!
//! The layout was checked against its description only, not against the files.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::declare::Kind;
use crate::ecg::{LabelSet, Lead, Measurement, Vocabulary, Voltage, superclass};
use crate::source::files::{File, has_extension, paths_below};
use crate::source::interface::from_json;
use crate::source::intervals::{Intervals, Origin, admit, missing_measurements};
use crate::source::keys::{data_set, folder_path, known_set};
use crate::source::known::{Folder, KnownSet};
use crate::source::maps::{Codes, Labels, SCP, SUBCLASS, label};
use crate::source::person::{Strange, age, sex};
use crate::source::recognise::{Glimpse, Recognised};
use crate::source::signals::{self, Axis, Layout, Place};
use crate::source::table::{Column, Row, Table};
use crate::source::{Found, Knowledge, Listing, Record, Request, SourceKind};
use crate::{Error, Result};

/// Names of the table.
const TABLES: [&str; 2] = ["Diagnostics.xlsx", "Diagnostics.csv"];

/// Folders of signals, the best first.
const FOLDERS: [&str; 2] = ["ECGData", "ECGDataDenoised"];

/// What the intervals are called in messages.
const COLUMNS: [&str; 4] = ["60000 / VentricularRate", "(no PR)", "QTInterval", "QRSDuration"];

/// Rhythms and conditions, in the order of the publication's tables, with the statements that say the same.
const CONDITIONS: [(&str, &str); 28] = [
    ("SB", "SBRAD"),
    ("SR", "SR"),
    ("AFIB", "AFIB"),
    ("ST", "STACH"),
    ("AF", "AFLT"),
    ("SI", "SARRH"),
    ("SA", "SARRH"),
    ("SVT", "SVTAC"),
    ("AT", "SVTAC"),
    ("AVNRT", "SVTAC"),
    ("AVRT", "SVTAC"),
    ("1AVB", "1AVB"),
    ("2AVB", "2AVB"),
    ("2AVB1", "2AVB"),
    ("2AVB2", "2AVB"),
    ("3AVB", "3AVB"),
    ("APB", "PAC"),
    ("VPB", "PVC"),
    ("LBBB", "CLBBB"),
    ("RBBB", "CRBBB"),
    ("LFBBB", "LAFB"),
    ("LVH", "LVH"),
    ("RVH", "RVH"),
    ("PRIE", "LPR"),
    ("QTIE", "LNGQT"),
    ("STDD", "STD_"),
    ("STE", "STE_"),
    ("WPW", "WPW"),
];

/// Rhythms and conditions; others that the table has are labels too.
static CHAPMAN: Vocabulary = Vocabulary::new("chapman", &[]);

/// The Chapman-Shaoxing database of 2020.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chapman {
    /// The folder, and how it is read.
    #[serde(flatten)]
    pub folder: Folder,
}

impl Chapman {
    pub(crate) const KIND: SourceKind = SourceKind {
        declaration: Kind {
            name: "chapman",
            doc: "The Chapman-Shaoxing database of 2020: `Diagnostics.xlsx` with rhythms, conditions and intervals, a CSV file for each record.",
            keys: &known_set(
                folder_path!("\"$ECG_DATA/chapman\"", "The folder with `Diagnostics.xlsx` and `ECGData`."),
                data_set("`chapman`, as of every source of this kind", "\"shaoxing\""),
            ),
        },
        knows: Knowledge {
            folds: true,
            patients: false,
            age: true,
            sex: true,
            labels: &[&superclass::VOCABULARY, &SCP, &SUBCLASS],
            open_labels: true,
            measurements: &[Measurement::HR, Measurement::QT, Measurement::QRS],
        },
        from_json: from_json::<Self>,
    };
}

/// Knows the table again, and a folder of signals beside it.
pub(super) fn recognise(glimpse: &Glimpse) -> Option<Recognised> {
    let has_columns = |table: Table| Columns::find(&table).is_ok();
    let is_it = FOLDERS.iter().any(|name| glimpse.folder.join(name).is_dir())
        && table_in(&glimpse.folder).and_then(|path| Table::open_any(&path)).is_ok_and(has_columns);
    glimpse.of_kind(&Chapman::KIND, is_it)
}

impl KnownSet for Chapman {
    fn of_kind(&self) -> &'static SourceKind {
        &Self::KIND
    }

    fn folder(&self) -> &Folder {
        &self.folder
    }

    fn files_below(&self, root: &Path) -> Result<Vec<PathBuf>> {
        let mut files = paths_below(&signals_in(root), 1, |_| true, |path| has_extension(path, "csv"))?;
        files.push(table_in(root)?);
        files.sort();
        files.dedup();
        Ok(files)
    }

    fn records(&self, root: &Path) -> Result<Listing> {
        list(root)
    }

    fn signal(&self, listing: &Listing, index: usize, request: &Request<'_>) -> Result<Found> {
        let layout = Layout {
            sampling_rate: Some(500.0),
            order: Some(Lead::ALL.to_vec()),
            array: None,
            leads_are: Some(Axis::Columns),
        };
        let place = Place { path: listing.file(index)?.to_owned(), entry: None };
        signals::read_in(Voltage::Microvolt, &place, &layout, request)
    }
}

fn table_in(root: &Path) -> Result<PathBuf> {
    let there = TABLES.iter().map(|name| root.join(name)).find(|path| path.is_file());
    // The error names the file as it is published.
    there.map_or_else(|| File::look(TABLES[0], &root.join(TABLES[0])).map(|file| file.path), Ok)
}

fn signals_in(root: &Path) -> PathBuf {
    FOLDERS.iter().map(|name| root.join(name)).find(|folder| folder.is_dir()).unwrap_or_else(|| root.into())
}

/// Columns of the table.
struct Columns {
    file: Column,
    rhythm: Column,
    beat: Column,
    age: Option<Column>,
    sex: Option<Column>,
    intervals: [Option<Column>; 3],
}

impl Columns {
    fn find(table: &Table) -> Result<Self> {
        Ok(Self {
            file: table.column("FileName")?,
            rhythm: table.column("Rhythm")?,
            beat: table.column("Beat")?,
            age: table.optional_column("PatientAge"),
            sex: table.optional_column("Gender"),
            intervals: ["VentricularRate", "QTInterval", "QRSDuration"].map(|name| table.optional_column(name)),
        })
    }

    fn labels(&self, row: &Row, known: &mut Labels) -> LabelSet {
        let beat = row.text(&self.beat);
        let words = beat.split([' ', ',', ';']).map(str::trim).filter(|word| !word.is_empty() && *word != "NONE");
        let rhythm = row.text(&self.rhythm);
        let all: Vec<&str> = std::iter::once(rhythm.trim()).filter(|word| !word.is_empty()).chain(words).collect();
        let statements = all.iter().filter_map(|word| CONDITIONS.iter().find(|(own, _)| own == word));
        let mut labels = known.get(statements.map(|(_, statement)| *statement));
        all.iter().for_each(|word| labels.insert(label(&CHAPMAN, word)));
        labels
    }

    fn intervals(&self, row: &Row) -> Result<Intervals> {
        let mut values = [None; 3];
        for (value, column) in values.iter_mut().zip(&self.intervals) {
            let number = column.as_ref().map(|column| row.number(column)).transpose()?.flatten();
            *value = number.filter(|number| *number > 0.0);
        }
        let [rate, qt, qrs] = values;
        Ok([rate.map(|rate| 60_000.0 / rate), None, qt, qrs])
    }
}

fn list(root: &Path) -> Result<Listing> {
    let path = table_in(root)?;
    let table = Table::open_any(&path)?;
    let columns = Columns::find(&table)?;
    let folder = signals_in(root);
    let (mut listing, mut strange, mut labels) = (Listing::default(), Strange::default(), Labels::of(Codes::Scp));
    let mut intervals = Vec::new();
    table.each(|row| {
        let name = row.name(&columns.file)?;
        let name = name.strip_suffix(".csv").unwrap_or(&name).to_owned();
        intervals.push(columns.intervals(&row)?);
        listing.records.push(Record {
            patient: name.clone(),
            age: columns.age.as_ref().and_then(|column| age(&row.text(column)).known(&mut strange.ages)),
            sex: columns.sex.as_ref().and_then(|column| sex(&row.text(column)).known(&mut strange.sexes)),
            labels: columns.labels(&row, &mut labels),
            id: name.clone(),
            ..Record::default()
        });
        listing.files.push(folder.join(format!("{name}.csv")));
        Ok(())
    })?;
    if listing.records.is_empty() {
        return Err(Error::user(format!("{}: the table has no records", path.display())));
    }
    let origin = Origin { table: path.display().to_string(), columns: COLUMNS, rates: &[500.0] };
    listing.warnings = admit(&mut listing.records, &intervals, &origin)?;
    listing.column = Some("FileName");
    // PR is in no record of the set.
    let missing = missing_measurements(&listing.records).into_iter().filter(|note| !note.starts_with("PR "));
    listing.notes.extend(strange.notes().chain(missing));
    Ok(listing)
}
