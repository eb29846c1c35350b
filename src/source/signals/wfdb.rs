//! WFDB records, which have a header and signal files.

use std::path::{Path, PathBuf};

use super::{Layout, Look};
use crate::Result;
use crate::source::files::has_extension;
use crate::source::{Found, Request, wfdb};

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
pub(super) fn read(record: &Path, _layout: &Layout, request: &Request<'_>) -> Result<Found> {
    wfdb::read_for(record, request)
}

/// What the record's header says.
pub(super) fn look(_record: &Path) -> Result<Look> {
    Ok(Look { format: "WFDB", ..Look::default() })
}
