//! One block of InceptionTime (Ismail Fawaz 2020) as one operation: a 1-tap bottleneck that several odd kernels
//! read, beside a max pool of 3 samples with a 1-tap convolution; their channels side by side; batch norm, ReLU.
//!
//! Only the block's channels before the batch norm are kept for the backward pass; what is between them and
//! the input is made again, which costs less than to write and read it.

use dfdx::prelude::Cpu;

use super::norm::{self, Normalized, Normalizer, Statistics};
use super::{Backend, Done, Flat, Gradient, Param, Seen, Trace, Var, device_error};
use crate::Result;

#[cfg(feature = "cuda")]
mod cuda;

mod backward;
mod forward;
mod window;

/// The weights of a block.
#[derive(Debug)]
pub struct Weights<T> {
    /// (bottleneck, channels, 1).
    pub bottleneck: T,
    /// (filters, channels, 1).
    pub pooled: T,
    /// Each (filters, bottleneck, taps), taps odd.
    pub bank: Vec<T>,
}

/// Sizes of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Records.
    pub batch: usize,
    /// Samples.
    pub length: usize,
    /// Input channels.
    pub input: usize,
    /// Channels of the bottleneck.
    pub bottleneck: usize,
    /// Output channels of each branch.
    pub filters: usize,
    /// Taps of each kernel.
    pub kernels: Vec<usize>,
}

impl Sizes {
    /// Output channels: those of the kernels, then those of the pooled branch.
    pub fn output(&self) -> usize {
        self.filters * (self.kernels.len() + 1)
    }
}

/// The block on a device.
pub trait Kernel: norm::Kernel {
    /// The channels before the batch norm, and their moments if they are wanted.
    fn inception(
        &self,
        sizes: &Sizes,
        x: Seen<'_, Self>,
        weights: &Weights<Flat<Self>>,
        moments: bool,
    ) -> Done<(Self::Buffer, Option<Self::Moments>), Self>;
    /// Adds to the gradients that are wanted: of the input and, in `lent`, of gamma, beta, bottleneck, pooled and
    /// the bank. `gy` is of what readers see of y; its memory may become the input gradient's.
    #[allow(clippy::too_many_arguments)]
    fn inception_gradient(
        &self,
        sizes: &Sizes,
        x: Seen<'_, Self>,
        weights: &Weights<Flat<Self>>,
        y: Option<Normalized<'_, Self>>,
        gy: Self::Buffer,
        gx: Option<&mut Gradient<Self>>,
        lent: &mut [Option<Self::Lent>],
    ) -> Done<(), Self>;
}

/// The block on `x` (batch, length, channels): (batch, length, filters x (kernels + 1)).
///
/// # Errors
/// Where the device fails.
///
/// # Panics
/// Where the shapes do not fit: a fault of the network's code, never of its input.
pub fn inception<D: Backend>(
    trace: &mut Trace<D>,
    x: &Var<D>,
    weights: &Weights<&Param<D>>,
    mut by: Normalizer<'_, D>,
) -> Result<Var<D>> {
    let (batch, length, input) = x.dims();
    let Weights { bottleneck, pooled, bank } = weights;
    let sizes = Sizes {
        batch,
        length,
        input,
        bottleneck: bottleneck.shape[0],
        filters: pooled.shape[0],
        kernels: bank.iter().map(|kernel| kernel.shape[2]).collect(),
    };
    let fits = |kernel: &&Param<D>| kernel.shape[..2] == [sizes.filters, sizes.bottleneck] && kernel.shape[2] % 2 == 1;
    assert!(
        bottleneck.shape[1..] == [input, 1] && pooled.shape[1..] == [input, 1] && bank.iter().all(fits),
        "inception: {weights:?} on {input} channels"
    );
    let device = x.device.clone();
    let flats = Weights {
        bottleneck: bottleneck.value.clone(),
        pooled: pooled.value.clone(),
        bank: bank.iter().map(|kernel| kernel.value.clone()).collect(),
    };
    let of_batch = by.mode.statistics == Statistics::Batch;
    let (values, moments) = device.inception(&sizes, x.seen(), &flats, of_batch).map_err(device_error)?;
    let norm = norm::norm(&device, moments, &mut by)?;
    let mut params = vec![by.gamma, by.beta, *bottleneck, *pooled];
    params.extend(bank);
    let wanted: Vec<bool> = params.iter().map(|param| param.trainable).chain([x.traced]).collect();
    let traced = trace.wants(&wanted);
    let y = Var::new(&device, values, (batch, length, sizes.output()), Some(norm), traced);
    if traced {
        let (kept_x, kept_y) = (x.clone(), y.clone());
        trace.record(&y, x, &params, move |gy, gx, lent| {
            device.inception_gradient(&sizes, kept_x.seen(), &flats, kept_y.normalized(), gy, gx, lent)
        });
    }
    Ok(y)
}

impl Kernel for Cpu {
    fn inception(
        &self,
        sizes: &Sizes,
        x: Seen<'_, Cpu>,
        weights: &Weights<Flat<Cpu>>,
        moments: bool,
    ) -> Done<(Self::Buffer, Option<Self::Moments>), Cpu> {
        Ok(forward::forward(isa(sizes), sizes, x, weights, moments))
    }

