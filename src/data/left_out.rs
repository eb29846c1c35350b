//! Records that cannot be read: an error, or left out and listed.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::durable;
use crate::results::ResultsFolder;
use crate::seed::sha256_hex;
use crate::source::{Reading, Unreadable};
use crate::{Error, Result};

/// How many records an error names.
const NAMED: usize = 5;

/// The folder of the lists, in the results folder.
const FOLDER: &str = ResultsFolder::LEFT_OUT;

/// A record that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its name within its source.
    pub id: String,
    /// What is wrong with it.
    pub reason: String,
    /// Whether it is shorter than `signal.duration`, which `signal.shorter` allows whatever else may be left out.
    #[serde(default)]
    pub shorter: bool,
}

/// What becomes of `faulty` records of `all`: nothing is returned where they may be left out.
///
/// # Errors
/// The first one's, with the names of some others and what can be done.
pub(super) fn judge(faulty: &[(String, Error)], all: usize, reading: Option<&Reading>) -> Result<()> {
    let Some((_, first)) = faulty.first() else { return Ok(()) };
    let internal = faulty.iter().find(|(_, error)| error.blame != crate::error::Blame::User);
    if let Some((_, error)) = internal {
        return Err(error.clone());
    }
    let share = faulty.len() as f64 / all as f64;
    let leaves_out = reading.filter(|reading| reading.unreadable == Unreadable::LeaveOut);
    if leaves_out.is_some_and(|reading| share <= reading.at_most) {
        return Ok(());
    }
    let mut error = first.clone();
    error.message.push_str(&others(faulty));
    let is_some = faulty.len() < all;
    match (leaves_out, reading) {
        (Some(reading), _) => error.message.push_str(&format!(
            "; {} of {all} records cannot be read, {}% where `at_most` allows {}%{}",
            faulty.len(),
            percent(share),
            percent(reading.at_most),
            if is_some { "; mend them, or raise `at_most` in the source" } else { "" }
        )),
        (None, Some(reading)) if is_some => {
            let raised = (100.0 * share).ceil() / 100.0;
            let limit = if share > reading.at_most { format!(" and `at_most = {raised}`") } else { String::new() };
            error.message.push_str(&format!(
                "; mend this, or leave such records out with `unreadable = \"leave-out\"`{limit} in the source"
            ));
        }
        _ => {}
    }
    Err(error)
}

/// ` (and 4 more records cannot be read: 7, 9, 12, 15)`
fn others(faulty: &[(String, Error)]) -> String {
    let rest = faulty.len() - 1;
    if rest == 0 {
        return String::new();
    }
    let names: Vec<&str> = faulty.iter().skip(1).take(NAMED).map(|(id, _)| id.as_str()).collect();
    let more = if rest > NAMED { " ..." } else { "" };
    let records = if rest == 1 { "record" } else { "records" };
    format!(" (and {rest} more {records} cannot be read: {}{more})", names.join(", "))
}

fn percent(share: f64) -> f64 {
    (share * 1e4).round() / 100.0
}

/// Where the list of `left_out` records of `source` is, below the results folder: lists that differ have other names.
pub(super) fn place(source: &str, left_out: &[LeftOut]) -> PathBuf {
    let allowed = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let name: String = source.chars().map(allowed).collect();
    let hash = sha256_hex(table(left_out).as_bytes());
    Path::new(FOLDER).join(format!("{name}-{}.csv", hash.get(..10).unwrap_or_default()))
}

/// How notes end that tell of records which could not be read, and of those that a list names.
const LISTED: &str = " are left out; ";
pub(super) const NAMED_BY: &str = " records are left out, as `exclude` (";

/// Whether a note of a stage says how many records of a source are left out, as they could not be read or a list names them.
pub fn tells_of_left_out(note: &str) -> bool {
    note.starts_with("source ") && [LISTED, NAMED_BY].iter().any(|end| note.contains(end))
}

/// The note that says so.
pub(super) fn note(source: &str, left_out: &[LeftOut], all: usize) -> String {
    let place = place(source, left_out);
    let shorter = left_out.iter().filter(|record| record.shorter).count();
    let why = match shorter {
        0 => "cannot be read and",
        _ if shorter == left_out.len() => "are shorter than signal.duration and",
        _ => "cannot be read, or are shorter than signal.duration, and",
    };
    format!("{} of {all} records {why}{LISTED}{} lists them with the reasons", left_out.len(), place.display())
}

/// Writes the list of `left_out` records of `source` below `results`, durably; nothing where there are none.
///
/// # Errors
/// A user error where it cannot be written.
pub(crate) fn write(results: &Path, source: &str, left_out: &[LeftOut]) -> Result<()> {
    if left_out.is_empty() {
        return Ok(());
    }
    let path = results.join(place(source, left_out));
    durable::write(&path, table(left_out).as_bytes()).map_err(|error| {
        Error::user(format!(
            "{}: the list of records that are left out cannot be written: {error}; choose another folder with --results",
            path.display()
        ))
    })
}

/// The list as CSV.
fn table(left_out: &[LeftOut]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut table = String::from("record_id,reason\n");
    for LeftOut { id, reason, .. } in left_out {
        table.push_str(&format!("{},{}\n", quoted(id), quoted(reason)));
    }
    table
}
