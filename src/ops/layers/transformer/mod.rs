//! What a pre-norm transformer encoder is made of (Vaswani 2017; Xiong 2020; for images Dosovitskiy 2021): patches with
//! positions, residual branches, layer norm.
//!
//! A branch is one operation, record by record: y = x + dropout(second(core(first(norm(x))))), its core either
//! attention between first = queries, keys and values and second = the projection, or the exact GELU with dropout
//! between the two layers of an MLP. Of a branch only what its first layer gives is kept for the backward pass, and of
//! attention the probabilities and what they weigh out; the rest is made again while it is in the cache.

use crate::Result;
use crate::ops::Backend;
pub use crate::ops::cpu::philox::Dropping;
use crate::tensor::{DeviceStorage, Done, Flat, Param, Shape3, Trace, Var, View, WantedGradients, device_error};

mod cpu;

#[cfg(feature = "cuda")]
pub(in crate::ops) mod cuda;

#[cfg(test)]
mod tests;

/// The parameters of a residual branch.
#[derive(Clone, Debug)]
pub struct Weights<T> {
    /// Scale of the layer norm (dim).
    pub gamma: T,
    /// Shift of the layer norm (dim).
    pub beta: T,
    /// Weight (wide, dim) and bias (wide) of the first layer; of attention, wide = 3 dim: queries, keys, values.
    pub first: [T; 2],
    /// Weight (dim, inner) and bias (dim) of the second layer; inner = dim for attention, wide otherwise.
    pub second: [T; 2],
}

impl<T> Weights<T> {
    /// Gamma, beta, first layer, second layer.
    fn all(&self) -> [&T; 6] {
        let Self { gamma, beta, first: [first, first_bias], second: [second, second_bias] } = self;
        [gamma, beta, first, first_bias, second, second_bias]
    }

    fn map<'a, U>(&'a self, mut f: impl FnMut(&'a T) -> U) -> Weights<U> {
        Weights {
            gamma: f(&self.gamma),
            beta: f(&self.beta),
            first: [f(&self.first[0]), f(&self.first[1])],
            second: [f(&self.second[0]), f(&self.second[1])],
        }
    }
}

/// What is between a branch's two layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Core {
    /// Multi-head self-attention with this many heads, dropout on its weights.
    Attention(usize),
    /// GELU, then dropout.
    Gelu,
}

/// The parameters of patches and positions.
#[derive(Clone, Debug)]
pub struct Stem<T> {
    /// (dim, leads, patch).
    pub weight: T,
    /// (dim).
    pub bias: T,
    /// (1, patches, dim).
    pub positions: T,
}

impl<T> Stem<T> {
    fn map<'a, U>(&'a self, mut f: impl FnMut(&'a T) -> U) -> Stem<U> {
        Stem { weight: f(&self.weight), bias: f(&self.bias), positions: f(&self.positions) }
    }
}

