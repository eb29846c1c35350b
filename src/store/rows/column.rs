//! What a cell of a table is, as Rust sees it.

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use crate::data::Subset;
use crate::plan::TaskKind;
use crate::store::StageStatus;

/// A type that a column is read as.
pub(in crate::store) trait Column: Sized {
    /// Reads the cell at `place`.
    fn read(row: &Row<'_>, place: usize) -> rusqlite::Result<Self>;
}

/// Types that SQLite's values are as they stand, or NULL.
macro_rules! plain {
    ($($kind:ty),*) => {
        $(
            impl Column for $kind {
                fn read(row: &Row<'_>, place: usize) -> rusqlite::Result<Self> {
                    row.get(place)
                }
            }

            impl Column for Option<$kind> {
                fn read(row: &Row<'_>, place: usize) -> rusqlite::Result<Self> {
                    row.get(place)
                }
            }
        )*
    };
}
plain!(String, f64, bool, i64, u8, StageStatus, Subset, TaskKind);

/// Seeds: SQLite's integers are signed, and have the same bits.
impl Column for u64 {
    fn read(row: &Row<'_>, place: usize) -> rusqlite::Result<Self> {
        Ok(row.get::<_, i64>(place)? as u64)
    }
}

/// Counts.
impl Column for usize {
    fn read(row: &Row<'_>, place: usize) -> rusqlite::Result<Self> {
        Ok(row.get::<_, i64>(place)? as usize)
    }
}

/// Counts that may not be known; what is none is not either.
impl Column for Option<usize> {
    fn read(row: &Row<'_>, place: usize) -> rusqlite::Result<Self> {
        Ok(row.get::<_, Option<i64>>(place)?.and_then(|count| usize::try_from(count).ok()))
    }
}

/// Lists of sentences, in JSON.
impl Column for Vec<String> {
    fn read(row: &Row<'_>, place: usize) -> rusqlite::Result<Self> {
        let text: Option<String> = row.get(place)?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }
}

/// Words of a fixed list, as they are written.
macro_rules! words {
    ($($kind:ty),*) => {
        $(
            impl FromSql for $kind {
                fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                    value.as_str()?.parse().map_err(|why: String| FromSqlError::Other(why.into()))
                }
            }

            impl ToSql for $kind {
                fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                    Ok(self.name().into())
                }
            }
        )*
    };
}
words!(StageStatus, Subset, TaskKind);

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn words_are_what_they_were_written_as_and_others_are_told() {
        let connection = Connection::open_in_memory().unwrap();
        for status in StageStatus::ALL {
            let found: StageStatus = connection.query_row("SELECT ?1", [status], |row| row.get(0)).unwrap();
            assert_eq!((found, status.name().parse()), (status, Ok(status)));
        }
        for task in TaskKind::ALL {
            assert_eq!(connection.query_row("SELECT ?1", [task], |row| row.get(0)), Ok(task));
        }
        for subset in Subset::ALL {
            assert_eq!(connection.query_row("SELECT ?1", [subset], |row| row.get(0)), Ok(subset));
        }
        let wrong = connection.query_row("SELECT 'dooe'", [], |row| row.get::<_, StageStatus>(0)).unwrap_err();
        assert!(wrong.to_string().contains("`dooe` is none of pending, running, done and failed"), "{wrong}");
    }
}
