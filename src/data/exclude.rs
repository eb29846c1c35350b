//! The records of a source, less those that its `exclude` names.

use super::left_out::NAMED_BY;
use crate::Result;
use crate::source::{DataPath, Excluded, Listing, Source};

/// The records of `source` without their signals, less those that its list leaves out.
///
/// # Errors
/// Those of [`Source::list`], and a user error with file and line where the list names a record that is not there.
pub(super) fn list(source: &dyn Source, sampling_rate: f64) -> Result<Listing> {
    let mut listing = source.list(sampling_rate)?;
    if let Some(list) = source.reading().and_then(|reading| reading.exclude.as_ref()) {
        Excluded::read(list)?.take_from(&mut listing)?;
    }
    Ok(listing)
}

/// What is to be known of the `list` that leaves records out of a source, which has `others` beside; nothing where it is empty.
pub(super) fn note(list: &DataPath, others: usize) -> Result<Option<String>> {
    let count = Excluded::read(list)?.count();
    Ok((count > 0).then(|| format!("{count} of {}{NAMED_BY}{}) names them", count + others, list.written)))
}
