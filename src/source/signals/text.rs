//! Tables of numbers as text: a row per sample with or without the names of leads above, or a row per lead.

use std::fs;
use std::path::Path;

use super::matrix::Matrix;
use super::{Array, Layout, Look, Place, asc, matrix};
use crate::source::files::{has_extension, unreadable};
use crate::source::{Found, Request};
use crate::{Error, Result};

/// Reads the record.
pub(super) fn read(place: &Place, layout: &Layout, request: &Request<'_>) -> Result<Found> {
    let path = &place.path;
    if let Some(entry) = place.entry.filter(|&entry| entry > 0) {
        let path = path.display();
        return Err(Error::user(format!("{path}: there is no record {entry}: a file of text holds one")));
    }
    // DeepFake-ECG's files say neither leads nor rate, which are known.
    if has_extension(path, "asc") && layout.order.is_none() && layout.sampling_rate.is_none() {
        return asc::read(path, request);
    }
    matrix::found(path, &parse(path)?, layout, request)
}

/// What the file says: its shape, and the names above its columns.
pub(super) fn look(path: &Path, _layout: &Layout) -> Result<Look> {
    let Matrix { shape, names, .. } = parse(path)?;
    let array = Array { name: String::new(), shape: shape.to_vec(), of: "f8".into() };
    let samples = (!names.is_empty()).then_some(shape[0]);
    Ok(Look { format: "CSV", arrays: vec![array], leads: names, samples, entries: Some(1), ..Look::default() })
}

/// Fields are apart by commas, semicolons, tabs or spaces, whichever of these the first row has.
fn parse(path: &Path) -> Result<Matrix> {
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_start_matches('\u{feff}');
    let mut rows = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).peekable();
    let shown = path.display();
    let first = rows.peek().map(|(_, line)| *line);
    let first = first.ok_or_else(|| Error::user(format!("{shown}: the file has no samples")))?;
    let mark = [',', ';', '\t'].into_iter().find(|mark| first.contains(*mark));
    let fields = |line: &str| -> Vec<String> {
        let clean = |field: &str| field.trim().trim_matches('"').trim().to_owned();
        match mark {
            // A mark at the end of a row is no field.
            Some(mark) => line.trim().trim_end_matches(mark).split(mark).map(clean).collect(),
            None => line.split_whitespace().map(clean).collect(),
        }
    };
    let mut names = fields(first);
    let is_name = |field: &String| number(field).is_none() && !field.is_empty();
    if names.iter().any(is_name) {
        rows.next();
    } else {
        names.clear();
    }
    let (mut values, mut columns, mut count) = (Vec::new(), names.len(), 0);
    for (line, row) in rows {
        let row = fields(row);
        let faulty = |why: String| Error::user(format!("{shown}:{}: {why}", line + 1));
        if columns == 0 {
            columns = row.len();
        }
        if row.len() != columns {
            return Err(faulty(format!("the row has {} fields, those before it {columns}", row.len())));
        }
        for (column, field) in row.iter().enumerate() {
            // What is missing is an error where it is used.
            let value = if field.is_empty() { Some(f64::NAN) } else { number(field) };
            let named = names.get(column).map_or(String::new(), |name| format!(" (`{name}`)"));
            // A column that is no lead may hold anything.
            let value = value.or((!names.is_empty()).then_some(f64::NAN));
            values.push(value.ok_or_else(|| faulty(format!("column {}{named}: `{field}` is no number", column + 1)))?);
        }
        count += 1;
    }
    if count == 0 {
        return Err(Error::user(format!("{shown}: the file has no samples")));
    }
    Ok(Matrix { shape: [count, columns], values, names })
}

/// A number; `NaN` is one that is missing.
fn number(field: &str) -> Option<f64> {
    field.parse().ok()
}
