//! DeepFake-ECG as published: a folder of `*.asc` files and a ground-truth CSV.
//!
//! Thambawita et al., "DeepFake electrocardiograms using generative adversarial networks are the beginning of the
//! end for privacy issues in medicine", Sci Rep 11:21896 (2021).

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::Record;
use super::files::{File, has_extension, look_at_all, name_below, not_a_folder, paths_below, unreadable};
use super::listing::{Listing, TargetColumns, missing_targets};
use super::signal::RawRecord;
use super::table::{Column, Table};
use crate::manifest::Lead;
use crate::{Error, Result};

/// The columns of an `.asc` file.
const LEADS: [Lead; 8] = [Lead::I, Lead::II, Lead::V1, Lead::V2, Lead::V3, Lead::V4, Lead::V5, Lead::V6];

/// Hz.
const RATE: f64 = 500.0;

/// The columns of the ground truth for RR, PR, QT and QRS, ms.
const TARGETS: [&str; 4] = ["avgrrinterval", "pr", "qt", "qrs"];

/// What a source is read from.
struct Found {
    signals: Vec<PathBuf>,
    ground_truth: PathBuf,
}

/// Everything a source at `path` is read from.
pub(super) fn files(path: &Path) -> Result<Vec<File>> {
    let Found { signals, ground_truth } = find(path)?;
    let mut files = look_at_all(path, signals)?;
    files.push(File::look("ground truth", &ground_truth)?);
    Ok(files)
}

/// The records of the source at `path`, in the order of their numbers.
pub(super) fn list(path: &Path) -> Result<Listing> {
    let Found { signals, ground_truth } = find(path)?;
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
    let targets = read_targets(&ground_truth)?;
    let rows = targets.len();
    let (mut records, mut files) = (Vec::with_capacity(named.len()), Vec::with_capacity(named.len()));
    let mut used = HashSet::new();
    for (id, file) in named {
        let known = targets.get(&id);
        used.extend(known.map(|_| id.clone()));
        let targets = known.copied().unwrap_or_default();
        records.push(Record { patient: id.clone(), id, targets, ..Record::default() });
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
    notes.extend(missing_targets(&records));
    Ok(Listing { records, files, read, column: None, notes })
}

fn find(path: &Path) -> Result<Found> {
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
        [table] => Ok(Found { signals, ground_truth: table.clone() }),
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

fn columns(table: &Table) -> Result<(Column, TargetColumns)> {
    let id = table.column_any_case("patid")?;
    Ok((id, TargetColumns::find(table, Table::column_any_case, TARGETS)?))
}

/// Targets by record.
fn read_targets(path: &Path) -> Result<HashMap<String, [Option<f32>; 4]>> {
    let table = Table::open(path)?;
    let (id, columns) = columns(&table)?;
    columns.by_record(table, &id)
}

/// Reads an `.asc` file: rows of eight whole numbers, microvolts.
fn read(path: &Path) -> Result<RawRecord> {
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    let mut signals = vec![Vec::with_capacity(bytes.len() / 24); LEADS.len()];
    for (line, row) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let faulty = |why: String| Error::user(format!("{}:{}: {why}", path.display(), line + 1));
        let mut fields = row.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        let mut count = 0;
        // The leads first: where they end, no field is taken from the row.
        for (lead, field) in signals.iter_mut().zip(fields.by_ref()) {
            let microvolts = whole_number(field).ok_or_else(|| {
                faulty(format!("`{}` is not a whole number of microvolts", String::from_utf8_lossy(field)))
            })?;
            lead.push(microvolts as f32 / 1000.0);
            count += 1;
        }
        if count == 0 {
            continue;
        }
        count += fields.count();
        if count != LEADS.len() {
            let leads = LEADS.map(Lead::name).join(" ");
            return Err(faulty(format!("the row has {count} numbers; {} were expected ({leads})", LEADS.len())));
        }
    }
    if signals[0].is_empty() {
        return Err(Error::user(format!("{}: the file has no samples", path.display())));
    }
    Ok(RawRecord { sampling_rate: RATE, leads: LEADS.to_vec(), signals })
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
