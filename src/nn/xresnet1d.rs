//! `xresnet1d`: XResNet (He 2019, "Bag of tricks") in one dimension as used on PTB-XL (Strodthoff 2021), where
//! the one of depth 101 is called `xresnet1d101`.
//!
//! A stem of three convolutions, the first with stride 2, and a max pool with stride 2; then four stages of
//! residual blocks, all of the same width. The first block of the second and later stages has stride 2 in its
//! longest convolution (of a bottleneck the second), and its shortcut averages each two samples. A shortcut
//! that must change the channels does so by a 1-tap convolution. What [`Architecture::blocks`] calls `block1`
//! to `block4` are the stages.
//!
//! Weights come from He's normal distribution, and the last batch norm of a residual block starts with scale 0:
//! at first a block does what its shortcut does.
//!
//! [`Architecture::blocks`]: crate::manifest::Architecture::blocks

use rand_chacha::ChaCha8Rng;

use super::layer::{BatchNorm, Conv};
use super::residual::{ConvNorm, Residual};
use super::{BlockVisitor, Hold, Pass};
use crate::Result;
use crate::manifest::Xresnet1dConfig;
use crate::ops::Backend;
use crate::ops::layers::pool::{Window, max_pool};
use crate::tensor::{DeviceStorage, Var};

/// The stem's max pool.
const POOL: Window = Window { kernel: 3, stride: 2, padding: 1 };

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Xresnet1d<D: DeviceStorage> {
    stem: Vec<ConvNorm<D>>,
    stages: Vec<Vec<Residual<D>>>,
}

/// Sizes of a convolution: inputs, outputs, taps, stride.
type Layer = (usize, usize, usize, usize);

/// Makes layers.
struct Maker<'a, D> {
    device: &'a D,
    random: &'a mut ChaCha8Rng,
}

impl<D: Backend> Maker<'_, D> {
    fn layer(&mut self, (inputs, outputs, kernel, stride): Layer, relu: bool) -> Result<ConvNorm<D>> {
        let conv = Conv::new(self.device, inputs, outputs, kernel, self.random)?;
        let conv = conv.he_normal(self.random).strided(stride);
        Ok(ConvNorm { conv, norm: BatchNorm::new(self.device, outputs, relu)? })
    }

    fn block(&mut self, config: &Xresnet1dConfig, inputs: usize, stride: usize) -> Result<Residual<D>> {
        let (width, kernel, outputs) = (config.width, config.kernel, config.features());
        let sizes: &[Layer] = if config.has_bottlenecks() {
            &[(inputs, width, 1, 1), (width, width, kernel, stride), (width, outputs, 1, 1)]
        } else {
            &[(inputs, width, kernel, stride), (width, outputs, kernel, 1)]
        };
        let last = sizes.len() - 1;
        let layers = sizes.iter().enumerate().map(|(i, sizes)| self.layer(*sizes, i < last));
        let mut convs = layers.collect::<Result<Vec<_>>>()?;
        if let Some(ConvNorm { conv, norm }) = convs.pop() {
            convs.push(ConvNorm { conv, norm: norm.silent() });
        }
        let through = if inputs == outputs { None } else { Some(self.layer((inputs, outputs, 1, 1), false)?) };
        Ok(Residual { convs, pools: stride > 1, through })
    }
}

impl<D: Backend> Xresnet1d<D> {
    pub(super) fn new(device: &D, config: &Xresnet1dConfig, leads: usize, random: &mut ChaCha8Rng) -> Result<Self> {
        let mut maker = Maker { device, random };
        let mut inputs = leads;
        let mut stem = Vec::new();
        for (number, outputs) in config.stem().into_iter().enumerate() {
            let stride = if number == 0 { 2 } else { 1 };
            stem.push(maker.layer((inputs, outputs, config.kernel, stride), true)?);
            inputs = outputs;
        }
        let mut stages = Vec::new();
        for (stage, blocks) in config.stages().into_iter().enumerate() {
            let mut made = Vec::new();
            for block in 0..blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                made.push(maker.block(config, inputs, stride)?);
                inputs = config.features();
            }
            stages.push(made);
        }
        Ok(Self { stem, stages })
    }

    /// (batch, length, leads) to (batch, length / 32 rounded up, features).
    pub(super) fn forward(&mut self, x: &Var<D>, holds: &[Hold], pass: &mut Pass<D>) -> Result<Var<D>> {
        let mut x = x.clone();
        for layer in &mut self.stem {
            x = layer.forward(&x, holds[0], pass)?;
        }
        x = max_pool(&mut pass.trace, &x, POOL)?;
        for (stage, hold) in self.stages.iter_mut().zip(&holds[1..]) {
            for block in stage {
                x = block.forward(&x, *hold, pass)?;
            }
        }
        Ok(x)
    }

    pub(super) fn visit(&mut self, f: &mut BlockVisitor<'_, D>) {
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
