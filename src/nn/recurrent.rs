//! `rnn`, `lstm` and `gru`: recurrent layers, each reading the hidden states of the one below; a block is a layer.

use rand_chacha::ChaCha8Rng;

use super::layer::uniform;
use super::{BlockVisitor, Hold, Pass, Role};
use crate::Result;
use crate::manifest::RecurrentConfig;
use crate::ops::Backend;
use crate::ops::layers::dropout::dropout;
use crate::ops::layers::recurrent::{Cell, Weights, recurrent};
use crate::tensor::{DeviceStorage, Param, Var};

/// The weights of one direction of a layer.
#[derive(Clone, Debug)]
struct Direction<D: DeviceStorage> {
    weight_ih: Param<D>,
    weight_hh: Param<D>,
    bias_ih: Param<D>,
    bias_hh: Param<D>,
}

impl<D: Backend> Direction<D> {
    /// All drawn as PyTorch draws them: uniform in plus and minus 1 / sqrt(hidden).
    fn new(device: &D, cell: Cell, inputs: usize, hidden: usize, random: &mut ChaCha8Rng) -> Result<Self> {
        let rows = cell.gates() * hidden;
        let mut param = |shape: Vec<usize>| {
            let values = uniform(shape.iter().product(), hidden, random);
            Param::new(device, shape, values)
        };
        Ok(Self {
            weight_ih: param(vec![rows, inputs])?,
            weight_hh: param(vec![rows, hidden])?,
            bias_ih: param(vec![rows])?,
            bias_hh: param(vec![rows])?,
        })
    }

    fn weights(&self) -> Weights<&Param<D>> {
        Weights {
            input: &self.weight_ih,
            hidden: &self.weight_hh,
            input_bias: &self.bias_ih,
            hidden_bias: &self.bias_hh,
        }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Recurrent<D: DeviceStorage> {
    cell: Cell,
    layers: Vec<Vec<Direction<D>>>,
    layer_dropout: f64,
}

impl<D: Backend> Recurrent<D> {
    pub(super) fn new(
        device: &D,
        cell: Cell,
        config: &RecurrentConfig,
        leads: usize,
        random: &mut ChaCha8Rng,
    ) -> Result<Self> {
        let directions = config.directions();
        let mut inputs = leads;
        let mut layers = Vec::new();
        for _ in 0..config.layers {
            let layer = (0..directions).map(|_| Direction::new(device, cell, inputs, config.hidden, random));
            layers.push(layer.collect::<Result<_>>()?);
            inputs = directions * config.hidden;
        }
        Ok(Self { cell, layers, layer_dropout: config.layer_dropout })
    }

    /// (batch, length, leads) to (batch, length, hidden x directions). There is no dropout before a frozen layer: it
    /// has nothing to learn from it, and a backbone that is frozen as a whole stays a fixed function of the input.
    pub(super) fn forward(&mut self, x: &Var<D>, holds: &[Hold], pass: &mut Pass<D>) -> Result<Var<D>> {
        let mut x = x.clone();
        for (number, (layer, hold)) in self.layers.iter().zip(holds).enumerate() {
            if number > 0 && pass.training && !hold.frozen {
                x = dropout(&mut pass.trace, x, self.layer_dropout, &mut pass.random)?;
            }
            let weights: Vec<_> = layer.iter().map(Direction::weights).collect();
            x = recurrent(&mut pass.trace, &x, self.cell, &weights)?;
        }
        Ok(x)
    }

    /// Names are those of PyTorch's modules.
    pub(super) fn visit(&mut self, f: &mut BlockVisitor<'_, D>) {
        for (i, layer) in self.layers.iter_mut().enumerate() {
            for (of, suffix) in layer.iter_mut().zip(["", "_reverse"]) {
                let mut give = |name: &str, param: &mut Param<D>| {
                    f(i, &format!("rnn.{name}_l{i}{suffix}"), Role::Parameter, param);
                };
                give("weight_ih", &mut of.weight_ih);
                give("weight_hh", &mut of.weight_hh);
                give("bias_ih", &mut of.bias_ih);
                give("bias_hh", &mut of.bias_hh);
            }
        }
    }
}
