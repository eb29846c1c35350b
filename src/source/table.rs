//! CSV tables with a header line.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::files::unreadable;
use crate::{Error, Result};

/// How many columns an error lists, most similar first.
const LISTED: usize = 20;

/// A table, read row by row.
pub(super) struct Table {
    path: PathBuf,
    /// Names of the columns.
    pub columns: Vec<String>,
    reader: Reader<File>,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(super) struct Column {
    index: usize,
    name: String,
}

/// A row of a table.
pub(super) struct Row<'t> {
    path: &'t Path,
    fields: &'t ByteRecord,
}

impl Table {
    /// Opens a table and reads its header line.
    pub fn open(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Err(Error::user(format!("{} is a folder; a CSV file was expected", path.display())));
        }
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let mut reader = ReaderBuilder::new().buffer_capacity(1 << 16).from_reader(file);
        let header = reader.byte_headers().map_err(|error| faulty(path, &error))?;
        let columns = header.iter().map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned()).collect();
        Ok(Self { path: path.into(), columns, reader })
    }

    /// The column called `name`.
    pub fn column(&self, name: &str) -> Result<Column> {
        self.find(|column| column == name, name)
    }

    /// The column called `name` in upper or lower case.
    pub fn column_any_case(&self, name: &str) -> Result<Column> {
        self.find(|column| column.eq_ignore_ascii_case(name), name)
    }

    /// The column called `name`, if there is one.
    pub fn optional_column(&self, name: &str) -> Option<Column> {
        self.columns.iter().position(|column| column == name).map(|index| Column { index, name: name.into() })
    }

    /// The first column, whatever it is called.
    pub fn first_column(&self) -> Column {
        Column { index: 0, name: self.columns.first().cloned().unwrap_or_default() }
    }

    fn find(&self, is: impl Fn(&str) -> bool, name: &str) -> Result<Column> {
        if let Some(index) = self.columns.iter().position(|column| is(column)) {
            return Ok(Column { index, name: self.columns[index].clone() });
        }
        let mut there: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let rest = there.len().saturating_sub(LISTED);
        if rest > 0 {
            let similarity = |column: &str| strsim::jaro_winkler(name, column);
            there.sort_by(|a, b| similarity(b).total_cmp(&similarity(a)));
            there.truncate(LISTED);
        }
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        let path = self.path.display();
        Err(Error::user(format!("{path}: there is no column {name}; the columns are {}{more}", there.join(", "))))
    }

    /// Calls `visit` for each row, in order.
    pub fn each(mut self, mut visit: impl FnMut(Row) -> Result<()>) -> Result<()> {
        let mut fields = ByteRecord::new();
        while self.reader.read_byte_record(&mut fields).map_err(|error| faulty(&self.path, &error))? {
            visit(Row { path: &self.path, fields: &fields })?;
        }
        Ok(())
    }
}

impl Row<'_> {
    /// The field in `column`, without spaces around it.
    pub fn text(&self, column: &Column) -> Cow<'_, str> {
        String::from_utf8_lossy(self.fields.get(column.index).unwrap_or_default().trim_ascii())
    }

    /// The field in `column`, which must not be empty; whole numbers without their `.0`.
    pub fn name(&self, column: &Column) -> Result<String> {
        let text = self.text(column);
        let whole = text.trim_end_matches('0').strip_suffix('.').filter(|_| text.ends_with('0'));
        match whole.filter(|whole| !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit())) {
            Some(whole) => Ok(whole.to_owned()),
            None if text.is_empty() => Err(self.error(column, "it is empty")),
            None => Ok(text.into_owned()),
        }
    }

    /// The number in `column`; `None` where it is empty or NaN.
    pub fn number(&self, column: &Column) -> Result<Option<f64>> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_nan() => Ok(None),
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(self.error(column, format_args!("`{text}` is not a number"))),
        }
    }

    /// An error in the field in `column`: file, line, column, what is wrong.
    pub fn error(&self, column: &Column, why: impl std::fmt::Display) -> Error {
        self.fault(format_args!("column {}: {why}", column.name))
    }

    /// An error in the row: file, line, what is wrong.
    pub fn fault(&self, why: impl std::fmt::Display) -> Error {
        let line = self.fields.position().map_or(0, csv::Position::line);
        Error::user(format!("{}:{line}: {why}", self.path.display()))
    }
}

fn faulty(path: &Path, error: &csv::Error) -> Error {
    let place = path.display();
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            Error::user(format!("{place}:{line}: the row has {len} fields, the header {expected_len}"))
        }
        csv::ErrorKind::Io(error) => unreadable(path, error),
        _ => Error::user(format!("{place}: {error}")),
    }
}
