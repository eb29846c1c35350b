//! Matrix products on the GPU: rows that overlap in an activation times a packed matrix, and the gradient of such a
//! matrix. Convolutions, layers and projections are made of them.

use crate::ops::cuda::{Buffer, Grid, OnCuda, ReadingArgument, int, launch, machine, precision, reading};
use crate::precision::Precision;
use crate::tensor::{Cuda, Flat, View, address};

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
    /// Whether each sample is read as the maximum of it and its two neighbours.
    pub pooled: bool,
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
            pooled: false,
        }
    }

    /// One row of `channels` for each sample of `x`.
    pub fn samples(x: View<'_, Cuda>) -> Self {
        let (records, length, channels) = x.shape;
        let values = x.values.address();
        Self { reading: reading(x.norm), length, count: length, records, ..Self::flat(values, 0, channels) }
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

impl Layout {
    /// A weight (outputs, inner) of PyTorch's linear layers.
    pub fn linear(inner: usize, outputs: usize) -> Self {
        Self { taps: 1, channels: inner, outputs, first: 0, tap: 0, channel: 1, output: inner }
    }

    fn entries(&self) -> usize {
        self.taps * self.channels * self.outputs
    }
}

/// The matrix (taps x channels, outputs) of a weight, row by row.
pub(in crate::ops) fn packed(weight: &Flat<Cuda>, layout: Layout) -> OnCuda<Buffer> {
    let entries = layout.entries();
    let matrix = Buffer::stale(entries)?;
    launch!("pack", Grid::each(entries); address(weight), matrix.address(), int(entries)?, int(layout.channels)?,
        int(layout.outputs)?, int(layout.first)?, signed(layout.tap)?, int(layout.channel)?, int(layout.output)?)?;
    Ok(matrix)
}

/// Inner values of one step in product.cu.
const STEP: usize = 16;

/// The width of tiles for `outputs` columns: the widest that wastes nothing.
fn width(outputs: usize) -> usize {
    let wasted = |width: &usize| outputs.next_multiple_of(*width);
    [128, 64, 32].into_iter().min_by_key(wasted).unwrap_or(32)
}

/// Rows of a tile in product.cu.
fn tile(width: usize) -> usize {
    if width == 32 { 256 } else { 128 }
}

/// The end of the name of a kernel of product.cu.
fn form(width: usize) -> String {
    let precision = match precision() {
        Precision::Tf32 => "tf32",
        Precision::F32 => "f32",
    };
    format!("_{precision}_{width}")
}

impl Rows {
    /// Whether four values can be read at once, wherever a multiple of four of them begins.
    fn vector(&self) -> bool {
        self.values.is_multiple_of(16)
            && [self.pitch, self.offset, self.channels].iter().all(|size| size.is_multiple_of(4))
    }
}

fn signed(size: isize) -> OnCuda<i32> {
    i32::try_from(size).map_err(|_| super::error::too_large())
}

/// rows x matrix: `matrix` is the address of (inner, outputs), row by row.
pub(in crate::ops) fn product(rows: &Rows, matrix: u64, outputs: usize, to: &To) -> OnCuda<()> {
    if let Some(window) = Window::fitting(rows, outputs)? {
        return window.product(rows, matrix, outputs, to);
    }
    let width = width(outputs);
    let blocks = [rows.total().div_ceil(tile(width)), outputs.div_ceil(width), 1];
    let grid = Grid { blocks, threads: [256, 1], shared: 0 };
    launch!(&format!("product{}", form(width)), grid; rows.values, rows.reading, int(rows.length)?, int(rows.pitch)?,
        int(rows.offset)?, int(rows.channels)?, int(rows.count)?, int(rows.stride)?, signed(rows.first)?, int(rows.taps)?,
        rows.pooled, rows.vector(), int(rows.total())?, matrix, int(outputs)?, to.values, to.bias, int(to.length)?,
        int(to.pitch)?, int(to.offset)?, int(to.first)?, int(to.stride)?, to.add, to.relu)
}

/// How window.cu makes a product: see there.
struct Window {
    width: usize,
    /// Rows of a tile, 64 for each warp below another.
    tile: usize,
    /// Bytes of shared memory.
    shared: usize,
}

impl Window {
    /// Where it is faster: for rows that overlap, as long as its tiles are nearly full.
    fn fitting(rows: &Rows, outputs: usize) -> OnCuda<Option<Self>> {
        let overlapping = rows.taps > 1 && rows.stride == 1 && !rows.pooled;
        if precision() == Precision::F32 || !overlapping || !rows.vector() || !rows.channels.is_multiple_of(32) {
            return Ok(None);
        }
        let width = width(outputs);
        let padded = |tile: &usize| rows.count.next_multiple_of(*tile);
        let tile = [256, 128].into_iter().min_by_key(padded).unwrap_or(128);
        let shared = 4 * ((tile + rows.taps - 1) * (32 + 4) + 2 * 32 * (width + 8));
        let full = 5 * rows.count >= 4 * padded(&tile);
        Ok((full && shared <= machine()?.shared_memory).then_some(Self { width, tile, shared }))
    }

    fn product(&self, rows: &Rows, matrix: u64, outputs: usize, to: &To) -> OnCuda<()> {
        let tiles = rows.count.div_ceil(self.tile);
        let threads = self.tile / 64 * 32 * if self.width == 128 { 2 } else { 1 };
        let blocks = [rows.records * tiles, outputs.div_ceil(self.width), 1];
        let grid = Grid { blocks, threads: [threads, 1], shared: self.shared };
        launch!(&format!("window_product_{}", self.width), grid; rows.values, rows.reading, int(rows.length)?,
            int(rows.pitch)?, int(rows.offset)?, int(rows.channels)?, int(rows.count)?, signed(rows.first)?,
            int(rows.taps)?, int(tiles)?, matrix, int(outputs)?, to.values, to.bias, int(to.length)?, int(to.pitch)?,
            int(to.offset)?, int(to.first)?, int(to.stride)?, to.add, to.relu)
    }
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
    let (outputs, inner, total) = (layout.outputs, rows.inner(), rows.total());
    let width = width(outputs);
    let tiles = inner.div_ceil(tile(width)) * outputs.div_ceil(width);
    // Few tiles: the rows are shared out, so that all multiprocessors have work. The sums of the parts are added in
    // their order, so the result does not depend on who was first.
    let wanted = (4 * machine()?.multiprocessors).div_ceil(tiles);
    let each = total.div_ceil(wanted).max(8 * STEP).next_multiple_of(STEP);
    let splits = total.div_ceil(each);
    let sums = Buffer::stale(splits * layout.entries())?;
    let blocks = [inner.div_ceil(tile(width)), outputs.div_ceil(width), splits];
    let grid = Grid { blocks, threads: [256, 1], shared: 0 };
    let vector = gradient.is_multiple_of(16) && pitch.is_multiple_of(4) && offset.is_multiple_of(4);
    launch!(&format!("accumulate{}", form(width)), grid; rows.values, rows.reading, int(rows.length)?, int(rows.pitch)?,
        int(rows.offset)?, int(rows.channels)?, int(rows.count)?, int(rows.stride)?, signed(rows.first)?, int(rows.taps)?,
        rows.pooled, rows.vector(), int(total)?, gradient + 4 * offset as u64, int(pitch)?, int(outputs)?, vector, int(each)?,
        sums.address())?;
    let entries = layout.entries();
    launch!("unpack", Grid::each(entries); sums.address(), to, int(splits)?, int(entries)?, int(layout.channels)?,
        int(outputs)?, int(layout.first)?, signed(layout.tap)?, int(layout.channel)?, int(layout.output)?)
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
    let each = rows.div_ceil(256).max(32);
    let splits = rows.div_ceil(each);
    let sums = Buffer::stale(splits * columns)?;
    let grid = Grid { blocks: [splits, columns.div_ceil(32), 1], threads: [32, 8], shared: 0 };
    launch!("column_sums", grid; values, sums.address(), int(rows)?, int(pitch)?, int(offset)?, int(columns)?, int(each)?)?;
    launch!("unpack", Grid::each(columns); sums.address(), to, int(splits)?, int(columns)?, 1, int(columns)?, 0, 0, 0, 1)
}
