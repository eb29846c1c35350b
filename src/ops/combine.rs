//! Two or more activations into one: concatenation of channels, and addition with ReLU.

use dfdx::prelude::Cpu;
use rayon::prelude::*;

use super::cpu::Isa;
use super::memory::{Buffer, pieces};
use super::norm::{Kernel as _, Reading, give, sum_gradient};
use super::simd::{Simd, dispatch};
use super::{Backend, Done, Gradient, Lend, Seen, Trace, Var, device_error};
use crate::Result;

#[cfg(feature = "cuda")]
mod cuda;

/// Values of one activation that a backward pass goes over at a time.
const CHUNK: usize = 8192;

/// Combinations on a device.
pub trait Kernel: Lend {
    /// Channels of all, one after another.
    fn concat(&self, parts: &[Seen<'_, Self>]) -> Done<Self::Buffer, Self>;
    /// Adds channels from `first` on of `gy` (which has `all` channels) to the gradient of a part of `channels`.
    fn concat_gradient(
        &self,
        first: usize,
        channels: usize,
        all: usize,
        gy: &Self::Buffer,
        gx: &mut Gradient<Self>,
    ) -> Done<(), Self>;
    /// relu(a + b).
    fn add_relu(&self, a: Seen<'_, Self>, b: Seen<'_, Self>) -> Done<Self::Buffer, Self>;
    /// Makes gy zero where y is, which is the gradient of both parts; adds it to those that are given. A part whose
    /// gradient is not given has gy.
    fn add_relu_gradient(
        &self,
        parts: [Seen<'_, Self>; 2],
        y: &Self::Buffer,
        gy: &mut Self::Buffer,
        gx: [Option<&mut Gradient<Self>>; 2],
    ) -> Done<(), Self>;
}

/// Concatenates the channels of `parts`, each (batch, length, its channels).
///
/// # Errors
/// Where the device fails.
pub fn concat<D: Backend>(trace: &mut Trace<D>, parts: &[Var<D>]) -> Result<Var<D>> {
    let device = parts[0].device.clone();
    let seen: Vec<Seen<'_, D>> = parts.iter().map(Var::seen).collect();
    let values = device.concat(&seen).map_err(device_error)?;
    let widths: Vec<usize> = parts.iter().map(|part| part.shape.2).collect();
    let all = widths.iter().sum();
    let wanted: Vec<bool> = parts.iter().map(|part| part.traced).collect();
    let y = Var::new(&device, values, (parts[0].shape.0, parts[0].shape.1, all), None, trace.wants(&wanted));
    if y.traced {
        let inputs: Vec<&Var<D>> = parts.iter().collect();
        trace.record_each(&y, &inputs, move |gy, number, gx| {
            let first = widths[..number].iter().sum();
            device.concat_gradient(first, widths[number], all, gy, gx)
        });
    }
    Ok(y)
}

/// relu(a + b) of two activations of one shape.
///
/// # Errors
/// Where the device fails.
pub fn add_relu<D: Backend>(trace: &mut Trace<D>, a: &Var<D>, b: &Var<D>) -> Result<Var<D>> {
    let device = a.device.clone();
    let values = device.add_relu(a.seen(), b.seen()).map_err(device_error)?;
    let y = Var::new(&device, values, a.shape, None, trace.wants(&[a.traced, b.traced]));
    if y.traced {
        let (kept, parts) = (y.clone(), [a.clone(), b.clone()]);
        trace.record_sum(&y, [a, b], move |gy, gx| {
            device.add_relu_gradient(parts.each_ref().map(Var::seen), &kept.values, gy, gx)
        });
    }
    Ok(y)
}

/// One record of a part of a sum.
#[derive(Clone, Copy)]
struct Part<'a> {
    x: &'a [f32],
    reading: Option<Reading<'a>>,
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
fn add_rectified<S: Simd>(a: Part<'_>, b: Part<'_>, channels: usize, y: &mut [f32]) {
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
    fn concat(&self, parts: &[Seen<'_, Cpu>]) -> Done<Buffer, Cpu> {
        let (batch, length, _) = parts[0].shape;
        let all: usize = parts.iter().map(|part| part.shape.2).sum();
        let mut y = Buffer::stale(batch * length * all);
        let mut first = 0;
        for part in parts {
            let width = part.shape.2;
            let x = self.written(*part)?;
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

    fn add_relu(&self, a: Seen<'_, Cpu>, b: Seen<'_, Cpu>) -> Done<Buffer, Cpu> {
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
        parts: [Seen<'_, Cpu>; 2],
        y: &Buffer,
        gy: &mut Buffer,
        gx: [Option<&mut Gradient<Cpu>>; 2],
    ) -> Done<(), Cpu> {
        let (batch, length, channels) = parts[0].shape;
        let (isa, size) = (Isa::best(), length * channels);
        let fresh = gx.each_ref().map(|gx| gx.as_ref().is_some_and(|gx| gx.fresh));
        let mut sums = parts.map(Seen::room_for_sums);
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

#[cfg(test)]
mod tests {
    use dfdx::prelude::TensorFromVec;

    use super::*;
    use crate::ops::gradient_check::{assert_close, check, param};
    use crate::ops::norm::{Mode, Normalizer, Statistics, batch_norm};

    #[test]
    fn gradients_match_finite_differences() {
        check(&[vec![2, 5, 3], vec![2, 5, 1]], |trace, inputs| {
            let (a, b) = (inputs[0].var.clone(), inputs[1].var.clone());
            concat(trace, &[a.clone(), b, a])
        });
        check(&[vec![2, 5, 3], vec![2, 5, 3]], |trace, inputs| add_relu(trace, &inputs[0].var, &inputs[1].var));
        check(&[vec![2, 5, 3]], |trace, inputs| add_relu(trace, &inputs[0].var, &inputs[0].var));
        check(&[vec![2, 5, 3]], |trace, inputs| {
            let fixed = Var::input(&Cpu::default(), vec![0.3; 30], (2, 5, 3))?;
            add_relu(trace, &inputs[0].var, &fixed)
        });
    }

    fn wave(count: usize, step: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * step).sin()).collect()
    }

    /// Gradients of both parts and of the batch norms' scale and shift, for a sum that is read again. Parts are
    /// seen through a batch norm where told; `written`: what is seen of them is in memory.
    fn gradients(seen_through: [bool; 2], twice: bool, written: bool) -> [Vec<f32>; 4] {
        let (device, shape, count) = (Cpu::default(), (3, 7, 19), 3 * 7 * 19);
        let inputs = [0.37, 0.91].map(|step| {
            let x = Var::input(&device, wave(count, step), shape).unwrap();
            Var { traced: true, ..x }
        });
        let (gamma, beta) = (param(&wave(19, 0.7)), param(&wave(19, 0.3)));
        let mut trace = Trace::on();
        let mut part = |which: usize, relu: bool| {
            let mut x = inputs[which].clone();
            if seen_through[which] {
                let (mut mean, mut var) = (param(&[0.1; 19]), param(&[0.8; 19]));
                let mode = Mode { statistics: Statistics::Batch, relu };
                let (running_mean, running_var) = (&mut mean, &mut var);
                let by = Normalizer { gamma: &gamma, beta: &beta, running_mean, running_var, mode };
                x = batch_norm(&mut trace, &x, by).unwrap();
            }
            if written { concat(&mut trace, &[x]).unwrap() } else { x }
        };
        let (a, b) = (part(0, false), part(1, true));
        let sum = add_relu(&mut trace, &a, if twice { &a } else { &b }).unwrap();
        // The gradient of b changes after the sums over it were taken.
        let y = add_relu(&mut trace, &sum, &b).unwrap();
        trace.start(&y, wave(count, 0.53).into());
        let flow = trace.flow.clone();
        let mut gradients = trace.backward(device.try_tensor_from_vec(vec![0.0], ()).unwrap()).unwrap();
        let [of_a, of_b] = inputs.map(|x| flow.take(&x.place()).unwrap().to_vec());
        let [gamma, beta] = [gamma, beta].map(|param| gradients.get_or_alloc_mut(&param.value).unwrap().to_vec());
        [of_a, of_b, gamma, beta]
    }

    #[test]
    fn sums_through_batch_norms_have_the_gradients_of_sums_in_memory() {
        for seen_through in [[true, true], [true, false], [false, true]] {
            for twice in [false, true] {
                let found = gradients(seen_through, twice, false);
                for (found, expected) in found.iter().zip(&gradients(seen_through, twice, true)) {
                    assert_close(&format!("{seen_through:?} {twice}"), found, expected, 1e-5);
                }
            }
        }
    }

    #[test]
    fn sums_are_the_same_on_every_instruction_set() {
        let (device, shape, channels) = (Cpu::default(), (1, 2, 21), 21);
        let (gamma, beta) = (param(&wave(21, 0.7)), param(&wave(21, 0.3)));
        let (mut mean, mut var) = (param(&wave(21, 0.2)), param(&[0.8; 21]));
        let mode = Mode { statistics: Statistics::Running, relu: true };
        let by = Normalizer { gamma: &gamma, beta: &beta, running_mean: &mut mean, running_var: &mut var, mode };
        let x = Var::input(&device, wave(42, 0.37), shape).unwrap();
        let a = batch_norm(&mut Trace::off(), &x, by).unwrap();
        let b = Var::input(&device, wave(42, 0.91), shape).unwrap();
        let expected: Vec<f32> = a.to_vec().iter().zip(&b.to_vec()).map(|(a, b)| (a + b).max(0.0)).collect();
        for isa in Isa::available() {
            let mut sum = vec![f32::NAN; 42];
            let [a, b] = [a.seen(), b.seen()].map(|part| Part { x: part.values, reading: part.reading() });
            let y: &mut [f32] = &mut sum;
            dispatch!(isa => add_rectified(a: Part<'_>, b: Part<'_>, channels: usize, y: &mut [f32]));
            assert_eq!(sum, expected, "{isa:?}");
        }
    }
}
