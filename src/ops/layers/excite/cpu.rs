//! The sum on the CPU, record by record.

use std::borrow::Cow;

use rayon::prelude::*;

use super::{Kernel, Part, Parts};
use crate::ops::cpu::Isa;
use crate::ops::cpu::gelu::logistic;
use crate::ops::cpu::reading::read;
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::ops::layers::norm::sum_gradient;
use crate::tensor::memory::{Buffer, pieces};
use crate::tensor::{Cpu, Done, Gradient, View};

/// How windows of the shortcut lie in a record.
#[derive(Clone, Copy)]
struct Windows {
    stride: usize,
    before: usize,
    margin: usize,
    /// Channels of what is beside.
    narrow: usize,
}

impl Windows {
    fn new(parts: &Parts<'_, Cpu>) -> Self {
        let (before, margin) = (parts.before(), parts.margin());
        Self { stride: parts.stride, before, margin, narrow: parts.beside.shape.2 }
    }

    /// The values that window `number` covers of a record's `len`, and whether all of its samples are there.
    fn values(&self, number: usize, len: usize) -> (std::ops::Range<usize>, bool) {
        let start = number * self.stride;
        let first = start.saturating_sub(self.before);
        let last = (start + self.stride - self.before).min(len / self.narrow);
        (first * self.narrow..last * self.narrow, last - first == self.stride)
    }
}

/// A record as its readers see it.
fn seen<'a>(isa: Isa, x: View<'a, Cpu>, record: usize) -> Cow<'a, [f32]> {
    let x_of = x.record(record);
    match x.reading() {
        None => Cow::Borrowed(x_of),
        reading => {
            let mut room = vec![0.0; x_of.len()];
            read(isa, reading, x_of, &mut room);
            Cow::Owned(room)
        }
    }
}

#[inline(always)]
fn open<S: Simd>(gates: &[f32], shares: &mut [f32]) {
    shares.iter_mut().zip(gates).for_each(|(share, gate)| *share = logistic::<S>(*gate));
}

/// The logistic function of a record's gates.
fn shares(isa: Isa, gates: &[f32]) -> Vec<f32> {
    let mut all = vec![0.0; gates.len()];
    let shares: &mut [f32] = &mut all;
    dispatch!(isa => open(gates: &[f32], shares: &mut [f32]));
    all
}

/// One record's y.
#[inline(always)]
fn sum_record<S: Simd>(windows: Windows, x: &[f32], shares: &[f32], beside: &[f32], y: &mut [f32]) {
    let Windows { margin, narrow, .. } = windows;
    let channels = shares.len();
    let mut tops = vec![0.0; narrow];
    for (number, (y, x)) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)).enumerate() {
        for ((y, x), share) in y.iter_mut().zip(x).zip(shares) {
            *y = x * share;
        }
        let (place, whole) = windows.values(number, beside.len());
        let mut rows = beside[place].chunks_exact(narrow);
        let tops: &[f32] = match rows.next() {
            Some(first) if windows.stride == 1 => first,
            first => {
                tops.copy_from_slice(first.unwrap_or(&[]));
                for row in rows {
                    tops.iter_mut().zip(row).for_each(|(top, x)| *top = if *x > *top { *x } else { *top });
                }
                if !whole {
                    tops.iter_mut().for_each(|top| *top = top.max(0.0));
                }
                &tops
            }
        };
        y[margin..margin + narrow].iter_mut().zip(tops).for_each(|(y, top)| *y += top);
    }
}

/// Adds the gradient of x.
#[inline(always)]
fn back_to_x<S: Simd>(shares: &[f32], gy: &[f32], fresh: bool, gx: &mut [f32]) {
    let channels = shares.len();
    for (gx, gy) in gx.chunks_exact_mut(channels).zip(gy.chunks_exact(channels)) {
        for ((gx, gy), share) in gx.iter_mut().zip(gy).zip(shares) {
            *gx = if fresh { 0.0 } else { *gx } + gy * share;
        }
    }
}

/// Adds the gradient of the gates.
#[inline(always)]
fn back_to_gates<S: Simd>(shares: &[f32], x: &[f32], gy: &[f32], fresh: bool, gradient: &mut [f32]) {
    let channels = shares.len();
    let mut sums = vec![0.0; channels];
    for (x, gy) in x.chunks_exact(channels).zip(gy.chunks_exact(channels)) {
        for ((sum, x), gy) in sums.iter_mut().zip(x).zip(gy) {
            *sum += x * gy;
        }
    }
    for ((gradient, sum), share) in gradient.iter_mut().zip(&sums).zip(shares) {
        *gradient = if fresh { 0.0 } else { *gradient } + sum * share * (1.0 - share);
    }
}

