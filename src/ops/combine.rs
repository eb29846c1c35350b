//! Two or more activations into one: concatenation of channels, and addition with ReLU.

use dfdx::prelude::{Cpu, TensorFromVec};
use rayon::prelude::*;

use super::cpu::{Isa, view};
use super::simd::{Simd, dispatch};
use super::{Backend, Done, Lend, Tensor3, Trace, Var, device_error, dims, with_gradients};
use crate::Result;

/// Combinations on a device. Gradients are added to what the buffers hold.
pub trait Kernel: Lend {
    /// Channels of all, one after another.
    fn concat(&self, parts: &[&Tensor3<Self>]) -> Done<Tensor3<Self>, Self>;
    /// Adds channels `first..first + channels` of `gy` (which has `all` channels) to one part's gradient.
    fn concat_gradient(
        &self,
        first: usize,
        channels: usize,
        all: usize,
        length: usize,
        gy: &Self::Buffer,
        gx: &mut Self::Buffer,
    ) -> Done<(), Self>;
    /// relu(a + b).
    fn add_relu(&self, a: &Tensor3<Self>, b: &Tensor3<Self>) -> Done<Tensor3<Self>, Self>;
    /// Adds gy, where y is positive, to one part's gradient.
    fn add_relu_gradient(&self, y: &Tensor3<Self>, gy: &Self::Buffer, gx: &mut Self::Buffer) -> Done<(), Self>;
}

/// Concatenates the channels of `parts`, each (batch, its channels, length).
///
/// # Errors
/// Where the device fails.
pub fn concat<D: Backend>(trace: &mut Trace<D>, parts: &[Var<D>]) -> Result<Var<D>> {
    let device = parts[0].value.device().clone();
    let tensors: Vec<&Tensor3<D>> = parts.iter().map(|part| &part.value).collect();
    let y = device.concat(&tensors).map_err(device_error)?;
    let (_, all, length) = dims(&y);
    let wanted: Vec<bool> = parts.iter().map(|part| part.traced).collect();
    let traced = trace.wants(&wanted);
    if traced {
        let mut first = 0;
        let mut sources = Vec::new();
        for part in parts {
            let channels = part.dims().1;
            if part.traced {
                sources.push((first, channels, part.value.ghost()));
            }
            first += channels;
        }
        let ghost = y.ghost();
        trace.record(move |grads| {
            let gy = D::take(grads.get_or_alloc_mut(&ghost)?);
            for (first, channels, source) in &sources {
                let mut gx = D::take(grads.get_or_alloc_mut(source)?);
                device.concat_gradient(*first, *channels, all, length, &gy, &mut gx)?;
                D::put(grads.get_or_alloc_mut(source)?, gx);
            }
            Ok(())
        });
    }
    Ok(Var { value: y, traced })
}

/// relu(a + b) of two activations of one shape.
///
/// # Errors
/// Where the device fails.
pub fn add_relu<D: Backend>(trace: &mut Trace<D>, a: &Var<D>, b: &Var<D>) -> Result<Var<D>> {
    let device = a.value.device().clone();
    let value = device.add_relu(&a.value, &b.value).map_err(device_error)?;
    let (a_wanted, b_wanted) = (a.traced, b.traced);
    let traced = trace.wants(&[a_wanted, b_wanted]);
    if traced {
        let (a, b, y, ghost) = (a.value.ghost(), b.value.ghost(), value.clone(), value.ghost());
        trace.record(move |grads| {
            with_gradients!(D, grads, ghost, gy, ga = &a, a_wanted, gb = &b, b_wanted => {
                for gx in [&mut ga, &mut gb].into_iter().flatten() {
                    device.add_relu_gradient(&y, &gy, gx)?;
                }
                Ok(())
            })
        });
    }
    Ok(Var { value, traced })
}

/// gx += gy.
#[inline(always)]
fn add_row<S: Simd>(gx: &mut [f32], gy: &[f32]) {
    gx.iter_mut().zip(gy).for_each(|(gx, gy)| *gx += gy);
}

impl Kernel for Cpu {
    fn concat(&self, parts: &[&Tensor3<Cpu>]) -> Done<Tensor3<Cpu>, Cpu> {
        let (batch, _, length) = dims(parts[0]);
        let all: usize = parts.iter().map(|part| dims(part).1).sum();
        let mut y = vec![0.0; batch * all * length];
        let mut first = 0;
        for part in parts {
            let size = dims(part).1 * length;
            let x = view(part);
            y.par_chunks_exact_mut(all * length)
                .zip(x.par_chunks_exact(size))
                .for_each(|(y, x)| y[first..first + size].copy_from_slice(x));
            first += size;
        }
        self.try_tensor_from_vec(y, (batch, all, length))
    }

    fn concat_gradient(
        &self,
        first: usize,
        channels: usize,
        all: usize,
        length: usize,
        gy: &Vec<f32>,
        gx: &mut Vec<f32>,
    ) -> Done<(), Cpu> {
        let isa = Isa::best();
        gx.par_chunks_exact_mut(channels * length).zip(gy.par_chunks_exact(all * length)).for_each(|(gx, gy)| {
            let gy = &gy[first * length..];
            dispatch!(isa => add_row(gx: &mut [f32], gy: &[f32]));
        });
        Ok(())
    }

    fn add_relu(&self, a: &Tensor3<Cpu>, b: &Tensor3<Cpu>) -> Done<Tensor3<Cpu>, Cpu> {
        let y = view(a).par_iter().with_min_len(4096).zip(view(b)).map(|(a, b)| (a + b).max(0.0)).collect();
        self.try_tensor_from_vec(y, dims(a))
    }

    fn add_relu_gradient(&self, y: &Tensor3<Cpu>, gy: &Vec<f32>, gx: &mut Vec<f32>) -> Done<(), Cpu> {
        gx.par_iter_mut()
            .with_min_len(4096)
            .zip(gy)
            .zip(view(y))
            .for_each(|((gx, gy), y)| *gx += if *y > 0.0 { *gy } else { 0.0 });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::check;

    #[test]
    fn gradients_match_finite_differences() {
        check(&[vec![2, 3, 5], vec![2, 1, 5]], |trace, _, inputs| {
            let (a, b) = (inputs[0].as_var((2, 3, 5)), inputs[1].as_var((2, 1, 5)));
            concat(trace, &[a.clone(), b, a])
        });
        check(&[vec![2, 3, 5], vec![2, 3, 5]], |trace, _, inputs| {
            add_relu(trace, &inputs[0].as_var((2, 3, 5)), &inputs[1].as_var((2, 3, 5)))
        });
    }
}
