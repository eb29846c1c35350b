//! How the pooled features of several backbones become the head's input.

use super::Pass;
use super::backbone::Visit;
use super::layer::Linear;
use crate::Result;
use crate::declare::words;
use crate::ops::Backend;
use crate::ops::layers::fuse;
use crate::tensor::{DeviceStorage, Var};

words! {
    /// How the pooled features of several grafted backbones become the head's input.
    pub enum Fusion as "fusion" {
        /// side by side
        Concat = "concat",
        /// an average with learned weights that depend on the record
        Gate = "gate",
        /// the average
        Mean = "mean",
    }
}

/// See [`Fusion`]. The weights of a gate are a softmax of a linear layer on all features (the gate of a mixture of
/// experts, Jacobs 1991).
#[derive(Clone, Debug)]
pub(super) enum Fuse<D: DeviceStorage> {
    Concat,
    /// Weights of the average from the features of all backbones.
    Gate(Linear<D>),
    Mean,
}

impl<D: Backend> Fuse<D> {
    /// For `backbones` backbones of `width` pooled features each. A fresh gate gives all the same weight.
    pub(super) fn new(device: &D, fusion: Fusion, backbones: usize, width: usize) -> Result<Self> {
        Ok(match fusion {
            _ if backbones == 1 => Fuse::Concat,
            Fusion::Concat => Fuse::Concat,
            Fusion::Gate => Fuse::Gate(Linear::zeros(device, backbones * width, backbones)?),
            Fusion::Mean => Fuse::Mean,
        })
    }

    /// Features of the head's input.
    pub(super) fn features(&self, backbones: usize, width: usize) -> usize {
        if matches!(self, Fuse::Concat) { backbones * width } else { width }
    }

    /// (batch, 1, features of all backbones) to the head's input.
    pub(super) fn forward(&mut self, features: &Var<D>, backbones: usize, pass: &mut Pass<D>) -> Result<Var<D>> {
        match self {
            Fuse::Concat => Ok(features.clone()), // (batch, 1, backbones x features)
            Fuse::Mean => fuse::mean(&mut pass.trace, features, backbones), // (batch, 1, features)
            Fuse::Gate(gate) => {
                let weights = gate.forward(features, pass)?; // (batch, 1, backbones)
                fuse::gated(&mut pass.trace, features, &weights) // (batch, 1, features)
            }
        }
    }

    pub(super) fn visit(&mut self, f: &mut Visit<'_, D>) {
        if let Fuse::Gate(gate) = self {
            gate.visit("gate", f);
        }
    }
}
