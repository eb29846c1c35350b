//! A file for each view of the store.

use std::path::Path;

use super::folder::Folder;
use crate::Result;
use crate::output::Kind;
use crate::store::{Column, Store, Views};

/// Writes a view to the file at a path: how many rows.
pub(super) type Write = fn(&Views<'_>, &str, &[Column], &Path) -> Result<usize>;

/// Writes every view of the store of `results` to `folder`, each to a file of `kind` by `write`. Returns a line for each.
pub(super) fn tables(results: &Path, folder: &Path, kind: Kind, write: Write) -> Result<String> {
    let store = Store::open_read_only(results)?;
    let views = store.views()?;
    let names: Vec<String> = Store::VIEWS.iter().map(|view| format!("{view}.{}", kind.ending())).collect();
    let mut folder = Folder::open(folder, &names, Some(kind))?;
    let mut lines = Vec::new();
    for (view, name) in Store::VIEWS.iter().zip(&names) {
        let rows = write(&views, view, &views.columns(view)?, &folder.file(name))?;
        lines.push(format!("{name}: {rows} {}", if rows == 1 { "row" } else { "rows" }));
    }
    folder.finish(results, &lines)
}
