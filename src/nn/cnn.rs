//! `cnn`: blocks of convolution, batch norm, ReLU and max pool 2.

use rand_chacha::ChaCha8Rng;

use super::layer::{BatchNorm, Conv};
use super::{BlockVisitor, Hold, Pass};
use crate::Result;
use crate::manifest::CnnConfig;
use crate::ops::Backend;
use crate::ops::layers::pool::{Window, max_pool};
use crate::tensor::{DeviceStorage, Var};

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Cnn<D: DeviceStorage> {
    blocks: Vec<(Conv<D>, BatchNorm<D>)>,
}

impl<D: Backend> Cnn<D> {
    pub(super) fn new(device: &D, config: &CnnConfig, leads: usize, random: &mut ChaCha8Rng) -> Result<Self> {
        let mut inputs = leads;
        let mut blocks = Vec::new();
        for (&outputs, &kernel) in config.channels.iter().zip(&config.kernels) {
            blocks.push((Conv::new(device, inputs, outputs, kernel, random)?, BatchNorm::new(device, outputs, true)?));
            inputs = outputs;
        }
        Ok(Self { blocks })
    }

    /// (batch, length, leads) to (batch, length / 2^blocks, last channels).
    pub(super) fn forward(&mut self, x: &Var<D>, holds: &[Hold], pass: &mut Pass<D>) -> Result<Var<D>> {
        let mut x = x.clone();
        for ((conv, norm), hold) in self.blocks.iter_mut().zip(holds) {
            x = conv.forward(&x, norm, *hold, pass)?;
            x = max_pool(&mut pass.trace, &x, Window { kernel: 2, stride: 2, padding: 0 })?;
        }
        Ok(x)
    }

    pub(super) fn visit(&mut self, f: &mut BlockVisitor<'_, D>) {
        for (i, (conv, norm)) in self.blocks.iter_mut().enumerate() {
            conv.visit(&format!("blocks.{i}.conv"), &mut |name, role, param| f(i, name, role, param));
            norm.visit(&format!("blocks.{i}.bn"), &mut |name, role, param| f(i, name, role, param));
        }
    }
}
