//! Rows of tables that are the same in every store, copied as they are.

use rusqlite::types::Value;
use rusqlite::{Connection, Params, params_from_iter};

use crate::store::evaluation::TABLES_OF_EVALUATIONS;
use crate::store::findings::TABLES_OF_FINDINGS;

/// Rows of one table, with its columns.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    table: &'static str,
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

/// The tables that name nothing but a stage.
pub(super) fn tables() -> impl Iterator<Item = &'static str> {
    TABLES_OF_FINDINGS.into_iter().filter(|table| !matches!(*table, "validation" | "stage_set"))
}

/// Those of what networks are worth elsewhere.
pub(super) fn tables_of_evaluations() -> impl Iterator<Item = &'static str> {
    TABLES_OF_EVALUATIONS.into_iter()
}

impl Rows {
    /// The rows of `table` for which `condition` holds.
    pub(super) fn read(
        connection: &Connection,
        table: &'static str,
        condition: &str,
        params: impl Params,
    ) -> rusqlite::Result<Self> {
        let mut select = connection.prepare_cached(&format!("SELECT * FROM {table} WHERE {condition}"))?;
        let columns: Vec<String> = select.column_names().into_iter().map(str::to_owned).collect();
        let count = columns.len();
        let rows = select.query_map(params, |row| (0..count).map(|place| row.get(place)).collect())?;
        let rows = rows.collect::<rusqlite::Result<_>>()?;
        Ok(Self { table, columns, rows })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The value of a column in the first row.
    pub(super) fn first(&self, column: &str) -> Option<&Value> {
        self.rows.first().and_then(|row| self.cell(row, column))
    }

    /// The same as text.
    pub(super) fn first_text(&self, column: &str) -> Option<&str> {
        text(self.first(column)?)
    }

    /// The values of each row in these columns; nothing of a row in a column that is not there.
    pub(super) fn cells<'r, const N: usize>(
        &'r self,
        columns: [&'r str; N],
    ) -> impl Iterator<Item = [Option<&'r Value>; N]> {
        self.rows.iter().map(move |row| columns.map(|column| self.cell(row, column)))
    }

    fn cell<'r>(&'r self, row: &'r [Value], column: &str) -> Option<&'r Value> {
        row.get(self.columns.iter().position(|known| known == column)?)
    }

    /// Another value in all rows.
    pub(super) fn set(&mut self, column: &str, value: &Value) {
        let Some(place) = self.columns.iter().position(|known| known == column) else { return };
        for row in &mut self.rows {
            row[place] = value.clone();
        }
    }

    /// Rows for which `keep` holds of their value in `column`.
    pub(super) fn retain(&mut self, column: &str, keep: impl Fn(&str) -> bool) {
        let place = self.columns.iter().position(|known| known == column);
        self.rows.retain(|row| place.and_then(|place| text(&row[place])).is_some_and(&keep));
    }

    /// Writes all rows; what is there already stays where `how` says `OR IGNORE`.
    pub(super) fn write(&self, connection: &Connection, how: &str) -> rusqlite::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let columns = self.columns.join(", ");
        let places = vec!["?"; self.columns.len()].join(", ");
        let sql = format!("INSERT {how} INTO {} ({columns}) VALUES ({places})", self.table);
        let mut insert = connection.prepare_cached(&sql)?;
        for row in &self.rows {
            insert.execute(params_from_iter(row))?;
        }
        Ok(())
    }

    /// Writes the first row over the one of this stage, but for the columns `but`.
    pub(super) fn update(&self, connection: &Connection, but: &[&str], stage: &str) -> rusqlite::Result<()> {
        let Some(row) = self.rows.first() else { return Ok(()) };
        let own = || self.columns.iter().zip(row).filter(|(column, _)| !but.contains(&column.as_str()));
        let columns: Vec<String> = own().map(|(column, _)| format!("{column} = ?")).collect();
        let sql = format!("UPDATE {} SET {} WHERE stage_id = ?", self.table, columns.join(", "));
        let stage = Value::Text(stage.to_owned());
        let values = own().map(|(_, value)| value).chain([&stage]);
        connection.prepare_cached(&sql)?.execute(params_from_iter(values))?;
        Ok(())
    }

    /// The rows of the same table that `connection` has of this stage and fingerprint.
    pub(super) fn same_in(&self, connection: &Connection, stage: &str, fingerprint: &str) -> rusqlite::Result<Self> {
        Self::read(connection, self.table, "stage_id = ?1 AND fingerprint = ?2", [stage, fingerprint])
    }

    /// Whether both have the same rows, whatever their order.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let sorted = |rows: &Self| {
            let mut rows: Vec<String> = rows.rows.iter().map(|row| format!("{row:?}")).collect();
            rows.sort_unstable();
            rows
        };
        self.columns == other.columns && sorted(self) == sorted(other)
    }
}

/// A value that is text.
pub(super) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}
