//! Rows as Rust sees them: one type for each table and view that is read whole.
//!
//! A type's fields are named as its columns are. Where they are in a statement is looked up once, by these names, and
//! not for every row.

mod column;
mod evaluation;
mod manifest;
mod mix;
mod prediction;
mod regression;
mod run;
mod score;
mod stage;
mod trial;

use rusqlite::{Params, Row, Statement};

pub(super) use column::Column;
pub use evaluation::{EvaluatedRecord, Evaluation};
pub use manifest::StoredManifest;
pub use mix::{MixPartDetail, MixTargetDetail};
pub use prediction::PredictedClass;
pub use regression::{MeasuredRecord, MeasuredSource, MeasuredTarget};
pub use run::Run;
pub use score::{ClassScore, CurveValue};
pub use stage::StageRow;
pub use trial::StoredTrial;

/// A row of a table or view.
pub(super) trait TableRow: Sized {
    /// The columns it is read from, by name, in the order of its fields.
    const COLUMNS: &'static [&'static str];

    /// Reads a row; `places` says where in it each of [`TableRow::COLUMNS`] is.
    fn from_row(row: &Row<'_>, places: &[usize]) -> rusqlite::Result<Self>;

    /// The columns as SQL lists them.
    fn select() -> String {
        Self::COLUMNS.join(", ")
    }

    /// Where a statement has the columns.
    fn places(statement: &Statement<'_>) -> rusqlite::Result<Vec<usize>> {
        Self::COLUMNS.iter().map(|name| statement.column_index(name)).collect()
    }
}

/// Every row of a statement.
pub(super) fn all<T: TableRow>(statement: &mut Statement<'_>, params: impl Params) -> rusqlite::Result<Vec<T>> {
    let places = T::places(statement)?;
    statement.query_map(params, |row| T::from_row(row, &places))?.collect()
}

/// Where a statement has these columns.
pub(super) fn places<const N: usize>(statement: &Statement<'_>, names: [&str; N]) -> rusqlite::Result<[usize; N]> {
    let mut places = [0; N];
    for (place, name) in places.iter_mut().zip(names) {
        *place = statement.column_index(name)?;
    }
    Ok(places)
}

/// A struct that is read from the columns that its fields are named after; what is `beside` them is filled by others.
macro_rules! table_row {
    (
        $(#[$about:meta])*
        pub struct $name:ident {
            $($(#[$about_field:meta])* pub $field:ident: $kind:ty,)*
        }
        $(beside { $($(#[$about_other:meta])* pub $other:ident: $other_kind:ty,)* })?
    ) => {
        $(#[$about])*
        pub struct $name {
            $($(#[$about_field])* pub $field: $kind,)*
            $($($(#[$about_other])* pub $other: $other_kind,)*)?
        }

        impl $crate::store::rows::TableRow for $name {
            const COLUMNS: &'static [&'static str] = &[$(stringify!($field)),*];

            fn from_row(row: &rusqlite::Row<'_>, places: &[usize]) -> rusqlite::Result<Self> {
                let mut places = places.iter().copied();
                // A place too few is an index that no row has, and so an error.
                let mut next = || places.next().unwrap_or(usize::MAX);
                Ok(Self {
                    $($field: $crate::store::rows::Column::read(row, next())?,)*
                    $($($other: Default::default(),)*)?
                })
            }
        }
    };
}
use table_row;

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    table_row! {
        /// A row of a table of the test's own.
        #[derive(Debug, PartialEq)]
        pub struct Own {
            pub name: String,
            pub count: usize,
            pub share: Option<f64>,
        }
        beside {
            pub more: Vec<String>,
        }
    }

    #[test]
    fn columns_are_found_by_name_wherever_they_are() {
        let connection = Connection::open_in_memory().unwrap();
        let own = |sql: &str| all::<Own>(&mut connection.prepare(sql).unwrap(), []);
        let expected = Own { name: "a".into(), count: 3, share: None, more: Vec::new() };
        assert_eq!(own("SELECT 'a' AS name, 3 AS count, NULL AS share").unwrap(), [expected]);
        let turned = own("SELECT 0.5 AS share, 7 AS other, 'b' AS name, 1 AS count").unwrap();
        assert_eq!((turned[0].share, &*turned[0].name, turned[0].count), (Some(0.5), "b", 1));
        assert!(own("SELECT 'a' AS name, 3 AS count").is_err());
        assert_eq!(Own::select(), "name, count, share");
    }
}
