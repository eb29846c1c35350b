//! Rows that stay on a device, such as the signals or the features of all examples of a split: batches are gathered
//! there by an index list, and randomly changed on the way.

use crate::Result;
use crate::ops::Backend;
use crate::tensor::{DeviceStorage, Done, Shape3, Var, View, device_error};

mod cpu;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

/// A random change of one record, drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Adds normal noise of this standard deviation to each value, by the numbers that belong to a key.
    Noise {
        /// In units of the normalised signal.
        sd: f64,
        /// Of Philox.
        key: u64,
    },
    /// Adds size sin(2 pi turns sample + phase) to each lead.
    Wander {
        /// Turns from a sample to the next.
        turns: f64,
        /// In radians.
        phase: f64,
        /// By lead.
        sizes: Vec<f64>,
    },
    /// Leads that become 0.
    Dropped(Vec<bool>),
    /// Samples outside become 0.
    Crop {
        /// The first one that is kept.
        start: usize,
        /// The first one behind those that are.
        end: usize,
    },
    /// To the right by so many samples; what comes in is 0.
    Shift(isize),
    /// Multiplies.
    Scale(f32),
}

/// Rows on a device.
pub trait Kernel: DeviceStorage {
    /// Rows of one width.
    type Table: 'static + std::fmt::Debug;
    /// Room for `rows` of `width` values; none where they are better kept on the host, or the device lacks the memory.
    fn table(&self, rows: usize, width: usize) -> Done<Option<Self::Table>, Self>;
    /// Puts what readers see of x, a row for each record, to the rows from `first` on.
    fn keep(&self, table: &mut Self::Table, first: usize, x: View<'_, Self>) -> Done<(), Self>;
    /// The rows `indices`, one after another.
    fn gather(&self, table: &Self::Table, indices: &[usize]) -> Done<Self::Buffer, Self>;
    /// The rows `indices`, each (length, leads), changed: `changes` are those of each record, in the order in which
    /// they are made; all records have the same kinds in the same order.
    fn gather_changed(
        &self,
        table: &Self::Table,
        indices: &[usize],
        shape: (usize, usize),
        changes: &[Vec<Change>],
    ) -> Done<Self::Buffer, Self>;
    /// All rows, on the host, once all work is done.
    fn rows(&self, table: &Self::Table) -> Done<Vec<f32>, Self>;
}

/// The rows `indices` as an input (batch, length, channels), nothing before which is trained.
///
/// # Errors
/// Where the device fails.
pub fn gather<D: Backend>(
    device: &D,
    table: &D::Table,
    indices: &[usize],
    (length, channels): (usize, usize),
    changes: Option<&[Vec<Change>]>,
) -> Result<Var<D>> {
    let shape: Shape3 = (indices.len(), length, channels);
    let values = match changes {
        None => device.gather(table, indices),
        Some(changes) => device.gather_changed(table, indices, (length, channels), changes),
    };
    Ok(Var::new(device, values.map_err(device_error)?, shape, None, false))
}

/// Puts what readers see of `x`, a row for each record, to the rows from `first` on.
///
/// # Errors
/// Where the device fails.
pub fn keep<D: Backend>(device: &D, table: &mut D::Table, first: usize, x: &Var<D>) -> Result<()> {
    device.keep(table, first, x.view()).map_err(device_error)
}
