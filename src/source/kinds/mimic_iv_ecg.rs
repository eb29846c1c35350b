//! MIMIC-IV-ECG 1.0: 800,035 diagnostic records of 10 s at 500 Hz, with the machine's measurements.
//!
//! Gow et al., "MIMIC-IV-ECG: diagnostic electrocardiogram matched subset", PhysioNet (2023), <https://doi.org/10.13026/4nqg-sb35>.
//!
//! `record_list.csv` has a row for each record, with the path of its WFDB files below the folder; `machine_measurements.csv` is
//! joined by `study_id`. HR is 60000 / `rr_interval`, PR `qrs_onset` - `p_onset`, QRS `qrs_end` - `qrs_onset`, QT `t_end` -
//! `qrs_onset`, ms; the axes are `p_axis`, `qrs_axis` and `t_axis`, degrees.
//!
//! What is in the files, and what is made of it:
//! - Values that are missing are numbers: 29999, 32767, -32768 and 65535. They are not known here.
//! - Patients have several studies; folds, of which the data have none, are drawn by patient, see `fold_seed`.
//! - Neither age nor sex is in the module. Reports are sentences, of which no labels are made.
//! - The leads' order is I, II, III, aVR, aVF, aVL, V1 to V6 (by the headers, which are asked).
//! - About 1.5 % of the records have missing samples or a flat lead: `unreadable = "leave-out"`.
//! - Copies with 789,481 rows circulate; what the list has is read.
//!
//! The layout was checked against its description only, not against the files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::declare::Kind;
use crate::ecg::{Measurement, Measurements};
use crate::source::files::lines;
use crate::source::interface::from_json;
use crate::source::intervals::{Intervals, Origin, admit, missing_measurements};
use crate::source::keys::{data_set, folder_path, known_set};
use crate::source::known::{Folder, KnownSet, signals_and_headers, table_in};
use crate::source::recognise::{Glimpse, Recognised};
use crate::source::table::{Column, Row, Table};
use crate::source::{Knowledge, Listing, Record, SourceKind};
use crate::{Error, Result};

const RECORDS: &str = "record_list.csv";
const MEASURED: &str = "machine_measurements.csv";

/// Numbers that stand for missing ones.
const MISSING: [f64; 4] = [29_999.0, 32_767.0, -32_768.0, 65_535.0];

/// Axes, in the order of their columns.
const AXES: [Measurement; 3] = [
    Measurement::new("p_axis", "degrees"),
    Measurement::new("qrs_axis", "degrees"),
    Measurement::new("t_axis", "degrees"),
];

/// All that is measured.
const MEASUREMENTS: [Measurement; 7] =
    [Measurement::HR, Measurement::PR, Measurement::QT, Measurement::QRS, AXES[0], AXES[1], AXES[2]];

/// MIMIC-IV-ECG.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MimicIvEcg {
    /// The folder, and how it is read.
    #[serde(flatten)]
    pub folder: Folder,
}

impl MimicIvEcg {
    pub(crate) const KIND: SourceKind = SourceKind {
        declaration: Kind {
            name: "mimic-iv-ecg",
            doc: "MIMIC-IV-ECG: `record_list.csv`, `machine_measurements.csv` and WFDB files.",
            keys: &known_set(
                folder_path!("\"$ECG_DATA/mimic-iv-ecg\"", "The folder with `record_list.csv`."),
                data_set("`mimic-iv-ecg`, as of every source of this kind", "\"beth israel\""),
            ),
        },
        knows: Knowledge {
            folds: true,
            patients: true,
            age: false,
            sex: false,
            labels: &[],
            open_labels: false,
            measurements: &MEASUREMENTS,
        },
        from_json: from_json::<Self>,
    };
}

/// Knows the two tables again.
pub(super) fn recognise(glimpse: &Glimpse) -> Option<Recognised> {
    let is_it = glimpse.has_table(RECORDS, &["subject_id", "study_id", "path"])
        && glimpse.has_table(MEASURED, &["study_id", "rr_interval", "p_onset", "qrs_onset", "qrs_end", "t_end"]);
    glimpse.of_kind(&MimicIvEcg::KIND, is_it)
}

