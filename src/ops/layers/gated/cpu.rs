//! The layer on the CPU: some samples at a time from the GELU to the gate, and back, while they are in the cache.

use rayon::prelude::*;

use super::{HIDDEN, Kernel, OUTPUT};
use crate::ops::cpu::Isa;
use crate::ops::cpu::gelu::{logistic, mul_add, normal};
use crate::ops::cpu::matmul::{Packed, Right, Rows, accumulate, multiply, summed};
use crate::ops::cpu::philox::{Dropping, factors};
use crate::ops::cpu::reading::read;
use crate::ops::cpu::simd::{Simd, dispatch};
use crate::tensor::memory::{Buffer, give, pieces};
use crate::tensor::{Cpu, Done, Flat, Gradient, View, WantedGradients, flat};

/// Samples that go through together.
const TOGETHER: usize = 48;
/// Pieces of a batch whose weight gradients are summed apart: a number that no number of threads changes.
const PIECES: usize = 8;

/// The layer on one batch.
struct Layer<'a> {
    isa: Isa,
    x: View<'a, Cpu>,
    weight: &'a [f32],
    bias: &'a [f32],
    dropping: Option<Dropping>,
}

impl Layer<'_> {
    fn channels(&self) -> usize {
        self.x.shape.2
    }

    /// Of record `number`, what the channels after the GELU and those after the gate are multiplied by.
    fn masks(&self, number: usize) -> [Vec<f32>; 2] {
        [HIDDEN, OUTPUT].map(|part| {
            let mut mask = vec![0.0; self.channels()];
            factors(self.isa, self.dropping, [part, number], &mut mask);
            mask
        })
    }

    fn forward(&self, beside: View<'_, Cpu>) -> (Buffer, Buffer) {
        let (isa, channels, one) = (self.isa, self.channels(), self.x.shape.1 * self.channels());
        let weight = Packed::turned(isa, rows(self.weight, channels), 2 * channels, 1.0);
        let mut y = Buffer::stale(self.x.values.len());
        let mut wide = Buffer::stale(2 * y.len());
        let slots = y.par_chunks_exact_mut(one).zip(wide.par_chunks_exact_mut(2 * one));
        slots.enumerate().for_each(|(number, (y, wide))| {
            let [hidden, output] = self.masks(number);
            let (mut z, mut rooms) = (Buffer::stale(TOGETHER * channels), [(); 2].map(|()| Vec::new()));
            let parts = y.chunks_mut(TOGETHER * channels).zip(wide.chunks_mut(2 * TOGETHER * channels));
            for (part, (y, wide)) in parts.enumerate() {
                let at = number * one + part * TOGETHER * channels;
                let [x, beside] = [self.x, beside];
                let [of_x, of_beside] = &mut rooms;
                let x = seen(isa, x, at, y.len(), of_x);
                let beside = seen(isa, beside, at, y.len(), of_beside);
                let z = &mut z[..x.len()];
                let (mask, to): (&[f32], &mut [f32]) = (&hidden, z);
                dispatch!(isa => activate(x: &[f32], mask: &[f32], to: &mut [f32]));
                multiply(isa, rows(z, channels), &weight, false, wide, 2 * channels);
                let (bias, mask): (&[f32], &[f32]) = (self.bias, &output);
                dispatch!(isa => gate(bias: &[f32], mask: &[f32], beside: &[f32], wide: &mut [f32], y: &mut [f32]));
            }
        });
        (y, wide)
    }

    fn gradient(&self, mut wide: Buffer, gy: &[f32], wanted: WantedGradients<'_, Cpu>) {
        let WantedGradients { x: gx, params } = wanted;
        let (isa, channels, batch) = (self.isa, self.channels(), self.x.shape.0);
        let one = self.x.shape.1 * channels;
        let each = batch.div_ceil(PIECES).max(1);
        let weight = Packed::straight(isa, rows(self.weight, channels), 1.0);
        let fresh = gx.as_ref().is_some_and(|gx| gx.fresh);
        // Of a piece: the sums of the weight's gradient, then those of the bias's.
        let line = 2 * channels * summed(isa, channels);
        let mut sums = Buffer::zeros(batch.div_ceil(each) * (line + 2 * channels));
        let gxs = pieces(gx.map(|gx| &mut *gx.values), each * one, batch.div_ceil(each));
        let slots = wide.par_chunks_mut(2 * each * one).zip(sums.par_chunks_exact_mut(line + 2 * channels)).zip(gxs);
        slots.enumerate().for_each(|(piece, ((wide, sums), mut gx))| {
            for (record, wide) in wide.chunks_exact_mut(2 * one).enumerate() {
                let number = piece * each + record;
                let gx = gx.as_deref_mut().map(|gx| &mut gx[record * one..][..one]);
                let (of_weight, of_bias) = sums.split_at_mut(line);
                let to = Wanted { of_weight, of_bias, gx, fresh };
                self.gradient_record(number, &weight, &gy[number * one..][..one], wide, to);
            }
        });
        let [of_weight, of_bias] = params else { return };
        for sums in sums.chunks_exact(line + 2 * channels) {
            let (weights, biases) = sums.split_at(line);
            if let Some(gw) = of_weight {
                let rows = gw.chunks_exact_mut(channels).zip(weights.chunks_exact(summed(isa, channels)));
                rows.for_each(|(gw, sums)| gw.iter_mut().zip(sums).for_each(|(gw, sum)| *gw += sum));
            }
            if let Some(gb) = of_bias {
                gb.iter_mut().zip(biases).for_each(|(gb, sum)| *gb += sum);
            }
        }
    }

    /// `wide` becomes its gradient.
    fn gradient_record(&self, number: usize, weight: &Packed, gy: &[f32], wide: &mut [f32], to: Wanted<'_>) {
        let (isa, channels, one) = (self.isa, self.channels(), gy.len());
        let Wanted { of_weight, of_bias, mut gx, fresh } = to;
        let [hidden, output] = self.masks(number);
        let size = TOGETHER * channels;
        // Sums of products read a vector's length more.
        let (mut z, mut g) = (Buffer::zeros(size + isa.lanes()), Buffer::stale(size));
        let mut room = Vec::new();
        for (part, (gy, wide)) in gy.chunks(size).zip(wide.chunks_mut(2 * size)).enumerate() {
            let x = seen(isa, self.x, number * one + part * size, gy.len(), &mut room);
            let (mask, bias): (&[f32], &mut [f32]) = (&output, of_bias);
            dispatch!(isa => ungate(mask: &[f32], gy: &[f32], wide: &mut [f32], bias: &mut [f32]));
            let g = &mut g[..gy.len()];
            if gx.is_some() {
                multiply(isa, rows(wide, 2 * channels), weight, false, g, channels);
            }
            let (mask, to): (&[f32], &mut [f32]) = (&hidden, &mut z[..gy.len()]);
            let slopes: &mut [f32] = g;
            dispatch!(isa => slope(x: &[f32], mask: &[f32], to: &mut [f32], slopes: &mut [f32]));
            let right = Right { values: &z, start: 0, step: channels, width: channels };
            accumulate(isa, rows(wide, 2 * channels), right, of_weight);
            if let Some(gx) = &mut gx {
                give(fresh, g, &mut gx[part * size..][..gy.len()]);
            }
        }
    }
}

