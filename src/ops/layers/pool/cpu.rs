//! Pooling on the CPU, record by record.

use rayon::prelude::*;

use super::{Kernel, Window};
use crate::ops::cpu::Isa;
use crate::ops::cpu::reading::{Reading, VectorNorm};
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::ops::layers::norm::sum_gradient;
use crate::tensor::memory::{Buffer, pieces};
use crate::tensor::{Cpu, Done, Gradient, Shape3, View};

/// One record of a max pool.
struct Record<'a> {
    window: Window,
    reading: Option<Reading<'a>>,
    x: &'a [f32],
    length: usize,
    channels: usize,
}

impl Record<'_> {
    /// The part of `x` that window `number` covers.
    fn covered(&self, number: usize) -> std::ops::Range<usize> {
        let samples = self.window.samples(number, self.length);
        samples.start * self.channels..samples.end * self.channels
    }

    fn see(&self, c: usize, x: f32) -> f32 {
        self.reading.map_or(x, |reading| reading.value(x, c))
    }
}

#[inline(always)]
fn pool_record<S: Simd>(record: &Record<'_>, y: &mut [f32]) {
    let channels = record.channels;
    let whole = channels / S::LANES * S::LANES;
    for (number, y) in y.chunks_exact_mut(channels).enumerate() {
        let rows = &record.x[record.covered(number)];
        for c in (0..whole).step_by(S::LANES) {
            let top = top::<S>(rows, channels, c, &VectorNorm::new(record.reading, c));
            S::store(top, &mut y[c..]);
        }
        for c in whole..channels {
            let seen = rows.chunks_exact(channels).map(|x| record.see(c, x[c]));
            y[c] = seen.fold(f32::NEG_INFINITY, |top, x| if x > top { x } else { top });
        }
    }
}

/// The maxima of a vector of channels, from `c` on.
#[inline(always)]
fn top<S: Simd>(rows: &[f32], channels: usize, c: usize, norm: &VectorNorm<S>) -> S::V {
    let mut top = S::splat(f32::NEG_INFINITY);
    for x in rows.chunks_exact(channels) {
        top = S::max(norm.apply(S::load(&x[c..])), top);
    }
    top
}

/// Gives each output's gradient to the first sample that is the maximum.
#[inline(always)]
fn gradient_record<S: Simd>(record: &Record<'_>, gy: &[f32], fresh: bool, gx: &mut [f32]) {
    let channels = record.channels;
    let whole = channels / S::LANES * S::LANES;
    if fresh {
        gx.fill(0.0);
    }
    for (number, g) in gy.chunks_exact(channels).enumerate() {
        let rows = record.covered(number);
        let (rows, gx) = (&record.x[rows.clone()], &mut gx[rows]);
        for c in (0..whole).step_by(S::LANES) {
            let norm = VectorNorm::<S>::new(record.reading, c);
            let top = top::<S>(rows, channels, c, &norm);
            let mut left = S::load(&g[c..]);
            for (x, gx) in rows.chunks_exact(channels).zip(gx.chunks_exact_mut(channels)) {
                let given = S::where_reaching(norm.apply(S::load(&x[c..])), top, left);
                left = S::sub(left, given);
                S::store(S::add(S::load(&gx[c..]), given), &mut gx[c..]);
            }
        }
        for c in whole..channels {
            let (mut place, mut top) = (0, f32::NEG_INFINITY);
            for (sample, x) in rows.chunks_exact(channels).enumerate() {
                let x = record.see(c, x[c]);
                if x > top {
                    (place, top) = (sample, x);
                }
            }
            gx[place * channels + c] += g[c];
        }
    }
}

/// Samples over which maxima and sums stay in registers.
const BLOCK: usize = 16;

/// Maxima, their places, and means of one record. Places are counted in f32, which is exact below 2^24 samples.
#[inline(always)]
pub(super) fn concat_record<S: Simd>(reading: Option<Reading<'_>>, x: &[f32], y: &mut [f32], places: &mut [u32]) {
    let channels = places.len();
    let whole = channels / S::LANES * S::LANES;
    let (maxima, means) = y.split_at_mut(channels);
    maxima.fill(f32::NEG_INFINITY);
    let (mut numbers, mut sums, mut line) = (vec![0f32; channels], vec![0f64; channels], [0f32; 16]);
    for (block, rows) in x.chunks(BLOCK * channels).enumerate() {
        let first = block * BLOCK;
        for c in (0..whole).step_by(S::LANES) {
            let norm = VectorNorm::<S>::new(reading, c);
            let (mut top, mut place, mut sum) = (S::load(&maxima[c..]), S::load(&numbers[c..]), S::splat(0.0));
            for (sample, row) in rows.chunks_exact(channels).enumerate() {
                let x = norm.apply(S::load(&row[c..]));
                let here = S::splat((first + sample) as f32);
                place = S::add(place, S::where_above(x, top, S::sub(here, place)));
                top = S::max(x, top);
                sum = S::add(sum, x);
            }
            S::store(top, &mut maxima[c..]);
            S::store(place, &mut numbers[c..]);
            S::store(sum, &mut line);
            sums[c..].iter_mut().zip(&line[..S::LANES]).for_each(|(sum, part)| *sum += f64::from(*part));
        }
        for c in whole..channels {
            for (sample, row) in rows.chunks_exact(channels).enumerate() {
                let x = reading.map_or(row[c], |reading| reading.value(row[c], c));
                if x > maxima[c] {
                    (maxima[c], numbers[c]) = (x, (first + sample) as f32);
                }
                sums[c] += f64::from(x);
            }
        }
    }
    places.iter_mut().zip(&numbers).for_each(|(place, number)| *place = *number as u32);
    let share = channels as f64 / x.len() as f64;
    means.iter_mut().zip(&sums).for_each(|(mean, sum)| *mean = (sum * share) as f32);
}

