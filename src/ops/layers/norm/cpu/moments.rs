//! Mean and spread of each channel of a batch, record by record.

use super::BLOCK;
use crate::ops::cpu::Isa;
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::tensor::Shape3;

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
