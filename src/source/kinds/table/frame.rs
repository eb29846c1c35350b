//! The rows of a table, each with that of a second table that has the same key.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Display;
use std::path::Path;

use super::Join;
use crate::source::table::{Column, Row, Spot, Table, without_zeros};
use crate::{Error, Result};

/// Words for what is missing, in lower case: as pandas, R and databases write them.
const MISSING: [&str; 10] = ["", "nan", "na", "n/a", "<na>", "none", "null", "nat", "nil", "?"];

/// A table, perhaps joined with another.
pub(super) struct Frame<'s> {
    main: Table,
    other: Option<Other>,
    missing: &'s [f64],
}

/// A second table, before it is read.
struct Other {
    table: Table,
    /// The key in the first, and in this.
    keys: [Column; 2],
    wanted: Vec<Column>,
}

/// A column of either table.
#[derive(Clone, Debug)]
pub(super) enum Handle {
    /// Of the first.
    Main(Column),
    /// Of the second: its place among those that are wanted, and its name.
    Other(usize, String),
}

impl Handle {
    /// As its table calls it.
    pub fn name(&self) -> &str {
        match self {
            Handle::Main(column) => column.name(),
            Handle::Other(_, name) => name,
        }
    }
}

/// What is wanted of a second table, in little memory.
struct Joined {
    spot: Spot,
    /// The number of the row by its key.
    rows: HashMap<Box<str>, u32>,
    texts: Vec<u8>,
    /// Where in `texts` each field ends, row by row.
    ends: Vec<usize>,
    columns: usize,
    places: Vec<u32>,
}

impl<'s> Frame<'s> {
    /// Opens the table at `path`, and that which is joined with it, if one is.
    pub fn open(path: &Path, join: Option<&Join>, missing: &'s [f64]) -> Result<Self> {
        let main = Table::open_any(path)?;
        let other = join.map(|join| {
            let table = Table::open_any(join.path.resolved()?)?;
            let keys = [main.likely_column(&join.on)?, table.likely_column(&join.on)?];
            Ok::<_, Error>(Other { table, keys, wanted: Vec::new() })
        });
        Ok(Self { main, other: other.transpose()?, missing })
    }

    /// The column called `name`: of the first table, else of the second.
    ///
    /// # Errors
    /// A user error that lists the columns where there is none.
    pub fn find(&mut self, name: &str) -> Result<Handle> {
        let own = self.main.likely_column(name);
        let Some(other) = &mut self.other else { return own.map(Handle::Main) };
        let found = match own {
            Ok(column) => return Ok(Handle::Main(column)),
            Err(error) => other
                .table
                .likely_column(name)
                .map_err(|second| Error::user(format!("{}. {}", error.message, second.message)))?,
        };
        let place = other.wanted.iter().position(|own| own.name() == found.name()).unwrap_or_else(|| {
            other.wanted.push(found.clone());
            other.wanted.len() - 1
        });
        Ok(Handle::Other(place, found.name().to_owned()))
    }

    /// Whether the first table or the second has a column called exactly `name`.
    pub fn has(&self, name: &str) -> bool {
        let has = |table: &Table| table.optional_column(name).is_some();
        has(&self.main) || self.other.as_ref().is_some_and(|other| has(&other.table))
    }

    /// What tells where the rows of the first table are.
    pub fn spot(&self) -> Spot {
        self.main.spot()
    }

    /// Calls `visit` for each row of the first table, in order. Returns how many rows have none in the second.
    pub fn each(self, mut visit: impl FnMut(&Line) -> Result<()>) -> Result<usize> {
        let key = self.other.as_ref().map(|other| other.keys[0].clone());
        let joined = self.other.map(Joined::read).transpose()?;
        let mut alone = 0;
        let missing = self.missing;
        self.main.each(|row| {
            crate::stop::check()?;
            let mut other = None;
            if let (Some(joined), Some(key)) = (&joined, &key) {
                let text = row.text(key);
                let number = joined.rows.get(without_zeros(&text)).copied();
                alone += usize::from(number.is_none());
                other = Some((joined, number));
            }
            visit(&Line { row: &row, other, missing })
        })?;
        Ok(alone)
    }
}

