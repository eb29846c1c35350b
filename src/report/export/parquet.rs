//! Views as Parquet.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;

use super::Export;
use super::folder::unwritable;
use super::tables::tables;
use crate::output::Kind;
use crate::store::{Cell, Column, ColumnKind, Views};
use crate::{Result, run};

/// Every view as a Parquet file. Columns of times (`..._at`) are timestamps in UTC, in ms.
pub(super) struct Parquet;

impl Export for Parquet {
    fn name(&self) -> &'static str {
        "parquet"
    }

    fn about(&self) -> &'static str {
        "A folder for Parquet files"
    }

    fn write(&self, results: &Path, folder: &Path) -> Result<String> {
        tables(results, folder, Kind::Parquet, write)
    }
}

/// Rows that are written at once; readers take as many at a time.
const GROUP: usize = 100_000;

type Done<T> = std::result::Result<T, ParquetError>;

/// Writes `view` to `path`: how many rows.
fn write(views: &Views<'_>, view: &str, columns: &[Column], path: &Path) -> Result<usize> {
    let fault = |error: ParquetError| unwritable(path, &error);
    let file = File::create(path).map_err(|error| unwritable(path, &error))?;
    let fields: String = columns.iter().map(field).collect();
    let schema = parse_message_type(&format!("message {view} {{ {fields} }}")).map_err(fault)?;
    let properties = WriterProperties::builder().set_created_by(format!("ecgraft {}", run::VERSION)).build();
    let mut writer = SerializedFileWriter::new(std::io::BufWriter::new(file), Arc::new(schema), Arc::new(properties))
        .map_err(fault)?;
    let (mut count, mut group) = (0, Vec::new());
    views.rows(view, &mut |row| {
        count += 1;
        group.push(row);
        if group.len() == GROUP { write_group(&mut writer, columns, &mut group).map_err(fault) } else { Ok(()) }
    })?;
    if !group.is_empty() {
        write_group(&mut writer, columns, &mut group).map_err(fault)?;
    }
    let mut file = writer.into_inner().map_err(fault)?;
    std::io::Write::flush(&mut file).map_err(|error| unwritable(path, &error))?;
    Ok(count)
}

/// A column in Parquet's language of schemas.
fn field(column: &Column) -> String {
    let name = &column.name;
    match column.kind {
        ColumnKind::Text if is_time(column) => format!("OPTIONAL INT64 {name} (TIMESTAMP(MILLIS, true)); "),
        ColumnKind::Text => format!("OPTIONAL BYTE_ARRAY {name} (STRING); "),
        ColumnKind::Integer => format!("OPTIONAL INT64 {name}; "),
        ColumnKind::Real => format!("OPTIONAL DOUBLE {name}; "),
    }
}

fn is_time(column: &Column) -> bool {
    column.name.ends_with("_at")
}

/// Writes the rows of `group` and empties it.
fn write_group(
    writer: &mut SerializedFileWriter<std::io::BufWriter<File>>,
    columns: &[Column],
    group: &mut Vec<Vec<Cell>>,
) -> Done<()> {
    let mut out = writer.next_row_group()?;
    for (index, column) in columns.iter().enumerate() {
        let Some(to) = out.next_column()? else { break };
        let cells = || group.iter().filter_map(move |row| row.get(index));
        match column.kind {
            ColumnKind::Text if is_time(column) => write_column::<Int64Type>(to, cells().map(milliseconds))?,
            ColumnKind::Text => write_column::<ByteArrayType>(to, cells().map(text))?,
            ColumnKind::Integer => write_column::<Int64Type>(to, cells().map(integer))?,
            ColumnKind::Real => write_column::<DoubleType>(to, cells().map(real))?,
        }
    }
    out.close()?;
    group.clear();
    Ok(())
}

/// Writes one column of a group; `None` is NULL.
fn write_column<T: DataType>(
    mut to: SerializedColumnWriter<'_>,
    cells: impl Iterator<Item = Option<T::T>>,
) -> Done<()> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    for cell in cells {
        levels.push(i16::from(cell.is_some()));
        values.extend(cell);
    }
    to.typed::<T>().write_batch(&values, Some(&levels), None)?;
    to.close()
}

fn text(cell: &Cell) -> Option<ByteArray> {
    (*cell != Cell::Null).then(|| ByteArray::from(cell.to_string().into_bytes()))
}

fn integer(cell: &Cell) -> Option<i64> {
    if let Cell::Integer(value) = cell { Some(*value) } else { None }
}

fn real(cell: &Cell) -> Option<f64> {
    match cell {
        Cell::Real(value) => Some(*value),
        Cell::Integer(value) => Some(*value as f64),
        _ => None,
    }
}

/// Since 1970, UTC, of a time as the store writes it.
fn milliseconds(cell: &Cell) -> Option<i64> {
    let Cell::Text(text) = cell else { return None };
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis())
}