#[inline(always)]
fn concat_gradient_record<S: Simd>(places: &[u32], gy: &[f32], fresh: bool, gx: &mut [f32]) {
    let channels = places.len();
    let (maxima, means) = gy.split_at(channels);
    let share = channels as f32 / gx.len() as f32;
    for gx in gx.chunks_exact_mut(channels) {
        for c in 0..channels {
            gx[c] = if fresh { 0.0 } else { gx[c] } + means[c] * share;
        }
    }
    for (c, &place) in places.iter().enumerate() {
        gx[place as usize * channels + c] += maxima[c];
    }
}

impl Kernel for Cpu {
    type Places = Vec<u32>;

    fn max_pool(&self, window: Window, x: View<'_, Cpu>) -> Done<Buffer, Cpu> {
        let (batch, length, channels) = x.shape;
        let (isa, size) = (Isa::best(), window.output_length(length) * channels);
        let mut y = Buffer::stale(batch * size);
        y.par_chunks_exact_mut(size).enumerate().for_each(|(number, y)| {
            let record = &Record { window, reading: x.reading(), x: x.record(number), length, channels };
            dispatch!(isa => pool_record(record: &Record<'_>, y: &mut [f32]));
        });
        Ok(y)
    }

    fn max_pool_gradient(
        &self,
        window: Window,
        x: View<'_, Cpu>,
        gy: &Buffer,
        gx: &mut Gradient<Cpu>,
    ) -> Done<(), Cpu> {
        let (batch, length, channels) = x.shape;
        let (isa, size, fresh) = (Isa::best(), window.output_length(length) * channels, gx.fresh);
        let mut sums = x.room_for_sums();
        let slots = pieces(sums.as_deref_mut(), 2 * channels, batch);
        let gx = gx.values.par_chunks_exact_mut(length * channels);
        gx.zip(gy.par_chunks_exact(size)).zip(slots).enumerate().for_each(|(number, ((gx, gy), sums))| {
            let record = &Record { window, reading: x.reading(), x: x.record(number), length, channels };
            dispatch!(isa => gradient_record(record: &Record<'_>, gy: &[f32], fresh: bool, gx: &mut [f32]));
            if let (Some(reading), Some(sums)) = (record.reading, sums) {
                sum_gradient(isa, reading, record.x, gx, sums);
            }
        });
        x.keep_sums(sums);
        Ok(())
    }

    fn concat_pool(&self, x: View<'_, Cpu>) -> Done<(Buffer, Vec<u32>), Cpu> {
        let (batch, _, channels) = x.shape;
        let (isa, reading) = (Isa::best(), x.reading());
        let (mut y, mut places) = (Buffer::stale(batch * 2 * channels), vec![0; batch * channels]);
        let slots = y.par_chunks_exact_mut(2 * channels).zip(places.par_chunks_exact_mut(channels));
        slots.enumerate().for_each(|(number, (y, places))| {
            let x = x.record(number);
            dispatch!(isa => concat_record(reading: Option<Reading<'_>>, x: &[f32], y: &mut [f32], places: &mut [u32]));
        });
        Ok((y, places))
    }

    fn concat_pool_gradient(
        &self,
        (_, length, channels): Shape3,
        places: &Vec<u32>,
        gy: &Buffer,
        gx: &mut Gradient<Cpu>,
    ) -> Done<(), Cpu> {
        let (isa, fresh) = (Isa::best(), gx.fresh);
        gx.values
            .par_chunks_exact_mut(length * channels)
            .zip(gy.par_chunks_exact(2 * channels))
            .zip(places.par_chunks_exact(channels))
            .for_each(|((gx, gy), places)| {
                dispatch!(isa => concat_gradient_record(places: &[u32], gy: &[f32], fresh: bool, gx: &mut [f32]))
            });
        Ok(())
    }
}