impl Joined {
    fn read(other: Other) -> Result<Self> {
        let Other { table, keys: [_, key], wanted } = other;
        let (rows, texts, ends, places) = Default::default();
        let mut joined = Self { spot: table.spot(), rows, texts, ends, columns: wanted.len(), places };
        table.each(|row| {
            crate::stop::check()?;
            let number = u32::try_from(joined.places.len()).map_err(|_| row.fault("there are too many rows"))?;
            let name = row.name(&key)?;
            if joined.rows.insert(name.as_str().into(), number).is_some() {
                return Err(row.error(&key, format_args!("{name} is there twice: one row must be of one record")));
            }
            for column in &wanted {
                joined.texts.extend_from_slice(row.text(column).as_bytes());
                joined.ends.push(joined.texts.len());
            }
            joined.places.push(row.place() as u32);
            Ok(())
        })?;
        Ok(joined)
    }

    fn text(&self, row: u32, column: usize) -> &str {
        let place = row as usize * self.columns + column;
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let bytes = self.ends.get(place).and_then(|end| self.texts.get(start..*end)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

/// A row, with its other half.
pub(super) struct Line<'r, 't> {
    row: &'r Row<'t>,
    other: Option<(&'r Joined, Option<u32>)>,
    missing: &'r [f64],
}

impl Line<'_, '_> {
    /// Where the row of the first table is.
    pub fn place(&self) -> u64 {
        self.row.place()
    }

    /// The field, `None` where it is empty or a word for what is missing.
    pub fn text(&self, of: &Handle) -> Option<Cow<'_, str>> {
        let text = match of {
            Handle::Main(column) => self.row.text(column),
            Handle::Other(column, _) => match self.other {
                Some((joined, Some(row))) => Cow::Borrowed(joined.text(row, *column)),
                _ => return None,
            },
        };
        (!is_missing(&text)).then_some(text)
    }

    /// The field as a name: whole numbers without their `.0`.
    pub fn name(&self, of: &Handle) -> Option<String> {
        self.text(of).map(|text| without_zeros(&text).to_owned())
    }

    /// The field as a name.
    ///
    /// # Errors
    /// A user error with its place where it is missing.
    pub fn needed(&self, of: &Handle) -> Result<String> {
        self.name(of).ok_or_else(|| self.error(of, "it is empty"))
    }

    /// The field as a number, `None` where it is missing, as a word or as one of the numbers that stand for that.
    ///
    /// # Errors
    /// A user error with its place where it is no number.
    pub fn number(&self, of: &Handle) -> Result<Option<f64>> {
        let Some(text) = self.text(of) else { return Ok(None) };
        let number: f64 = text.parse().map_err(|_| self.error(of, format_args!("`{text}` is not a number")))?;
        Ok(Some(number).filter(|number| number.is_finite() && !self.missing.contains(number)))
    }

    /// An error in a field: file, line, column, what is wrong.
    pub fn error(&self, of: &Handle, why: impl Display) -> Error {
        match (of, self.other) {
            (Handle::Main(column), _) => self.row.error(column, why),
            (Handle::Other(_, name), Some((joined, Some(row)))) => {
                let place = joined.places.get(row as usize).copied().unwrap_or_default();
                joined.spot.fault(place.into(), format_args!("column {name}: {why}"))
            }
            (Handle::Other(_, name), _) => {
                self.row.fault(format_args!("column {name} of the joined table: {why}; it has no row of this key"))
            }
        }
    }
}

/// Whether a field's text stands for nothing.
pub(crate) fn is_missing(text: &str) -> bool {
    text.len() <= 4 && MISSING.iter().any(|word| text.eq_ignore_ascii_case(word))
}
