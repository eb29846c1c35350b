//! Stand-in until signals of all forms can be read.
use std::path::PathBuf;

use crate::Result;
use crate::source::signals::{Layout, Place};
use crate::source::{Found, Request, wfdb};

pub(super) fn read(place: &Place, _layout: &Layout, request: &Request<'_>) -> Result<Found> {
    wfdb::read_for(&place.path, request)
}

pub(super) fn files(place: &Place) -> Vec<PathBuf> {
    wfdb::files(&place.path)
}
