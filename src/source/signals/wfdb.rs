//! WFDB records, which have a header and signal files.

use std::path::{Path, PathBuf};

use super::{Layout, Look};
use crate::Result;
use crate::source::files::has_extension;
use crate::source::wfdb::{self, Silent};
use crate::source::{Found, Request};

/// The record's path without an ending, where `path` is that of a record, its header, or a signal file with a header beside it.
pub(super) fn record(path: &Path) -> Option<PathBuf> {
    if wfdb::is_there(path) {
        return Some(path.to_owned());
    }
    let bare = path.with_extension("");
    let is_part = ["hea", "dat", "mat"].iter().any(|ending| has_extension(path, ending));
    (is_part && wfdb::is_there(&bare)).then_some(bare)
}

/// Reads the record; the layout's rate and order hold where its header is silent.
pub(super) fn read(record: &Path, layout: &Layout, request: &Request<'_>) -> Result<Found> {
    let silent = Silent { sampling_rate: layout.sampling_rate, order: layout.order.as_deref() };
    wfdb::read_with(record, &silent, request)
}

/// What the record's header says; of segments the first says what signals there are.
pub(super) fn look(record: &Path) -> Result<Look> {
    let header = wfdb::header(record)?;
    let folder = record.parent().unwrap_or(Path::new(""));
    let first = header.segments.iter().find_map(|segment| segment.name.as_ref());
    let signals = match first {
        Some(name) => wfdb::header(&folder.join(name))?.signals,
        None => header.signals,
    };
    Ok(Look {
        format: "WFDB",
        sampling_rate: header.says_rate.then_some(header.sampling_rate),
        unit: signals.first().map(|signal| signal.unit.clone()),
        gain: signals.first().map(|signal| signal.gain),
        samples: header.samples,
        entries: Some(1),
        leads: signals.into_iter().map(|signal| signal.name).collect(),
        comments: header.comments,
        ..Look::default()
    })
}
