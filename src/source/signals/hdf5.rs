//! HDF5: a file per record (SPH, `ecg` of (12, N)) or an array for many (CODE-15 %, `tracings` of (N, 4096, 12)).
//!
//! The HDF Group, "HDF5 File Format Specification", version 3.0.

use std::cell::RefCell;
use std::path::Path;

use hdf5_pure::{Dataset, Datatype, DatatypeByteOrder, File, Group};

use super::matrix::{self, Matrix};
use super::number::{Class, Number};
use super::{Array, Layout, Look, Place};
use crate::source::files::{File as Seen, unreadable};
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
    let look = Seen::look("", path)?;
    LAST.with_borrow_mut(|last| {
        let is_it = |opened: &Opened| opened.is(&look, layout);
        let opened = match last.take().filter(is_it) {
            Some(opened) => opened,
            None => Opened::new(look, layout)?,
        };
        let values = opened.values(place);
        last.replace(opened);
        let (shape, values) = values?;
        matrix::found(path, &Matrix { shape, values, names: Vec::new() }, layout, request)
    })
}

thread_local! {
    /// The array that was read last: a file for many is opened once, not for each of its records.
    static LAST: RefCell<Option<Opened>> = const { RefCell::new(None) };
}

/// An open file, and the array in it that holds the signals.
struct Opened {
    /// How the file looked: it may be written anew.
    look: Seen,
    /// What the layout calls the array.
    wanted: Option<String>,
    dataset: Dataset,
    array: Array,
    number: Number,
}

impl Opened {
    fn new(look: Seen, layout: &Layout) -> Result<Self> {
        let path = &look.path;
        let file = open(path)?;
        let faulty = |why: String| Error::user(format!("{}: {why}", path.display()));
        // A file of a name that is said need not be searched.
        let said = layout.array.as_ref().and_then(|name| file.dataset(name).ok());
        let said = said.and_then(|dataset| array(layout.array.clone().unwrap_or_default(), &dataset));
        let array = match said {
            Some(array) => array,
            None => matrix::choose(&arrays(&file, path)?, layout).map_err(faulty)?.clone(),
        };
        let failed = |error: hdf5_pure::Error| faulty(format!("`{}` cannot be read: {error}", array.name));
        let dataset = file.dataset(&array.name).map_err(failed)?;
        let number = number(&dataset).ok_or_else(|| faulty(format!("`{}` holds no numbers", array.name)))?;
        Ok(Self { wanted: layout.array.clone(), dataset, array, number, look })
    }

    /// Whether it is that file, unchanged, and that array.
    fn is(&self, look: &Seen, layout: &Layout) -> bool {
        let same = |a: &Seen, b: &Seen| a.path == b.path && a.size == b.size && a.changed == b.changed;
        same(&self.look, look) && self.wanted == layout.array
    }

    /// The shape and the numbers of a record.
    fn values(&self, place: &Place) -> Result<([usize; 2], Vec<f64>)> {
        let Self { look, dataset, array, number, .. } = self;
        let faulty = |why: String| Error::user(format!("{}: {why}", look.path.display()));
        let plane = matrix::plane(array, place.entry).map_err(faulty)?;
        let size = (plane.count() as u64).saturating_mul(number.size as u64);
        if size > SMALL.max(look.size.saturating_mul(RATIO)) {
            return Err(faulty(format!("`{}` is said to have {size} bytes, more than the file can hold", array.name)));
        }
        let bytes = match plane.entry {
            Some(entry) => dataset.read_raw_rows(entry as u64, 1),
            None => dataset.read_raw(),
        };
        let bytes = bytes.map_err(|error| faulty(format!("`{}` cannot be read: {error}", array.name)))?;
        let values = number.decode(&bytes);
        if values.len() != plane.count() {
            return Err(faulty(format!("`{}` has {} numbers, not {}", array.name, values.len(), plane.count())));
        }
        Ok((plane.shape, values))
    }
}

/// The numbers of the one-dimensional array `name`, such as the names of the records of a file for many.
///
/// # Errors
/// A user error where there is no such array of numbers, or it cannot be read.
pub(crate) fn column(path: &Path, name: &str) -> Result<Vec<f64>> {
    let faulty = |why: String| Error::user(format!("{}: {why}", path.display()));
    let file = open(path)?;
    let failed = |error: hdf5_pure::Error| faulty(format!("`{name}` cannot be read: {error}"));
    let dataset = file.dataset(name).map_err(failed)?;
    let number = number(&dataset).ok_or_else(|| faulty(format!("`{name}` holds no numbers")))?;
    let shape = dataset.shape().map_err(failed)?;
    let length = path.metadata().map_err(|error| unreadable(path, &error))?.len();
    let size = shape.iter().fold(number.size as u64, |size, side| size.saturating_mul(*side));
    if shape.len() != 1 || size > SMALL.max(length.saturating_mul(RATIO)) {
        return Err(faulty(format!("`{name}` is not of one dimension that the file can hold")));
    }
    Ok(number.decode(&dataset.read_raw().map_err(failed)?))
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
