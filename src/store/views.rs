//! Whole views, row by row, as they stand at one moment.

use rusqlite::Transaction;
use rusqlite::types::ValueRef;

use super::failure::failure;
use super::query::VIEWS;
use super::{Cell, Store};
use crate::Result;

/// A column of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What its values are, where they are not NULL.
    pub kind: ColumnKind,
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ColumnKind {
    Text,
    Integer,
    Real,
}

/// The views of a store at one moment: what is written meanwhile is not seen.
#[derive(Debug)]
pub struct Views<'a> {
    store: &'a Store,
    moment: Transaction<'a>,
}

impl Store {
    /// The names of the views that users read.
    pub const VIEWS: &'static [&'static str] = &VIEWS;

    /// The views as they stand now, for as long as the value is kept.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn views(&self) -> Result<Views<'_>> {
        let moment = self.connection.unchecked_transaction().map_err(|error| failure(&self.path, &error))?;
        Ok(Views { store: self, moment })
    }
}

impl Views<'_> {
    /// The columns of `view`, one of [`Store::VIEWS`].
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn columns(&self, view: &str) -> Result<Vec<Column>> {
        self.read(|moment| {
            let select = moment.prepare(&format!("SELECT * FROM {view}"))?;
            let mut declared = Vec::new();
            for column in select.columns() {
                declared.push((column.name().to_owned(), column.decl_type().map(str::to_ascii_uppercase)));
            }
            let kind = |(name, declared): (String, Option<String>)| {
                let kind = match declared.as_deref() {
                    Some("INTEGER") => ColumnKind::Integer,
                    Some("REAL") => ColumnKind::Real,
                    Some(_) => ColumnKind::Text,
                    None => computed(moment, view, &name)?,
                };
                Ok(Column { name, kind })
            };
            declared.into_iter().map(kind).collect()
        })
    }

    /// Gives every row of `view` to `each`, ordered by its columns from the first on.
    ///
    /// # Errors
    /// Where the store cannot be read, and what `each` returns.
    pub fn rows(&self, view: &str, each: &mut dyn FnMut(Vec<Cell>) -> Result<()>) -> Result<()> {
        let fault = |error: rusqlite::Error| failure(&self.store.path, &error);
        let columns = self.columns(view)?.len();
        let order: Vec<String> = (1..=columns).map(|number| number.to_string()).collect();
        let sql = format!("SELECT * FROM {view} ORDER BY {}", order.join(", "));
        let mut select = self.moment.prepare(&sql).map_err(fault)?;
        let mut rows = select.query([]).map_err(fault)?;
        while let Some(row) = rows.next().map_err(fault)? {
            let cells = (0..columns).map(|index| row.get_ref(index).map(Cell::from));
            each(cells.collect::<rusqlite::Result<_>>().map_err(fault)?)?;
        }
        Ok(())
    }

    fn read<T>(&self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        work(&self.moment).map_err(|error| failure(&self.store.path, &error))
    }
}

/// The kind of a column that is computed, and so has no declared one: that of its first value.
fn computed(moment: &Transaction<'_>, view: &str, name: &str) -> rusqlite::Result<ColumnKind> {
    let mut select = moment.prepare(&format!("SELECT \"{name}\" FROM {view} WHERE \"{name}\" IS NOT NULL LIMIT 1"))?;
    let mut rows = select.query([])?;
    Ok(match rows.next()?.map(|row| row.get_ref(0)).transpose()? {
        Some(ValueRef::Integer(_)) => ColumnKind::Integer,
        Some(ValueRef::Real(_)) => ColumnKind::Real,
        _ => ColumnKind::Text,
    })
}
