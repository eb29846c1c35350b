//! Residual blocks (He 2016): y = relu(convolutions(x) + shortcut(x)).

use super::backbone::{FreezeState, Visit};
use super::layer::{BatchNorm, Conv};
use super::{Init, Pass};
use crate::Result;
use crate::ops::Backend;
use crate::ops::layers::average_pool::average_pool;
use crate::ops::layers::combine::add_relu;
use crate::tensor::{DeviceStorage, Var};

/// A convolution and the batch norm after it.
#[derive(Clone, Debug)]
pub(super) struct ConvNorm<D: DeviceStorage> {
    pub conv: Conv<D>,
    pub norm: BatchNorm<D>,
}

/// Sizes of a convolution.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub inputs: usize,
    pub outputs: usize,
    pub kernel: usize,
    pub stride: usize,
}

impl<D: Backend> ConvNorm<D> {
    /// With or without ReLU.
    pub(super) fn new(sizes: Sizes, relu: bool, init: &mut Init<'_, D>) -> Result<Self> {
        let conv = Conv::new(sizes.inputs, sizes.outputs, sizes.kernel, init)?.strided(sizes.stride);
        Ok(Self { conv, norm: BatchNorm::new(init.device, sizes.outputs, relu)? })
    }

    /// (batch, length, inputs) to (batch, length / stride rounded up, outputs).
    pub(super) fn forward(&mut self, x: &Var<D>, freeze: FreezeState, pass: &mut Pass<D>) -> Result<Var<D>> {
        self.conv.forward(x, &mut self.norm, freeze, pass)
    }

    pub(super) fn visit(&mut self, prefix: &str, f: &mut Visit<'_, D>) {
        self.conv.visit(&format!("{prefix}.conv"), f);
        self.norm.visit(&format!("{prefix}.bn"), f);
    }
}

/// See the module. The shortcut is the input itself, or goes through an average pool, a convolution, or both.
#[derive(Clone, Debug)]
pub(super) struct Residual<D: DeviceStorage> {
    /// One after another; the last has no ReLU.
    pub convs: Vec<ConvNorm<D>>,
    /// Whether the shortcut averages each two samples.
    pub pools: bool,
    /// The shortcut's convolution, without ReLU.
    pub through: Option<ConvNorm<D>>,
}

impl<D: Backend> Residual<D> {
    /// (batch, length, inputs) to (batch, length / stride rounded up, outputs).
    pub(super) fn forward(&mut self, x: &Var<D>, freeze: FreezeState, pass: &mut Pass<D>) -> Result<Var<D>> {
        let mut y = x.clone();
        for conv in &mut self.convs {
            y = conv.forward(&y, freeze, pass)?; // (batch, length / stride, outputs) from the strided one on
        }
        let mut beside = x.clone();
        if self.pools {
            beside = average_pool(&mut pass.trace, &beside, 2)?; // (batch, length / 2, inputs)
        }
        if let Some(through) = &mut self.through {
            beside = through.forward(&beside, freeze, pass)?; // (batch, length / stride, outputs)
        }
        add_relu(&mut pass.trace, &y, &beside) // (batch, length / stride, outputs)
    }

    pub(super) fn visit(&mut self, prefix: &str, f: &mut Visit<'_, D>) {
        for (i, conv) in self.convs.iter_mut().enumerate() {
            conv.visit(&format!("{prefix}.convs.{i}"), f);
        }
        if let Some(through) = &mut self.through {
            through.visit(&format!("{prefix}.shortcut"), f);
        }
    }
}
