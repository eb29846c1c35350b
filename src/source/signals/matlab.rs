//! MATLAB's `.mat` files of level 4, 5 and 7; those of 7.3 are HDF5.
//!
//! MathWorks, "MAT-File Format" (R2023b).

use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::ZlibDecoder;

use super::matrix::{self, Matrix, fortran};
use super::number::{Class, Number};
use super::{Array, Layout, Look, Place, hdf5};
use crate::source::files::unreadable;
use crate::source::{Found, Request};
use crate::{Error, Result};

/// Structures within structures that are looked into.
const DEPTH: usize = 4;

/// An array of numbers, the first dimension fastest.
struct Variable {
    array: Array,
    number: Number,
    bytes: Vec<u8>,
}

/// What is wrong with a file.
type Faulty<T> = std::result::Result<T, String>;

/// Reads the record.
pub(super) fn read(place: &Place, layout: &Layout, request: &Request<'_>) -> Result<Found> {
    let path = &place.path;
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    if is_hdf5(&bytes) {
        return hdf5::read(place, layout, request);
    }
    let faulty = |why: String| Error::user(format!("{}: {why}", path.display()));
    let (_, variables) = variables(&bytes).map_err(faulty)?;
    let all: Vec<Array> = variables.iter().map(|variable| variable.array.clone()).collect();
    let chosen = matrix::choose(&all, layout).map_err(faulty)?;
    let variable = variables.iter().find(|variable| variable.array == *chosen);
    let variable = variable.ok_or_else(|| faulty("there is no array of numbers in the file".into()))?;
    let plane = matrix::plane(chosen, place.entry).map_err(faulty)?;
    let values = fortran(&variable.number.decode(&variable.bytes), chosen, &plane);
    matrix::found(path, &Matrix { shape: plane.shape, values, names: Vec::new() }, layout, request)
}

/// The arrays in the file; fields of structures as `ECG/data`.
pub(super) fn look(path: &Path, layout: &Layout) -> Result<Look> {
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    if is_hdf5(&bytes) {
        return hdf5::look(path, layout);
    }
    let found = variables(&bytes).map_err(|why| Error::user(format!("{}: {why}", path.display())))?;
    Ok(matrix::look(found.0, found.1.into_iter().map(|variable| variable.array).collect(), layout))
}

fn is_hdf5(bytes: &[u8]) -> bool {
    [0, 512].iter().any(|&at| bytes.get(at..).is_some_and(|rest| rest.starts_with(b"\x89HDF\r\n\x1a\n")))
}

fn variables(bytes: &[u8]) -> Faulty<(&'static str, Vec<Variable>)> {
    match bytes.get(124..128) {
        Some([0x00, 0x01, b'I', b'M']) => Ok(("MATLAB 5", Level5 { big_endian: false }.file(&bytes[128..])?)),
        Some([0x01, 0x00, b'M', b'I']) => Ok(("MATLAB 5", Level5 { big_endian: true }.file(&bytes[128..])?)),
        _ => Ok(("MATLAB 4", level4(bytes)?)),
    }
}

/// The next `count` bytes of `rest`.
fn take<'b>(rest: &mut &'b [u8], count: usize) -> Faulty<&'b [u8]> {
    let (own, after) = rest
        .split_at_checked(count)
        .ok_or_else(|| format!("it is cut off: {count} bytes are missing from its end on"))?;
    *rest = after;
    Ok(own)
}

fn checked(name: String, shape: Vec<usize>, number: Number, bytes: &[u8]) -> Faulty<Variable> {
    let total = shape.iter().try_fold(number.size, |total, &side| total.checked_mul(side));
    if total != Some(bytes.len()) {
        return Err(format!("`{name}` has {} bytes, which are not its {shape:?} numbers", bytes.len()));
    }
    Ok(Variable { array: Array { name, shape, of: number.name() }, number, bytes: bytes.to_vec() })
}

/// Matrices one after another: type, rows, columns, whether complex, length of the name; name; numbers.
fn level4(bytes: &[u8]) -> Faulty<Vec<Variable>> {
    let mut rest = bytes;
    let mut variables = Vec::new();
    while !rest.is_empty() {
        let header = take(&mut rest, 20)?;
        let little = |place: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| header[4 * place + byte]));
        let is_big = little(0) > 9999;
        let field = |place: usize| (if is_big { little(place).swap_bytes() } else { little(place) }) as usize;
        let [kind, rows, columns, complex, name] = [0, 1, 2, 3, 4].map(field);
        // Thousands: 0 or 1 for the order of bytes; tens: the type; ones: 0 for numbers, 1 for text, 2 for sparse.
        let (order, precision, of) = (kind / 1000, kind / 10 % 10, kind % 10);
        let number = match precision {
            0 => Number::new(Class::Float, 8, is_big),
            1 => Number::new(Class::Float, 4, is_big),
            2 => Number::new(Class::Signed, 4, is_big),
            3 => Number::new(Class::Signed, 2, is_big),
            4 => Number::new(Class::Unsigned, 2, is_big),
            5 => Number::new(Class::Unsigned, 1, is_big),
            _ => None,
        };
        let number = number.filter(|_| order <= 1 && kind / 100 % 10 == 0 && of <= 2 && complex <= 1);
        let number = number.ok_or("it is no MATLAB file of level 4, 5 or 7")?;
        let name = String::from_utf8_lossy(take(&mut rest, name)?).trim_end_matches('\0').to_owned();
        let size = rows.checked_mul(columns).and_then(|count| count.checked_mul(number.size));
        let size = size.ok_or_else(|| format!("`{name}` has absurd dimensions: {rows} x {columns}"))?;
        let data = take(&mut rest, size).map_err(|_| {
            format!("`{name}` is said to be {rows} x {columns}, more than the file holds; it is cut off")
        })?;
        if complex == 1 {
            take(&mut rest, size)?;
        }
        if of == 0 && complex == 0 {
            variables.push(checked(name, vec![rows, columns], number, data)?);
        }
    }
    Ok(variables)
}

