//! `xresnet1d`: XResNet (He 2019, "Bag of tricks") in one dimension as used on PTB-XL (Strodthoff 2021), where
//! the one of depth 101 is called `xresnet1d101`.
//!
//! A stem of three convolutions, the first with stride 2, and a max pool with stride 2; then four stages of
//! residual blocks, all of the same width. The first block of the second and later stages has stride 2 in its
//! longest convolution (of a bottleneck the second), and its shortcut averages each two samples. A shortcut
//! that must change the channels does so by a 1-tap convolution. The blocks `block1` to `block4` are the stages.
//!
//! Weights come from He's normal distribution, and the last batch norm of a residual block starts with scale 0:
//! at first a block does what its shortcut does.

use super::backbone::{BlockVisitor, FreezeState};
use super::config::{block_names, check_odd};
use super::residual::{ConvNorm, Residual, Sizes};
use super::{Blocks, Config, Cost, HeadConfig, Init, Input, Pass, Signal};
use crate::Result;
use crate::declare::{Faults, count, fraction, table};
use crate::ops::Backend;
use crate::ops::layers::pool::{Window, max_pool};
use crate::tensor::{DeviceStorage, Var};

/// The stem's max pool.
const POOL: Window = Window { kernel: 3, stride: 2, padding: 1 };
/// The depths there are.
const DEPTHS: [usize; 4] = [18, 34, 50, 101];

table! {
    /// XResNet (He 2019) as used on PTB-XL: a stem of three convolutions and a max pool, then four stages of residual
    /// blocks; `block1` to `block4` are the stages.
    pub struct Xresnet1dConfig {
        /// Layers: 18, 34, 50 or 101; from 50 on residual blocks are bottlenecks.
        pub depth: usize = 101 in count(18.0, 101.0);
        /// Odd kernel size of the stem and of the residual blocks.
        pub kernel: usize = 5 in count(1.0, 1023.0);
        /// Channels of the convolutions of every stage, four times as many after a bottleneck; half of it in the stem's
        /// first two convolutions.
        pub width: usize = 64 in count(1.0, 4096.0);
        /// Hidden width of the head.
        pub head: usize = 128 in count(1.0, 65536.0);
        /// Dropout before the head's last layer; half of it before its first.
        pub dropout: f64 = 0.5 in fraction();
    }
}

impl Xresnet1dConfig {
    /// Residual blocks of each stage; of any other depth as of 101.
    fn stages(&self) -> [usize; 4] {
        match self.depth {
            18 => [2, 2, 2, 2],
            34 | 50 => [3, 4, 6, 3],
            _ => [3, 4, 23, 3],
        }
    }

    /// Whether a block is a bottleneck of three convolutions, not two in a row.
    fn has_bottlenecks(&self) -> bool {
        self.depth >= 50
    }

    /// Channels of the stem's three convolutions.
    fn stem(&self) -> [usize; 3] {
        let half = (self.width / 2).max(1);
        [half, half, self.width]
    }
}

impl Config for Xresnet1dConfig {
    fn blocks(&self) -> Vec<String> {
        block_names(true, self.stages().len())
    }

    fn channels(&self) -> usize {
        if self.has_bottlenecks() { 4 * self.width } else { self.width }
    }

    fn head(&self) -> HeadConfig {
        HeadConfig { he_normal: true, ..HeadConfig::new(self.head, self.dropout) }
    }

    fn cost(&self, Input { leads, length }: Input) -> Cost {
        let (width, kernel) = (self.width, self.kernel);
        let mut cost = Cost::default();
        let (mut inputs, mut length) = (leads, length.div_ceil(2));
        for outputs in self.stem() {
            cost.layer(inputs * outputs * kernel * length, outputs * length);
            inputs = outputs;
        }
        length = length.div_ceil(2);
        for (stage, blocks) in self.stages().into_iter().enumerate() {
            for block in 0..blocks {
                cost.layer(0, width * length);
                if stage > 0 && block == 0 {
                    length = length.div_ceil(2);
                }
                if self.has_bottlenecks() {
                    cost.layer(0, width * length);
                }
                // The last convolution, the sum with the shortcut, and where channels change the shortcut's own.
                let wide = if block == 0 { 3 } else { 2 };
                (0..wide).for_each(|_| cost.layer(0, self.channels() * length));
            }
            let block = if self.has_bottlenecks() { 8 + kernel } else { 2 * kernel };
            cost.multiplications += blocks * block * width * width * length;
        }
        cost
    }