impl KnownSet for MimicIvEcg {
    fn of_kind(&self) -> &'static SourceKind {
        &Self::KIND
    }

    fn folder(&self) -> &Folder {
        &self.folder
    }

    fn files_below(&self, root: &Path) -> Result<Vec<PathBuf>> {
        let mut files = signals_and_headers(root)?;
        for table in [RECORDS, MEASURED] {
            files.push(table_in(root, table)?);
        }
        Ok(files)
    }

    fn count(&self, root: &Path) -> Option<usize> {
        lines(&root.join(RECORDS)).ok()
    }

    fn records(&self, root: &Path) -> Result<Listing> {
        list(root)
    }
}

fn list(root: &Path) -> Result<Listing> {
    let mut measured = Measured::read(&root.join(MEASURED))?;
    let table = Table::open(&root.join(RECORDS))?;
    let [patient, study, path] = ["subject_id", "study_id", "path"].map(|name| table.column(name));
    let (patient, study, path) = (patient?, study?, path?);
    let (mut listing, mut intervals, mut without) = (Listing::default(), Vec::new(), 0);
    table.each(|row| {
        let id = row.name(&study)?;
        let (own, measurements) = measured.rows.remove(&id).unwrap_or_else(|| {
            without += 1;
            Default::default()
        });
        intervals.push(own);
        listing.records.push(Record { patient: row.name(&patient)?, id, measurements, ..Record::default() });
        listing.files.push(root.join(row.name(&path)?));
        Ok(())
    })?;
    let all = listing.records.len();
    if all == 0 {
        return Err(Error::user(format!("{}: the table has no records", root.join(RECORDS).display())));
    }
    listing.column = Some("path");
    if without > 0 {
        listing.notes.push(format!("{without} of {all} records have no row in {MEASURED}"));
    }
    let columns = ["rr_interval", "qrs_onset - p_onset", "t_end - qrs_onset", "qrs_end - qrs_onset"];
    let origin = Origin { table: root.join(MEASURED).display().to_string(), columns, rates: &[500.0] };
    listing.warnings.extend(admit(&mut listing.records, &intervals, &origin)?);
    listing.notes.extend(missing_measurements(&listing.records));
    Ok(listing)
}

/// The machine's measurements by study.
struct Measured {
    rows: HashMap<String, (Intervals, Measurements)>,
}

impl Measured {
    fn read(path: &Path) -> Result<Self> {
        const POINTS: [&str; 5] = ["rr_interval", "p_onset", "qrs_onset", "qrs_end", "t_end"];
        let table = Table::open(path)?;
        let study = table.column("study_id")?;
        let points = POINTS.iter().map(|name| table.column(name)).collect::<Result<Vec<Column>>>()?;
        let axes = AXES.iter().map(|axis| table.column(axis.name())).collect::<Result<Vec<Column>>>()?;
        let mut rows = HashMap::new();
        table.each(|row| {
            let mut known = [None; POINTS.len()];
            for (value, column) in known.iter_mut().zip(&points) {
                *value = number(&row, column)?;
            }
            let [rr, p_onset, qrs_onset, qrs_end, t_end] = known;
            let between = |from: Option<f64>, to: Option<f64>| Some(to? - from?).filter(|time| *time > 0.0);
            let intervals = [
                rr.filter(|rr| *rr > 0.0),
                between(p_onset, qrs_onset),
                between(qrs_onset, t_end),
                between(qrs_onset, qrs_end),
            ];
            let mut measurements = Measurements::default();
            for (axis, column) in AXES.into_iter().zip(&axes) {
                // An axis is an angle.
                let angle = number(&row, column)?.filter(|angle| angle.abs() <= 360.0);
                measurements.set(axis, angle.map(|angle| angle as f32));
            }
            let id = row.name(&study)?;
            if rows.insert(id.clone(), (intervals, measurements)).is_some() {
                return Err(row.error(&study, format_args!("study {id} is there twice")));
            }
            Ok(())
        })?;
        Ok(Self { rows })
    }
}

/// The number in `column`, unless it stands for a missing one.
fn number(row: &Row, column: &Column) -> Result<Option<f64>> {
    Ok(row.number(column)?.filter(|number| !MISSING.contains(number)))
}
