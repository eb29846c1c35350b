//! The formats by the endings of their files.

use std::path::{Path, PathBuf};

use super::{Layout, Look, Place, hdf5, hospital, matlab, numpy, text, wfdb};
use crate::ecg::Voltage;
use crate::source::{Found, Request};
use crate::{Error, Result};

/// A format of signal files.
pub(super) struct Format {
    /// Endings of its files, in lower case.
    pub endings: &'static [&'static str],
    /// Reads one record.
    pub read: fn(&Place, &Layout, &Request<'_>) -> Result<Found>,
    /// What a file says of itself.
    pub look: fn(&Path, &Layout) -> Result<Look>,
}

/// Those beside WFDB, of which a record is several files.
const FORMATS: &[Format] = &[
    Format { endings: &["csv", "txt", "tsv", "asc"], read: text::read, look: text::look },
    Format { endings: &["npy", "npz"], read: numpy::read, look: numpy::look },
    Format { endings: &["h5", "hdf5", "he5"], read: hdf5::read, look: hdf5::look },
    Format { endings: &["mat"], read: matlab::read, look: matlab::look },
    HOSPITAL,
];

/// Its files are told apart by their content, and may have no ending.
const HOSPITAL: Format = Format { endings: hospital::ENDINGS, read: hospital::read, look: hospital::look };

/// The same of files that do not say their unit, which is `unit` unless the source says a unit or a gain.
///
/// # Errors
/// As [`read`].
pub(in crate::source) fn read_in(
    unit: Voltage,
    place: &Place,
    layout: &Layout,
    request: &Request<'_>,
) -> Result<Found> {
    read(place, layout, &Request { reading: &request.reading.in_unit(unit), ..*request })
}

/// Reads one record: of it what is asked for, and only that is checked. Samples are mV.
///
/// # Errors
/// A user error that names the file, and the lead and sample where there is one; or the key of the source that says what
/// neither file nor layout does.
pub fn read(place: &Place, layout: &Layout, request: &Request<'_>) -> Result<Found> {
    match wfdb::record(&place.path) {
        Some(record) => wfdb::read(&record, layout, request),
        None => (format(&place.path)?.read)(place, layout, request),
    }
}

/// All files that the record is read from, as far as their header can be read.
pub fn files(place: &Place) -> Vec<PathBuf> {
    match wfdb::record(&place.path) {
        Some(record) => crate::source::wfdb::files(&record),
        None => vec![place.path.clone()],
    }
}

/// Whether the record's file, of WFDB its header, is there.
pub fn is_there(place: &Place) -> bool {
    wfdb::record(&place.path).is_some() || place.path.is_file()
}

/// What a file says of itself: its format, arrays, leads, rate and unit.
///
/// # Errors
/// A user error where the file is of no known format or not readable.
pub fn look(path: &Path, layout: &Layout) -> Result<Look> {
    match wfdb::record(path) {
        Some(record) => wfdb::look(&record),
        None => (format(path)?.look)(path, layout),
    }
}

/// The format by the file's ending.
fn format(path: &Path) -> Result<&'static Format> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let found = FORMATS.iter().find(|format| format.endings.contains(&&*ending));
    let found = found.or_else(|| (hospital::is_bare(path) && hospital::is_one(path)).then_some(&HOSPITAL));
    found.ok_or_else(|| {
        let known: Vec<String> =
            FORMATS.iter().flat_map(|format| format.endings).map(|ending| format!(".{ending}")).collect();
        let known = known.join(", ");
        let shown = path.display();
        Error::user(match path.is_file() {
            true => format!("{shown}: its ending tells no format of signals; WFDB (.hea) is read, and {known}"),
            false => format!("{shown}: there is no such file, nor a WFDB header {shown}.hea"),
        })
    })
}
