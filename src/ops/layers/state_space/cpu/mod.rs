//! The layer on the CPU: products of spectra, a vector of channels and a record at a time.

use std::borrow::Cow;

use rayon::prelude::*;

use super::{Kernel, Weights};
use crate::ops::cpu::Isa;
use crate::ops::cpu::reading::Reading;
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::tensor::memory::{Buffer, pieces};
use crate::tensor::{Cpu, DeviceStorage, Done, Flat, View, WantedGradients, flat};

mod fourier;
mod poles;

pub(in crate::ops::layers::state_space) use fourier::Plan;
use fourier::{Lines, norm_of};
use poles::{Gradients, Powers};

/// Pieces of a batch whose kernel gradients are summed apart: a number that no number of threads changes.
const PIECES: usize = 8;

/// A layer on one batch.
pub(in crate::ops::layers::state_space) struct Layer<'a> {
    isa: Isa,
    weights: &'a Weights<&'a [f32]>,
    /// What is read: as it is in memory where there is a reading.
    x: Cow<'a, [f32]>,
    reading: Option<Reading<'a>>,
    plan: &'a Plan,
    channels: usize,
}

impl<'a> Layer<'a> {
    pub fn new(
        isa: Isa,
        device: &Cpu,
        x: View<'a, Cpu>,
        weights: &'a Weights<&'a [f32]>,
        plan: &'a Plan,
    ) -> Done<Self, Cpu> {
        let channels = x.shape.2;
        // Vectors that channels do not fill have no reading.
        let (x, reading) = match x.norm {
            Some(_) if !channels.is_multiple_of(isa.lanes()) => (Cow::Owned(device.read_view(x)?), None),
            _ => (Cow::Borrowed(&x.values[..]), x.reading()),
        };
        Ok(Self { isa, weights, x, reading, plan, channels })
    }

    /// Values of a record.
    fn one(&self) -> usize {
        self.plan.length * self.channels
    }

    /// Values of the spectra of a vector of channels.
    fn group(&self) -> usize {
        2 * self.plan.points * self.isa.lanes()
    }

    /// Records in a piece of the batch.
    fn piece(&self) -> usize {
        (self.x.len() / self.one()).div_ceil(PIECES).max(1)
    }

    /// The kernels' spectra, vector by vector of channels, for transforms that give n times the samples.
    pub fn spectra(&self) -> Buffer {
        let mut spectra = Buffer::stale(self.channels.div_ceil(self.isa.lanes()) * self.group());
        let (weights, plan) = (self.weights, self.plan);
        spectra.par_chunks_exact_mut(self.group()).enumerate().for_each(|(group, to)| {
            let first = group * self.isa.lanes();
            dispatch!(self.isa => kernel_spectrum(weights: &Weights<&[f32]>, plan: &Plan, first: usize, to: &mut [f32]));
        });
        spectra
    }