/// Adds each output's gradient to the first sample of its window that is the maximum, if no zero is above it.
#[inline(always)]
fn back_to_beside<S: Simd>(
    windows: Windows,
    beside: &[f32],
    (channels, gy): (usize, &[f32]),
    fresh: bool,
    gradient: &mut [f32],
) {
    let Windows { margin, narrow, .. } = windows;
    if fresh {
        gradient.fill(0.0);
    }
    for (number, gy) in gy.chunks_exact(channels).enumerate() {
        let gy = &gy[margin..margin + narrow];
        let (place, whole) = windows.values(number, beside.len());
        let (rows, to) = (&beside[place.clone()], &mut gradient[place]);
        if windows.stride == 1 {
            to.iter_mut().zip(gy).for_each(|(to, gy)| *to += gy);
            continue;
        }
        for (c, gy) in gy.iter().enumerate() {
            let floor = if whole { f32::NEG_INFINITY } else { 0.0 };
            let (mut first, mut top) = (None, floor);
            for (sample, row) in rows.chunks_exact(narrow).enumerate() {
                if row[c] > top {
                    (first, top) = (Some(sample), row[c]);
                }
            }
            if let Some(sample) = first {
                to[sample * narrow + c] += gy;
            }
        }
    }
}

/// One record's gradient of a part.
fn back(isa: Isa, parts: &Parts<'_, Cpu>, (of, record): (Part, usize), gy: &[f32], (fresh, to): (bool, &mut [f32])) {
    let channels = parts.x.shape.2;
    let shares: &[f32] = &shares(isa, parts.gates.record(record));
    match of {
        Part::X => dispatch!(isa => back_to_x(shares: &[f32], gy: &[f32], fresh: bool, to: &mut [f32])),
        Part::Gates => {
            let x: &[f32] = &seen(isa, parts.x, record);
            dispatch!(isa => back_to_gates(shares: &[f32], x: &[f32], gy: &[f32], fresh: bool, to: &mut [f32]));
        }
        Part::Beside => {
            let (windows, gy) = (Windows::new(parts), (channels, gy));
            let beside: &[f32] = &seen(isa, parts.beside, record);
            dispatch!(isa => back_to_beside(
                windows: Windows, beside: &[f32], gy: (usize, &[f32]), fresh: bool, to: &mut [f32]
            ));
        }
    }
}

impl Kernel for Cpu {
    fn excite(&self, parts: Parts<'_, Cpu>) -> Done<Buffer, Cpu> {
        let (isa, windows) = (Isa::best(), Windows::new(&parts));
        let mut y = Buffer::stale(parts.x.values.len());
        y.par_chunks_exact_mut(parts.x.shape.1 * parts.x.shape.2).enumerate().for_each(|(record, y)| {
            let shares: &[f32] = &shares(isa, parts.gates.record(record));
            let (x, beside) = (seen(isa, parts.x, record), seen(isa, parts.beside, record));
            let (x, beside): (&[f32], &[f32]) = (&x, &beside);
            dispatch!(isa => sum_record(
                windows: Windows, x: &[f32], shares: &[f32], beside: &[f32], y: &mut [f32]
            ));
        });
        Ok(y)
    }

    fn excite_gradient(
        &self,
        parts: Parts<'_, Cpu>,
        of: Part,
        gy: &Buffer,
        gradient: &mut Gradient<Cpu>,
    ) -> Done<(), Cpu> {
        let view = match of {
            Part::X => parts.x,
            Part::Gates => parts.gates,
            Part::Beside => parts.beside,
        };
        let (isa, (batch, length, channels), fresh) = (Isa::best(), view.shape, gradient.fresh);
        let size = parts.x.shape.1 * parts.x.shape.2;
        let mut sums = view.room_for_sums();
        let slots = pieces(sums.as_deref_mut(), 2 * channels, batch);
        let records = gradient.values.par_chunks_exact_mut(length * channels).zip(gy.par_chunks_exact(size));
        records.zip(slots).enumerate().for_each(|(record, ((to, gy), sums))| {
            back(isa, &parts, (of, record), gy, (fresh, to));
            if let (Some(reading), Some(sums)) = (view.reading(), sums) {
                sum_gradient(isa, reading, view.record(record), to, sums);
            }
        });
        view.keep_sums(sums);
        Ok(())
    }
}
