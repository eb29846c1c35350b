//! The way back through a batch norm.

use rayon::prelude::*;

use super::BLOCK;
use crate::ops::cpu::Isa;
use crate::ops::cpu::reading::Reading;
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::tensor::memory::Buffer;
use crate::tensor::{Cpu, Normalized, Shape3, Statistics};

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
        gparams: &mut [Option<Vec<f32>>],
    ) -> Self {
        let Some(Normalized { values, norm }) = y else {
            return Self { reading: None, offset: Vec::new(), slope: Vec::new() };
        };
        let (reading, isa) = (norm.reading(), Isa::best());
        let mut back = Self { reading: Some(reading), offset: vec![0.0; channels], slope: vec![0.0; channels] };
        if norm.mode.statistics == Statistics::Running && gparams.iter().all(Option::is_none) {
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
            if let Some(Some(ggamma)) = gparams.first_mut() {
                ggamma[c] += dot as f32;
            }
            if let Some(Some(gbeta)) = gparams.get_mut(1) {
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
