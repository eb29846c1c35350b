//! Average pooling on the CPU, record by record.

use rayon::prelude::*;

use super::Kernel;
use crate::ops::cpu::Isa;
use crate::ops::cpu::reading::Reading;
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::tensor::memory::Buffer;
use crate::tensor::{Cpu, Done, Gradient, Shape3, View};

/// One record, whose windows have `window` values.
#[inline(always)]
pub(super) fn pool_record<S: Simd>(
    reading: Option<Reading<'_>>,
    window: usize,
    channels: usize,
    x: &[f32],
    y: &mut [f32],
) {
    let whole = channels / S::LANES * S::LANES;
    for (y, rows) in y.chunks_exact_mut(channels).zip(x.chunks(window)) {
        let share = channels as f32 / rows.len() as f32;
        for c in (0..whole).step_by(S::LANES) {
            let mut sum = S::splat(0.0);
            for row in rows.chunks_exact(channels) {
                let x = S::load(&row[c..]);
                sum = S::add(
                    sum,
                    match &reading {
                        Some(reading) => reading.vector::<S>(x, c),
                        None => x,
                    },
                );
            }
            S::store(S::mul(sum, S::splat(share)), &mut y[c..]);
        }
        for c in whole..channels {
            let seen = |row: &[f32]| match &reading {
                Some(reading) => reading.value(row[c], c),
                None => row[c],
            };
            y[c] = rows.chunks_exact(channels).map(seen).sum::<f32>() * share;
        }
    }
}

#[inline(always)]
pub(super) fn gradient_record<S: Simd>(fresh: bool, window: usize, channels: usize, gy: &[f32], gx: &mut [f32]) {
    for (gy, rows) in gy.chunks_exact(channels).zip(gx.chunks_mut(window)) {
        let share = channels as f32 / rows.len() as f32;
        for row in rows.chunks_exact_mut(channels) {
            if fresh {
                row.iter_mut().zip(gy).for_each(|(gx, gy)| *gx = gy * share);
            } else {
                row.iter_mut().zip(gy).for_each(|(gx, gy)| *gx += gy * share);
            }
        }
    }
}

impl Kernel for Cpu {
    fn average_pool(&self, size: usize, x: View<'_, Cpu>) -> Done<Buffer, Cpu> {
        let (batch, length, channels) = x.shape;
        let (isa, window, reading) = (Isa::best(), size * channels, x.reading());
        let one = length.div_ceil(size) * channels;
        let mut y = Buffer::stale(batch * one);
        y.par_chunks_exact_mut(one).enumerate().for_each(|(record, y)| {
            let x = x.record(record);
            dispatch!(isa => pool_record(
                reading: Option<Reading<'_>>, window: usize, channels: usize, x: &[f32], y: &mut [f32]
            ));
        });
        Ok(y)
    }

    fn average_pool_gradient(
        &self,
        size: usize,
        (_, length, channels): Shape3,
        gy: &Buffer,
        gx: &mut Gradient<Cpu>,
    ) -> Done<(), Cpu> {
        let (isa, window, fresh) = (Isa::best(), size * channels, gx.fresh);
        let one = length.div_ceil(size) * channels;
        let records = gx.values.par_chunks_exact_mut(length * channels).zip(gy.par_chunks_exact(one));
        records.for_each(|(gx, gy)| {
            dispatch!(isa => gradient_record(
                fresh: bool, window: usize, channels: usize, gy: &[f32], gx: &mut [f32]
            ));
        });
        Ok(())
    }
}
