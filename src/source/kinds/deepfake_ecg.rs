//! DeepFake-ECG as published: a folder of `*.asc` files and a ground-truth CSV.
//!
//! Thambawita et al., "DeepFake electrocardiograms using generative adversarial networks are the beginning of the
//! end for privacy issues in medicine", Sci Rep 11:21896 (2021).

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::declare::Kind;
use crate::ecg::Measurement;
use crate::source::files::{File, has_extension, look_at_all, name_below, not_a_folder, paths_below, unreadable};
use crate::source::interface::from_json;
use crate::source::intervals::{IntervalColumns, Intervals, Origin, admit, missing_measurements};
use crate::source::keys::{AT_MOST, EXCLUDE, GAIN, UNIT, UNREADABLE, data_set, folder_path};
use crate::source::recognise::{Glimpse, Recognised};
use crate::source::signals::asc;
use crate::source::table::{Column, Table};
use crate::source::{DataPath, Found, Knowledge, Listing, Reading, Record, Request, Source, SourceKind};
use crate::{Error, Result};

/// The published DeepFake-ECG layout: `*.asc` files and a ground-truth CSV.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeepfakeEcg {
    /// The folder.
    pub path: DataPath,
    /// Which collection it is, where it is not the kind's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_set: Option<String>,
    /// How its files are read.
    #[serde(flatten)]
    pub reading: Reading,
}

impl DeepfakeEcg {
    pub(crate) const KIND: SourceKind = SourceKind {
        declaration: Kind {
            name: "deepfake-ecg",
            doc: "The published DeepFake-ECG layout: `*.asc` files and a ground-truth CSV.",
            keys: &[
                folder_path!("\"$ECG_DATA/deepfake-ecg\"", "The folder."),
                data_set("`deepfake-ecg`, as of every source of this kind", "\"another GAN\""),
                GAIN,
                UNIT,
                UNREADABLE,
                AT_MOST,
                EXCLUDE,
            ],
        },
        knows: Knowledge {
            folds: false,
            patients: false,
            age: false,
            sex: false,
            labels: &[],
            open_labels: false,
            measurements: &Measurement::BUILT_IN,
        },
        from_json: from_json::<Self>,
    };
}

/// Knows a folder of `.asc` files with a ground truth again.
pub(super) fn recognise(glimpse: &Glimpse) -> Option<Recognised> {
    let is_it = glimpse.of_ending("asc").next().is_some() && find(&glimpse.folder).is_ok();
    glimpse.of_kind(&DeepfakeEcg::KIND, is_it)
}

impl Source for DeepfakeEcg {
    fn kind(&self) -> &'static SourceKind {
        &Self::KIND
    }

    fn named_data_set(&self) -> Option<&str> {
        self.data_set.as_deref()
    }

    fn paths(&self) -> Vec<&DataPath> {
        vec![&self.path]
    }

    fn reading(&self) -> Option<&Reading> {
        Some(&self.reading)
    }

    fn files(&self) -> Result<Vec<File>> {
        let path = self.path.resolved()?;
        let Layout { signals, ground_truth } = find(path)?;
        let mut files = look_at_all(path, signals)?;
        files.push(File::look("ground truth", &ground_truth)?);
        Ok(files)
    }

    fn at_most(&self) -> Option<usize> {
        self.files().ok().map(|files| files.len())
    }

    fn list(&self, _sampling_rate: f64) -> Result<Listing> {
        list(self.path.resolved()?)
    }

    fn read(&self, listing: &Listing, index: usize, request: &Request<'_>) -> Result<Found> {
        asc::read(listing.file(index)?, request)
    }
}

/// The columns of the ground truth for RR, PR, QT and QRS, ms.
const COLUMNS: [&str; 4] = ["avgrrinterval", "pr", "qt", "qrs"];

/// What a source is read from.
struct Layout {
    signals: Vec<PathBuf>,
    ground_truth: PathBuf,
}

