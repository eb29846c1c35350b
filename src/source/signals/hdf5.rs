//! HDF5: a file per record (SPH, `ecg` of (12, N)) or an array for many (CODE-15 %, `tracings` of (N, 4096, 12)).
//!
//! The HDF Group, "HDF5 File Format Specification", version 3.0.

use std::path::Path;

use hdf5_pure::{Dataset, Datatype, DatatypeByteOrder, File, Group};

use super::matrix::{self, Matrix};
use super::number::{Class, Number};
use super::{Array, Layout, Look, Place};
use crate::source::files::unreadable;
use crate::source::{Found, Request};
use crate::{Error, Result};

/// Groups within groups that are looked into.
const DEPTH: usize = 8;

/// How much larger than its file an array may be: DEFLATE packs at most 1032 : 1.
const RATIO: u64 = 1100;

/// Bytes that an array may have whatever its file's size: what was never written takes no place.
const SMALL: u64 = 64 << 20;

/// Reads the record: of an array for many only its part.
pub(super) fn read(place: &Place, layout: &Layout, request: &Request<'_>) -> Result<Found> {
    let path = &place.path;
    let file = open(path)?;
    let faulty = |why: String| Error::user(format!("{}: {why}", path.display()));
    // A file of a name that is said need not be searched.
    let said = layout.array.as_ref().and_then(|name| file.dataset(name).ok());
    let said = said.and_then(|dataset| array(layout.array.clone().unwrap_or_default(), &dataset));
    let array = match said {
        Some(array) => array,
        None => matrix::choose(&arrays(&file, path)?, layout).map_err(faulty)?.clone(),
    };
    let plane = matrix::plane(&array, place.entry).map_err(faulty)?;
    let failed = |error: hdf5_pure::Error| faulty(format!("`{}` cannot be read: {error}", array.name));
    let dataset = file.dataset(&array.name).map_err(failed)?;
    let number = number(&dataset).ok_or_else(|| faulty(format!("`{}` holds no numbers", array.name)))?;
    let length = path.metadata().map_err(|error| unreadable(path, &error))?.len();
    let size = (plane.count() as u64).saturating_mul(number.size as u64);
    if size > SMALL.max(length.saturating_mul(RATIO)) {
        return Err(faulty(format!("`{}` is said to have {size} bytes, more than the file can hold", array.name)));
    }
    let bytes = match plane.entry {
        Some(entry) => dataset.read_raw_rows(entry as u64, 1),
        None => dataset.read_raw(),
    };
    let values = number.decode(&bytes.map_err(failed)?);
    if values.len() != plane.count() {
        return Err(faulty(format!("`{}` has {} numbers, not {}", array.name, values.len(), plane.count())));
    }
    matrix::found(path, &Matrix { shape: plane.shape, values, names: Vec::new() }, layout, request)
}

/// The arrays in the file.
pub(super) fn look(path: &Path, layout: &Layout) -> Result<Look> {
    Ok(matrix::look("HDF5", arrays(&open(path)?, path)?, layout))
}

fn open(path: &Path) -> Result<File> {
    if let Err(error) = std::fs::File::open(path) {
        return Err(unreadable(path, &error));
    }
    File::open_streaming(path)
        .map_err(|error| Error::user(format!("{}: it is no HDF5 file, or damaged: {error}", path.display())))
}

fn arrays(file: &File, path: &Path) -> Result<Vec<Array>> {
    let mut arrays = Vec::new();
    walk(&file.root(), "", DEPTH, &mut arrays)
        .map_err(|error| Error::user(format!("{}: its groups cannot be read: {error}", path.display())))?;
    Ok(arrays)
}

fn walk(
    group: &Group,
    before: &str,
    depth: usize,
    arrays: &mut Vec<Array>,
) -> std::result::Result<(), hdf5_pure::Error> {
    for name in group.datasets()? {
        let dataset = group.dataset(&name)?;
        arrays.extend(array(format!("{before}{name}"), &dataset));
    }
    if depth > 0 {
        for name in group.groups()? {
            walk(&group.group(&name)?, &format!("{before}{name}/"), depth - 1, arrays)?;
        }
    }
    Ok(())
}

/// `None` where it is not of numbers.
fn array(name: String, dataset: &Dataset) -> Option<Array> {
    let number = number(dataset)?;
    let shape = dataset.shape().ok()?.into_iter().map(|side| usize::try_from(side).ok()).collect::<Option<_>>()?;
    Some(Array { name, shape, of: number.name() })
}

fn number(dataset: &Dataset) -> Option<Number> {
    let is_big = |order: DatatypeByteOrder| match order {
        DatatypeByteOrder::LittleEndian => Some(false),
        DatatypeByteOrder::BigEndian => Some(true),
        _ => None,
    };
    match dataset.datatype().ok()? {
        Datatype::FixedPoint { size, byte_order, layout } => {
            let class = if layout.signed { Class::Signed } else { Class::Unsigned };
            Number::new(class, size as usize, is_big(byte_order)?)
        }
        Datatype::FloatingPoint { size, byte_order, .. } => {
            Number::new(Class::Float, size as usize, is_big(byte_order)?)
        }
        _ => None,
    }
}
