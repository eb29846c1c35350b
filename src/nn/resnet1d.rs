//! `resnet1d`: the residual network of Wang 2017 as used on PTB-XL (Strodthoff 2021), where it is called
//! `resnet1d_wang`.
//!
//! A stem of one convolution, then residual blocks of two. Every block after the first has a first convolution
//! and a 1-tap shortcut with stride 2; the first block's shortcut is its input.

use rand_chacha::ChaCha8Rng;

use super::layer::{BatchNorm, Conv};
use super::residual::{ConvNorm, Residual};
use super::{BlockVisitor, Hold, Pass};
use crate::Result;
use crate::manifest::Resnet1dConfig;
use crate::ops::Backend;
use crate::tensor::{DeviceStorage, Var};

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Resnet1d<D: DeviceStorage> {
    stem: ConvNorm<D>,
    blocks: Vec<Residual<D>>,
}

impl<D: Backend> Resnet1d<D> {
    pub(super) fn new(device: &D, config: &Resnet1dConfig, leads: usize, random: &mut ChaCha8Rng) -> Result<Self> {
        let width = config.width;
        let mut layer = |inputs: usize, kernel: usize, stride: usize, relu: bool| -> Result<ConvNorm<D>> {
            let conv = Conv::new(device, inputs, width, kernel, random)?.strided(stride);
            Ok(ConvNorm { conv, norm: BatchNorm::new(device, width, relu)? })
        };
        let stem = layer(leads, config.stem_kernel, 1, true)?;
        let mut blocks = Vec::new();
        for number in 0..config.blocks {
            let stride = if number == 0 { 1 } else { 2 };
            let [first, second] = config.kernels;
            let convs = vec![layer(width, first, stride, true)?, layer(width, second, 1, false)?];
            let through = if number == 0 { None } else { Some(layer(width, 1, stride, false)?) };
            blocks.push(Residual { convs, pools: false, through });
        }
        Ok(Self { stem, blocks })
    }

    /// (batch, length, leads) to (batch, length / 2^(blocks - 1) rounded up, width).
    pub(super) fn forward(&mut self, x: &Var<D>, holds: &[Hold], pass: &mut Pass<D>) -> Result<Var<D>> {
        let mut x = self.stem.forward(x, holds[0], pass)?;
        for (block, hold) in self.blocks.iter_mut().zip(&holds[1..]) {
            x = block.forward(&x, *hold, pass)?;
        }
        Ok(x)
    }

    pub(super) fn visit(&mut self, f: &mut BlockVisitor<'_, D>) {
        self.stem.visit("stem", &mut |name, role, param| f(0, name, role, param));
        for (i, block) in self.blocks.iter_mut().enumerate() {
            block.visit(&format!("blocks.{i}"), &mut |name, role, param| f(i + 1, name, role, param));
        }
    }
}