/// What the backward pass of a record writes.
struct Wanted<'a> {
    of_weight: &'a mut [f32],
    of_bias: &'a mut [f32],
    gx: Option<&'a mut [f32]>,
    fresh: bool,
}

fn rows(values: &[f32], inner: usize) -> Rows<'_> {
    Rows { values, step: inner, count: values.len() / inner, inner }
}

/// `len` values from `at` on as readers see them, in `room` where that is not what is in memory.
fn seen<'a>(isa: Isa, x: View<'a, Cpu>, at: usize, len: usize, room: &'a mut Vec<f32>) -> &'a [f32] {
    let values = &x.values[at..][..len];
    match x.reading() {
        None => values,
        reading => {
            room.resize(len, 0.0);
            read(isa, reading, values, room);
            room
        }
    }
}

/// to = mask gelu(x).
#[inline(always)]
fn activate<S: Simd>(x: &[f32], mask: &[f32], to: &mut [f32]) {
    let width = mask.len();
    for (x, to) in x.chunks_exact(width).zip(to.chunks_exact_mut(width)) {
        for c in 0..width {
            to[c] = x[c] * normal::<S>(x[c]).0 * mask[c];
        }
    }
}

/// wide += bias; y = beside + mask a s(b).
#[inline(always)]
fn gate<S: Simd>(bias: &[f32], mask: &[f32], beside: &[f32], wide: &mut [f32], y: &mut [f32]) {
    let width = mask.len();
    let (of_a, of_b) = bias.split_at(width);
    let of_b = &of_b[..width];
    let rows = wide.chunks_exact_mut(2 * width).zip(beside.chunks_exact(width)).zip(y.chunks_exact_mut(width));
    for ((wide, beside), y) in rows {
        let (a, b) = wide.split_at_mut(width);
        let b = &mut b[..width];
        for c in 0..width {
            a[c] += of_a[c];
            b[c] += of_b[c];
            y[c] = mul_add::<S>(mask[c] * a[c], logistic::<S>(b[c]), beside[c]);
        }
    }
}