    fn inception_gradient(
        &self,
        sizes: &Sizes,
        x: Seen<'_, Cpu>,
        weights: &Weights<Flat<Cpu>>,
        y: Option<Normalized<'_, Cpu>>,
        mut gy: Self::Buffer,
        mut gx: Option<&mut Gradient<Cpu>>,
        lent: &mut [Option<Vec<f32>>],
    ) -> Done<(), Cpu> {
        let Some((of_norm, lent)) = lent.split_at_mut_checked(2) else { return Ok(()) };
        let back = norm::Back::new(y, (sizes.batch, sizes.length, sizes.output()), &gy, of_norm);
        // Each record's gradient is read before that of its input is written: one memory, warm, will do.
        let flowing = match &mut gx {
            Some(gx) if gx.fresh && gx.values.len() == gy.len() => {
                std::mem::swap(&mut gx.values, &mut gy);
                None
            }
            _ => Some(&*gy),
        };
        let z = y.map(|y| &**y.values);
        backward::gradient(isa(sizes), sizes, x, weights, backward::Flowing { back: &back, z, g: flowing }, gx, lent);
        Ok(())
    }
}

fn isa(sizes: &Sizes) -> super::cpu::Isa {
    super::cpu::Isa::suiting(sizes.bottleneck.max(sizes.filters))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::cpu::Isa;
    use crate::ops::gradient_check::{assert_close, check, param};
    use crate::ops::memory::Buffer;
    use crate::ops::norm::{Back, Mode};

    #[test]
    fn gradients_match_finite_differences() {
        for statistics in [Statistics::Batch, Statistics::Running] {
            // Direct sums and spectra (9 taps and 64 samples or more).
            for (length, channels, filters, kernels) in [(13, 2, 1, [5, 3]), (70, 3, 8, [11, 3])] {
                let mut shapes =
                    vec![vec![1, length, channels], vec![filters, channels, 1], vec![filters, channels, 1]];
                shapes.extend(kernels.map(|kernel| vec![filters, filters, kernel]));
                shapes.extend([vec![3 * filters], vec![3 * filters]]);
                check(&shapes, |trace, inputs| {
                    let count = 3 * filters;
                    let (mut mean, mut var) = (param(&vec![0.1; count]), param(&vec![0.8; count]));
                    let [bottleneck, pooled, a, b, gamma, beta] = [1, 2, 3, 4, 5, 6].map(|i| &inputs[i].param);
                    let mode = Mode { statistics, relu: false };
                    let by = Normalizer { gamma, beta, running_mean: &mut mean, running_var: &mut var, mode };
                    inception(trace, &inputs[0].var, &Weights { bottleneck, pooled, bank: vec![a, b] }, by)
                });
            }
        }
    }

    fn wave(count: usize, step: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * step).sin()).collect()
    }

    /// Outputs and all gradients on an instruction set; gradients are added to what is there.
    fn all(isa: Isa, sizes: &Sizes) -> Vec<(&'static str, Vec<f32>)> {
        let device = Cpu::default();
        let count = sizes.batch * sizes.length;
        let x = Buffer::from(wave(count * sizes.input, 0.37));
        let shape = (sizes.batch, sizes.length, sizes.input);
        let seen = Seen { values: &x, norm: None, shape };
        let flat = |count: usize, step: f32| Param::new(&device, vec![count], wave(count, step)).unwrap().value;
        let weights = Weights {
            bottleneck: flat(sizes.bottleneck * sizes.input, 0.71),
            pooled: flat(sizes.filters * sizes.input, 0.53),
            bank: sizes.kernels.iter().map(|k| flat(sizes.filters * sizes.bottleneck * k, 0.91)).collect(),
        };
        let (y, moments) = forward::forward(isa, sizes, seen, &weights, true);
        let gy = wave(count * sizes.output(), 0.19);
        let back = Back::new(None, (sizes.batch, sizes.length, sizes.output()), &gy, &mut []);
        let mut gx = Gradient { values: Buffer::from(wave(x.len(), 0.11)), fresh: false };
        let mut lent: Vec<Option<Vec<f32>>> = [sizes.bottleneck * sizes.input, sizes.filters * sizes.input]
            .into_iter()
            .chain(sizes.kernels.iter().map(|k| sizes.filters * sizes.bottleneck * k))
            .map(|count| Some(wave(count, 0.13)))
            .collect();
        let flowing = backward::Flowing { back: &back, z: None, g: Some(&gy) };
        backward::gradient(isa, sizes, seen, &weights, flowing, Some(&mut gx), &mut lent);
        let mut found = vec![("y", y.to_vec()), ("moments", moments.unwrap().values), ("gx", gx.values.to_vec())];
        let names = ["gbottleneck", "gpooled", "gw0", "gw1", "gw2"];
        found.extend(names.into_iter().zip(lent.into_iter().flatten()));
        found
    }

    /// Spectra against direct sums, instruction sets against each other, one thread against several; the direct
    /// sums are checked against PyTorch by the networks' tests.
    #[test]
    fn all_ways_agree() {
        for (batch, length, input, bottleneck, filters, kernels) in
            [(5, 250, 20, 17, 9, vec![39, 19, 9]), (2, 64, 8, 32, 32, vec![11, 1, 3]), (3, 31, 4, 3, 5, vec![9, 5, 1])]
        {
            let sizes = Sizes { batch, length, input, bottleneck, filters, kernels };
            let expected = forward::without_spectra(|| all(Isa::Portable, &sizes));
            for isa in Isa::available() {
                let found = all(isa, &sizes);
                for ((name, found), (_, expected)) in found.iter().zip(&expected) {
                    assert_close(&format!("{name} {sizes:?} {isa:?}"), found, expected, 5e-5);
                }
            }
            let with = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| all(Isa::best(), &sizes))
            };
            assert_eq!(with(1), with(3), "the same bits on 1 and 3 threads");
        }
    }
}
