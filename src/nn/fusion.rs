//! How the pooled features of several backbones become the head's input.

use super::layer::Linear;
use super::{Pass, Visit};
use crate::Result;
use crate::manifest::Fusion;
use crate::ops::Backend;
use crate::ops::layers::fuse;
use crate::tensor::{DeviceStorage, Var};

/// See [`Fusion`].
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
            Fuse::Concat => Ok(features.clone()),
            Fuse::Mean => fuse::mean(&mut pass.trace, features, backbones),
            Fuse::Gate(gate) => {
                let weights = gate.forward(features, pass)?;
                fuse::gated(&mut pass.trace, features, &weights)
            }
        }
    }

    pub(super) fn visit(&mut self, f: &mut Visit<'_, D>) {
        if let Fuse::Gate(gate) = self {
            gate.visit("gate", f);
        }
    }
}
