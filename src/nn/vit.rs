//! `vit`: patches of the signal through a pre-norm transformer encoder (Dosovitskiy 2021; Xiong 2020), without a class
//! token: the head pools over patches, as in every network.
//!
//! A block is PyTorch's `TransformerEncoderLayer` with `norm_first` and GELU. Its dropout, `layer_dropout`, acts in
//! training on attention's weights, after attention's projection, after the GELU, and after the second layer of the
//! MLP; a frozen block drops nothing.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Normal};
use serde_json::{Map, Value, json};

use super::backbone::{BlockVisitor, FreezeState, Visit};
use super::config::{block_names, whole};
use super::layer::{LayerNorm, Linear};
use super::{Blocks, Config, Cost, HeadConfig, Init, Input, Pass, Role, Signal};
use crate::declare::{Faults, count, fraction, table};
use crate::ops::Backend;
use crate::ops::layers::transformer::{self, Core, Dropping, Stem, Weights};
use crate::tensor::{DeviceStorage, Param, Var};
use crate::{Error, Result};

/// Standard deviation of fresh positions.
const POSITIONS_SD: f64 = 0.02;

table! {
    /// Patches of the signal through a pre-norm transformer encoder.
    pub struct VitConfig {
        /// Length of a patch; samples that do not fill a last one are left out. Attention's memory grows with the square
        /// of the number of patches.
        pub patch: usize = 50 in count(1.0, 100_000.0), unit "samples";
        /// Channels of a patch.
        pub dim: usize = 128 in count(1.0, 4096.0);
        /// Number of encoder blocks.
        pub depth: usize = 6 in count(1.0, 64.0);
        /// Heads of attention, a divisor of `dim`.
        pub heads: usize = 8 in count(1.0, 256.0);
        /// Hidden width of a block's MLP.
        pub mlp: usize = none in count(1.0, 65536.0), absent "4 x `dim`", derived four_dim, example "512";
        /// Dropout in a block: on attention's weights, after its projection, after the MLP's GELU and after the MLP. A
        /// frozen block drops nothing.
        pub layer_dropout: f64 = 0.1 in fraction();
        /// Hidden width of the head.
        pub head: usize = 128 in count(1.0, 65536.0);
        /// Dropout before the head's last layer; half of it before its first.
        pub dropout: f64 = 0.5 in fraction();
    }
}

fn four_dim(settings: &Map<String, Value>) -> Value {
    json!(4 * whole(settings, "dim"))
}

impl Config for VitConfig {
    fn blocks(&self) -> Vec<String> {
        block_names(true, self.depth)
    }

    fn channels(&self) -> usize {
        self.dim
    }

    fn head(&self) -> HeadConfig {
        HeadConfig::new(self.head, self.dropout)
    }

    fn cost(&self, Input { leads, length }: Input) -> Cost {
        let VitConfig { patch, dim, depth, heads, mlp, .. } = *self;
        let patches = length / patch;
        let mut cost = Cost::default();
        cost.layer(patches * leads * patch * dim, patches * dim);
        for _ in 0..depth {
            let attention = patches * (4 * dim * dim + 2 * patches * dim);
            cost.layer_keeping(attention, patches * (5 * dim + heads * patches), patches * dim);
            cost.layer_keeping(patches * 2 * dim * mlp, patches * (dim + mlp), patches * mlp);
        }
        cost
    }

    /// Its positions are as many as a signal has patches.
    fn takes_any_length(&self) -> bool {
        false
    }

    fn check(&self, faults: &mut Faults<'_>, signal: Option<&Signal>) {
        let VitConfig { dim, heads, patch, .. } = self;
        let key = if faults.is_written("heads") { "heads" } else { "dim" };
        if !dim.is_multiple_of(*heads) && faults.is_sound("dim") && faults.is_sound("heads") {
            faults.tell(&[key], format!("`dim`, {dim}, is not divisible by `heads`, {heads}"));
        }
        if let Some(signal) = signal.filter(|signal| *patch > signal.input.length) {
            let message = format!("a patch of {patch} samples is longer than the signal: it has {}", signal.in_words);
            faults.tell(&["patch"], message);
        }
    }

    type Blocks<D: Backend> = Vit<D>;

    fn build<D: Backend>(&self, input: Input, init: &mut Init<'_, D>) -> Result<Self::Blocks<D>> {
        let (dim, patch, count) = (self.dim, self.patch, input.length / self.patch);
        if count == 0 {
            let length = input.length;
            return Err(Error::user(format!("a patch of {patch} samples is longer than a signal of {length}")));
        }
        let [weight, bias] = Linear::new(input.leads * patch, dim, false, init)?.into_params();
        let weight = Param { shape: vec![dim, input.leads, patch], ..weight };
        let positions = Param::new(init.device, vec![1, count, dim], normal(count * dim, init.random)?)?;
        let mut block = || Ok(Block { attention: Branch::attention(self, init)?, mlp: Branch::mlp(self, init)? });
        Ok(Vit {
            stem: Stem { weight, bias, positions },
            blocks: (0..self.depth).map(|_| block()).collect::<Result<_>>()?,
            norm: LayerNorm::new(init.device, dim)?,
            dropout: self.layer_dropout,
        })
    }
}