    fn check(&self, faults: &mut Faults<'_>, _signal: Option<&Signal>) {
        check_odd(faults, &["kernel"], "an `xresnet1d`", self.kernel);
        if !DEPTHS.contains(&self.depth) {
            let depths = DEPTHS.map(|depth| depth.to_string()).join(", ");
            faults.tell(&["depth"], format!("there is no `xresnet1d` of depth {}; depths: {depths}", self.depth));
        }
    }

    type Blocks<D: Backend> = Xresnet1d<D>;

    fn build<D: Backend>(&self, input: Input, init: &mut Init<'_, D>) -> Result<Self::Blocks<D>> {
        let mut inputs = input.leads;
        let mut stem = Vec::new();
        for (number, outputs) in self.stem().into_iter().enumerate() {
            let stride = if number == 0 { 2 } else { 1 };
            stem.push(he_normal(Sizes { inputs, outputs, kernel: self.kernel, stride }, true, init)?);
            inputs = outputs;
        }
        let mut stages = Vec::new();
        for (stage, blocks) in self.stages().into_iter().enumerate() {
            let mut made = Vec::new();
            for block in 0..blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                made.push(self.residual(inputs, stride, init)?);
                inputs = self.channels();
            }
            stages.push(made);
        }
        Ok(Xresnet1d { stem, stages })
    }
}

impl Xresnet1dConfig {
    /// A fresh residual block.
    fn residual<D: Backend>(&self, inputs: usize, stride: usize, init: &mut Init<'_, D>) -> Result<Residual<D>> {
        let (width, kernel, outputs) = (self.width, self.kernel, self.channels());
        let sizes = |inputs, outputs, kernel, stride| Sizes { inputs, outputs, kernel, stride };
        let sizes = if self.has_bottlenecks() {
            vec![sizes(inputs, width, 1, 1), sizes(width, width, kernel, stride), sizes(width, outputs, 1, 1)]
        } else {
            vec![sizes(inputs, width, kernel, stride), sizes(width, outputs, kernel, 1)]
        };
        let last = sizes.len() - 1;
        let layers = sizes.into_iter().enumerate().map(|(i, sizes)| he_normal(sizes, i < last, init));
        let mut convs = layers.collect::<Result<Vec<_>>>()?;
        if let Some(ConvNorm { conv, norm }) = convs.pop() {
            convs.push(ConvNorm { conv, norm: norm.silent() });
        }
        let through = Sizes { inputs, outputs, kernel: 1, stride: 1 };
        let through = if inputs == outputs { None } else { Some(he_normal(through, false, init)?) };
        Ok(Residual { convs, pools: stride > 1, through })
    }
}

/// A layer with weights from He's normal distribution.
fn he_normal<D: Backend>(sizes: Sizes, relu: bool, init: &mut Init<'_, D>) -> Result<ConvNorm<D>> {
    let ConvNorm { conv, norm } = ConvNorm::new(sizes, relu, init)?;
    Ok(ConvNorm { conv: conv.he_normal(init.random), norm })
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Xresnet1d<D: DeviceStorage> {
    stem: Vec<ConvNorm<D>>,
    stages: Vec<Vec<Residual<D>>>,
}

impl<D: Backend> Blocks<D> for Xresnet1d<D> {
    /// (batch, length, leads) to (batch, length / 32 rounded up, channels).
    fn forward(&mut self, x: &Var<D>, freezes: &[FreezeState], pass: &mut Pass<D>) -> Result<Var<D>> {
        let mut x = x.clone();
        for layer in &mut self.stem {
            x = layer.forward(&x, freezes[0], pass)?; // (batch, length / 2, half the width, the last time the width)
        }
        x = max_pool(&mut pass.trace, &x, POOL)?; // (batch, length / 4, width)
        for (stage, freeze) in self.stages.iter_mut().zip(&freezes[1..]) {
            for block in stage {
                x = block.forward(&x, *freeze, pass)?; // (batch, length / 4 to / 32 by stage, channels)
            }
        }
        Ok(x)
    }

    fn visit(&mut self, f: &mut BlockVisitor<'_, D>) {
        for (i, layer) in self.stem.iter_mut().enumerate() {
            layer.visit(&format!("stem.{i}"), &mut |name, role, param| f(0, name, role, param));
        }
        for (i, stage) in self.stages.iter_mut().enumerate() {
            for (j, block) in stage.iter_mut().enumerate() {
                block.visit(&format!("stages.{i}.{j}"), &mut |name, role, param| f(i + 1, name, role, param));
            }
        }
    }
}
