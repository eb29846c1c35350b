//! `vit`: patches of the signal through a pre-norm transformer encoder (Dosovitskiy 2021; Xiong 2020), without a class
//! token: the head pools over patches, as in every network.
//!
//! A block is PyTorch's `TransformerEncoderLayer` with `norm_first` and GELU. Its dropout, `layer_dropout`, acts in
//! training on attention's weights, after attention's projection, after the GELU, and after the second layer of the
//! MLP; a frozen block drops nothing.

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

use super::layer::Linear;
use super::{BlockVisitor, Hold, Pass, Role, Visit};
use crate::manifest::VitConfig;
use crate::ops::Backend;
use crate::ops::layers::transformer::{self, Core, Dropping, Stem, Weights};
use crate::tensor::{DeviceStorage, Param, Var};
use crate::{Error, Result};

/// Standard deviation of fresh positions.
const POSITIONS_SD: f64 = 0.02;

/// A layer norm over channels.
#[derive(Clone, Debug)]
struct LayerNorm<D: DeviceStorage> {
    weight: Param<D>,
    bias: Param<D>,
}

impl<D: Backend> LayerNorm<D> {
    fn new(device: &D, dim: usize) -> Result<Self> {
        let all = |value: f32| Param::new(device, vec![dim], vec![value; dim]);
        Ok(Self { weight: all(1.0)?, bias: all(0.0)? })
    }

    fn visit(&mut self, prefix: &str, f: &mut Visit<'_, D>) {
        f(&format!("{prefix}.weight"), Role::Parameter, &mut self.weight);
        f(&format!("{prefix}.bias"), Role::Parameter, &mut self.bias);
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
    fn attention(device: &D, config: &VitConfig, random: &mut ChaCha8Rng) -> Result<Self> {
        let dim = config.dim;
        // Glorot and Bengio 2010, of the three weights as one.
        let bound = (6.0 / (4 * dim) as f64).sqrt();
        let weight = (0..3 * dim * dim).map(|_| ((random.random::<f64>() * 2.0 - 1.0) * bound) as f32).collect();
        let zeros = |count: usize| Param::new(device, vec![count], vec![0.0; count]);
        let first = [Param::new(device, vec![3 * dim, dim], weight)?, zeros(3 * dim)?];
        let [weight, _] = Linear::new(device, dim, dim, false, random)?.into_params();
        let second = [weight, zeros(dim)?];
        Ok(Self { core: Core::Attention(config.heads), norm: LayerNorm::new(device, dim)?, first, second })
    }

    fn mlp(device: &D, config: &VitConfig, random: &mut ChaCha8Rng) -> Result<Self> {
        let mut layer = |inputs, outputs| Ok(Linear::new(device, inputs, outputs, false, random)?.into_params());
        let (first, second) = (layer(config.dim, config.mlp)?, layer(config.mlp, config.dim)?);
        Ok(Self { core: Core::Gelu, norm: LayerNorm::new(device, config.dim)?, first, second })
    }

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
pub(super) struct Vit<D: DeviceStorage> {
    stem: Stem<Param<D>>,
    blocks: Vec<Block<D>>,
    norm: LayerNorm<D>,
    dropout: f64,
}

impl<D: Backend> Vit<D> {
    /// For signals of `length` samples.
    pub(super) fn new(
        device: &D,
        config: &VitConfig,
        leads: usize,
        length: usize,
        random: &mut ChaCha8Rng,
    ) -> Result<Self> {
        let (dim, patch, count) = (config.dim, config.patch, length / config.patch);
        if count == 0 {
            return Err(Error::user(format!("a patch of {patch} samples is longer than a signal of {length}")));
        }
        let [weight, bias] = Linear::new(device, leads * patch, dim, false, random)?.into_params();
        let weight = Param { shape: vec![dim, leads, patch], ..weight };
        let positions = Param::new(device, vec![1, count, dim], normal(count * dim, random)?)?;
        let block = |random: &mut ChaCha8Rng| {
            let (attention, mlp) = (Branch::attention(device, config, random)?, Branch::mlp(device, config, random)?);
            Ok(Block { attention, mlp })
        };
        Ok(Self {
            stem: Stem { weight, bias, positions },
            blocks: (0..config.depth).map(|_| block(random)).collect::<Result<_>>()?,
            norm: LayerNorm::new(device, dim)?,
            dropout: config.layer_dropout,
        })
    }

    /// (batch, length, leads) to (batch, length / patch, dim).
    pub(super) fn forward(&mut self, x: &Var<D>, holds: &[Hold], pass: &mut Pass<D>) -> Result<Var<D>> {
        let Stem { weight, bias, positions } = &self.stem;
        let mut x = transformer::patches(&mut pass.trace, x, &Stem { weight, bias, positions })?;
        for (block, hold) in self.blocks.iter().zip(&holds[1..]) {
            let dropout = if pass.training && !hold.frozen { self.dropout } else { 0.0 };
            x = block.attention.forward(&x, dropout, pass)?;
            x = block.mlp.forward(&x, dropout, pass)?;
        }
        transformer::layer_norm(&mut pass.trace, &x, &self.norm.weight, &self.norm.bias)
    }

    pub(super) fn visit(&mut self, f: &mut BlockVisitor<'_, D>) {
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
    let of = Normal::new(0.0, POSITIONS_SD).map_err(|error| Error::internal(error.to_string()))?;
    Ok((0..count).map(|_| of.sample(random) as f32).collect())
}
