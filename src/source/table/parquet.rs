//! Tables in Parquet, as pandas and polars write them: each field as the text that a CSV file would have.

use std::fmt::Write;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use csv::ByteRecord;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::record::reader::RowIter;

use super::zstd;
use crate::source::files::unreadable;
use crate::{Error, Result};

/// The rows of a Parquet file, in order.
pub(super) struct Rows {
    rows: RowIter<'static>,
    row: u64,
    text: String,
}

/// The columns of a Parquet file, and its rows.
pub(super) fn open(path: &Path) -> Result<(Vec<String>, Rows)> {
    let reader = reader(path)?;
    let schema = reader.metadata().file_metadata().schema();
    let columns = schema.get_fields().iter().map(|field| field.name().to_owned()).collect();
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let reader = zstd::Reader::new(reader, file).map_err(|error| faulty(path, told(&error)))?;
    Ok((columns, Rows { rows: RowIter::from_file_into(Box::new(reader)), row: 0, text: String::new() }))
}

/// How many rows it has.
pub(super) fn count(path: &Path) -> Result<usize> {
    let rows = reader(path)?.metadata().file_metadata().num_rows();
    usize::try_from(rows).map_err(|_| faulty(path, "the number of its rows is below 0"))
}

fn reader(path: &Path) -> Result<SerializedFileReader<File>> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    SerializedFileReader::new(file).map_err(|error| faulty(path, told(&error)))
}

impl Rows {
    /// The next row, as texts; `false` after the last.
    pub fn read(&mut self, path: &Path, fields: &mut ByteRecord) -> Result<bool> {
        // Of damaged pages the crate panics in places (60.1: `BitReader` beyond the end of its bytes); nothing is read after that.
        let next = catch_unwind(AssertUnwindSafe(|| self.rows.next()));
        let next = next.map_err(|_| faulty(path, format_args!("row {} is damaged", self.row + 1)))?;
        let Some(row) = next else { return Ok(false) };
        let row = row.map_err(|error| faulty(path, told(&error)))?;
        self.row += 1;
        fields.clear();
        for (_, field) in row.get_column_iter() {
            self.text.clear();
            write(field, false, &mut self.text);
            fields.push_field(self.text.as_bytes());
        }
        let mut position = csv::Position::new();
        position.set_line(self.row);
        fields.set_position(Some(position));
        Ok(true)
    }
}

/// A value as text: what is missing is empty, lists and maps are written as JSON.
fn write(field: &Field, within: bool, text: &mut String) {
    let _ = match field {
        Field::Null if within => text.write_str("null"),
        Field::Null => Ok(()),
        Field::Str(value) if within => write!(text, "{}", serde_json::Value::from(value.as_str())),
        Field::Str(value) => text.write_str(value),
        Field::Bytes(value) => text.write_str(&String::from_utf8_lossy(value.data())),
        Field::Bool(value) => write!(text, "{value}"),
        // The shortest digits that give the same number again: `0.1`, not the `0.10000000149` of a float in a double.
        Field::Float(value) => write!(text, "{value}"),
        Field::Double(value) => write!(text, "{value}"),
        Field::ListInternal(list) => {
            text.push('[');
            for (place, item) in list.elements().iter().enumerate() {
                text.push_str(if place > 0 { ", " } else { "" });
                write(item, true, text);
            }
            text.write_str("]")
        }
        Field::MapInternal(map) => {
            text.push('{');
            for (place, (key, value)) in map.entries().iter().enumerate() {
                text.push_str(if place > 0 { ", " } else { "" });
                write(key, true, text);
                text.push_str(": ");
                write(value, true, text);
            }
            text.write_str("}")
        }
        other => write!(text, "{other}"),
    };
}

fn told(error: &ParquetError) -> String {
    let text = error.to_string();
    if text.contains("Disabled feature") || text.contains("not available") {
        return format!(
            "{text}; it can be read where it is written with snappy, Zstandard or gzip, or without compression (pandas: \
             `to_parquet(compression=\"snappy\")`)"
        );
    }
    text
}

fn faulty(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::user(format!("{}: no Parquet file that can be read: {why}", path.display()))
}
