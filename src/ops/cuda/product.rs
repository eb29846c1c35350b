//! Matrix products on the GPU: rows that overlap in an activation times a packed matrix, and the gradient of such a
//! matrix. Convolutions, layers and projections are made of them.

use super::launch::ReadingArgument;
use super::memory::Buffer;
use super::{OnCuda, address};
use crate::ops::Flat;
use dfdx::prelude::Cuda;

/// What a product reads: for each record `count` rows, of `taps` samples one after another and `channels` values of
/// each sample. Samples before the record's first and behind its last are 0.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct Rows {
    /// Where the activation (records, length, pitch) starts.
    pub values: u64,
    /// What is done to it on reading.
    pub reading: ReadingArgument,
    /// Records.
    pub records: usize,
    /// Samples of a record.
    pub length: usize,
    /// Values from a sample to the next.
    pub pitch: usize,
    /// The first channel that is read.
    pub offset: usize,
    /// How many are.
    pub channels: usize,
    /// Rows of a record.
    pub count: usize,
    /// Samples from a row to the next.
    pub stride: usize,
    /// The first row's first sample.
    pub first: isize,
    /// Samples of a row.
    pub taps: usize,
}

impl Rows {
    /// `rows` rows of `width` values, one after another, as they are.
    pub fn flat(values: u64, rows: usize, width: usize) -> Self {
        Self {
            values,
            reading: ReadingArgument { norm: 0, channels: 0, relu: 0 },
            records: rows,
            length: 1,
            pitch: width,
            offset: 0,
            channels: width,
            count: 1,
            stride: 1,
            first: 0,
            taps: 1,
        }
    }

    /// Values of a row.
    pub fn inner(&self) -> usize {
        self.taps * self.channels
    }

    /// Rows of all records.
    pub fn total(&self) -> usize {
        self.records * self.count
    }
}

/// Where the entries of a matrix (taps x channels, outputs) lie in a weight: entry (tap, channel, output) is value
/// first + tap x `tap` + channel x `channel` + output x `output`.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct Layout {
    pub taps: usize,
    pub channels: usize,
    pub outputs: usize,
    pub first: usize,
    pub tap: isize,
    pub channel: usize,
    pub output: usize,
}

/// Where a product goes: row m of a record to sample first + m x stride, `offset` values into it.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct To {
    /// Where (records, length, pitch) starts.
    pub values: u64,
    pub length: usize,
    pub pitch: usize,
    pub offset: usize,
    pub first: usize,
    pub stride: usize,
    /// Whether it is added to what is there.
    pub add: bool,
    /// Added by output; 0 for none.
    pub bias: u64,
    /// Whether what is negative becomes 0.
    pub relu: bool,
}

impl To {
    /// Rows of `width` values, one after another, written.
    pub fn flat(values: u64, width: usize) -> Self {
        Self { values, length: 1, pitch: width, offset: 0, first: 0, stride: 1, add: false, bias: 0, relu: false }
    }
}

/// The matrix (taps x channels, outputs) of a weight, row by row.
pub(in crate::ops) fn packed(weight: &Flat<Cuda>, layout: Layout) -> OnCuda<Buffer> {
    let _ = (address(weight), layout);
    todo!()
}

/// rows x matrix: `matrix` is the address of (inner, outputs), row by row.
pub(in crate::ops) fn product(rows: &Rows, matrix: u64, outputs: usize, to: &To) -> OnCuda<()> {
    let _ = (rows, matrix, outputs, to);
    todo!()
}

/// Adds to the weight at `to`, which has `layout`, the sum over all rows r of rows(r, .) times g(r, .); g lies at
/// `gradient`, row r `pitch` values behind row r - 1, its columns from `offset` on.
pub(in crate::ops) fn weight_gradient(
    rows: &Rows,
    gradient: u64,
    (pitch, offset): (usize, usize),
    layout: Layout,
    to: u64,
) -> OnCuda<()> {
    let _ = (rows, gradient, pitch, offset, layout, to);
    todo!()
}

/// Adds to each of the `columns` values at `to` the sum of its column over `rows` rows, `pitch` values apart, the
/// first column `offset` values into a row.
pub(in crate::ops) fn column_sums(
    values: u64,
    rows: usize,
    (pitch, offset): (usize, usize),
    columns: usize,
    to: u64,
) -> OnCuda<()> {
    let _ = (values, rows, pitch, offset, columns, to);
    todo!()
}