    pub fn forward(&self, spectra: &[f32]) -> Buffer {
        let mut y = Buffer::stale(self.x.len());
        let records = self.one() * self.piece();
        y.par_chunks_mut(records).zip(self.x.par_chunks(records)).for_each(|(y, x)| {
            let layer = self;
            dispatch!(self.isa => convolve(layer: &Layer<'_>, spectra: &[f32], x: &[f32], y: &mut [f32]));
        });
        y
    }

    /// Adds to the gradients that are wanted.
    pub fn gradient(&self, spectra: &[f32], gy: &[f32], wanted: WantedGradients<'_, Cpu>) {
        let WantedGradients { x: gx, params } = wanted;
        let add = gx.as_ref().is_some_and(|gx| !gx.fresh);
        let records = self.one() * self.piece();
        let count = self.x.len().div_ceil(records);
        let mut sums = params.iter().any(Option::is_some).then(|| Buffer::zeros(count * spectra.len()));
        let gxs = pieces(gx.map(|gx| &mut *gx.values), records, count);
        let slots = pieces(sums.as_deref_mut(), spectra.len(), count);
        let inputs = self.x.par_chunks(records).zip(gy.par_chunks(records));
        inputs.zip(gxs.into_par_iter().zip(slots)).for_each(|((x, gy), (gx, sums))| {
            let layer = self;
            let to = Wanted { gx, add, sums };
            dispatch!(self.isa => correlate(layer: &Layer<'_>, spectra: &[f32], x: &[f32], gy: &[f32], to: Wanted<'_>));
        });
        let Some(sums) = sums else { return };
        let groups: Vec<(Gradients, [f32; 16])> = (0..spectra.len() / self.group())
            .into_par_iter()
            .map(|group| {
                let mut room = Buffer::stale(self.group());
                for (piece, sums) in sums.chunks_exact(spectra.len()).enumerate() {
                    let sums = &sums[group * self.group()..][..self.group()];
                    match piece {
                        0 => room.copy_from_slice(sums),
                        _ => room.iter_mut().zip(sums).for_each(|(to, sum)| *to += sum),
                    }
                }
                let (weights, plan, first) = (self.weights, self.plan, group * self.isa.lanes());
                let room: &mut [f32] = &mut room;
                let mut found = None;
                let to = &mut found;
                dispatch!(self.isa => parameter_gradients(weights: &Weights<&[f32]>, plan: &Plan, first: usize,
                    room: &mut [f32], to: &mut Option<(Gradients, [f32; 16])>));
                found
            })
            .flatten()
            .collect();
        for (group, (gradients, of_d)) in groups.iter().enumerate() {
            gradients.add_to(params);
            if let Some(Some(gd)) = params.get_mut(4) {
                let first = group * self.isa.lanes();
                let lanes = self.isa.lanes();
                gd[first..].iter_mut().zip(&of_d[..lanes]).for_each(|(gd, value)| *gd += value);
            }
        }
    }
}

/// What the backward pass of some records writes.
struct Wanted<'a> {
    gx: Option<&'a mut [f32]>,
    /// Whether gx is added to.
    add: bool,
    /// Added to: the spectra of the kernels' gradients.
    sums: Option<&'a mut [f32]>,
}

/// The spectrum of the kernels of the channels from `first` on: that of the second direction, whose powers are below 0,
/// is folded into imaginary parts (see [`fourier`]).
#[inline(always)]
fn kernel_spectrum<S: Simd>(weights: &Weights<&[f32]>, plan: &Plan, first: usize, to: &mut [f32]) {
    let Plan { length, points, .. } = *plan;
    let powers = Powers::<S>::new(weights, first);
    let kernels = powers.kernels(length);
    let (forth, back) = kernels.split_at(length.next_multiple_of(32) * S::LANES);
    let (share, none) = (S::splat(1.0 / points as f32), S::splat(0.0));
    let mut d = [0f32; 16];
    d.iter_mut().zip(&weights.d[first..]).for_each(|(d, value)| *d = *value);
    for (j, point) in to.chunks_exact_mut(2 * S::LANES).enumerate() {
        let mut re = if j < length { S::load(&forth[j * S::LANES..]) } else { none };
        if j == 0 {
            re = S::add(re, S::load(&d));
        }
        let lag = points - j;
        let im = if lag < length && !back.is_empty() { S::load(&back[(lag - 1) * S::LANES..]) } else { none };
        S::store(S::mul(share, re), point);
        S::store(S::mul(share, im), &mut point[S::LANES..]);
    }
    plan.spectrum::<S>(to);
}

#[inline(always)]
fn convolve<S: Simd>(layer: &Layer<'_>, spectra: &[f32], x: &[f32], y: &mut [f32]) {
    let (plan, row, one) = (layer.plan, layer.channels, layer.one());
    let mut room = Buffer::stale(plan.size::<S>());
    let block = plan.block() * 2 * S::LANES;
    for (group, spectrum) in spectra.chunks_exact(plan.size::<S>()).enumerate() {
        let first = group * S::LANES;
        let width = S::LANES.min(row - first);
        let norm = norm_of::<S>(layer.reading, first);
        for (x, y) in x.chunks_exact(one).zip(y.chunks_exact_mut(one)) {
            plan.enter::<S>(norm, Lines { values: &x[first..], row, width }, &mut room);
            for (block, spectrum) in room.chunks_exact_mut(block).zip(spectrum.chunks_exact(block)) {
                plan.forward::<S>(block);
                multiply::<S, false>(spectrum, block);
                plan.backward::<S>(block);
            }
            plan.leave::<S>(&mut room, &mut y[first..], (row, width), false);
        }
    }
}

#[inline(always)]
fn correlate<S: Simd>(layer: &Layer<'_>, spectra: &[f32], x: &[f32], gy: &[f32], to: Wanted<'_>) {
    let (plan, row, one) = (layer.plan, layer.channels, layer.one());
    let Wanted { mut gx, add, mut sums } = to;
    let (mut of_x, mut of_gy) = (Buffer::stale(plan.size::<S>()), Buffer::stale(plan.size::<S>()));
    let block = plan.block() * 2 * S::LANES;
    for (group, spectrum) in spectra.chunks_exact(plan.size::<S>()).enumerate() {
        let first = group * S::LANES;
        let width = S::LANES.min(row - first);
        let (norm, plain) = (norm_of::<S>(layer.reading, first), norm_of::<S>(None, first));
        for (record, (x, gy)) in x.chunks_exact(one).zip(gy.chunks_exact(one)).enumerate() {
            plan.enter::<S>(plain, Lines { values: &gy[first..], row, width }, &mut of_gy);
            if sums.is_some() {
                plan.enter::<S>(norm, Lines { values: &x[first..], row, width }, &mut of_x);
            }
            for (number, spectrum) in spectrum.chunks_exact(block).enumerate() {
                let g = &mut of_gy[number * block..][..block];
                plan.forward::<S>(g);
                if let Some(sums) = &mut sums {
                    let x = &mut of_x[number * block..][..block];
                    plan.forward::<S>(x);
                    let sums = &mut sums[group * plan.size::<S>() + number * block..][..block];
                    add_products::<S>(x, g, sums);
                }
                if gx.is_some() {
                    multiply::<S, true>(spectrum, g);
                    plan.backward::<S>(g);
                }
            }
            if let Some(gx) = &mut gx {
                plan.leave::<S>(&mut of_gy, &mut gx[record * one + first..], (row, width), add);
            }
        }
    }
}

/// Each point of `to` times that of `by`, or its conjugate.
#[inline(always)]
fn multiply<S: Simd, const CONJUGATE: bool>(by: &[f32], to: &mut [f32]) {
    for (by, to) in by.chunks_exact(2 * S::LANES).zip(to.chunks_exact_mut(2 * S::LANES)) {
        let (cos, sin) = (S::load(by), S::load(&by[S::LANES..]));
        let (re, im) = (S::load(to), S::load(&to[S::LANES..]));
        let (real, imaginary) = if CONJUGATE {
            (S::mul_add(im, sin, S::mul(re, cos)), S::neg_mul_add(re, sin, S::mul(im, cos)))
        } else {
            (S::neg_mul_add(im, sin, S::mul(re, cos)), S::mul_add(re, sin, S::mul(im, cos)))
        };
        S::store(real, to);
        S::store(imaginary, &mut to[S::LANES..]);
    }
}

/// sums += g times the conjugate of x.
#[inline(always)]
fn add_products<S: Simd>(x: &[f32], g: &[f32], sums: &mut [f32]) {
    let points = x.chunks_exact(2 * S::LANES).zip(g.chunks_exact(2 * S::LANES));
    for ((x, g), sums) in points.zip(sums.chunks_exact_mut(2 * S::LANES)) {
        let (xr, xi) = (S::load(x), S::load(&x[S::LANES..]));
        let (gr, gi) = (S::load(g), S::load(&g[S::LANES..]));
        let (re, im) = (S::load(sums), S::load(&sums[S::LANES..]));
        S::store(S::mul_add(gi, xi, S::mul_add(gr, xr, re)), sums);
        S::store(S::neg_mul_add(gr, xi, S::mul_add(gi, xr, im)), &mut sums[S::LANES..]);
    }
}

/// From the spectrum of the gradient of the kernels of the channels from `first` on, in `room`: gradients of the
/// parameters, and of d.
#[inline(always)]
fn parameter_gradients<S: Simd>(
    weights: &Weights<&[f32]>,
    plan: &Plan,
    first: usize,
    room: &mut [f32],
    to: &mut Option<(Gradients, [f32; 16])>,
) {
    let Plan { length, points, .. } = *plan;
    for block in room.chunks_exact_mut(plan.block() * 2 * S::LANES) {
        plan.backward::<S>(block);
    }
    plan.untwisted::<S>(room);
    let powers = Powers::<S>::new(weights, first);
    let directions = poles::Sizes::of(weights).directions;
    let padded = length.next_multiple_of(32) * S::LANES;
    let mut kernels = vec![0.0; directions * padded];
    let (forth, back) = kernels.split_at_mut(padded);
    let share = S::splat(1.0 / points as f32);
    for (j, point) in room.chunks_exact(2 * S::LANES).enumerate() {
        if j < length {
            S::store(S::mul(share, S::load(point)), &mut forth[j * S::LANES..]);
        }
        let lag = points - j;
        if lag < length && !back.is_empty() {
            S::store(S::mul(share, S::load(&point[S::LANES..])), &mut back[(lag - 1) * S::LANES..]);
        }
    }
    let mut of_d = [0f32; 16];
    of_d[..S::LANES].copy_from_slice(&forth[..S::LANES]);
    *to = Some((powers.gradients(&kernels, length), of_d));
}

impl Kernel for Cpu {
    /// The kernels' spectra.
    type Kept = Buffer;

    fn state_space(
        &self,
        x: View<'_, Cpu>,
        weights: &Weights<Flat<Cpu>>,
        keep: bool,
    ) -> Done<(Buffer, Option<Buffer>), Cpu> {
        let (weights, plan) = (weights.map(flat), Plan::of(x.shape.1));
        let layer = Layer::new(Isa::best(), self, x, &weights, &plan)?;
        let spectra = layer.spectra();
        let y = layer.forward(&spectra);
        Ok((y, keep.then_some(spectra)))
    }

    fn state_space_gradient(
        &self,
        x: View<'_, Cpu>,
        weights: &Weights<Flat<Cpu>>,
        spectra: Buffer,
        gy: &Buffer,
        wanted: WantedGradients<'_, Cpu>,
    ) -> Done<(), Cpu> {
        let (weights, plan) = (weights.map(flat), Plan::of(x.shape.1));
        Layer::new(Isa::best(), self, x, &weights, &plan)?.gradient(&spectra, gy, wanted);
        Ok(())
    }
}
