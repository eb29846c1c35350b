//! The store for other programs: CSV, Parquet, an MLflow database.

use std::path::Path;

use crate::Result;
use crate::output::Kind;
use crate::store::{Column, Store, Views};

mod csv;
mod folder;
mod mlflow;
mod parquet;

use folder::Folder;
pub use mlflow::mlflow;

/// Writes every view of the store of `results` to `folder` as CSV, a file each; NULL is an empty cell. Returns what
/// was written, a line for each file.
///
/// # Errors
/// A user error where there is no store, where the folder cannot be written, and where it has files of these names
/// that no export made. What was there before is then as it was.
pub fn csv(results: &Path, folder: &Path) -> Result<String> {
    tables(results, folder, ("csv", Kind::Csv), csv::write)
}

/// As [`csv()`], as Parquet. Columns of times (`..._at`) are timestamps in UTC, in ms.
///
/// # Errors
/// As of [`csv()`].
pub fn parquet(results: &Path, folder: &Path) -> Result<String> {
    tables(results, folder, ("parquet", Kind::Parquet), parquet::write)
}

/// Writes a view to the file at a path: how many rows.
type Write = fn(&Views<'_>, &str, &[Column], &Path) -> Result<usize>;

fn tables(results: &Path, folder: &Path, (extension, kind): (&str, Kind), write: Write) -> Result<String> {
    let store = Store::open_read_only(results)?;
    let views = store.views()?;
    let names: Vec<String> = Store::VIEWS.iter().map(|view| format!("{view}.{extension}")).collect();
    let mut folder = Folder::open(folder, &names, Some(kind))?;
    let mut lines = Vec::new();
    for (view, name) in Store::VIEWS.iter().zip(&names) {
        let rows = write(&views, view, &views.columns(view)?, &folder.file(name))?;
        lines.push(format!("{name}: {rows} {}", if rows == 1 { "row" } else { "rows" }));
    }
    folder.finish(results, &lines)
}
