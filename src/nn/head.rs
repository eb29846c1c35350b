//! The head of every network, as on PTB-XL (Strodthoff 2021): pooled features, batch norm, dropout,
//! a hidden layer with ReLU, batch norm, dropout, the outputs.

use rand_chacha::ChaCha8Rng;

use super::layer::{BatchNorm, Linear};
use super::{Hold, Pass, Visit};
use crate::Result;
use crate::ops::Backend;
use crate::ops::layers::dropout::dropout;
use crate::tensor::{DeviceStorage, Var};

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Head<D: DeviceStorage> {
    input_norm: BatchNorm<D>,
    hidden: Linear<D>,
    hidden_norm: BatchNorm<D>,
    output: Linear<D>,
    dropout: f64,
}

impl<D: Backend> Head<D> {
    pub(super) fn new(
        device: &D,
        features: usize,
        hidden: usize,
        outputs: usize,
        dropout: f64,
        random: &mut ChaCha8Rng,
    ) -> Result<Self> {
        Ok(Self {
            input_norm: BatchNorm::new(device, features, false)?,
            hidden: Linear::new(device, features, hidden, true, random)?,
            hidden_norm: BatchNorm::new(device, hidden, false)?,
            output: Linear::new(device, hidden, outputs, false, random)?,
            dropout,
        })
    }

    /// The same with layers from He's normal distribution and no bias at first.
    pub(super) fn he_normal(self, random: &mut ChaCha8Rng) -> Self {
        Self { hidden: self.hidden.he_normal(random), output: self.output.he_normal(random), ..self }
    }

    pub(super) fn forward(&mut self, features: &Var<D>, pass: &mut Pass<D>) -> Result<Var<D>> {
        let drop = |x: Var<D>, p: f64, pass: &mut Pass<D>| {
            if pass.training { dropout(&mut pass.trace, x, p, &mut pass.random) } else { Ok(x) }
        };
        let x = self.input_norm.forward(features, Hold::default(), pass)?;
        let x = drop(x, self.dropout / 2.0, pass)?;
        let x = self.hidden.forward(&x, pass)?;
        let x = self.hidden_norm.forward(&x, Hold::default(), pass)?;
        let x = drop(x, self.dropout, pass)?;
        self.output.forward(&x, pass)
    }

    /// Names are those of PyTorch's `Sequential` with pooling, dropout and ReLU as layers.
    pub(super) fn visit(&mut self, f: &mut Visit<'_, D>) {
        self.input_norm.visit("head.1", f);
        self.hidden.visit("head.3", f);
        self.hidden_norm.visit("head.5", f);
        self.output.visit("head.7", f);
    }
}
