//! A table, read row by row.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::{headers, parquet, xlsx};
use crate::source::files::{File as FileLook, has_extension, lines, look_at_all, unreadable};
use crate::source::wfdb;
use crate::{Error, Result};

/// How many columns an error lists, most similar first.
const LISTED: usize = 20;

/// Bytes of a header line that are looked at to find what is between columns.
const LONGEST_HEADER: u64 = 1 << 20;

/// A table, read row by row.
pub(crate) struct Table {
    path: PathBuf,
    /// Names of the columns.
    pub columns: Vec<String>,
    rows: Rows,
}

/// Where rows come from.
enum Rows {
    Csv(Reader<File>),
    Parquet(parquet::Rows),
    Headers(headers::Rows),
    Sheet(xlsx::Rows),
}

/// A column of a table.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    index: usize,
    name: String,
}

/// A row of a table.
pub(crate) struct Row<'t> {
    spot: &'t Spot,
    fields: &'t ByteRecord,
}

/// What tells where a row is.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    path: PathBuf,
    /// Whether places are lines of a text.
    in_lines: bool,
}

impl Spot {
    /// An error in the row at `place`, a line or the number of a row: file, place, what is wrong.
    pub fn fault(&self, place: u64, why: impl std::fmt::Display) -> Error {
        let path = self.path.display();
        let place = if self.in_lines { format!("{path}:{place}") } else { format!("{path}: row {place}") };
        Error::user(format!("{place}: {why}"))
    }
}

impl Table {
    /// Opens a CSV file with commas and reads its header line.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_csv(path, b',')
    }

    /// Opens a table of any form: Parquet and Excel by their endings, else CSV with the commas, semicolons or tabs that its header has;
    /// of a folder the WFDB headers below.
    pub fn open_any(path: &Path) -> Result<Self> {
        if path.is_dir() {
            let (columns, rows) = headers::open(path)?;
            return Ok(Self { path: path.into(), columns, rows: Rows::Headers(rows) });
        }
        if path.is_file() && is_parquet(path) {
            let (columns, rows) = parquet::open(path)?;
            return Ok(Self { path: path.into(), columns, rows: Rows::Parquet(rows) });
        }
        if path.is_file() && is_excel(path)? {
            let (columns, rows) = xlsx::open(path)?;
            return Ok(Self { path: path.into(), columns, rows: Rows::Sheet(rows) });
        }
        Self::open_csv(path, if path.is_file() { delimiter(path)? } else { b',' })
    }

    fn open_csv(path: &Path, delimiter: u8) -> Result<Self> {
        if path.is_dir() {
            return Err(Error::user(format!("{} is a folder; a CSV file was expected", path.display())));
        }
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let mut reader = ReaderBuilder::new().delimiter(delimiter).buffer_capacity(1 << 16).from_reader(file);
        let header = reader.byte_headers().map_err(|error| faulty(path, &error))?;
        let columns = header.iter().map(|name| String::from_utf8_lossy(name.trim_ascii()).into_owned()).collect();
        Ok(Self { path: path.into(), columns, rows: Rows::Csv(reader) })
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

    /// The column called `name`, which may be in upper or lower case where that is one.
    pub fn likely_column(&self, name: &str) -> Result<Column> {
        let exact = self.optional_column(name).map(Ok);
        exact.unwrap_or_else(|| self.column_any_case(name))
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

    /// What tells where its rows are.
    pub fn spot(&self) -> Spot {
        Spot { path: self.path.clone(), in_lines: matches!(self.rows, Rows::Csv(_)) }
    }

    /// The files of the table at `path`: itself, or the headers that it stands for.
    pub fn files(path: &Path) -> Result<Vec<FileLook>> {
        if path.is_dir() { look_at_all(path, wfdb::headers(path)?) } else { Ok(vec![FileLook::look("table", path)?]) }
    }

    /// Calls `visit` for each row, in order.
    pub fn each(mut self, mut visit: impl FnMut(Row) -> Result<()>) -> Result<()> {
        let mut fields = ByteRecord::new();
        let spot = self.spot();
        loop {
            let is_row = match &mut self.rows {
                Rows::Csv(reader) => {
                    reader.read_byte_record(&mut fields).map_err(|error| faulty(&self.path, &error))?
                }
                Rows::Parquet(rows) => rows.read(&self.path, &mut fields)?,
                Rows::Headers(rows) => rows.read(&mut fields),
                Rows::Sheet(rows) => rows.read(&mut fields),
            };
            if !is_row {
                return Ok(());
            }
            visit(Row { spot: &spot, fields: &fields })?;
        }
    }

    /// At most how many rows the table at `path` has: lines of CSV.
    pub fn at_most(path: &Path) -> Result<usize> {
        if path.is_dir() {
            return wfdb::headers(path).map(|paths| paths.len());
        }
        if is_parquet(path) {
            return parquet::count(path);
        }
        if is_excel(path)? {
            return xlsx::count(path);
        }
        // The last line may have no end.
        lines(path).map(|lines| lines + 1)
    }
}

impl Column {
    /// As the table calls it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A name as it is meant: whole numbers without their `.0`, which tables have where a number is missing elsewhere.
pub(crate) fn without_zeros(text: &str) -> &str {
    let whole = text.trim_end_matches('0').strip_suffix('.').filter(|_| text.ends_with('0'));
    whole.filter(|whole| !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit())).unwrap_or(text)
}

impl Row<'_> {
    /// The field in `column`, without spaces around it.
    pub fn text(&self, column: &Column) -> Cow<'_, str> {
        String::from_utf8_lossy(self.fields.get(column.index).unwrap_or_default().trim_ascii())
    }

    /// The field in `column`, which must not be empty; whole numbers without their `.0`.
    pub fn name(&self, column: &Column) -> Result<String> {
        let text = self.text(column);
        if text.is_empty() { Err(self.error(column, "it is empty")) } else { Ok(without_zeros(&text).to_owned()) }
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

    /// The line of a CSV file that it begins at, or the number of a row, from 1.
    pub fn place(&self) -> u64 {
        self.fields.position().map_or(0, csv::Position::line)
    }

    /// An error in the field in `column`: file, line, column, what is wrong.
    pub fn error(&self, column: &Column, why: impl std::fmt::Display) -> Error {
        self.fault(format_args!("column {}: {why}", column.name))
    }

    /// An error in the row: file, line, what is wrong.
    pub fn fault(&self, why: impl std::fmt::Display) -> Error {
        self.spot.fault(self.place(), why)
    }
}

fn is_parquet(path: &Path) -> bool {
    ["parquet", "pq"].iter().any(|ending| has_extension(path, ending))
}

/// # Errors
/// A user error where it is one of Excel's files that is not read.
fn is_excel(path: &Path) -> Result<bool> {
    if ["xls", "xlsb"].iter().any(|ending| has_extension(path, ending)) {
        let path = path.display();
        return Err(Error::user(format!("{path}: this form of Excel's files is not read; save it as .xlsx or as CSV")));
    }
    Ok(["xlsx", "xlsm"].iter().any(|ending| has_extension(path, ending)))
}

/// What is between the columns of a CSV file, by its first line.
fn delimiter(path: &Path) -> Result<u8> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut first = Vec::new();
    let read = BufReader::new(file.take(LONGEST_HEADER)).read_until(b'\n', &mut first);
    read.map_err(|error| unreadable(path, &error))?;
    let count = |delimiter: u8| first.iter().filter(|byte| **byte == delimiter).count();
    Ok(if count(b',') > 0 { b',' } else { [b';', b'\t'].into_iter().find(|other| count(*other) > 0).unwrap_or(b',') })
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
