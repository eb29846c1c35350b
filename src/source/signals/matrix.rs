//! An array of numbers to the leads of a record.

use std::path::Path;

use super::channels::{self, Samples};
use super::{Array, Axis, Layout, Look};
use crate::ecg::{Lead, Voltage};
use crate::source::{Found, Request};
use crate::{Error, Result};

/// The numbers of one record.
pub(super) struct Matrix {
    /// Rows and columns.
    pub shape: [usize; 2],
    /// Row after row.
    pub values: Vec<f64>,
    /// What the leads are called, where the file says it.
    pub names: Vec<String>,
}

/// Where one record is in an array for many.
#[derive(Debug, PartialEq)]
pub(super) struct Plane {
    /// The record's number along the first dimension, where that counts records.
    pub entry: Option<usize>,
    /// Its rows and columns.
    pub shape: [usize; 2],
}

impl Plane {
    /// Values of the record.
    pub fn count(&self) -> usize {
        self.shape[0].saturating_mul(self.shape[1])
    }
}

/// The array that holds the signals: the one that the layout names, else the only one with two dimensions or more.
pub(super) fn choose<'a>(arrays: &'a [Array], layout: &Layout) -> std::result::Result<&'a Array, String> {
    let all = || arrays.iter().map(describe).collect::<Vec<_>>().join(", ");
    if let Some(wanted) = &layout.array {
        let clean = |name: &str| name.trim_matches('/').replace('.', "/");
        let found = arrays.iter().find(|array| clean(&array.name) == clean(wanted));
        return found.ok_or_else(|| match arrays.is_empty() {
            true => "there is no array of numbers in the file".into(),
            false => format!("there is no array `{wanted}`; there are {}", all()),
        });
    }
    let sides = |array: &&Array| array.shape.iter().filter(|&&length| length > 1).count();
    let mut candidates: Vec<&Array> = arrays.iter().filter(|array| sides(array) >= 2).collect();
    if candidates.is_empty() {
        candidates = arrays.iter().filter(|array| sides(array) == 1).collect();
    }
    match candidates.as_slice() {
        [one] => Ok(one),
        [] => Err("there is no array of numbers in the file".into()),
        _ => Err(format!("several arrays could be the signals ({}); say which with `array` in the source", all())),
    }
}

/// `tracings (345, 4096, 12)`.
fn describe(array: &Array) -> String {
    let sides: Vec<_> = array.shape.iter().map(usize::to_string).collect();
    let shape = format!("({})", sides.join(", "));
    if array.name.is_empty() { shape } else { format!("`{}` {shape}", array.name) }
}

/// The part of an array that is record `entry`, or all of it.
pub(super) fn plane(array: &Array, entry: Option<usize>) -> std::result::Result<Plane, String> {
    let squeeze = |shape: &[usize]| shape.iter().copied().filter(|&length| length != 1).collect::<Vec<_>>();
    let (rest, entry) = match (entry, array.shape.as_slice()) {
        (Some(entry), [records, rest @ ..]) if !rest.is_empty() => {
            if entry >= *records {
                return Err(format!("there is no record {entry}: {} holds {records}", describe(array)));
            }
            (squeeze(rest), Some(entry))
        }
        (Some(entry), _) => return Err(format!("{} has no dimension to count record {entry} along", describe(array))),
        (None, shape) => (squeeze(shape), None),
    };
    let shape = match rest.as_slice() {
        [] => [1, 1],
        [length] => match array.shape.last() {
            // (5000, 1) is a column.
            Some(1) => [*length, 1],
            _ => [1, *length],
        },
        [rows, columns] => [*rows, *columns],
        _ => return Err(format!("{} holds more than one record; say which is meant", describe(array))),
    };
    if shape.contains(&0) {
        return Err(format!("{} is empty", describe(array)));
    }
    Ok(Plane { entry, shape })
}

/// The leads of a matrix in mV: those that are asked for, of the samples that are used.
pub(super) fn found(path: &Path, matrix: &Matrix, layout: &Layout, request: &Request<'_>) -> Result<Found> {
    assemble(matrix, layout, request).map_err(|why| Error::user(format!("{}: {why}", path.display())))
}

fn assemble(matrix: &Matrix, layout: &Layout, request: &Request<'_>) -> std::result::Result<Found, String> {
    let rate = channels::rate(None, layout)?;
    let leads = leads(matrix, layout, request)?;
    let axis = axis(matrix, leads.len(), layout)?;
    let gain = gain(request)?;
    channels::check_unique(&leads)?;
    channels::assemble(&leads, rate, gain, request, |place| {
        Ok(Samples { millivolts: signal(matrix, axis, place, gain), there: matrix.samples(axis) })
    })
}

