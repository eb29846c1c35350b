//! DeepFake-ECG as published: a folder of `*.asc` files and a ground-truth CSV.
//!
//! Thambawita et al., "DeepFake electrocardiograms using generative adversarial networks are the beginning of the
//! end for privacy issues in medicine", Sci Rep 11:21896 (2021).

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::declare::{Key, Kind, Type};
use crate::ecg::{Lead, Measurement, RawRecord, Voltage};
use crate::source::files::{File, has_extension, look_at_all, name_below, not_a_folder, paths_below, unreadable};
use crate::source::interface::from_json;
use crate::source::intervals::{IntervalColumns, Intervals, Origin, admit, missing_measurements};
use crate::source::keys::{AT_MOST, GAIN, UNIT, UNREADABLE, data_set};
use crate::source::recognise::Recognised;
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
                Key::new(
                    "path",
                    Type::Path,
                    "\"$ECG_DATA/deepfake-ecg\"",
                    "The folder. A relative path starts at the manifest's folder; `$VAR` comes from the environment.",
                ),
                data_set("`deepfake-ecg`, as of every source of this kind", "\"another GAN\""),
                GAIN,
                UNIT,
                UNREADABLE,
                AT_MOST,
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
pub(super) fn recognise(path: &Path) -> Option<Recognised> {
    let is_it = path.is_dir() && find(path).is_ok();
    is_it.then(|| Recognised { kind: DeepfakeEcg::KIND.declaration.name, paths: vec![("path", path.to_owned())] })
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
        read(listing.file(index)?, request)
    }
}

/// The columns of an `.asc` file.
const LEADS: [Lead; 8] = [Lead::I, Lead::II, Lead::V1, Lead::V2, Lead::V3, Lead::V4, Lead::V5, Lead::V6];

/// Hz.
const RATE: f64 = 500.0;

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
    let origin = Origin { table: ground_truth.display().to_string(), columns: COLUMNS, rates: &[RATE] };
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

/// What is done with a column of an `.asc` file.
#[derive(Clone, Copy, PartialEq)]
enum Wish {
    /// It is used.
    Used,
    /// It is read if it can be.
    Other,
    /// It is not read.
    Skip,
}

/// Reads an `.asc` file: rows of eight whole numbers, microvolts unless the source says otherwise.
fn read(path: &Path, request: &Request<'_>) -> Result<Found> {
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    if let Some(lead) = request.missing(&LEADS) {
        let (lead, leads) = (lead.name(), LEADS.map(Lead::name).join(", "));
        return Err(Error::user(format!("it has no lead {lead}; its leads are {leads}")));
    }
    let used = request.used(&LEADS);
    let mut wishes = LEADS.map(|lead| match lead {
        lead if used.contains(&lead) => Wish::Used,
        lead if request.wants(lead) => Wish::Other,
        _ => Wish::Skip,
    });
    let (gain, number) = scale(request.reading);
    let needed = request.samples(RATE).unwrap_or(usize::MAX);
    let mut signals = vec![Vec::with_capacity(bytes.len() / 24); LEADS.len()];
    let mut samples = 0;
    for (line, row) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let faulty = |why: String| Error::user(format!("{}:{}: {why}", path.display(), line + 1));
        let mut fields = row.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        let mut count = 0;
        // The leads first: where they end, no field is taken from the row.
        for ((lead, wish), field) in signals.iter_mut().zip(&mut wishes).zip(fields.by_ref()) {
            count += 1;
            if *wish == Wish::Skip {
                continue;
            }
            match number(field) {
                Some(value) => lead.push(value / gain as f32),
                None if *wish == Wish::Other => *wish = Wish::Skip,
                None if samples >= needed => return Ok(found(signals, &wishes, gain, samples)),
                None => return Err(faulty(no_number(field, request.reading))),
            }
        }
        if count == 0 {
            continue;
        }
        count += fields.count();
        if count != LEADS.len() && samples >= needed {
            break;
        }
        if count != LEADS.len() {
            let leads = LEADS.map(Lead::name).join(" ");
            return Err(faulty(format!("the row has {count} numbers; {} were expected ({leads})", LEADS.len())));
        }
        samples += 1;
    }
    if samples == 0 {
        return Err(Error::user(format!("{}: the file has no samples", path.display())));
    }
    Ok(found(signals, &wishes, gain, samples))
}

/// Reads a field.
type ReadNumber = fn(&[u8]) -> Option<f32>;

/// How a field is read: steps per mV, and how to read a number of steps.
fn scale(reading: &Reading) -> (f64, ReadNumber) {
    let decimal = |field: &[u8]| std::str::from_utf8(field).ok()?.parse().ok().filter(|value: &f32| value.is_finite());
    match (reading.steps_per_millivolt(), reading.unit) {
        (Some(gain), _) => (gain, decimal),
        (None, Some(unit)) => (unit.per_millivolt(), decimal),
        (None, None) => (Voltage::Microvolt.per_millivolt(), |field| whole_number(field).map(|value| value as f32)),
    }
}

fn no_number(field: &[u8], reading: &Reading) -> String {
    let field = String::from_utf8_lossy(field);
    if reading.gain.is_some() || reading.unit.is_some() {
        return format!("`{field}` is not a number");
    }
    let advice = match field.parse::<f64>() {
        Ok(value) if value.fract() != 0.0 => "; if the file holds mV, say `unit = \"mV\"` in the source",
        _ => "",
    };
    format!("`{field}` is not a whole number of microvolts{advice}")
}

/// The first `samples` of the leads that were read.
fn found(signals: Vec<Vec<f32>>, wishes: &[Wish; 8], gain: f64, samples: usize) -> Found {
    let mut raw = RawRecord { sampling_rate: RATE, leads: Vec::new(), signals: Vec::new() };
    let mut others = Vec::new();
    for ((lead, wish), mut signal) in LEADS.into_iter().zip(wishes).zip(signals) {
        signal.truncate(samples);
        match wish {
            Wish::Used => {
                raw.leads.push(lead);
                raw.signals.push(signal);
            }
            Wish::Other => others.push((lead, signal)),
            Wish::Skip => {}
        }
    }
    Found { raw, others, gain, unsummed: false, made: false }
}

/// A number such as `-85`, of at most seven digits: more are no ECG.
fn whole_number(field: &[u8]) -> Option<i32> {
    let (negative, digits) = match field {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 7 {
        return None;
    }
    let value = digits
        .iter()
        .try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i32::from(digit - b'0')))?;
    Some(if negative { -value } else { value })
}