/// The records of the source at `path`, in the order of their numbers.
fn list(path: &Path) -> Result<Listing> {
    let Layout { signals, ground_truth } = find(path)?;
    let mut named: Vec<(String, PathBuf)> = signals
        .into_iter()
        .map(|path| (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), path))
        .collect();
    named.sort_by_cached_key(|(id, _)| (id.parse::<u64>().unwrap_or(u64::MAX), id.clone()));
    if let Some(twice) = named.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let [first, second] = [&twice[0].1, &twice[1].1].map(|file| name_below(path, file));
        let folder = path.display();
        return Err(Error::user(format!("{folder}: record {} is there twice, as {first} and {second}", twice[0].0)));
    }
    let known = read_intervals(&ground_truth)?;
    let rows = known.len();
    let mut intervals = Vec::with_capacity(named.len());
    let (mut records, mut files) = (Vec::with_capacity(named.len()), Vec::with_capacity(named.len()));
    let mut used = HashSet::new();
    for (id, file) in named {
        let known = known.get(&id);
        used.extend(known.map(|_| id.clone()));
        intervals.push(known.copied().unwrap_or_default());
        records.push(Record { patient: id.clone(), id, ..Record::default() });
        files.push(file);
    }
    let mut notes = Vec::new();
    let table = ground_truth.file_name().unwrap_or_default().to_string_lossy();
    if used.len() < records.len() {
        notes.push(format!("{} of {} records have no row in {table}", records.len() - used.len(), records.len()));
    }
    if used.len() < rows {
        notes.push(format!("{} of {rows} rows of {table} have no .asc file; they were left out", rows - used.len()));
    }
    let origin = Origin { table: ground_truth.display().to_string(), columns: COLUMNS, rates: &[asc::RATE] };
    let warnings = admit(&mut records, &intervals, &origin)?;
    notes.extend(missing_measurements(&records));
    Ok(Listing { records, files, notes, warnings, ..Listing::default() })
}

fn find(path: &Path) -> Result<Layout> {
    if !path.is_dir() {
        return Err(not_a_folder(path));
    }
    let wanted = |path: &Path| has_extension(path, "asc") || has_extension(path, "csv");
    let (signals, tables): (Vec<_>, Vec<_>) =
        paths_below(path, usize::MAX, |_| true, wanted)?.into_iter().partition(|path| has_extension(path, "asc"));
    if signals.is_empty() {
        let path = path.display();
        return Err(Error::user(format!("{path}: there are no .asc files in this folder or below")));
    }
    let mut candidates = tables;
    candidates.retain(|table| is_ground_truth(table));
    if candidates.is_empty() {
        // `path` may be relative or end in `..`.
        let whole = path.canonicalize().map_err(|error| unreadable(path, &error))?;
        if let Some(parent) = whole.parent() {
            candidates = paths_below(parent, 1, |_| false, |path| has_extension(path, "csv"))?;
            candidates.retain(|table| is_ground_truth(table));
        }
    }
    let folder = path.display();
    match candidates.as_slice() {
        [table] => Ok(Layout { signals, ground_truth: table.clone() }),
        [] => Err(Error::user(format!(
            "{folder}: there is no ground-truth table: a CSV file in this folder or beside it with the columns \
             patid, avgrrinterval, pr, qrs and qt"
        ))),
        several => {
            let list: Vec<_> = several.iter().map(|path| path.display().to_string()).collect();
            Err(Error::user(format!(
                "{folder}: several CSV files could be the ground truth ({}); leave only one of them there",
                list.join(", ")
            )))
        }
    }
}

fn is_ground_truth(path: &Path) -> bool {
    Table::open(path).is_ok_and(|table| columns(&table).is_ok())
}

fn columns(table: &Table) -> Result<(Column, IntervalColumns)> {
    let id = table.column_any_case("patid")?;
    Ok((id, IntervalColumns::find(table, Table::column_any_case, COLUMNS)?))
}

/// Intervals by record.
fn read_intervals(path: &Path) -> Result<HashMap<String, Intervals>> {
    let table = Table::open(path)?;
    let (id, columns) = columns(&table)?;
    columns.by_record(table, &id)
}
