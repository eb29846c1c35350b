//! The head of every network, as on PTB-XL (Strodthoff 2021): pooled features, batch norm, dropout,
//! a hidden layer with ReLU, batch norm, dropout, the outputs.

use super::backbone::{FreezeState, Visit};
use super::layer::{BatchNorm, Linear};
use super::{HeadConfig, Init, Pass, Role};
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
    /// How all but the outputs hold still.
    freeze: FreezeState,
}

/// The layers that are grafted as the hidden layer, by what their names begin with.
const HIDDEN: [&str; 3] = ["head.1.", "head.3.", "head.5."];

/// Whether a value of this name is of the hidden layer and the norms about it, and not of the outputs.
pub(crate) fn is_of_hidden(name: &str) -> bool {
    HIDDEN.iter().any(|layer| name.starts_with(layer))
}

impl<D: Backend> Head<D> {
    /// A fresh head for so many features.
    pub(super) fn new(config: &HeadConfig, features: usize, outputs: usize, init: &mut Init<'_, D>) -> Result<Self> {
        let HeadConfig { hidden, dropout, he_normal } = *config;
        let head = Self {
            input_norm: BatchNorm::new(init.device, features, false)?,
            hidden: Linear::new(features, hidden, true, init)?,
            hidden_norm: BatchNorm::new(init.device, hidden, false)?,
            output: Linear::new(hidden, outputs, false, init)?,
            dropout,
            freeze: FreezeState::default(),
        };
        Ok(if he_normal { head.he_normal(init) } else { head })
    }

    /// The same with layers from He's normal distribution and no bias at first.
    fn he_normal(self, init: &mut Init<'_, D>) -> Self {
        Self { hidden: self.hidden.he_normal(init.random), output: self.output.he_normal(init.random), ..self }
    }

    /// (batch, 1, features) to (batch, 1, outputs).
    pub(super) fn forward(&mut self, features: &Var<D>, pass: &mut Pass<D>) -> Result<Var<D>> {
        let drop = |x: Var<D>, p: f64, pass: &mut Pass<D>| {
            if pass.training { dropout(&mut pass.trace, x, p, &mut pass.random) } else { Ok(x) }
        };
        let x = self.input_norm.forward(features, self.freeze, pass)?; // (batch, 1, features)
        let x = drop(x, self.dropout / 2.0, pass)?; // (batch, 1, features)
        let x = self.hidden.forward(&x, pass)?; // (batch, 1, hidden)
        let x = self.hidden_norm.forward(&x, self.freeze, pass)?; // (batch, 1, hidden)
        let x = drop(x, self.dropout, pass)?; // (batch, 1, hidden)
        self.output.forward(&x, pass) // (batch, 1, outputs)
    }

    /// Takes the hidden layer of another head of the same size, with the norms before and after it.
    pub(super) fn graft_hidden(&mut self, donor: &Head<D>) {
        self.input_norm = donor.input_norm.clone();
        self.hidden = donor.hidden.clone();
        self.hidden_norm = donor.hidden_norm.clone();
    }

    /// Sets whether the hidden layer holds still; the outputs never do.
    pub(super) fn freeze(&mut self, hidden: FreezeState) {
        self.freeze = hidden;
        self.visit(&mut |name, role, param| {
            param.trainable = role == Role::Parameter && !(hidden.frozen && is_of_hidden(name));
        });
    }

    /// Names are those of PyTorch's `Sequential` with pooling, dropout and ReLU as layers.
    pub(super) fn visit(&mut self, f: &mut Visit<'_, D>) {
        self.input_norm.visit("head.1", f);
        self.hidden.visit("head.3", f);
        self.hidden_norm.visit("head.5", f);
        self.output.visit("head.7", f);
    }
}
