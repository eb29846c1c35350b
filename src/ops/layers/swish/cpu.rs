//! Swish on the CPU, some rows at a time.

use rayon::prelude::*;

use super::Kernel;
use crate::ops::cpu::Isa;
use crate::ops::cpu::gelu::{logistic, mul_add};
use crate::ops::cpu::reading::read;
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::ops::layers::norm::sum_gradient;
use crate::tensor::memory::{Buffer, give, pieces};
use crate::tensor::{Cpu, Done, Gradient, View};

/// Values that stay in the first-level cache from the first pass over them to the last.
const CHUNK: usize = 4096;

/// In place.
#[inline(always)]
pub(super) fn forward<S: Simd>(y: &mut [f32]) {
    for y in y {
        *y *= logistic::<S>(*y);
    }
}

/// In place of x, g times the slope there.
#[inline(always)]
pub(super) fn backward<S: Simd>(g: &[f32], x: &mut [f32]) {
    for (x, g) in x.iter_mut().zip(g) {
        let share = logistic::<S>(*x);
        *x = g * mul_add::<S>(*x * share, 1.0 - share, share);
    }
}

/// Values of some rows of `channels`.
fn chunk(channels: usize) -> usize {
    (CHUNK / channels).max(1) * channels
}

impl Kernel for Cpu {
    fn swish(&self, x: View<'_, Cpu>) -> Done<Buffer, Cpu> {
        let (isa, chunk, reading) = (Isa::best(), chunk(x.shape.2), x.reading());
        let mut y = Buffer::stale(x.values.len());
        y.par_chunks_mut(chunk).zip(x.values.par_chunks(chunk)).for_each(|(y, x)| {
            read(isa, reading, x, y);
            dispatch!(isa => forward(y: &mut [f32]));
        });
        Ok(y)
    }

    fn swish_gradient(&self, x: View<'_, Cpu>, gy: &Buffer, gx: &mut Gradient<Cpu>) -> Done<(), Cpu> {
        let (batch, length, channels) = x.shape;
        let (isa, chunk, reading, fresh) = (Isa::best(), chunk(channels), x.reading(), gx.fresh);
        let size = length * channels;
        let mut sums = x.room_for_sums();
        let slots = pieces(sums.as_deref_mut(), 2 * channels, batch);
        let records = gx.values.par_chunks_exact_mut(size).zip(gy.par_chunks_exact(size)).zip(slots);
        records.enumerate().for_each(|(record, ((gx, gy), mut sums))| {
            let mut room = vec![0.0; chunk];
            for ((x, gx), gy) in x.record(record).chunks(chunk).zip(gx.chunks_mut(chunk)).zip(gy.chunks(chunk)) {
                let slopes: &mut [f32] = &mut room[..x.len()];
                read(isa, reading, x, slopes);
                dispatch!(isa => backward(gy: &[f32], slopes: &mut [f32]));
                give(fresh, slopes, gx);
                if let (Some(reading), Some(sums)) = (reading, sums.as_deref_mut()) {
                    sum_gradient(isa, reading, x, gx, sums);
                }
            }
        });
        x.keep_sums(sums);
        Ok(())
    }
}