/// A residual branch: layer norm, two layers with a core between them.
#[derive(Clone, Debug)]
struct Branch<D: DeviceStorage> {
    core: Core,
    norm: LayerNorm<D>,
    first: [Param<D>; 2],
    second: [Param<D>; 2],
}

impl<D: Backend> Branch<D> {
    fn attention(config: &VitConfig, init: &mut Init<'_, D>) -> Result<Self> {
        let dim = config.dim;
        // Glorot and Bengio 2010, of the three weights as one.
        let bound = (6.0 / (4 * dim) as f64).sqrt();
        let draw = |_| ((init.random.random::<f64>() * 2.0 - 1.0) * bound) as f32;
        let weight = (0..3 * dim * dim).map(draw).collect();
        let device = init.device;
        let zeros = |count: usize| Param::new(device, vec![count], vec![0.0; count]);
        let first = [Param::new(device, vec![3 * dim, dim], weight)?, zeros(3 * dim)?];
        let [weight, _] = Linear::new(dim, dim, false, init)?.into_params();
        let second = [weight, zeros(dim)?];
        Ok(Self { core: Core::Attention(config.heads), norm: LayerNorm::new(device, dim)?, first, second })
    }

    fn mlp(config: &VitConfig, init: &mut Init<'_, D>) -> Result<Self> {
        let first = Linear::new(config.dim, config.mlp, false, init)?.into_params();
        let second = Linear::new(config.mlp, config.dim, false, init)?.into_params();
        Ok(Self { core: Core::Gelu, norm: LayerNorm::new(init.device, config.dim)?, first, second })
    }

    /// (batch, patches, dim) to the same shape.
    fn forward(&self, x: &Var<D>, dropout: f64, pass: &mut Pass<D>) -> Result<Var<D>> {
        let weights = Weights {
            gamma: &self.norm.weight,
            beta: &self.norm.bias,
            first: self.first.each_ref(),
            second: self.second.each_ref(),
        };
        let dropping = Dropping::new(dropout, &mut pass.random);
        transformer::branch(&mut pass.trace, x, &weights, self.core, dropping)
    }
}

#[derive(Clone, Debug)]
struct Block<D: DeviceStorage> {
    attention: Branch<D>,
    mlp: Branch<D>,
}

impl<D: Backend> Block<D> {
    /// Names are those of PyTorch's `TransformerEncoderLayer`.
    fn visit(&mut self, prefix: &str, f: &mut Visit<'_, D>) {
        let names = [
            (&mut self.attention, ["self_attn.in_proj_", "self_attn.out_proj.", "norm1"]),
            (&mut self.mlp, ["linear1.", "linear2.", "norm2"]),
        ];
        for (branch, [first, second, norm]) in names {
            for (layer, name) in [(&mut branch.first, first), (&mut branch.second, second)] {
                for (param, what) in layer.iter_mut().zip(["weight", "bias"]) {
                    f(&format!("{prefix}.{name}{what}"), Role::Parameter, param);
                }
            }
            branch.norm.visit(&format!("{prefix}.{norm}"), f);
        }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Vit<D: DeviceStorage> {
    stem: Stem<Param<D>>,
    blocks: Vec<Block<D>>,
    norm: LayerNorm<D>,
    dropout: f64,
}

impl<D: Backend> Blocks<D> for Vit<D> {
    /// (batch, length, leads) to (batch, length / patch, dim).
    fn forward(&mut self, x: &Var<D>, freezes: &[FreezeState], pass: &mut Pass<D>) -> Result<Var<D>> {
        let Stem { weight, bias, positions } = &self.stem;
        let mut x = transformer::patches(&mut pass.trace, x, &Stem { weight, bias, positions })?; // (batch, patches, dim)
        for (block, freeze) in self.blocks.iter().zip(&freezes[1..]) {
            let dropout = if pass.training && !freeze.frozen { self.dropout } else { 0.0 };
            x = block.attention.forward(&x, dropout, pass)?; // (batch, patches, dim)
            x = block.mlp.forward(&x, dropout, pass)?; // (batch, patches, dim)
        }
        self.norm.forward(&x, pass) // (batch, patches, dim)
    }

    fn visit(&mut self, f: &mut BlockVisitor<'_, D>) {
        let Stem { weight, bias, positions } = &mut self.stem;
        for (name, param) in [("patches.weight", weight), ("patches.bias", bias), ("positions", positions)] {
            f(0, name, Role::Parameter, param);
        }
        let last = self.blocks.len();
        for (i, block) in self.blocks.iter_mut().enumerate() {
            block.visit(&format!("blocks.{i}"), &mut |name, role, param| f(i + 1, name, role, param));
        }
        self.norm.visit("norm", &mut |name, role, param| f(last, name, role, param));
    }
}

/// Fresh positions.
fn normal(count: usize, random: &mut impl Rng) -> Result<Vec<f32>> {
    let positions = Normal::new(0.0, POSITIONS_SD).map_err(|error| Error::internal(error.to_string()))?;
    Ok((0..count).map(|_| positions.sample(random) as f32).collect())
}
