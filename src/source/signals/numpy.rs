//! NumPy's `.npy` files and `.npz` archives of them.
//!
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

use std::io::{self, Read};
use std::path::Path;

use super::matrix::{self, Matrix, fortran};
use super::number::{Class, Number};
use super::{Array, Layout, Look, Place};
use crate::source::files::{has_extension, unreadable};
use crate::source::zip::{self, Member, Stream};
use crate::source::{Found, Request};
use crate::{Error, Result};

/// An array and where it is.
struct Stored {
    array: Array,
    number: Number,
    /// Whether the first dimension is the fastest.
    fortran: bool,
    /// Bytes before its numbers.
    start: u64,
    member: Option<Member>,
}

/// Reads the record: of an array for many only its part, unless that lies scattered (Fortran order).
pub(super) fn read(place: &Place, layout: &Layout, request: &Request<'_>) -> Result<Found> {
    let path = &place.path;
    let stored = arrays(path)?;
    let faulty = |why: String| Error::user(format!("{}: {why}", path.display()));
    let all: Vec<Array> = stored.iter().map(|stored| stored.array.clone()).collect();
    let chosen = matrix::choose(&all, layout).map_err(faulty)?;
    let stored = stored.iter().find(|stored| stored.array.name == chosen.name);
    let stored = stored.ok_or_else(|| faulty("there is no array of numbers in the file".into()))?;
    let plane = matrix::plane(&stored.array, place.entry).map_err(faulty)?;
    let size = stored.number.size as u64;
    let total = stored.array.shape.iter().try_fold(size, |total, &side| total.checked_mul(side as u64));
    let total = total.ok_or_else(|| faulty("its shape is absurd".into()))?;
    let own = plane.count() as u64 * size;
    let (skip, count) = match stored.fortran {
        true => (0, total),
        false => (plane.entry.unwrap_or(0) as u64 * own, own),
    };
    let bytes = bytes(path, stored, skip, count).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => faulty(format!("it ends before the {total} bytes of its array; it is cut off")),
        _ => unreadable(path, &error),
    })?;
    let values = match stored.fortran {
        true => fortran(&stored.number.decode(&bytes), &stored.array, &plane),
        false => stored.number.decode(&bytes),
    };
    matrix::found(path, &Matrix { shape: plane.shape, values, names: Vec::new() }, layout, request)
}

/// The arrays in the file.
pub(super) fn look(path: &Path, layout: &Layout) -> Result<Look> {
    let arrays = arrays(path)?.into_iter().map(|stored| stored.array).collect();
    Ok(matrix::look("NumPy", arrays, layout))
}

fn bytes(path: &Path, stored: &Stored, skip: u64, count: u64) -> io::Result<Vec<u8>> {
    let mut stream = open(path, stored.member.as_ref())?;
    stream.skip(stored.start + skip)?;
    let mut bytes = Vec::new();
    stream.take(count).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < count { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
}

fn open(path: &Path, member: Option<&Member>) -> io::Result<Stream> {
    match member {
        Some(member) => Stream::member(path, member),
        None => Stream::file(path),
    }
}

fn arrays(path: &Path) -> Result<Vec<Stored>> {
    let failed = |error: io::Error| unreadable(path, &error);
    if !has_extension(path, "npz") {
        return Ok(vec![header(path, None)?]);
    }
    let members = zip::members(path).map_err(failed)?;
    // A member that is no array of numbers, such as one of words, is none to choose from.
    Ok(members.into_iter().filter_map(|member| header(path, Some(member)).ok()).collect())
}

fn header(path: &Path, member: Option<Member>) -> Result<Stored> {
    let faulty = |why: &str| Error::user(format!("{}: {why}", path.display()));
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => faulty("it is cut off in its header"),
        _ => unreadable(path, &error),
    };
    let mut stream = open(path, member.as_ref()).map_err(failed)?;
    let mut start = [0; 10];
    stream.read_exact(&mut start).map_err(failed)?;
    if start[..6] != *b"\x93NUMPY" {
        return Err(faulty("it does not begin as a NumPy file does"));
    }
    let mut length = usize::from(u16::from_le_bytes([start[8], start[9]]));
    let mut before = 10;
    if start[6] > 1 {
        let mut more = [0; 2];
        stream.read_exact(&mut more).map_err(failed)?;
        length |= usize::from(u16::from_le_bytes(more)) << 16;
        before = 12;
    }
    let mut text = Vec::new();
    stream.take(length as u64).read_to_end(&mut text).map_err(failed)?;
    if text.len() < length {
        return Err(faulty("it is cut off in its header"));
    }
    let text = String::from_utf8_lossy(&text);
    let (number, fortran, shape) = dictionary(&text).ok_or_else(|| {
        faulty(&format!("its array is not of numbers: {}", text.trim().chars().take(120).collect::<String>()))
    })?;
    let name = member.as_ref().map_or(String::new(), |member| member.name.trim_end_matches(".npy").to_owned());
    let array = Array { name, shape, of: number.name() };
    Ok(Stored { array, number, fortran, start: (before + length) as u64, member })
}

/// What is in `{'descr': '<f4', 'fortran_order': False, 'shape': (5000, 12), }`.
fn dictionary(text: &str) -> Option<(Number, bool, Vec<usize>)> {
    let after = |key: &str| Some(text.split_once(key)?.1.split_once(':')?.1.trim_start());
    let kind = after("'descr'")?.strip_prefix('\'')?.split('\'').next()?;
    let (order, kind) = kind.split_at_checked(1)?;
    let class = match kind.get(..1)? {
        "f" => Class::Float,
        "i" => Class::Signed,
        "u" => Class::Unsigned,
        _ => return None,
    };
    let number = Number::new(class, kind[1..].parse().ok()?, order == ">")?;
    let fortran = after("'fortran_order'")?.starts_with("True");
    let sides = after("'shape'")?.strip_prefix('(')?.split(')').next()?;
    let sides = sides.split(',').map(str::trim).filter(|side| !side.is_empty());
    Some((number, fortran, sides.map(|side| side.parse().ok()).collect::<Option<_>>()?))
}