/// A reader of level 5.
#[derive(Clone, Copy)]
struct Level5 {
    big_endian: bool,
}

impl Level5 {
    fn file(self, bytes: &[u8]) -> Faulty<Vec<Variable>> {
        let mut rest = bytes;
        let mut variables = Vec::new();
        while !rest.is_empty() {
            let (kind, data) = self.element(&mut rest)?;
            match kind {
                14 => self.matrix(data, "", DEPTH, &mut variables)?,
                15 => {
                    let mut unpacked = Vec::new();
                    let result = ZlibDecoder::new(data).read_to_end(&mut unpacked);
                    result.map_err(|error| format!("a compressed part is damaged: {error}"))?;
                    let (kind, data) = self.element(&mut unpacked.as_slice())?;
                    if kind == 14 {
                        self.matrix(data, "", DEPTH, &mut variables)?;
                    }
                }
                _ => {}
            }
        }
        Ok(variables)
    }

    fn long(self, four: &[u8]) -> u32 {
        let four = [0, 1, 2, 3].map(|place| four.get(place).copied().unwrap_or(0));
        if self.big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
    }

    /// The type and the data of the next element.
    fn element<'b>(self, rest: &mut &'b [u8]) -> Faulty<(u32, &'b [u8])> {
        let tag = take(rest, 8)?;
        let (kind, size) = (self.long(tag), self.long(&tag[4..]) as usize);
        // Up to four bytes stand in the tag itself.
        if kind >> 16 != 0 {
            let data = tag[4..].get(..(kind >> 16) as usize).ok_or("an element is damaged")?;
            return Ok((kind & 0xffff, data));
        }
        let data = take(rest, size)?;
        if kind != 15 {
            let padding = (size.next_multiple_of(8) - size).min(rest.len());
            take(rest, padding)?;
        }
        Ok((kind, data))
    }

    /// An array of numbers, or those in a structure; others are passed over.
    fn matrix(self, data: &[u8], before: &str, depth: usize, variables: &mut Vec<Variable>) -> Faulty<()> {
        let mut rest = data;
        if rest.is_empty() {
            return Ok(());
        }
        let (_, flags) = self.element(&mut rest)?;
        let flags = self.long(flags);
        let (_, sides) = self.element(&mut rest)?;
        let shape: Vec<usize> = sides.chunks_exact(4).map(|four| self.long(four) as usize).collect();
        let (_, name) = self.element(&mut rest)?;
        let name = format!("{before}{}", String::from_utf8_lossy(name));
        let is_complex = flags & 0x0800 != 0;
        match flags & 0xff {
            2 if depth > 0 && shape.iter().all(|&side| side == 1) => {
                let (_, width) = self.element(&mut rest)?;
                let width = self.long(width) as usize;
                let (_, names) = self.element(&mut rest)?;
                for field in names.chunks(width.max(1)) {
                    let field = String::from_utf8_lossy(field);
                    let (_, data) = self.element(&mut rest)?;
                    self.matrix(data, &format!("{name}/{}", field.trim_end_matches('\0')), depth - 1, variables)?;
                }
                Ok(())
            }
            6..=15 if !is_complex => {
                let (kind, data) = self.element(&mut rest)?;
                let number = self.number(kind).ok_or_else(|| format!("`{name}` is of unknown type {kind}"))?;
                variables.push(checked(name, shape, number, data)?);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn number(self, kind: u32) -> Option<Number> {
        let (class, size) = match kind {
            1 => (Class::Signed, 1),
            2 => (Class::Unsigned, 1),
            3 => (Class::Signed, 2),
            4 => (Class::Unsigned, 2),
            5 => (Class::Signed, 4),
            6 => (Class::Unsigned, 4),
            7 => (Class::Float, 4),
            9 => (Class::Float, 8),
            12 => (Class::Signed, 8),
            13 => (Class::Unsigned, 8),
            _ => return None,
        };
        Number::new(class, size, self.big_endian)
    }
}
