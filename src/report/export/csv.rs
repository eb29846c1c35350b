//! Views as CSV.

use std::path::Path;

use super::Export;
use super::folder::unwritable;
use super::tables::tables;
use crate::Result;
use crate::output::Kind;
use crate::store::{Cell, Column, Views};

/// Every view as a file of comma-separated values; NULL is an empty cell.
pub(super) struct Csv;

impl Export for Csv {
    fn name(&self) -> &'static str {
        "csv"
    }

    fn about(&self) -> &'static str {
        "A folder for CSV files"
    }

    fn write(&self, results: &Path, folder: &Path) -> Result<String> {
        tables(results, folder, Kind::Csv, write)
    }
}

/// Writes `view` to `path`: how many rows.
fn write(views: &Views<'_>, view: &str, columns: &[Column], path: &Path) -> Result<usize> {
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
