//! Batch norms on the CPU: what readers see, the moments of a batch, and the way back.

use std::sync::Mutex;

use dfdx::prelude::Cpu;
use rayon::prelude::*;

use super::{EPS, Kernel, MOMENTUM, Mode, Norm, Normalized, Statistics};
use crate::ops::cpu::{Isa, flat};
use crate::ops::memory::Buffer;
use crate::ops::simd::{Simd, dispatch};
use crate::ops::{Done, Flat, Gradient, Seen, Shape3};

/// The norm of a CPU activation, by channel.
#[derive(Clone, Copy)]
pub(in crate::ops) struct Reading<'a> {
    scale: &'a [f32],
    shift: &'a [f32],
    mean: &'a [f32],
    inverse: &'a [f32],
    floor: f32,
}

/// The norm of one vector of channels, in registers: for kernels that read through it.
#[derive(Clone, Copy)]
pub(in crate::ops) struct Lens<S: Simd> {
    scale: S::V,
    shift: S::V,
    floor: S::V,
}

impl<S: Simd> Lens<S> {
    /// That of the channels from `first` on; `None` changes nothing.
    #[inline(always)]
    pub(in crate::ops) fn new(reading: Option<Reading<'_>>, first: usize) -> Self {
        match reading {
            Some(reading) => Self {
                scale: S::load(&reading.scale[first..]),
                shift: S::load(&reading.shift[first..]),
                floor: S::splat(reading.floor),
            },
            None => Self { scale: S::splat(1.0), shift: S::splat(0.0), floor: S::splat(f32::NEG_INFINITY) },
        }
    }

    /// What readers see of `x`: the very expression of [`read`].
    #[inline(always)]
    pub(in crate::ops) fn see(&self, x: S::V) -> S::V {
        S::max(S::add(S::mul(x, self.scale), self.shift), self.floor)
    }
}

impl Norm<Cpu> {
    fn new(
        mean: impl Fn(usize) -> f32,
        inverse: impl Fn(usize) -> f32,
        gamma: &[f32],
        beta: &[f32],
        mode: Mode,
    ) -> Self {
        let channels = gamma.len();
        let mut values = vec![0.0; 4 * channels];
        for c in 0..channels {
            let (mean, inverse) = (mean(c), inverse(c));
            let scale = gamma[c] * inverse;
            for (number, value) in [scale, beta[c] - mean * scale, mean, inverse].into_iter().enumerate() {
                values[number * channels + c] = value;
            }
        }
        Self { values: values.into(), mode, sums: Mutex::new(None) }
    }

    fn reading(&self) -> Reading<'_> {
        let channels = self.values.len() / 4;
        let part = |number: usize| &self.values[number * channels..][..channels];
        let floor = if self.mode.relu { 0.0 } else { f32::NEG_INFINITY };
        Reading { scale: part(0), shift: part(1), mean: part(2), inverse: part(3), floor }
    }
}

impl<'a> Seen<'a, Cpu> {
    /// How it is read; `None`: as it is in memory.
    pub(in crate::ops) fn reading(self) -> Option<Reading<'a>> {
        self.norm.map(Norm::reading)
    }

    /// Zeros for the sums of [`sum_gradient`], 2 x channels values a record, where the way back through its batch
    /// norm begins with them. To be given to [`Self::keep_sums`].
    pub(in crate::ops) fn room_for_sums(self) -> Option<Buffer> {
        let of_batch = self.norm.is_some_and(|norm| norm.mode.statistics == Statistics::Batch);
        of_batch.then(|| Buffer::zeros(self.shape.0 * 2 * self.shape.2))
    }

    /// Leaves the sums of all records, for when nobody adds to its gradient any more.
    pub(in crate::ops) fn keep_sums(self, sums: Option<Buffer>) {
        if let (Some(norm), Some(sums)) = (self.norm, sums) {
            norm.keep_sums(sums);
        }
    }

    /// One record as it is in memory, (length, channels).
    pub(in crate::ops) fn record(self, record: usize) -> &'a [f32] {
        let size = self.shape.1 * self.shape.2;
        &self.values[record * size..][..size]
    }
}

impl Reading<'_> {
    /// What readers see of the vector `x` of channels from `c` on.
    #[inline(always)]
    pub(in crate::ops) fn vector<S: Simd>(&self, x: S::V, c: usize) -> S::V {
        Lens::<S>::new(Some(*self), c).see(x)
    }

    /// What readers see of `x`, a value of channel `c`.
    #[inline(always)]
    pub(in crate::ops) fn value(&self, x: f32, c: usize) -> f32 {
        (x * self.scale[c] + self.shift[c]).max(self.floor)
    }
}

