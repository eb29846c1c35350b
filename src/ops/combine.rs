//! Two or more activations into one: concatenation of channels, and addition with ReLU.

use dfdx::prelude::Cpu;
use rayon::prelude::*;

use super::cpu::Isa;
use super::memory::Buffer;
use super::norm::{Kernel as _, give, read};
use super::simd::{Simd, dispatch};
use super::{Backend, Done, Gradient, Lend, Seen, Shape3, Trace, Var, device_error};
use crate::Result;

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
    /// Adds gy, where y is positive, to one part's gradient.
    fn add_relu_gradient(
        &self,
        shape: Shape3,
        y: &Self::Buffer,
        gy: &Self::Buffer,
        gx: &mut Gradient<Self>,
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
        let kept = y.clone();
        trace.record_each(&y, &[a, b], move |gy, _, gx| device.add_relu_gradient(kept.shape, &kept.values, gy, gx));
    }
    Ok(y)
}

#[inline(always)]
fn add_rectified<S: Simd>(other: &[f32], y: &mut [f32]) {
    y.iter_mut().zip(other).for_each(|(y, b)| *y = (*y + b).max(0.0));
}

#[inline(always)]
fn masked_record<S: Simd>(fresh: bool, y: &[f32], gy: &[f32], gx: &mut [f32]) {
    if fresh {
        gx.iter_mut().zip(gy).zip(y).for_each(|((gx, gy), y)| *gx = if *y > 0.0 { *gy } else { 0.0 });
    } else {
        gx.iter_mut().zip(gy).zip(y).for_each(|((gx, gy), y)| *gx += if *y > 0.0 { *gy } else { 0.0 });
    }
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
            let x = self.written(*part);
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
        let size = a.shape.1 * a.shape.2;
        let isa = Isa::best();
        let mut y = Buffer::stale(a.values.len());
        y.par_chunks_exact_mut(size).enumerate().for_each(|(record, y)| {
            let mut other = Buffer::stale(size);
            read(isa, a.reading(), a.record(record), y);
            read(isa, b.reading(), b.record(record), &mut other);
            let other: &[f32] = &other;
            dispatch!(isa => add_rectified(other: &[f32], y: &mut [f32]));
        });
        Ok(y)
    }

    fn add_relu_gradient(&self, shape: Shape3, y: &Buffer, gy: &Buffer, gx: &mut Gradient<Cpu>) -> Done<(), Cpu> {
        let (isa, fresh, size) = (Isa::best(), gx.fresh, shape.1 * shape.2);
        gx.values.par_chunks_exact_mut(size).zip(y.par_chunks_exact(size)).zip(gy.par_chunks_exact(size)).for_each(
            |((gx, y), gy)| dispatch!(isa => masked_record(fresh: bool, y: &[f32], gy: &[f32], gx: &mut [f32])),
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::check;

    #[test]
    fn gradients_match_finite_differences() {
        check(&[vec![2, 5, 3], vec![2, 5, 1]], |trace, inputs| {
            let (a, b) = (inputs[0].var.clone(), inputs[1].var.clone());
            concat(trace, &[a.clone(), b, a])
        });
        check(&[vec![2, 5, 3], vec![2, 5, 3]], |trace, inputs| add_relu(trace, &inputs[0].var, &inputs[1].var));
    }
}
