//! What is known of a source's records before their signals are read.

use std::collections::HashMap;
use std::path::PathBuf;

use super::Record;
use super::need::{Found, Need};
use super::plausible::Intervals;
use super::table::{Column, Row, Table};
use crate::Result;
use crate::manifest::Target;

/// The records of a source that lies in files.
pub(super) struct Listing {
    /// The records, in the order of the dataset.
    pub records: Vec<Record>,
    /// Where the signal of each is.
    pub files: Vec<PathBuf>,
    /// Reads one of `files`; what goes wrong is said without the record's name.
    pub read: fn(&std::path::Path, &Need<'_>) -> Result<Found>,
    /// Where `files` come from, if a table says it: the column.
    pub column: Option<&'static str>,
    /// What the user should know.
    pub notes: Vec<String>,
    /// What may be wrong with the data: it is kept with every stage.
    pub warnings: Vec<String>,
}

/// The columns of the four measurements, in ms.
pub(super) struct TargetColumns {
    rr: Column,
    pr: Column,
    qt: Column,
    qrs: Column,
}

impl TargetColumns {
    /// Finds columns by their names; `find` is a way to look for a column.
    pub fn find(table: &Table, find: fn(&Table, &str) -> Result<Column>, [rr, pr, qt, qrs]: [&str; 4]) -> Result<Self> {
        Ok(Self { rr: find(table, rr)?, pr: find(table, pr)?, qt: find(table, qt)?, qrs: find(table, qrs)? })
    }

    /// RR, PR, QT and QRS of a row. Empty, NaN and what is not above 0 is missing.
    pub fn intervals(&self, row: &Row) -> Result<Intervals> {
        let positive = |column| Ok(row.number(column)?.filter(|&value| value > 0.0));
        Ok([positive(&self.rr)?, positive(&self.pr)?, positive(&self.qt)?, positive(&self.qrs)?])
    }

    /// The intervals of all rows, by what `id` calls them.
    ///
    /// # Errors
    /// A user error, with its place, where a value is no number or a record is there twice.
    pub fn by_record(&self, table: Table, id: &Column) -> Result<HashMap<String, Intervals>> {
        let mut intervals = HashMap::new();
        table.each(|row| {
            let name = row.name(id)?;
            if intervals.insert(name.clone(), self.intervals(&row)?).is_some() {
                return Err(row.error(id, format_args!("record {name} is there twice")));
            }
            Ok(())
        })?;
        Ok(intervals)
    }
}

/// A note for each target that some records lack.
pub(super) fn missing_targets(records: &[Record]) -> Vec<String> {
    let note = |target: Target| {
        let missing = records.iter().filter(|record| record.target(target).is_none()).count();
        let name = target.name().to_uppercase();
        let all = records.len();
        (missing > 0)
            .then(|| format!("{name} is missing in {missing} of {all} records (no regression on {name} from them)"))
    };
    Target::ALL.into_iter().filter_map(note).collect()
}
