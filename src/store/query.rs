//! Questions in the user's own SQL.

use rusqlite::types::ValueRef;

use super::Store;
use crate::Result;
use crate::error::Error;

/// One value of an answer.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    /// So many bytes.
    Blob(usize),
}

impl std::fmt::Display for Cell {
    /// All digits; nothing for NULL.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Cell::Null => Ok(()),
            Cell::Integer(value) => write!(f, "{value}"),
            Cell::Real(value) => write!(f, "{value}"),
            Cell::Text(value) => f.write_str(value),
            Cell::Blob(bytes) => write!(f, "{bytes} bytes"),
        }
    }
}

impl From<ValueRef<'_>> for Cell {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Null => Cell::Null,
            ValueRef::Integer(value) => Cell::Integer(value),
            ValueRef::Real(value) => Cell::Real(value),
            ValueRef::Text(bytes) => Cell::Text(String::from_utf8_lossy(bytes).into_owned()),
            ValueRef::Blob(bytes) => Cell::Blob(bytes.len()),
        }
    }
}

/// The answer to a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// As many cells each.
    pub rows: Vec<Vec<Cell>>,
}

impl Store {
    /// Answers one `SELECT` (or `WITH`, `EXPLAIN`, reading `PRAGMA`).
    ///
    /// # Errors
    /// A user error with SQLite's own words where the query is wrong, is several, or would write.
    pub fn query(&self, sql: &str) -> Result<Rows> {
        let wrong = |error: &rusqlite::Error| {
            let said = match error {
                rusqlite::Error::SqliteFailure(_, Some(text)) => text.clone(),
                other => other.to_string(),
            };
            Error::user(format!("{said}; the views are {}", VIEWS.join(", ")))
        };
        if sql.trim().is_empty() {
            return Err(Error::user("an empty query; try \"SELECT * FROM runs\""));
        }
        let mut statement = self.connection.prepare(sql).map_err(|error| match error {
            rusqlite::Error::MultipleStatement => Error::user("one query at a time, please"),
            error => wrong(&error),
        })?;
        if !statement.readonly() {
            return Err(Error::user("queries only read; the store is written by `ecgraft run` alone"));
        }
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut rows = Vec::new();
        let mut answers = statement.query([]).map_err(|error| wrong(&error))?;
        while let Some(row) = answers.next().map_err(|error| wrong(&error))? {
            let mut cells = Vec::with_capacity(columns.len());
            for index in 0..columns.len() {
                cells.push(row.get_ref(index).map_err(|error| wrong(&error))?.into());
            }
            rows.push(cells);
        }
        Ok(Rows { columns, rows })
    }
}

/// What users read.
pub(super) const VIEWS: [&str; 14] = [
    "runs",
    "stages",
    "run_stages",
    "epochs",
    "regression",
    "source_scores",
    "evaluations",
    "regression_predictions",
    "composition",
    "membership",
    "members",
    "scores",
    "predictions",
    "validation_predictions",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What helps and exports list is what there is.
    #[test]
    fn the_list_of_views_is_that_of_the_schema() {
        let results = std::env::temp_dir().join(format!("ecgraft-views-{}", std::process::id()));
        let store = Store::open(&results).unwrap();
        let found = store.query("SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name").unwrap();
        let found: Vec<String> = found.rows.iter().flatten().map(Cell::to_string).collect();
        let mut listed = VIEWS;
        listed.sort_unstable();
        assert_eq!(found, listed);
        drop(store);
        std::fs::remove_dir_all(&results).unwrap();
    }
}
