//! Comma-separated values as text. It is written into memory, as many fields in each row as in the first: there is
//! nothing that can fail.

use serde::Serialize;

/// One header row and `rows` of as many cells.
pub fn table<H, R>(heads: H, rows: impl IntoIterator<Item = R>) -> String
where
    H: IntoIterator<Item: AsRef<[u8]>>,
    R: IntoIterator<Item: AsRef<[u8]>>,
{
    let mut writer = csv::Writer::from_writer(Vec::new());
    let _ = writer.write_record(heads);
    for row in rows {
        let _ = writer.write_record(row);
    }
    text(writer)
}

/// The rows, flat structs, under the names of their fields. `any` is a row to learn these from where there is none.
pub fn records<R: Serialize>(any: &R, rows: impl Iterator<Item = R>) -> String {
    let mut header = serialized(std::iter::once(any));
    header.truncate(header.find('\n').map_or(header.len(), |end| end + 1));
    let rows = serialized(rows);
    if rows.is_empty() { header } else { rows }
}

fn serialized<R: Serialize>(rows: impl Iterator<Item = R>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        let _ = writer.serialize(row);
    }
    text(writer)
}

fn text(writer: csv::Writer<Vec<u8>>) -> String {
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