/// What readers see of the rows `x`, into `out`.
pub(in crate::ops) fn read(isa: Isa, reading: Option<Reading<'_>>, x: &[f32], out: &mut [f32]) {
    match reading {
        None => out.copy_from_slice(x),
        Some(reading) => dispatch!(isa => read_through(reading: Reading<'_>, x: &[f32], out: &mut [f32])),
    }
}

#[inline(always)]
fn read_through<S: Simd>(reading: Reading<'_>, x: &[f32], out: &mut [f32]) {
    let Reading { scale, shift, floor, .. } = reading;
    let channels = scale.len();
    let shift = &shift[..channels];
    for (x, out) in x.chunks_exact(channels).zip(out.chunks_exact_mut(channels)) {
        for c in 0..channels {
            out[c] = (x[c] * scale[c] + shift[c]).max(floor);
        }
    }
}

/// Mean, then the sum of squared distances from it, of each channel of one record.
pub(in crate::ops) fn measure(isa: Isa, z: &[f32], moments: &mut [f32]) {
    dispatch!(isa => measure_record(z: &[f32], moments: &mut [f32]));
}

#[inline(always)]
fn measure_record<S: Simd>(z: &[f32], moments: &mut [f32]) {
    let channels = moments.len() / 2;
    let mut c = 0;
    while c + BLOCK * S::LANES <= channels {
        measure_vectors::<S, BLOCK>(z, channels, c, moments);
        c += BLOCK * S::LANES;
    }
    while c + S::LANES <= channels {
        measure_vectors::<S, 1>(z, channels, c, moments);
        c += S::LANES;
    }
    let share = channels as f32 / z.len() as f32;
    for c in c..channels {
        let rows = || z.chunks_exact(channels).map(|row| row[c]);
        let mean = rows().fold(0.0, |sum, z| sum + z) * share;
        moments[c] = mean;
        moments[channels + c] = rows().fold(0.0, |sum, z| sum + (z - mean) * (z - mean));
    }
}

/// Vectors of channels whose sums stay in registers while all rows are gone over.
const BLOCK: usize = 4;

/// Of the `N` vectors of channels from `c` on.
#[inline(always)]
fn measure_vectors<S: Simd, const N: usize>(z: &[f32], channels: usize, c: usize, moments: &mut [f32]) {
    let share = S::splat(channels as f32 / z.len() as f32);
    let mut mean = [S::splat(0.0); N];
    for row in z.chunks_exact(channels) {
        let row = &row[c..c + N * S::LANES];
        for i in 0..N {
            mean[i] = S::add(mean[i], S::load(&row[i * S::LANES..]));
        }
    }
    for mean in &mut mean {
        *mean = S::mul(*mean, share);
    }
    let mut spread = [S::splat(0.0); N];
    for row in z.chunks_exact(channels) {
        let row = &row[c..c + N * S::LANES];
        for i in 0..N {
            let distance = S::sub(S::load(&row[i * S::LANES..]), mean[i]);
            spread[i] = S::add(spread[i], S::mul(distance, distance));
        }
    }
    for i in 0..N {
        let at = c + i * S::LANES;
        S::store(mean[i], &mut moments[at..]);
        S::store(spread[i], &mut moments[channels + at..]);
    }
}

/// How gradients of what readers see become gradients of what is in memory:
/// scale (g - offset - (z - mean) slope) where the ReLU let z through.
pub(in crate::ops) struct Back<'a> {
    reading: Option<Reading<'a>>,
    offset: Vec<f32>,
    slope: Vec<f32>,
}

impl<'a> Back<'a> {
    /// Goes over the whole batch once; adds to the gradients of gamma and beta.
    pub(in crate::ops) fn new(
        y: Option<Normalized<'a, Cpu>>,
        (batch, length, channels): Shape3,
        gy: &[f32],
        lent: &mut [Option<Vec<f32>>],
    ) -> Self {
        let Some(Normalized { values, norm }) = y else {
            return Self { reading: None, offset: Vec::new(), slope: Vec::new() };
        };
        let (reading, isa) = (norm.reading(), Isa::best());
        let mut back = Self { reading: Some(reading), offset: vec![0.0; channels], slope: vec![0.0; channels] };
        if norm.mode.statistics == Statistics::Running && lent.iter().all(Option::is_none) {
            return back;
        }
        let size = length * channels;
        let sums = norm.take_sums().unwrap_or_else(|| {
            let mut sums = Buffer::zeros(batch * 2 * channels);
            let records = values.par_chunks_exact(size).zip(gy.par_chunks_exact(size));
            sums.par_chunks_exact_mut(2 * channels)
                .zip(records)
                .for_each(|(sums, (z, g))| sum_gradient(isa, reading, z, g, sums));
            sums
        });
        let mut totals = vec![0f64; 2 * channels];
        for record in sums.chunks_exact(2 * channels) {
            totals.iter_mut().zip(record).for_each(|(total, sum)| *total += f64::from(*sum));
        }
        let count = (batch * length) as f64;
        for c in 0..channels {
            let (sum, dot) = (totals[c], totals[channels + c] * f64::from(reading.inverse[c]));
            if let Some(Some(ggamma)) = lent.first_mut() {
                ggamma[c] += dot as f32;
            }
            if let Some(Some(gbeta)) = lent.get_mut(1) {
                gbeta[c] += sum as f32;
            }
            // d mean and d var of the batch; nothing flows through running statistics.
            if norm.mode.statistics == Statistics::Batch {
                back.offset[c] = (sum / count) as f32;
                back.slope[c] = (dot / count) as f32 * reading.inverse[c];
            }
        }
        back
    }

    /// The gradient of the rows `z` as they are in memory, from `g`, that of what readers see of them.
    pub(in crate::ops) fn rows(&self, isa: Isa, z: &[f32], g: &[f32], out: &mut [f32]) {
        let back = self;
        match self.reading {
            None => out.copy_from_slice(g),
            Some(reading) => {
                dispatch!(isa => through(back: &Back<'_>, reading: Reading<'_>, z: &[f32], g: &[f32], out: &mut [f32]))
            }
        }
    }
}

#[inline(always)]
fn through<S: Simd>(back: &Back<'_>, reading: Reading<'_>, z: &[f32], g: &[f32], out: &mut [f32]) {
    let Reading { scale, shift, mean, floor, .. } = reading;
    let channels = scale.len();
    let (shift, mean) = (&shift[..channels], &mean[..channels]);
    let (offset, slope) = (&back.offset[..channels], &back.slope[..channels]);
    for ((z, g), out) in z.chunks_exact(channels).zip(g.chunks_exact(channels)).zip(out.chunks_exact_mut(channels)) {
        for c in 0..channels {
            let passed = if z[c] * scale[c] + shift[c] > floor { g[c] } else { 0.0 };
            out[c] = scale[c] * (passed - offset[c] - (z[c] - mean[c]) * slope[c]);
        }
    }
}

/// Adds to `sums`, for rows of one record, each channel's sum of g, the gradient of what readers see, then that of
/// g (z - mean), where the ReLU let z through.
pub(in crate::ops) fn sum_gradient(isa: Isa, reading: Reading<'_>, z: &[f32], g: &[f32], sums: &mut [f32]) {
    dispatch!(isa => gradient_sums(reading: Reading<'_>, z: &[f32], g: &[f32], sums: &mut [f32]));
}

#[inline(always)]
fn gradient_sums<S: Simd>(reading: Reading<'_>, z: &[f32], g: &[f32], sums: &mut [f32]) {
    let channels = reading.scale.len();
    let mut c = 0;
    while c + BLOCK * S::LANES <= channels {
        sums_of_vectors::<S, BLOCK>(reading, z, g, c, sums);
        c += BLOCK * S::LANES;
    }
    while c + S::LANES <= channels {
        sums_of_vectors::<S, 1>(reading, z, g, c, sums);
        c += S::LANES;
    }
    let Reading { scale, shift, mean, floor, .. } = reading;
    for (z, g) in z.chunks_exact(channels).zip(g.chunks_exact(channels)) {
        for c in c..channels {
            let passed = if z[c] * scale[c] + shift[c] > floor { g[c] } else { 0.0 };
            sums[c] += passed;
            sums[channels + c] += passed * (z[c] - mean[c]);
        }
    }
}

/// `N` vectors from `at` on.
#[inline(always)]
fn vectors<S: Simd, const N: usize>(values: &[f32], at: usize) -> [S::V; N] {
    let mut vectors = [S::splat(0.0); N];
    for (i, vector) in vectors.iter_mut().enumerate() {
        *vector = S::load(&values[at + i * S::LANES..]);
    }
    vectors
}

/// For the `N` vectors of channels from `c` on. The condition is the very expression of the forward pass.
#[inline(always)]
fn sums_of_vectors<S: Simd, const N: usize>(reading: Reading<'_>, z: &[f32], g: &[f32], c: usize, sums: &mut [f32]) {
    let channels = reading.scale.len();
    let (scale, shift) = (vectors::<S, N>(reading.scale, c), vectors::<S, N>(reading.shift, c));
    let mean = vectors::<S, N>(reading.mean, c);
    let (mut plain, mut dot) = (vectors::<S, N>(sums, c), vectors::<S, N>(sums, channels + c));
    let floor = S::splat(reading.floor);
    for (z, g) in z.chunks_exact(channels).zip(g.chunks_exact(channels)) {
        let (z, g) = (&z[c..c + N * S::LANES], &g[c..c + N * S::LANES]);
        for i in 0..N {
            let (z, g) = (S::load(&z[i * S::LANES..]), S::load(&g[i * S::LANES..]));
            let passed = S::where_above(S::add(S::mul(z, scale[i]), shift[i]), floor, g);
            plain[i] = S::add(plain[i], passed);
            dot[i] = S::add(dot[i], S::mul(passed, S::sub(z, mean[i])));
        }
    }
    for i in 0..N {
        let at = c + i * S::LANES;
        S::store(plain[i], &mut sums[at..]);
        S::store(dot[i], &mut sums[channels + at..]);
    }
}

/// to (+)= from.
#[inline(always)]
pub(in crate::ops) fn give(fresh: bool, from: &[f32], to: &mut [f32]) {
    if fresh {
        to.copy_from_slice(from);
    } else {
        to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
    }
}

/// Moments of a batch on the CPU: for each record the mean, then the sum of squared distances from it, of each channel.
#[derive(Debug)]
pub struct Moments {
    pub(in crate::ops) values: Vec<f32>,
    pub(in crate::ops) length: usize,
    pub(in crate::ops) channels: usize,
}

impl Moments {
    pub(in crate::ops) fn new((batch, length, channels): Shape3) -> Self {
        Self { values: vec![0.0; batch * 2 * channels], length, channels }
    }
}

impl Kernel for Cpu {
    type Moments = Moments;

    fn moments(&self, values: &Buffer, shape: Shape3) -> Done<Moments, Cpu> {
        let (isa, mut moments) = (Isa::best(), Moments::new(shape));
        let (_, length, channels) = shape;
        moments
            .values
            .par_chunks_exact_mut(2 * channels)
            .zip(values.par_chunks_exact(length * channels))
            .for_each(|(moments, z)| measure(isa, z, moments));
        Ok(moments)
    }

    fn norm_of_batch(
        &self,
        moments: Moments,
        gamma: &Flat<Cpu>,
        beta: &Flat<Cpu>,
        [running_mean, running_var]: [&mut Flat<Cpu>; 2],
        relu: bool,
    ) -> Done<Norm<Cpu>, Cpu> {
        let Moments { values, length, channels } = moments;
        let records = values.chunks_exact(2 * channels);
        let (batch, length) = (records.len() as f64, length as f64);
        // Records' means and spreads put together (Chan, Golub and LeVeque 1983).
        let mut joined = vec![(0f64, 0f64); channels];
        for record in records.clone() {
            joined.iter_mut().zip(record).for_each(|((mean, _), of_record)| *mean += f64::from(*of_record));
        }
        joined.iter_mut().for_each(|(mean, _)| *mean /= batch);
        for record in records {
            let (means, spreads) = record.split_at(channels);
            for ((mean, spread), (of_record, own)) in joined.iter_mut().zip(means.iter().zip(spreads)) {
                *spread += f64::from(*own) + length * (f64::from(*of_record) - *mean).powi(2);
            }
        }
        joined.iter_mut().for_each(|(_, spread)| *spread /= batch * length);
        let count = batch * length;
        let bessel = count / (count - 1.0).max(1.0);
        let follow = |running: &mut Flat<Cpu>, news: &dyn Fn(usize) -> f64| {
            let mut values = running.as_vec();
            for (c, value) in values.iter_mut().enumerate() {
                *value = (1.0 - MOMENTUM) * *value + MOMENTUM * news(c) as f32;
            }
            running.copy_from(&values);
        };
        follow(running_mean, &|c| joined[c].0);
        follow(running_var, &|c| joined[c].1 * bessel);
        let inverse = |c: usize| (1.0 / (joined[c].1 + f64::from(EPS)).sqrt()) as f32;
        let mode = Mode { statistics: Statistics::Batch, relu };
        Ok(Norm::new(|c| joined[c].0 as f32, inverse, flat(gamma), flat(beta), mode))
    }

    fn norm_of_running(
        &self,
        gamma: &Flat<Cpu>,
        beta: &Flat<Cpu>,
        [mean, var]: [&Flat<Cpu>; 2],
        relu: bool,
    ) -> Done<Norm<Cpu>, Cpu> {
        let (mean, var) = (flat(mean), flat(var));
        let inverse = |c: usize| (1.0 / (f64::from(var[c]) + f64::from(EPS)).sqrt()) as f32;
        let mode = Mode { statistics: Statistics::Running, relu };
        Ok(Norm::new(|c| mean[c], inverse, flat(gamma), flat(beta), mode))
    }

    fn norm_gradient(
        &self,
        y: Normalized<'_, Cpu>,
        shape: Shape3,
        gy: &Buffer,
        gx: Option<&mut Gradient<Cpu>>,
        lent: &mut [Option<Vec<f32>>],
    ) -> Done<(), Cpu> {
        let (isa, values) = (Isa::best(), y.values);
        let back = &Back::new(Some(y), shape, gy, lent);
        let Some(Gradient { values: gx, fresh }) = gx else { return Ok(()) };
        let (size, fresh) = (shape.1 * shape.2, *fresh);
        gx.par_chunks_exact_mut(size).zip(values.par_chunks_exact(size)).zip(gy.par_chunks_exact(size)).for_each(
            |((gx, z), g)| {
                let mut gz = Buffer::stale(size);
                back.rows(isa, z, g, &mut gz);
                give(fresh, &gz, gx);
            },
        );
        Ok(())
    }

    fn written(&self, x: Seen<'_, Cpu>) -> Done<Vec<f32>, Cpu> {
        let mut out = vec![0.0; x.values.len()];
        read(Isa::best(), x.reading(), x.values, &mut out);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::assert_close;

    /// Vectors of every instruction set, and channels that fill none, against sums in f64.
    #[test]
    fn sums_are_those_of_their_definitions() {
        let (length, channels) = (45, 37);
        let wave = |step: f32, count: usize| -> Vec<f32> { (0..count).map(|i| (i as f32 * step).sin()).collect() };
        let (z, g) = (wave(0.7, length * channels), wave(1.3, length * channels));
        let (gamma, beta) = (wave(0.9, channels), wave(0.4, channels));
        let mode = Mode { statistics: Statistics::Batch, relu: true };
        let norm = Norm::new(|c| gamma[c] * 0.1, |_| 1.5, &gamma, &beta, mode);
        let reading = norm.reading();
        let column = |values: &[f32], c: usize| -> Vec<f64> {
            values.iter().skip(c).step_by(channels).map(|value| f64::from(*value)).collect()
        };
        let (mut moments, mut sums) = ([vec![], vec![]], [vec![], vec![]]);
        for c in 0..channels {
            let (z, g) = (column(&z, c), column(&g, c));
            let mean = z.iter().sum::<f64>() / length as f64;
            moments[0].push(mean as f32);
            moments[1].push(z.iter().map(|z| (z - mean).powi(2)).sum::<f64>() as f32);
            let passed = |(z, g): (&f64, &f64)| if reading.value(*z as f32, c) > 0.0 { (*g, *z) } else { (0.0, 0.0) };
            let through: Vec<(f64, f64)> = z.iter().zip(&g).map(passed).collect();
            sums[0].push(through.iter().map(|(g, _)| g).sum::<f64>() as f32);
            sums[1].push(through.iter().map(|(g, z)| g * (z - f64::from(reading.mean[c]))).sum::<f64>() as f32);
        }
        for isa in Isa::available() {
            let mut found = vec![0.0; 2 * channels];
            measure(isa, &z, &mut found);
            assert_close(&format!("moments {isa:?}"), &found, &moments.concat(), 1e-5);
            found.fill(0.0);
            let (z, g, to): (&[f32], &[f32], &mut [f32]) = (&z, &g, &mut found);
            dispatch!(isa => gradient_sums(reading: Reading<'_>, z: &[f32], g: &[f32], to: &mut [f32]));
            assert_close(&format!("gradients {isa:?}"), &found, &sums.concat(), 1e-5);
        }
    }
}
