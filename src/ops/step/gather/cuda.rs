//! Rows in the GPU's memory. A batch costs one upload: its indices, and the numbers that its records are changed by.

use std::f64::consts::TAU;

use cudarc::driver::DriverError;
use cudarc::driver::sys::CUresult;

use super::{Change, Kernel};
use crate::ops::cuda::{Buffer, Grid, OnCuda, Source, free_memory, int, launch, machine, reading};
use crate::tensor::{Cuda, CudaError, View};

/// The kernels.
pub(in crate::ops) const SOURCES: &[Source] = &[Source::whole("gather", include_str!("gather.cu"))];

/// The share of the free memory that a table may take.
const SHARE: f64 = 0.6;

/// Rows on the GPU.
#[derive(Debug)]
pub struct Table {
    values: Buffer,
    rows: usize,
    width: usize,
}

impl Kernel for Cuda {
    type Table = Table;

    fn table(&self, rows: usize, width: usize) -> OnCuda<Option<Table>> {
        if 4.0 * rows as f64 * width as f64 > SHARE * free_memory(&machine()?.device)? as f64 {
            return Ok(None);
        }
        match Buffer::stale(rows * width) {
            Ok(values) => Ok(Some(Table { values, rows, width })),
            Err(CudaError::Driver(DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY))) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn keep(&self, table: &mut Table, first: usize, x: View<'_, Self>) -> OnCuda<()> {
        let (records, length, channels) = x.shape;
        let count = records * length * channels;
        assert!(length * channels == table.width && first + records <= table.rows, "rows of another table");
        let to = table.values.address() + 4 * (first * table.width) as u64;
        launch!("gather_keep", Grid::each(count); x.values.address(), reading(x.norm), to, int(count)?, int(channels)?)
    }

    fn gather(&self, table: &Table, indices: &[usize]) -> OnCuda<Buffer> {
        let (count, y) = (indices.len() * table.width, Buffer::stale(indices.len() * table.width)?);
        let indices = Buffer::upload_words(checked(table, indices))?;
        launch!(
            "gather_rows", Grid::each(count);
            table.values.address(), indices.address(), y.address(), int(count)?, int(table.width)?
        )?;
        Ok(y)
    }

    fn gather_changed(
        &self,
        table: &Table,
        indices: &[usize],
        (length, leads): (usize, usize),
        changes: &[Vec<Change>],
    ) -> OnCuda<Buffer> {
        assert!(length * leads == table.width && changes.len() == indices.len(), "changes of another batch");
        let count = indices.len() * table.width;
        int(count)?;
        let y = Buffer::stale(count)?;
        let mut plan: Vec<u32> = checked(table, indices).collect();
        let (mut stride, kinds) = (0, changes.first().map_or(&[][..], |changes| changes));
        for change in kinds {
            plan.extend([kind(change), stride as u32]);
            stride += numbers(change).len();
        }
        let before = plan.len();
        plan.extend(changes.iter().flatten().flat_map(numbers));
        assert!(plan.len() == before + stride * indices.len(), "records have changes of one kind and order");
        let plan = Buffer::upload_words(plan.into_iter())?;
        launch!(
            "gather_changed", Grid::each(count);
            table.values.address(), plan.address(), y.address(), int(indices.len())?, int(length)?, int(leads)?,
            int(kinds.len())?, int(stride)?
        )?;
        Ok(y)
    }

    fn rows(&self, table: &Table) -> OnCuda<Vec<f32>> {
        let mut values = table.values.download()?;
        values.truncate(table.rows * table.width);
        Ok(values)
    }
}

/// The indices of rows, as words.
fn checked<'a>(table: &'a Table, indices: &'a [usize]) -> impl Iterator<Item = u32> + 'a {
    assert!(indices.iter().all(|&index| index < table.rows), "no such row");
    indices.iter().map(|&index| index as u32)
}

/// Its number in `gather.cu`.
fn kind(change: &Change) -> u32 {
    match change {
        Change::Noise { .. } => 0,
        Change::Wander { .. } => 1,
        Change::Dropped(_) => 2,
        Change::Crop { .. } => 3,
        Change::Shift(_) => 4,
        Change::Scale(_) => 5,
    }
}

/// The numbers that the kernel is told. Turns and phases are in units of 2^-64 of a turn: whole turns overflow away,
/// and what is left is exact.
fn numbers(change: &Change) -> Vec<u32> {
    let halves = |word: u64| [word as u32, (word >> 32) as u32];
    let turns = |turns: f64| halves((turns.rem_euclid(1.0) * 2f64.powi(64)) as u64);
    match change {
        Change::Noise { sd, key } => {
            let [a, b] = halves(*key);
            vec![a, b, (*sd as f32).to_bits()]
        }
        Change::Wander { turns: step, phase, sizes } => {
            let sizes = sizes.iter().map(|size| (*size as f32).to_bits());
            turns(*step).into_iter().chain(turns(phase / TAU)).chain(sizes).collect()
        }
        Change::Dropped(leads) => leads.iter().map(|&dropped| dropped.into()).collect(),
        Change::Crop { start, end } => vec![*start as u32, *end as u32],
        Change::Shift(right) => vec![(*right as i32).cast_unsigned()],
        Change::Scale(factor) => vec![factor.to_bits()],
    }
}
