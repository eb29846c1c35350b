//! A few hundred samples of a block's input at a time, so that what is made of them stays in the cache.

use crate::ops::cpu::Isa;
use crate::ops::cpu::reading::{Reading, read};
use crate::ops::cpu::simd::{Simd, dispatch};

/// Samples worked on at once.
pub(in crate::ops::layers::inception) const CHUNK: usize = 96;
/// Samples before and after them that pooling windows reach.
pub(in crate::ops::layers::inception) const HALO: usize = 2;

/// Row j of `a` becomes what readers see of sample `start` + j - [`HALO`] of `x`; beyond the record it is minus
/// infinity, which is never a maximum.
pub(in crate::ops::layers::inception) fn window(
    isa: Isa,
    reading: Option<Reading<'_>>,
    x: &[f32],
    channels: usize,
    start: usize,
    count: usize,
    a: &mut [f32],
) {
    let length = x.len() / channels;
    let low = HALO.saturating_sub(start);
    let high = (length + HALO - start).min(count + 2 * HALO);
    a[..low * channels].fill(f32::NEG_INFINITY);
    a[high * channels..(count + 2 * HALO) * channels].fill(f32::NEG_INFINITY);
    let from = start + low - HALO;
    read(isa, reading, &x[from * channels..][..(high - low) * channels], &mut a[low * channels..high * channels]);
}

/// Maxima of 3 samples around each of the window's `count`.
pub(in crate::ops::layers::inception) fn maxima(isa: Isa, a: &[f32], channels: usize, count: usize, p: &mut [f32]) {
    dispatch!(isa => maxima_of(a: &[f32], channels: usize, count: usize, p: &mut [f32]));
}

#[inline(always)]
fn maxima_of<S: Simd>(a: &[f32], channels: usize, count: usize, p: &mut [f32]) {
    let size = count * channels;
    let row = |number: usize| &a[(HALO - 1 + number) * channels..][..size];
    let (before, here, after) = (row(0), row(1), row(2));
    let p = &mut p[..size];
    let whole = size / S::LANES * S::LANES;
    for i in (0..whole).step_by(S::LANES) {
        let top = S::max(S::max(S::load(&before[i..]), S::load(&here[i..])), S::load(&after[i..]));
        S::store(top, &mut p[i..]);
    }
    for i in whole..size {
        p[i] = before[i].max(here[i]).max(after[i]);
    }
}

/// gx += the gradients of the maxima, each at the first sample that is one. Row j of `gp` belongs to the maximum
/// around the window's sample j - 1.
pub(in crate::ops::layers::inception) fn give_back(
    isa: Isa,
    a: &[f32],
    channels: usize,
    count: usize,
    gp: &[f32],
    gx: &mut [f32],
) {
    dispatch!(isa => unpool(a: &[f32], channels: usize, count: usize, gp: &[f32], gx: &mut [f32]));
}

#[inline(always)]
fn unpool<S: Simd>(a: &[f32], channels: usize, count: usize, gp: &[f32], gx: &mut [f32]) {
    let size = count * channels;
    let row = |number: usize| &a[number * channels..][..size];
    let (two_before, before, here, after, two_after) = (row(0), row(1), row(2), row(3), row(4));
    let (g_before, g_here, g_after) = (&gp[..size], &gp[channels..][..size], &gp[2 * channels..][..size]);
    let gx = &mut gx[..size];
    let whole = size / S::LANES * S::LANES;
    for i in (0..whole).step_by(S::LANES) {
        let (x, next) = (S::load(&here[i..]), S::load(&after[i..]));
        let previous = S::load(&before[i..]);
        let last = S::where_above(x, S::max(S::load(&two_before[i..]), previous), S::load(&g_before[i..]));
        let middle = S::where_above(x, previous, S::where_reaching(x, next, S::load(&g_here[i..])));
        let first = S::where_reaching(x, S::max(next, S::load(&two_after[i..])), S::load(&g_after[i..]));
        let sum = S::add(S::add(last, middle), first);
        S::store(S::add(S::load(&gx[i..]), sum), &mut gx[i..]);
    }
    for i in whole..size {
        let x = here[i];
        if x > two_before[i] && x > before[i] {
            gx[i] += g_before[i];
        }
        if x > before[i] && x >= after[i] {
            gx[i] += g_here[i];
        }
        if x >= after[i] && x >= two_after[i] {
            gx[i] += g_after[i];
        }
    }
}