/// These operations on a device. Gradients are added to those that are wanted: of the input, and in `wanted.params` of the
/// parameters in the order of the fields.
pub trait Kernel: DeviceStorage {
    /// What a branch keeps for its backward pass.
    type Kept: 'static;
    /// A branch on x, and what its backward pass needs if `keep`.
    fn branch(
        &self,
        x: View<'_, Self>,
        weights: &Weights<Flat<Self>>,
        core: Core,
        dropping: Option<Dropping>,
        keep: bool,
    ) -> Done<(Self::Buffer, Option<Self::Kept>), Self>;
    /// Its gradients; what is `between` the layers, core and dropout, is that of the forward pass.
    fn branch_gradient(
        &self,
        x: View<'_, Self>,
        weights: &Weights<Flat<Self>>,
        between: (Core, Option<Dropping>),
        kept: Self::Kept,
        gy: Self::Buffer,
        wanted: WantedGradients<'_, Self>,
    ) -> Done<(), Self>;
    /// The layer norm of x.
    fn layer_norm(&self, x: View<'_, Self>, gamma: &Flat<Self>, beta: &Flat<Self>) -> Done<Self::Buffer, Self>;
    /// Its gradients.
    fn layer_norm_gradient(
        &self,
        x: View<'_, Self>,
        norm: [&Flat<Self>; 2],
        gy: Self::Buffer,
        wanted: WantedGradients<'_, Self>,
    ) -> Done<(), Self>;
    /// Patches of `patch` samples of x.
    fn patches(&self, x: View<'_, Self>, patch: usize, stem: &Stem<Flat<Self>>) -> Done<Self::Buffer, Self>;
    /// Their gradients.
    fn patches_gradient(
        &self,
        x: View<'_, Self>,
        patch: usize,
        stem: &Stem<Flat<Self>>,
        gy: &Self::Buffer,
        wanted: WantedGradients<'_, Self>,
    ) -> Done<(), Self>;
}

/// The residual branch on `x` (batch, length, dim): y of the same shape.
///
/// # Errors
/// Where the device fails.
///
/// # Panics
/// Where the shapes do not fit: a fault of the network's code, never of its input.
pub fn branch<D: Backend>(
    trace: &mut Trace<D>,
    x: &Var<D>,
    weights: &Weights<&Param<D>>,
    core: Core,
    dropping: Option<Dropping>,
) -> Result<Var<D>> {
    let dim = x.dims().2;
    let wide = weights.first[0].shape[0];
    let inner = match core {
        Core::Attention(heads) => {
            assert!(wide == 3 * dim && heads > 0 && dim.is_multiple_of(heads), "attention: {weights:?} on {dim}");
            dim
        }
        Core::Gelu => wide,
    };
    let expected: [&[usize]; 6] = [&[dim], &[dim], &[wide, dim], &[wide], &[dim, inner], &[dim]];
    assert!(weights.all().iter().zip(expected).all(|(w, shape)| w.shape == shape), "branch: {weights:?} on {dim}");
    let device = x.device.clone();
    let flats = weights.map(|param| param.value.clone());
    let params = weights.all().map(|param| *param);
    let wanted: Vec<bool> = params.iter().map(|param| param.trainable).chain([x.traced]).collect();
    let traced = trace.wants(&wanted);
    let (values, kept) = device.branch(x.view(), &flats, core, dropping, traced).map_err(device_error)?;
    let y = Var::new(&device, values, x.shape, None, traced);
    if let Some(kept) = kept {
        let kept_x = x.clone();
        trace.record(&y, x, &params, move |gy, wanted| {
            device.branch_gradient(kept_x.view(), &flats, (core, dropping), kept, gy, wanted)
        });
    }
    Ok(y)
}

/// The layer norm of `x` (batch, length, dim) with `gamma` (dim) and `beta` (dim), eps 1e-5.
///
/// # Errors
/// Where the device fails.
pub fn layer_norm<D: Backend>(trace: &mut Trace<D>, x: &Var<D>, gamma: &Param<D>, beta: &Param<D>) -> Result<Var<D>> {
    let device = x.device.clone();
    let values = device.layer_norm(x.view(), &gamma.value, &beta.value).map_err(device_error)?;
    let traced = trace.wants(&[x.traced, gamma.trainable, beta.trainable]);
    let y = Var::new(&device, values, x.shape, None, traced);
    if traced {
        let (kept_x, norm) = (x.clone(), [gamma.value.clone(), beta.value.clone()]);
        trace.record(&y, x, &[gamma, beta], move |gy, wanted| {
            device.layer_norm_gradient(kept_x.view(), norm.each_ref(), gy, wanted)
        });
    }
    Ok(y)
}

/// Patches of `x` (batch, length, leads) through one linear layer, plus their positions: (batch, length / patch, dim).
/// Samples that do not fill a last patch are left out.
///
/// # Errors
/// Where the device fails.
///
/// # Panics
/// Where the shapes do not fit: a fault of the network's code, never of its input.
pub fn patches<D: Backend>(trace: &mut Trace<D>, x: &Var<D>, stem: &Stem<&Param<D>>) -> Result<Var<D>> {
    let (batch, length, leads) = x.dims();
    let Stem { weight, bias, positions } = stem;
    let (dim, patch) = (weight.shape[0], weight.shape[2]);
    let shape: Shape3 = (batch, length / patch, dim);
    assert!(
        weight.shape[1] == leads && length >= patch && positions.shape == [1, shape.1, dim],
        "patches: {stem:?} on {length} samples of {leads} leads"
    );
    let device = x.device.clone();
    let flats = stem.map(|param| param.value.clone());
    let values = device.patches(x.view(), patch, &flats).map_err(device_error)?;
    let traced = trace.wants(&[x.traced, weight.trainable, bias.trainable, positions.trainable]);
    let y = Var::new(&device, values, shape, None, traced);
    if traced {
        let kept_x = x.clone();
        trace.record(&y, x, &[weight, bias, positions], move |gy, wanted| {
            device.patches_gradient(kept_x.view(), patch, &flats, &gy, wanted)
        });
    }
    Ok(y)
}
