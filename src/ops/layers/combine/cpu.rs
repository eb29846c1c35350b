//! Combinations on the CPU.

use rayon::prelude::*;

use super::Kernel;
use crate::ops::cpu::Isa;
use crate::ops::cpu::reading::Reading;
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::ops::layers::norm::sum_gradient;
use crate::tensor::memory::{Buffer, give, pieces};
use crate::tensor::{Cpu, DeviceStorage, Done, Gradient, View};

/// Values of one activation that a backward pass goes over at a time.
const CHUNK: usize = 8192;

/// One record of a part of a sum.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) x: &'a [f32],
    pub(super) reading: Option<Reading<'a>>,
}

impl Part<'_> {
    #[inline(always)]
    fn vector<S: Simd>(&self, row: &[f32], c: usize) -> S::V {
        let x = S::load(&row[c..]);
        match &self.reading {
            Some(reading) => reading.vector::<S>(x, c),
            None => x,
        }
    }

    #[inline(always)]
    fn value(&self, row: &[f32], c: usize) -> f32 {
        match &self.reading {
            Some(reading) => reading.value(row[c], c),
            None => row[c],
        }
    }
}

#[inline(always)]
pub(super) fn add_rectified<S: Simd>(a: Part<'_>, b: Part<'_>, channels: usize, y: &mut [f32]) {
    let whole = channels / S::LANES * S::LANES;
    let rows = a.x.chunks_exact(channels).zip(b.x.chunks_exact(channels));
    for ((of_a, of_b), y) in rows.zip(y.chunks_exact_mut(channels)) {
        for c in (0..whole).step_by(S::LANES) {
            let sum = S::add(a.vector::<S>(of_a, c), b.vector::<S>(of_b, c));
            S::store(S::max(sum, S::splat(0.0)), &mut y[c..]);
        }
        for (c, y) in y.iter_mut().enumerate().skip(whole) {
            *y = (a.value(of_a, c) + b.value(of_b, c)).max(0.0);
        }
    }
}

#[inline(always)]
fn mask<S: Simd>(y: &[f32], gy: &mut [f32]) {
    gy.iter_mut().zip(y).for_each(|(gy, y)| *gy = if *y > 0.0 { *gy } else { 0.0 });
}

#[inline(always)]
fn add_to<S: Simd>(fresh: bool, from: &[f32], to: &mut [f32]) {
    give(fresh, from, to);
}

#[inline(always)]
fn columns<S: Simd>(fresh: bool, from: &[f32], widths: [usize; 2], first: usize, to: &mut [f32]) {
    for (to, from) in to.chunks_exact_mut(widths[1]).zip(from.chunks_exact(widths[0])) {
        give(fresh, &from[first..first + widths[1]], to);
    }
}

impl Kernel for Cpu {
    fn concat(&self, parts: &[View<'_, Cpu>]) -> Done<Buffer, Cpu> {
        let (batch, length, _) = parts[0].shape;
        let all: usize = parts.iter().map(|part| part.shape.2).sum();
        let mut y = Buffer::stale(batch * length * all);
        let mut first = 0;
        for part in parts {
            let width = part.shape.2;
            let x = self.read_view(*part)?;
            for (y, x) in y.chunks_exact_mut(all).zip(x.chunks_exact(width)) {
                y[first..first + width].copy_from_slice(x);
            }
            first += width;
        }
        Ok(y)
    }

    fn concat_gradient(
        &self,
        first: usize,
        channels: usize,
        all: usize,
        gy: &Buffer,
        gx: &mut Gradient<Cpu>,
    ) -> Done<(), Cpu> {
        let (isa, fresh, widths) = (Isa::best(), gx.fresh, [all, channels]);
        let (from, to): (&[f32], &mut [f32]) = (gy, &mut gx.values);
        dispatch!(isa => columns(fresh: bool, from: &[f32], widths: [usize; 2], first: usize, to: &mut [f32]));
        Ok(())
    }

    fn add_relu(&self, a: View<'_, Cpu>, b: View<'_, Cpu>) -> Done<Buffer, Cpu> {
        let (isa, channels) = (Isa::best(), a.shape.2);
        let mut y = Buffer::stale(a.values.len());
        y.par_chunks_exact_mut(a.shape.1 * channels).enumerate().for_each(|(record, y)| {
            let [a, b] = [a, b].map(|part| Part { x: part.record(record), reading: part.reading() });
            dispatch!(isa => add_rectified(a: Part<'_>, b: Part<'_>, channels: usize, y: &mut [f32]));
        });
        Ok(y)
    }

    fn add_relu_gradient(
        &self,
        parts: [View<'_, Cpu>; 2],
        y: &Buffer,
        gy: &mut Buffer,
        gx: [Option<&mut Gradient<Cpu>>; 2],
    ) -> Done<(), Cpu> {
        let (batch, length, channels) = parts[0].shape;
        let (isa, size) = (Isa::best(), length * channels);
        let fresh = gx.each_ref().map(|gx| gx.as_ref().is_some_and(|gx| gx.fresh));
        let mut sums = parts.map(View::room_for_sums);
        let [mut of_a, mut of_b] =
            sums.each_mut().map(|sums| pieces(sums.as_deref_mut(), 2 * channels, batch).into_iter());
        let [mut to_a, mut to_b] = gx.map(|gx| pieces(gx.map(|gx| &mut *gx.values), size, batch).into_iter());
        let records: Vec<_> = gy
            .chunks_exact_mut(size)
            .map(|gy| {
                (gy, [to_a.next().flatten(), to_b.next().flatten()], [of_a.next().flatten(), of_b.next().flatten()])
            })
            .collect();
        // Rows that stay in the cache from the first pass over them to the last.
        let chunk = (CHUNK / channels).max(1) * channels;
        records.into_par_iter().enumerate().for_each(|(record, (gy, mut gx, mut sums))| {
            let all_y = &y[record * size..][..size];
            for start in (0..size).step_by(chunk) {
                let rows = start..size.min(start + chunk);
                let (y, gy): (&[f32], &mut [f32]) = (&all_y[rows.clone()], &mut gy[rows.clone()]);
                dispatch!(isa => mask(y: &[f32], gy: &mut [f32]));
                for (number, part) in parts.iter().enumerate() {
                    let (fresh, from): (bool, &[f32]) = (fresh[number], gy);
                    let gradient = match &mut gx[number] {
                        Some(to) => {
                            let to: &mut [f32] = &mut to[rows.clone()];
                            dispatch!(isa => add_to(fresh: bool, from: &[f32], to: &mut [f32]));
                            &*to
                        }
                        None => from,
                    };
                    if let (Some(reading), Some(sums)) = (part.reading(), &mut sums[number]) {
                        sum_gradient(isa, reading, &part.record(record)[rows.clone()], gradient, sums);
                    }
                }
            }
        });
        parts.into_iter().zip(sums).for_each(|(part, sums)| part.keep_sums(sums));
        Ok(())
    }
}