/// In place of what the linear layer gave its gradient, whose sums are added to `sums`.
#[inline(always)]
fn ungate<S: Simd>(mask: &[f32], gy: &[f32], wide: &mut [f32], sums: &mut [f32]) {
    let width = mask.len();
    let (of_a, of_b) = sums.split_at_mut(width);
    let of_b = &mut of_b[..width];
    for (wide, gy) in wide.chunks_exact_mut(2 * width).zip(gy.chunks_exact(width)) {
        let (a, b) = wide.split_at_mut(width);
        let b = &mut b[..width];
        for c in 0..width {
            let (g, share) = (mask[c] * gy[c], logistic::<S>(b[c]));
            let through = g * share;
            b[c] = through * a[c] * (1.0 - share);
            a[c] = through;
            of_a[c] += a[c];
            of_b[c] += b[c];
        }
    }
}

/// z = mask gelu(x), and the gradient of z in place becomes that of x.
#[inline(always)]
fn slope<S: Simd>(x: &[f32], mask: &[f32], z: &mut [f32], g: &mut [f32]) {
    // 1 / sqrt(2 pi)
    const DENSITY: f32 = 0.398_942_3;
    let width = mask.len();
    let rows = x.chunks_exact(width).zip(z.chunks_exact_mut(width)).zip(g.chunks_exact_mut(width));
    for ((x, z), g) in rows {
        for c in 0..width {
            let (phi, bell) = normal::<S>(x[c]);
            z[c] = x[c] * phi * mask[c];
            g[c] *= mask[c] * mul_add::<S>(x[c] * DENSITY, bell, phi);
        }
    }
}

impl Kernel for Cpu {
    fn gated_layer(
        &self,
        x: View<'_, Cpu>,
        beside: View<'_, Cpu>,
        [weight, bias]: [&Flat<Cpu>; 2],
        dropping: Option<Dropping>,
    ) -> Done<(Buffer, Buffer), Cpu> {
        let (weight, bias) = (flat(weight), flat(bias));
        Ok(Layer { isa: Isa::best(), x, weight, bias, dropping }.forward(beside))
    }

    fn gated_layer_gradient(
        &self,
        x: View<'_, Cpu>,
        [weight, bias]: [&Flat<Cpu>; 2],
        dropping: Option<Dropping>,
        (wide, gy): (Buffer, &Buffer),
        wanted: WantedGradients<'_, Cpu>,
    ) -> Done<(), Cpu> {
        let (weight, bias) = (flat(weight), flat(bias));
        Layer { isa: Isa::best(), x, weight, bias, dropping }.gradient(wide, gy, wanted);
        Ok(())
    }

    fn add_gradient(&self, gy: &Buffer, gx: &mut Gradient<Cpu>) -> Done<(), Cpu> {
        let fresh = gx.fresh;
        let chunks = gx.values.par_chunks_mut(1 << 14).zip(gy.par_chunks(1 << 14));
        chunks.for_each(|(gx, gy)| give(fresh, gy, gx));
        Ok(())
    }
}