impl Matrix {
    /// Samples of each lead.
    fn samples(&self, axis: Axis) -> usize {
        match axis {
            Axis::Rows => self.shape[1],
            Axis::Columns => self.shape[0],
        }
    }
}

/// One lead, mV, up to its first value that is no number.
fn signal(matrix: &Matrix, axis: Axis, place: usize, gain: f64) -> Vec<f32> {
    let columns = matrix.shape[1];
    let to_millivolts = |value: &f64| ((value / gain) as f32).is_finite().then_some((value / gain) as f32);
    match axis {
        Axis::Rows => matrix.values[place * columns..][..columns].iter().map_while(to_millivolts).collect(),
        Axis::Columns => matrix.values.chunks_exact(columns).map(|row| &row[place]).map_while(to_millivolts).collect(),
    }
}

/// The lead of each row or column: as the file names it, else as the layout's order says.
fn leads(matrix: &Matrix, layout: &Layout, request: &Request<'_>) -> std::result::Result<Vec<Option<Lead>>, String> {
    let named: Vec<Option<Lead>> = matrix.names.iter().map(|name| request.reading.lead(name)).collect();
    if named.iter().any(Option::is_some) {
        return Ok(named);
    }
    let [rows, columns] = matrix.shape;
    match (&layout.order, matrix.names.is_empty()) {
        (Some(order), _) => Ok(order.iter().copied().map(Some).collect()),
        (None, true) => Err(format!(
            "the file does not name its leads ({rows} rows of {columns} numbers); say them with \
             `order = [\"I\", \"II\", ...]` in the source"
        )),
        (None, false) => Err(format!(
            "none of its columns is called as a lead ({}); say which are with `leads = {{ NAME = \"I\" }}` or \
             `order = [\"I\", \"II\", ...]` in the source",
            matrix.names.join(", ")
        )),
    }
}

/// Whether leads are rows or columns.
fn axis(matrix: &Matrix, leads: usize, layout: &Layout) -> std::result::Result<Axis, String> {
    let [rows, columns] = matrix.shape;
    match (layout.leads_are, rows == leads, columns == leads) {
        _ if !matrix.names.is_empty() && columns == leads => Ok(Axis::Columns),
        (Some(Axis::Rows) | None, true, false) | (Some(Axis::Rows), true, true) => Ok(Axis::Rows),
        (Some(Axis::Columns) | None, false, true) | (Some(Axis::Columns), true, true) => Ok(Axis::Columns),
        (None, true, true) => Err(format!(
            "it has {rows} rows and as many columns, so that its shape does not tell which are the leads; \
             say `leads_are = \"rows\"` or `\"columns\"` in the source"
        )),
        _ => Err(format!(
            "it has {rows} rows and {columns} columns, but `order` names {leads} leads{}",
            layout.leads_are.map_or("", |axis| match axis {
                Axis::Rows => " as rows",
                Axis::Columns => " as columns",
            })
        )),
    }
}

/// Steps per mV: what the source says, for the files do not.
fn gain(request: &Request<'_>) -> std::result::Result<f64, String> {
    let reading = request.reading;
    let gain = reading.steps_per_millivolt().or_else(|| reading.unit.map(Voltage::per_millivolt));
    gain.ok_or_else(|| {
        "nothing says in which unit its values are; say it with `unit` (`\"mV\"`, `\"uV\"`) or `gain` in the source"
            .into()
    })
}

/// One record of an array whose first dimension is the fastest, row after row; `values` are all of the array.
pub(super) fn fortran(values: &[f64], array: &Array, plane: &Plane) -> Vec<f64> {
    let [rows, columns] = plane.shape;
    let (first, step) = match plane.entry {
        Some(entry) => (entry, array.shape[0]),
        None => (0, 1),
    };
    let of_row = |row: usize| (0..columns).map(move |column| first + step * (row + rows * column));
    (0..rows).flat_map(of_row).map(|place| values.get(place).copied().unwrap_or(f64::NAN)).collect()
}

/// What arrays tell of a file.
pub(super) fn look(format: &'static str, arrays: Vec<Array>, layout: &Layout) -> Look {
    let chosen = choose(&arrays, layout).ok().cloned();
    let entries = chosen.map(|array| match array.shape.as_slice() {
        [records, _, _, ..] => *records,
        _ => 1,
    });
    Look { format, arrays, entries, ..Look::default() }
}
