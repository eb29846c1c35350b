//! The FDA's clinical studies of drugs and the QT interval: ECGRDVQ, ECGDMMLD and ECGCIPA, 1000 Hz, 10 s, with RR, PR, QRS and QT
//! adjudicated by experts.
//!
//! Johannesen et al., Clin Pharmacol Ther 96:549 (2014), <https://doi.org/10.1038/clpt.2014.155>, and 99:214 (2016),
//! <https://doi.org/10.1002/cpt.205>; Vicente et al., Clin Pharmacol Ther 105:943 (2019), <https://doi.org/10.1002/cpt.1303>;
//! <https://doi.org/10.13026/C23M3K>, <https://doi.org/10.13026/C2D016>, <https://doi.org/10.13026/s1vf-2j54>.
//!
//! A CSV table in the folder has a row for each record: `RANDID` (the person), `EGREFID` (the record), `RR`, `PR`, `QRS`, `QT`, ms, and
//! `AGE` and `SEX` where it has them. Signals are WFDB records `raw/RANDID/EGREFID`.
//!
//! What is in the files, and what is made of it:
//! - Each person has hundreds of records, in groups of three: folds are drawn by person, see `fold_seed`.
//! - Some values are wrapped at 2^32 or missing: what is outside the range of an interval is not known.
//! - A header's unit is microvolt in ECGCIPA; it is read as it says.
//!
//! The layout was checked against its description only, not against the files.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::declare::Kind;
use crate::ecg::Measurement;
use crate::source::files::{has_extension, paths_below};
use crate::source::interface::from_json;
use crate::source::intervals::{IntervalColumns, Origin, admit, missing_measurements};
use crate::source::keys::{data_set, folder_path, known_set};
use crate::source::known::{Folder, KnownSet, signals_and_headers};
use crate::source::person::{Strange, age, sex};
use crate::source::recognise::{Glimpse, Recognised};
use crate::source::table::Table;
use crate::source::{Knowledge, Listing, Record, SourceKind};
use crate::{Error, Result};

/// The columns for RR, PR, QT and QRS.
const COLUMNS: [&str; 4] = ["RR", "PR", "QT", "QRS"];

/// A clinical study of the FDA.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FdaDrugStudies {
    /// The folder, and how it is read.
    #[serde(flatten)]
    pub folder: Folder,
}

impl FdaDrugStudies {
    pub(crate) const KIND: SourceKind = SourceKind {
        declaration: Kind {
            name: "fda-drug-studies",
            doc: "The FDA's drug studies ECGRDVQ, ECGDMMLD and ECGCIPA: a clinical table and WFDB files; intervals by experts.",
            keys: &known_set(
                folder_path!("\"$ECG_DATA/ecgrdvq\"", "The folder of one study, with its table and `raw`."),
                data_set("the name of the folder in `path`", "\"ecgrdvq\""),
            ),
        },
        knows: Knowledge {
            folds: true,
            patients: true,
            age: true,
            sex: true,
            labels: &[],
            open_labels: false,
            measurements: &Measurement::BUILT_IN,
        },
        from_json: from_json::<Self>,
    };
}

/// Knows a study again: records in `raw`, and a table beside it.
pub(super) fn recognise(glimpse: &Glimpse) -> Option<Recognised> {
    let raw = glimpse.folder.join("raw");
    let has_intervals = |table: Table| IntervalColumns::find(&table, Table::column, COLUMNS).is_ok();
    let is_it = glimpse.of_ending("hea").any(|path| path.starts_with(&raw))
        && table_of(&glimpse.folder).and_then(|path| Table::open(&path)).is_ok_and(has_intervals);
    glimpse.of_kind(&FdaDrugStudies::KIND, is_it)
}

impl KnownSet for FdaDrugStudies {
    fn of_kind(&self) -> &'static SourceKind {
        &Self::KIND
    }

    fn folder(&self) -> &Folder {
        &self.folder
    }

    /// People of different studies may have one number.
    fn usual_set(&self) -> String {
        let folder = self.folder.path.resolved.as_ref().ok().and_then(|path| path.file_name());
        folder.map_or_else(|| Self::KIND.name().to_owned(), |name| name.to_string_lossy().into_owned())
    }

    fn files_below(&self, root: &Path) -> Result<Vec<PathBuf>> {
        let mut files = signals_and_headers(root)?;
        files.push(table_of(root)?);
        Ok(files)
    }

    fn records(&self, root: &Path) -> Result<Listing> {
        list(root)
    }
}

/// The only table in `root` that has the columns.
fn table_of(root: &Path) -> Result<PathBuf> {
    let mut tables = paths_below(root, 1, |_| true, |path| has_extension(path, "csv"))?;
    let is_one = |path: &PathBuf| {
        Table::open(path)
            .is_ok_and(|table| ["RANDID", "EGREFID"].iter().all(|name| table.optional_column(name).is_some()))
    };
    tables.retain(is_one);
    match tables.as_slice() {
        [table] => Ok(table.clone()),
        several => Err(Error::user(format!(
            "{}: {} CSV tables in this folder have the columns RANDID and EGREFID; one is the study's",
            root.display(),
            several.len()
        ))),
    }
}

fn list(root: &Path) -> Result<Listing> {
    let path = table_of(root)?;
    let table = Table::open(&path)?;
    let (person, id) = (table.column("RANDID")?, table.column("EGREFID")?);
    let columns = IntervalColumns::find(&table, Table::column, COLUMNS)?;
    let [ages, sexes] = ["AGE", "SEX"].map(|name| table.optional_column(name));
    let (mut listing, mut strange, mut intervals) = (Listing::default(), Strange::default(), Vec::new());
    table.each(|row| {
        let (patient, id) = (row.name(&person)?, row.name(&id)?);
        intervals.push(columns.intervals(&row)?);
        listing.files.push(root.join("raw").join(&patient).join(&id));
        listing.records.push(Record {
            age: ages.as_ref().and_then(|column| age(&row.text(column)).known(&mut strange.ages)),
            sex: sexes.as_ref().and_then(|column| sex(&row.text(column)).known(&mut strange.sexes)),
            patient,
            id,
            ..Record::default()
        });
        Ok(())
    })?;
    if listing.records.is_empty() {
        return Err(Error::user(format!("{}: the table has no records", path.display())));
    }
    listing.column = Some("EGREFID");
    let origin = Origin { table: path.display().to_string(), columns: COLUMNS, rates: &[1000.0] };
    listing.warnings.extend(admit(&mut listing.records, &intervals, &origin)?);
    listing.notes.extend(strange.notes().chain(missing_measurements(&listing.records)));
    Ok(listing)
}
