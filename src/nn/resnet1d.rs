//! `resnet1d`: the residual network of Wang 2017 as used on PTB-XL (Strodthoff 2021), where it is called
//! `resnet1d_wang`.
//!
//! A stem of one convolution, then residual blocks of two. Every block after the first has a first convolution
//! and a 1-tap shortcut with stride 2; the first block's shortcut is its input.

use super::backbone::{BlockVisitor, FreezeState};
use super::config::{block_names, check_all_odd, check_odd};
use super::residual::{ConvNorm, Residual, Sizes};
use super::{Blocks, Config, Cost, HeadConfig, Init, Input, Pass, Signal};
use crate::Result;
use crate::declare::{Faults, count, fraction, sequence, table};
use crate::ops::Backend;
use crate::tensor::{DeviceStorage, Var};

table! {
    /// The residual network of Wang 2017 as used on PTB-XL: a stem, then residual blocks of two convolutions.
    pub struct Resnet1dConfig {
        /// Channels of the stem and of every block.
        pub width: usize = 128 in count(1.0, 8192.0);
        /// Number of residual blocks; every one after the first halves the length.
        pub blocks: usize = 3 in count(1.0, 64.0);
        /// Odd kernel sizes of the two convolutions of a block.
        pub kernels: [usize; 2] = [5, 3] in sequence(&count(1.0, 1023.0), 2, 2);
        /// Odd kernel size of the stem.
        pub stem_kernel: usize = 7 in count(1.0, 1023.0);
        /// Hidden width of the head.
        pub head: usize = 128 in count(1.0, 65536.0);
        /// Dropout before the head's last layer; half of it before its first.
        pub dropout: f64 = 0.5 in fraction();
    }
}

impl Config for Resnet1dConfig {
    fn blocks(&self) -> Vec<String> {
        block_names(true, self.blocks)
    }

    fn channels(&self) -> usize {
        self.width
    }

    fn head(&self) -> HeadConfig {
        HeadConfig::new(self.head, self.dropout)
    }

    fn cost(&self, Input { leads, mut length }: Input) -> Cost {
        let (width, taps) = (self.width, self.kernels.iter().sum::<usize>());
        let mut cost = Cost::default();
        cost.layer(leads * width * self.stem_kernel * length, width * length);
        for block in 0..self.blocks {
            // After the first block there is a shortcut of one tap.
            let shortcut = usize::from(block > 0);
            length = length.div_ceil(1 + shortcut);
            cost.layer(width * width * (taps + shortcut) * length, width * length);
            // The second convolution, the shortcut and the sum.
            (0..3).for_each(|_| cost.layer(0, width * length));
        }
        cost
    }

    fn check(&self, faults: &mut Faults<'_>, _signal: Option<&Signal>) {
        check_all_odd(faults, "a `resnet1d`", &self.kernels);
        check_odd(faults, &["stem_kernel"], "a `resnet1d`", self.stem_kernel);
    }

    type Blocks<D: Backend> = Resnet1d<D>;

    fn build<D: Backend>(&self, input: Input, init: &mut Init<'_, D>) -> Result<Self::Blocks<D>> {
        let outputs = self.width;
        let mut layer = |inputs: usize, kernel: usize, stride: usize, relu: bool| {
            ConvNorm::new(Sizes { inputs, outputs, kernel, stride }, relu, init)
        };
        let stem = layer(input.leads, self.stem_kernel, 1, true)?;
        let mut blocks = Vec::new();
        for number in 0..self.blocks {
            let stride = if number == 0 { 1 } else { 2 };
            let [first, second] = self.kernels;
            let convs = vec![layer(outputs, first, stride, true)?, layer(outputs, second, 1, false)?];
            let through = if number == 0 { None } else { Some(layer(outputs, 1, stride, false)?) };
            blocks.push(Residual { convs, pools: false, through });
        }
        Ok(Resnet1d { stem, blocks })
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Resnet1d<D: DeviceStorage> {
    stem: ConvNorm<D>,
    blocks: Vec<Residual<D>>,
}

impl<D: Backend> Blocks<D> for Resnet1d<D> {
    /// (batch, length, leads) to (batch, length / 2^(blocks - 1) rounded up, width).
    fn forward(&mut self, x: &Var<D>, freezes: &[FreezeState], pass: &mut Pass<D>) -> Result<Var<D>> {
        let mut x = self.stem.forward(x, freezes[0], pass)?; // (batch, length, width)
        for (block, freeze) in self.blocks.iter_mut().zip(&freezes[1..]) {
            x = block.forward(&x, *freeze, pass)?; // (batch, length, width) after the first, then half as long each
        }
        Ok(x)
    }

    fn visit(&mut self, f: &mut BlockVisitor<'_, D>) {
        self.stem.visit("stem", &mut |name, role, param| f(0, name, role, param));
        for (i, block) in self.blocks.iter_mut().enumerate() {
            block.visit(&format!("blocks.{i}"), &mut |name, role, param| f(i + 1, name, role, param));
        }
    }
}
