//! A view as CSV.

use std::path::Path;

use super::folder::unwritable;
use crate::Result;
use crate::store::{Cell, Column, Views};

/// Writes `view` to `path`: how many rows.
pub(super) fn write(views: &Views<'_>, view: &str, columns: &[Column], path: &Path) -> Result<usize> {
    let mut writer = csv::Writer::from_path(path).map_err(|error| unwritable(path, &error))?;
    writer.write_record(columns.iter().map(|column| &column.name)).map_err(|error| unwritable(path, &error))?;
    let mut count = 0;
    views.rows(view, &mut |row| {
        count += 1;
        writer.write_record(row.iter().map(Cell::to_string)).map_err(|error| unwritable(path, &error))
    })?;
    writer.flush().map_err(|error| unwritable(path, &error))?;
    Ok(count)
}
