//! How CPU kernels read an activation: through the batch norm that is deferred to its readers.

use std::sync::Mutex;

use crate::ops::cpu::Isa;
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::tensor::memory::Buffer;
use crate::tensor::{Cpu, DeferredNorm, Mode, Statistics, View};

/// The norm of a CPU activation, by channel.
#[derive(Clone, Copy)]
pub(in crate::ops) struct Reading<'a> {
    pub(in crate::ops) scale: &'a [f32],
    pub(in crate::ops) shift: &'a [f32],
    pub(in crate::ops) mean: &'a [f32],
    pub(in crate::ops) inverse: &'a [f32],
    pub(in crate::ops) floor: f32,
}

/// The norm of one vector of channels, in registers: for kernels that read through it.
#[derive(Clone, Copy)]
pub(in crate::ops) struct VectorNorm<S: Simd> {
    scale: S::V,
    shift: S::V,
    floor: S::V,
}

impl<S: Simd> VectorNorm<S> {
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
    pub(in crate::ops) fn apply(&self, x: S::V) -> S::V {
        S::max(S::add(S::mul(x, self.scale), self.shift), self.floor)
    }
}

impl DeferredNorm<Cpu> {
    pub(in crate::ops) fn new(
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

    pub(in crate::ops) fn reading(&self) -> Reading<'_> {
        let channels = self.values.len() / 4;
        let part = |number: usize| &self.values[number * channels..][..channels];
        let floor = if self.mode.relu { 0.0 } else { f32::NEG_INFINITY };
        Reading { scale: part(0), shift: part(1), mean: part(2), inverse: part(3), floor }
    }
}

impl<'a> View<'a, Cpu> {
    /// How it is read; `None`: as it is in memory.
    pub(in crate::ops) fn reading(self) -> Option<Reading<'a>> {
        self.norm.map(DeferredNorm::reading)
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
        VectorNorm::<S>::new(Some(*self), c).apply(x)
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
