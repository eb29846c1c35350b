//! What the columns of a table hold.

use std::collections::HashMap;
use std::path::Path;

use crate::Result;
use crate::source::kinds::table::{Looks, is_missing};
use crate::source::table::{Table, without_zeros};

/// Rows whose values are kept.
pub(super) const KEPT: usize = 2000;

/// Different values of a column that are counted.
const COUNTED: usize = 2000;

/// Numbers that tables have where a value is missing.
pub(super) const SENTINELS: [f64; 11] =
    [29_999.0, 32_767.0, -32_768.0, 65_535.0, -1.0, -9.0, -99.0, -999.0, 9999.0, 99_999.0, 2_147_483_647.0];

/// A column.
#[derive(Clone, Debug, Default)]
pub(super) struct Column {
    pub name: String,
    /// Fields that are not missing, and of these numbers.
    pub known: usize,
    pub numbers: usize,
    /// The first values, row by row; a missing one is empty.
    pub first: Vec<String>,
    /// How often each value is there, of the first [`COUNTED`].
    pub counts: HashMap<String, usize>,
    pub sentinels: [usize; SENTINELS.len()],
    pub looks: Looks,
    /// Whether it is of a second table, which is joined.
    pub is_joined: bool,
}

/// A table.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    pub rows: usize,
    pub columns: Vec<Column>,
}

impl Profile {
    /// Reads the table at `path`, which may be a folder of headers.
    pub fn read(path: &Path) -> Result<Self> {
        let table = Table::open_any(path)?;
        let found: Vec<_> = table.columns.iter().filter_map(|name| table.optional_column(name)).collect();
        let named = |name: &String| Column { name: name.clone(), ..Column::default() };
        let mut profile = Self { rows: 0, columns: table.columns.iter().map(named).collect() };
        table.each(|row| {
            crate::stop::check()?;
            profile.rows += 1;
            for (column, own) in found.iter().zip(&mut profile.columns) {
                own.add(without_zeros(&row.text(column)));
            }
            Ok(())
        })?;
        Ok(profile)
    }
}

impl Column {
    fn add(&mut self, text: &str) {
        let text = if is_missing(text) { "" } else { text };
        if self.first.len() < KEPT {
            self.first.push(text.to_owned());
        }
        if text.is_empty() {
            return;
        }
        self.known += 1;
        self.looks.look(text);
        if let Some(count) = self.counts.get_mut(text) {
            *count += 1;
        } else if self.counts.len() < COUNTED {
            self.counts.insert(text.to_owned(), 1);
        }
        if let Ok(number) = text.parse::<f64>() {
            self.numbers += 1;
            if let Some(place) = SENTINELS.iter().position(|own| *own == number) {
                self.sentinels[place] += 1;
            }
        }
    }

    /// The number in a row, but for those that stand for nothing.
    pub fn number(&self, row: usize) -> Option<f64> {
        let number: f64 = self.first.get(row)?.parse().ok()?;
        (number.is_finite() && !SENTINELS.contains(&number)).then_some(number)
    }

    /// Whether it holds numbers.
    pub fn is_numeric(&self) -> bool {
        self.known > 0 && 10 * self.numbers >= 9 * self.known
    }

    /// Whether all it holds is 1 or 0, true or false, and both are there.
    pub fn is_flag(&self) -> bool {
        let is = |words: &[&str], text: &String| words.iter().any(|word| text.eq_ignore_ascii_case(word));
        let (yes, no) = (["1", "true"], ["0", "false"]);
        self.counts.keys().all(|text| is(&yes, text) || is(&no, text))
            && self.counts.keys().any(|text| is(&yes, text))
            && self.counts.keys().any(|text| is(&no, text))
    }

    /// Whether no value is there twice, as far as they were counted.
    pub fn is_unique(&self) -> bool {
        self.counts.values().all(|count| *count == 1)
    }
}
