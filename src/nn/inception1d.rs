//! `inception1d`: InceptionTime (Ismail Fawaz 2020) as used on PTB-XL (Strodthoff 2021).
//!
//! A block is a 1-tap bottleneck read by three convolutions, beside a max pool with a 1-tap
//! convolution; their channels are concatenated, normalised and rectified. After every third block
//! the input of the three is added through a 1-tap convolution with batch norm; the shortcut
//! belongs to the block that it follows.

use super::backbone::{BlockVisitor, FreezeState};
use super::config::block_names;
use super::layer::{BatchNorm, Conv};
use super::residual::{ConvNorm, Sizes};
use super::{Blocks, Config, Cost, HeadConfig, Init, Input, Pass, Role};
use crate::Result;
use crate::declare::{count, fraction, table};
use crate::ops::Backend;
use crate::ops::layers::combine::add_relu;
use crate::ops::layers::inception::{Weights, inception};
use crate::tensor::{DeviceStorage, Param, Var};

/// Blocks between shortcuts.
const STRIDE: usize = 3;

table! {
    /// InceptionTime as used on PTB-XL.
    pub struct Inception1dConfig {
        /// Number of inception blocks; a shortcut after every third.
        pub depth: usize = 6 in count(1.0, 64.0);
        /// Output channels of each of the four branches.
        pub filters: usize = 32 in count(1.0, 4096.0);
        /// Nominal longest kernel k: the branches have k, k/2 and k/4 taps, made odd by taking one off an even number.
        pub kernel: usize = 40 in count(1.0, 1023.0);
        /// Channels of the bottleneck.
        pub bottleneck: usize = 32 in count(1.0, 4096.0);
        /// Hidden width of the head.
        pub head: usize = 128 in count(1.0, 65536.0);
        /// Dropout before the head's last layer; half of it before its first.
        pub dropout: f64 = 0.5 in fraction();
    }
}

impl Inception1dConfig {
    /// Taps of the three branches, longest first: 40 gives 39, 19, 9.
    fn kernels(&self) -> [usize; 3] {
        [1, 2, 4].map(|part| {
            let taps = (self.kernel / part).max(1);
            taps - (1 - taps % 2)
        })
    }
}

impl Config for Inception1dConfig {
    fn blocks(&self) -> Vec<String> {
        block_names(false, self.depth)
    }

    fn channels(&self) -> usize {
        4 * self.filters
    }

    fn head(&self) -> HeadConfig {
        HeadConfig::new(self.head, self.dropout)
    }

    fn cost(&self, Input { length, .. }: Input) -> Cost {
        let taps: usize = self.kernels().iter().sum();
        let width = self.channels();
        let block = width * (self.bottleneck + self.filters) + self.bottleneck * self.filters * taps;
        let mut cost = Cost::default();
        // A block, and after every third the shortcut and the sum.
        (0..self.depth + 2 * (self.depth / STRIDE)).for_each(|_| cost.layer(0, width * length));
        // Blocks keep their bottlenecks, too.
        cost.layer_keeping(0, self.depth * self.bottleneck * length, 0);
        Cost { multiplications: self.depth * (block + width * width / STRIDE) * length, ..cost }
    }

    type Blocks<D: Backend> = Inception1d<D>;

    fn build<D: Backend>(&self, input: Input, init: &mut Init<'_, D>) -> Result<Self::Blocks<D>> {
        let width = self.channels();
        let mut blocks = Vec::new();
        for number in 0..self.depth {
            let inputs = if number == 0 { input.leads } else { width };
            let kernels = self.kernels().into_iter();
            let convs = kernels.map(|kernel| Conv::new(self.bottleneck, self.filters, kernel, init));
            blocks.push(Block {
                convs: convs.collect::<Result<_>>()?,
                bottleneck: Conv::new(inputs, self.bottleneck, 1, init)?,
                pooled: Conv::new(inputs, self.filters, 1, init)?,
                norm: BatchNorm::new(init.device, width, true)?,
            });
        }
        let mut shortcuts = Vec::new();
        for number in 0..self.depth / STRIDE {
            let inputs = if number == 0 { input.leads } else { width };
            shortcuts.push(ConvNorm::new(Sizes { inputs, outputs: width, kernel: 1, stride: 1 }, false, init)?);
        }
        Ok(Inception1d { blocks, shortcuts })
    }
}

#[derive(Clone, Debug)]
struct Block<D: DeviceStorage> {
    bottleneck: Conv<D>,
    convs: Vec<Conv<D>>,
    pooled: Conv<D>,
    norm: BatchNorm<D>,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Inception1d<D: DeviceStorage> {
    blocks: Vec<Block<D>>,
    shortcuts: Vec<ConvNorm<D>>,
}

impl<D: Backend> Blocks<D> for Inception1d<D> {
    /// (batch, length, leads) to (batch, length, 4 filters).
    fn forward(&mut self, x: &Var<D>, freezes: &[FreezeState], pass: &mut Pass<D>) -> Result<Var<D>> {
        let mut x = x.clone();
        let mut residual = x.clone();
        for (number, (block, freeze)) in self.blocks.iter_mut().zip(freezes).enumerate() {
            let weights = Weights {
                bottleneck: block.bottleneck.weight(),
                pooled: block.pooled.weight(),
                bank: block.convs.iter().map(Conv::weight).collect(),
            };
            let norm = block.norm.normalizer(*freeze, pass.training);
            x = inception(&mut pass.trace, &x, &weights, norm)?; // (batch, length, 4 filters)
            if number % STRIDE == STRIDE - 1 {
                let shortcut = self.shortcuts[number / STRIDE].forward(&residual, *freeze, pass)?; // (batch, length, 4 filters)
                x = add_relu(&mut pass.trace, &x, &shortcut)?; // (batch, length, 4 filters)
                residual = x.clone();
            }
        }
        Ok(x)
    }

    fn visit(&mut self, f: &mut BlockVisitor<'_, D>) {
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
            shortcut.visit(&format!("shortcuts.{i}"), &mut f);
        }
    }
}
