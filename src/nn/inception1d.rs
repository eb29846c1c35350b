//! `inception1d`: InceptionTime (Ismail Fawaz 2020) as used on PTB-XL (Strodthoff 2021).
//!
//! A block is a 1-tap bottleneck read by three convolutions, beside a max pool with a 1-tap
//! convolution; their channels are concatenated, normalised and rectified. After every third block
//! the input of the three is added through a 1-tap convolution with batch norm; the shortcut
//! belongs to the block that it follows.

use rand_chacha::ChaCha8Rng;

use super::layer::{BatchNorm, Conv};
use super::{BlockVisitor, Hold, Pass, Role};
use crate::Result;
use crate::manifest::Inception1dConfig;
use crate::ops::Backend;
use crate::ops::layers::combine::add_relu;
use crate::ops::layers::inception::{Weights, inception};
use crate::tensor::{DeviceStorage, Param, Var};

/// Blocks between shortcuts.
const STRIDE: usize = 3;

#[derive(Clone, Debug)]
struct Block<D: DeviceStorage> {
    bottleneck: Conv<D>,
    convs: Vec<Conv<D>>,
    pooled: Conv<D>,
    norm: BatchNorm<D>,
}

#[derive(Clone, Debug)]
struct Shortcut<D: DeviceStorage> {
    conv: Conv<D>,
    norm: BatchNorm<D>,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Inception1d<D: DeviceStorage> {
    blocks: Vec<Block<D>>,
    shortcuts: Vec<Shortcut<D>>,
}

impl<D: Backend> Inception1d<D> {
    pub(super) fn new(device: &D, config: &Inception1dConfig, leads: usize, random: &mut ChaCha8Rng) -> Result<Self> {
        let width = 4 * config.filters;
        let mut blocks = Vec::new();
        for number in 0..config.depth {
            let inputs = if number == 0 { leads } else { width };
            let convs = config
                .kernels()
                .into_iter()
                .map(|kernel| Conv::new(device, config.bottleneck, config.filters, kernel, random));
            blocks.push(Block {
                convs: convs.collect::<Result<_>>()?,
                bottleneck: Conv::new(device, inputs, config.bottleneck, 1, random)?,
                pooled: Conv::new(device, inputs, config.filters, 1, random)?,
                norm: BatchNorm::new(device, width, true)?,
            });
        }
        let mut shortcuts = Vec::new();
        for number in 0..config.depth / STRIDE {
            let inputs = if number == 0 { leads } else { width };
            shortcuts.push(Shortcut {
                conv: Conv::new(device, inputs, width, 1, random)?,
                norm: BatchNorm::new(device, width, false)?,
            });
        }
        Ok(Self { blocks, shortcuts })
    }

    /// (batch, length, leads) to (batch, length, 4 filters).
    pub(super) fn forward(&mut self, x: &Var<D>, holds: &[Hold], pass: &mut Pass<D>) -> Result<Var<D>> {
        let mut x = x.clone();
        let mut residual = x.clone();
        for (number, (block, hold)) in self.blocks.iter_mut().zip(holds).enumerate() {
            let weights = Weights {
                bottleneck: block.bottleneck.weight(),
                pooled: block.pooled.weight(),
                bank: block.convs.iter().map(Conv::weight).collect(),
            };
            x = inception(&mut pass.trace, &x, &weights, block.norm.normalizer(*hold, pass.training))?;
            if number % STRIDE == STRIDE - 1 {
                let Shortcut { conv, norm } = &mut self.shortcuts[number / STRIDE];
                let through = conv.forward(&residual, norm, *hold, pass)?;
                x = add_relu(&mut pass.trace, &x, &through)?;
                residual = x.clone();
            }
        }
        Ok(x)
    }

    pub(super) fn visit(&mut self, f: &mut BlockVisitor<'_, D>) {
        for (i, block) in self.blocks.iter_mut().enumerate() {
            let at = |name: &str| format!("blocks.{i}.{name}");
            let mut f = |name: &str, role: Role, param: &mut Param<D>| f(i, name, role, param);
            block.bottleneck.visit(&at("bottleneck"), &mut f);
            for (k, conv) in block.convs.iter_mut().enumerate() {
                conv.visit(&at(&format!("convs.{k}")), &mut f);
            }
            block.pooled.visit(&at("pool.1"), &mut f);
            block.norm.visit(&at("bn"), &mut f);
        }
        for (i, shortcut) in self.shortcuts.iter_mut().enumerate() {
            let mut f = |name: &str, role: Role, param: &mut Param<D>| f(i * STRIDE + STRIDE - 1, name, role, param);
            shortcut.conv.visit(&format!("shortcuts.{i}.conv"), &mut f);
            shortcut.norm.visit(&format!("shortcuts.{i}.bn"), &mut f);
        }
    }
}
