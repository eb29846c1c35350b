//! One block of InceptionTime (Ismail Fawaz 2020) as one operation: a 1-tap bottleneck that several odd kernels
//! read, beside a max pool of 3 samples with a 1-tap convolution; their channels side by side; batch norm, ReLU.
//!
//! The block's channels before the batch norm are kept for the backward pass and, where that costs less than to make it
//! again from all channels of the input, the bottleneck; the rest that is between them and the input is made again.

use crate::Result;
use crate::ops::Backend;
use crate::ops::layers::norm::{self, Normalizer};
use crate::tensor::{Done, Flat, Normalized, Param, Statistics, Trace, Var, View, WantedGradients, device_error};

mod cpu;
#[cfg(test)]
mod tests;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

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

/// What a block's input is in the backward pass.
#[derive(Debug)]
pub struct Input<'a, D: norm::Kernel> {
    /// The input.
    pub x: View<'a, D>,
    /// Its bottleneck, where it was kept.
    pub narrow: Option<&'a D::Buffer>,
}

/// What is wanted of a block beside its channels.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside {
    /// Their moments.
    pub moments: bool,
    /// The bottleneck, where the device keeps it.
    pub narrow: bool,
}

/// What a block gives.
#[derive(Debug)]
pub struct Output<D: norm::Kernel> {
    /// The channels before the batch norm, (batch, length, output).
    pub values: D::Buffer,
    /// Their moments.
    pub moments: Option<D::Moments>,
    /// For [`Input::narrow`].
    pub narrow: Option<D::Buffer>,
}

/// The block on a device.
pub trait Kernel: norm::Kernel {
    /// The channels before the batch norm, and what is wanted beside.
    fn inception(
        &self,
        sizes: &Sizes,
        x: View<'_, Self>,
        weights: &Weights<Flat<Self>>,
        beside: Beside,
    ) -> Done<Output<Self>, Self>;
    /// Adds to the gradients that are wanted: of the input and, in `wanted.params`, of gamma, beta, bottleneck, pooled and
    /// the bank. `gy` is of what readers see of y; its memory may become the input gradient's.
    fn inception_gradient(
        &self,
        sizes: &Sizes,
        input: Input<'_, Self>,
        weights: &Weights<Flat<Self>>,
        y: Option<Normalized<'_, Self>>,
        gy: Self::Buffer,
        wanted: WantedGradients<'_, Self>,
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
    let mut params = vec![by.gamma, by.beta, *bottleneck, *pooled];
    params.extend(bank);
    let wanted: Vec<bool> = params.iter().map(|param| param.trainable).chain([x.traced]).collect();
    let traced = trace.wants(&wanted);
    let beside = Beside { moments: of_batch, narrow: traced && bank.iter().any(|kernel| kernel.trainable) };
    let Output { values, moments, narrow } =
        device.inception(&sizes, x.view(), &flats, beside).map_err(device_error)?;
    let norm = norm::norm(&device, moments, &mut by)?;
    let y = Var::new(&device, values, (batch, length, sizes.output()), Some(norm), traced);
    if traced {
        let (kept_x, kept_y) = (x.clone(), y.clone());
        trace.record(&y, x, &params, move |gy, wanted| {
            let input = Input { x: kept_x.view(), narrow: narrow.as_ref() };
            device.inception_gradient(&sizes, input, &flats, kept_y.normalized(), gy, wanted)
        });
    }
    Ok(y)
}
