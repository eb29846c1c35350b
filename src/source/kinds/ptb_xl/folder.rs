//! The folder of PTB-XL: where its tables are, and which files it is read from.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{DATABASE, HIGH_RATE_FILE, LOW_RATE_FILE, STATEMENTS};
use crate::source::files::{File, has_extension, look_at_all, not_a_folder, paths_below};
use crate::source::table::Table;
use crate::source::wfdb;
use crate::{Error, Result};

/// How far below the path of the manifest the table may be.
const DEPTH: usize = 4;

/// Everything a source at `path` is read from.
pub(super) fn files(path: &Path, features: &[PathBuf]) -> Result<Vec<File>> {
    let root = root(path)?;
    let wanted = |path: &Path| has_extension(path, "hea") || has_extension(path, "dat");
    let mut files = look_at_all(&root, paths_below(&root, usize::MAX, |_| true, wanted)?)?;
    for table in [DATABASE, STATEMENTS] {
        files.push(File::look(table, &root.join(table))?);
    }
    for (number, table) in features.iter().enumerate() {
        let name = if number == 0 { "features".to_owned() } else { format!("features {}", number + 1) };
        files.push(File::look(name, table)?);
    }
    Ok(files)
}

/// The files of the source in the folder `root` that its table and headers name, and that are not among `found`: signals with other
/// endings, records outside the folder. What cannot be read is told when records are.
pub(super) fn named_files(root: &Path, found: &[File]) -> Result<Vec<PathBuf>> {
    let mut records = BTreeSet::new();
    if let Ok(table) = Table::open(&root.join(DATABASE)) {
        let columns = [LOW_RATE_FILE, HIGH_RATE_FILE].map(|name| table.optional_column(name));
        let _ = table.each(|row| {
            records.extend(columns.iter().flatten().filter_map(|column| Some(root.join(row.name(column).ok()?))));
            Ok(())
        });
    }
    let found: HashSet<&Path> = found.iter().map(|file| file.path.as_path()).collect();
    let records: Vec<PathBuf> = records.into_iter().collect();
    let named = records.par_iter().flat_map_iter(|record| wfdb::files(record));
    let others: BTreeSet<PathBuf> = named.filter(|file| !found.contains(file.as_path()) && file.is_file()).collect();
    Ok(others.into_iter().collect())
}

/// The folder with the tables: `path` itself or the only one below.
pub(super) fn root(path: &Path) -> Result<PathBuf> {
    if path.join(DATABASE).is_file() {
        return Ok(path.into());
    }
    if !path.is_dir() {
        return Err(not_a_folder(path));
    }
    let enter = |folder: &walkdir::DirEntry| !folder.file_name().to_string_lossy().starts_with("records");
    let tables = paths_below(path, DEPTH, enter, |path| path.file_name().is_some_and(|name| name == DATABASE))?;
    match tables.as_slice() {
        [table] => Ok(table.parent().unwrap_or(path).into()),
        [] => Err(Error::user(format!(
            "{}: there is no {DATABASE} in this folder or below; name PTB-XL's own folder, which holds it",
            path.display()
        ))),
        several => {
            let list: Vec<_> = several.iter().map(|path| path.display().to_string()).collect();
            Err(Error::user(format!(
                "{}: there are several {DATABASE} below this folder; name the folder of one of them: {}",
                path.display(),
                list.join(", ")
            )))
        }
    }
}
