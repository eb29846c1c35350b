//! `rnn`, `lstm` and `gru`: recurrent layers, each reading the hidden states of the one below; a block is a layer.

use super::backbone::{BlockVisitor, FreezeState};
use super::config::block_names;
use super::layer::uniform;
use super::{Blocks, Config, Cost, HeadConfig, Init, Input, Pass, Role};
use crate::Result;
use crate::declare::{count, fraction, table};
use crate::ops::Backend;
use crate::ops::layers::dropout::dropout;
use crate::ops::layers::recurrent::{Cell, Weights, recurrent};
use crate::tensor::{DeviceStorage, Param, Var};

/// A kind of recurrent networks: its configuration, the cell of its layers, how much the gates of a cell keep beside the
/// two states (in states), and what it is. All have the same keys.
macro_rules! recurrent_network {
    ($Config:ident, $cell:ident, $gates:expr, $doc:literal) => {
        table! {
            #[doc = $doc]
            pub struct $Config {
                /// Units of each layer and direction.
                pub hidden: usize = 256 in count(1.0, 8192.0);
                /// Number of layers, each reading the one below.
                pub layers: usize = 2 in count(1.0, 64.0);
                /// Each layer also goes from the last sample to the first, with weights of its own: twice as many
                /// outputs.
                pub bidirectional: bool = false;
                /// Hidden width of the head.
                pub head: usize = 128 in count(1.0, 65536.0);
                /// Dropout before the head's last layer; half of it before its first.
                pub dropout: f64 = 0.5 in fraction();
                /// Dropout between layers; none before a layer that is frozen.
                pub layer_dropout: f64 = 0.0 in fraction();
            }
        }

        impl Config for $Config {
            fn blocks(&self) -> Vec<String> {
                block_names(false, self.layers)
            }

            fn channels(&self) -> usize {
                self.hidden * if self.bidirectional { 2 } else { 1 }
            }

            fn head(&self) -> HeadConfig {
                HeadConfig::new(self.head, self.dropout)
            }

            fn cost(&self, Input { leads, length }: Input) -> Cost {
                let (mut cost, width) = (Cost::default(), self.channels());
                for layer in 0..self.layers {
                    let inputs = if layer == 0 { leads } else { width };
                    let products = Cell::$cell.gates() * width * (inputs + self.hidden) * length;
                    // What passes without training needs half as much as other layers' do.
                    cost.layer_keeping(products, width * length * (2 + $gates), width * length / 2);
                }
                cost
            }

            type Blocks<D: Backend> = Recurrent<D>;

            fn build<D: Backend>(&self, input: Input, init: &mut Init<'_, D>) -> Result<Self::Blocks<D>> {
                let directions = if self.bidirectional { 2 } else { 1 };
                let mut inputs = input.leads;
                let mut layers = Vec::new();
                for _ in 0..self.layers {
                    let layer = (0..directions).map(|_| Direction::new(Cell::$cell, inputs, self.hidden, init));
                    layers.push(layer.collect::<Result<_>>()?);
                    inputs = self.channels();
                }
                Ok(Recurrent { cell: Cell::$cell, layers, layer_dropout: self.layer_dropout })
            }
        }
    };
}

recurrent_network!(RnnConfig, Rnn, 0, " Plain recurrent layers (tanh).");
recurrent_network!(LstmConfig, Lstm, Cell::Lstm.gates(), " Recurrent layers with long short-term memory.");
recurrent_network!(GruConfig, Gru, Cell::Gru.gates(), " Recurrent layers of gated units.");

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
    fn new(cell: Cell, inputs: usize, hidden: usize, init: &mut Init<'_, D>) -> Result<Self> {
        let rows = cell.gates() * hidden;
        let mut param = |shape: Vec<usize>| {
            let values = uniform(shape.iter().product(), hidden, init.random);
            Param::new(init.device, shape, values)
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
pub(crate) struct Recurrent<D: DeviceStorage> {
    cell: Cell,
    layers: Vec<Vec<Direction<D>>>,
    layer_dropout: f64,
}

impl<D: Backend> Blocks<D> for Recurrent<D> {
    /// (batch, length, leads) to (batch, length, hidden x directions). There is no dropout before a frozen layer: it
    /// has nothing to learn from it, and a backbone that is frozen as a whole stays a fixed function of the input.
    fn forward(&mut self, x: &Var<D>, freezes: &[FreezeState], pass: &mut Pass<D>) -> Result<Var<D>> {
        let mut x = x.clone();
        for (number, (layer, freeze)) in self.layers.iter().zip(freezes).enumerate() {
            if number > 0 && pass.training && !freeze.frozen {
                x = dropout(&mut pass.trace, x, self.layer_dropout, &mut pass.random)?; // (batch, length, hidden x directions)
            }
            let weights: Vec<_> = layer.iter().map(Direction::weights).collect();
            x = recurrent(&mut pass.trace, &x, self.cell, &weights)?; // (batch, length, hidden x directions)
        }
        Ok(x)
    }

    /// Names are those of PyTorch's modules.
    fn visit(&mut self, f: &mut BlockVisitor<'_, D>) {
        for (i, layer) in self.layers.iter_mut().enumerate() {
            for (direction, suffix) in layer.iter_mut().zip(["", "_reverse"]) {
                let mut give = |name: &str, param: &mut Param<D>| {
                    f(i, &format!("rnn.{name}_l{i}{suffix}"), Role::Parameter, param);
                };
                give("weight_ih", &mut direction.weight_ih);
                give("weight_hh", &mut direction.weight_hh);
                give("bias_ih", &mut direction.bias_ih);
                give("bias_hh", &mut direction.bias_hh);
            }
        }
    }
}
