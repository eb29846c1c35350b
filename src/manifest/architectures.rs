//! Networks and their settings.

use serde::{Deserialize, Serialize};

/// A network architecture with its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "lowercase")]
pub enum Architecture {
    /// Convolution blocks.
    Cnn(CnnConfig),
    /// InceptionTime as used on PTB-XL; the study's "1D-CNN".
    Inception1d(Inception1dConfig),
    /// The residual network of Wang 2017 as used on PTB-XL.
    Resnet1d(Resnet1dConfig),
    /// XResNet as used on PTB-XL.
    Xresnet1d(Xresnet1dConfig),
    /// Patches through a transformer encoder.
    Vit(VitConfig),
    /// Plain recurrent layers.
    Rnn(RecurrentConfig),
    /// Long short-term memory.
    Lstm(RecurrentConfig),
    /// Gated recurrent units.
    Gru(RecurrentConfig),
}

/// Settings of `cnn`: blocks of conv - batch norm - ReLU - max pool(2), then the head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CnnConfig {
    /// Output channels of each block. Default `[32, 64, 128]`.
    pub channels: Vec<usize>,
    /// Odd kernel size of each block, as many as `channels`. Default `[7, 5, 3]`.
    pub kernels: Vec<usize>,
    /// Hidden width of the head. Default 128.
    pub head: usize,
    /// Dropout before the head's last layer; half of it before its first. Default 0.5.
    pub dropout: f64,
}

impl Default for CnnConfig {
    fn default() -> Self {
        Self { channels: vec![32, 64, 128], kernels: vec![7, 5, 3], head: 128, dropout: 0.5 }
    }
}

/// Settings of `inception1d`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inception1dConfig {
    /// Number of inception blocks; a shortcut after every third. Default 6.
    pub depth: usize,
    /// Output channels of each of the four branches. Default 32.
    pub filters: usize,
    /// Nominal longest kernel k: the three branches have k, k/2 and k/4 taps, made odd by
    /// taking one off an even number (40 gives 39, 19, 9). Default 40.
    pub kernel: usize,
    /// Channels of the bottleneck. Default 32.
    pub bottleneck: usize,
    /// Hidden width of the head. Default 128.
    pub head: usize,
    /// Dropout before the head's last layer; half of it before its first. Default 0.5.
    pub dropout: f64,
}

impl Default for Inception1dConfig {
    fn default() -> Self {
        Self { depth: 6, filters: 32, kernel: 40, bottleneck: 32, head: 128, dropout: 0.5 }
    }
}

impl Inception1dConfig {
    /// Taps of the three branches, longest first.
    pub fn kernels(&self) -> [usize; 3] {
        [1, 2, 4].map(|part| {
            let taps = (self.kernel / part).max(1);
            taps - (1 - taps % 2)
        })
    }
}

/// Settings of `resnet1d`: a stem and residual blocks of two convolutions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resnet1dConfig {
    /// Channels of the stem and of every block. Default 128.
    pub width: usize,
    /// Number of residual blocks; every one after the first halves the length. Default 3.
    pub blocks: usize,
    /// Odd kernel sizes of a block's two convolutions. Default `[5, 3]`.
    pub kernels: [usize; 2],
    /// Odd kernel size of the stem. Default 7.
    pub stem_kernel: usize,
    /// Hidden width of the head. Default 128.
    pub head: usize,
    /// Dropout before the head's last layer; half of it before its first. Default 0.5.
    pub dropout: f64,
}

impl Default for Resnet1dConfig {
    fn default() -> Self {
        Self { width: 128, blocks: 3, kernels: [5, 3], stem_kernel: 7, head: 128, dropout: 0.5 }
    }
}

/// Settings of `xresnet1d`: a stem of three convolutions and four stages of residual blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Xresnet1dConfig {
    /// Layers, one of [`Xresnet1dConfig::DEPTHS`]; from 50 on blocks are bottlenecks. Default 101.
    pub depth: usize,
    /// Odd kernel size of the stem and of the blocks. Default 5.
    pub kernel: usize,
    /// Channels of the blocks' convolutions, four times as many after a bottleneck; half in the stem's first two.
    /// Default 64.
    pub width: usize,
    /// Hidden width of the head. Default 128.
    pub head: usize,
    /// Dropout before the head's last layer; half of it before its first. Default 0.5.
    pub dropout: f64,
}

impl Default for Xresnet1dConfig {
    fn default() -> Self {
        Self { depth: 101, kernel: 5, width: 64, head: 128, dropout: 0.5 }
    }
}

impl Xresnet1dConfig {
    /// The depths there are.
    pub const DEPTHS: [usize; 4] = [18, 34, 50, 101];

    /// Residual blocks of each stage; of any other depth as of 101.
    pub fn stages(&self) -> [usize; 4] {
        match self.depth {
            18 => [2, 2, 2, 2],
            34 | 50 => [3, 4, 6, 3],
            _ => [3, 4, 23, 3],
        }
    }

    /// Whether a block is a bottleneck of three convolutions, not two in a row.
    pub fn has_bottlenecks(&self) -> bool {
        self.depth >= 50
    }

    /// Channels after a block.
    pub fn features(&self) -> usize {
        if self.has_bottlenecks() { 4 * self.width } else { self.width }
    }

    /// Channels of the stem's three convolutions.
    pub fn stem(&self) -> [usize; 3] {
        let half = (self.width / 2).max(1);
        [half, half, self.width]
    }
}

/// Settings of `vit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "WrittenVit")]
pub struct VitConfig {
    /// Samples of a patch; those that do not fill a last one are left out. Default 50.
    pub patch: usize,
    /// Channels of a patch. Default 128.
    pub dim: usize,
    /// Number of encoder blocks. Default 6.
    pub depth: usize,
    /// Heads of attention, a divisor of `dim`. Default 8.
    pub heads: usize,
    /// Hidden width of a block's MLP. Default 4 `dim`.
    pub mlp: usize,
    /// Dropout in a block: on attention's weights, after its projection, after the MLP's GELU and after the MLP, as in
    /// PyTorch's `TransformerEncoderLayer`. Default 0.1.
    pub layer_dropout: f64,
    /// Hidden width of the head. Default 128.
    pub head: usize,
    /// Dropout before the head's last layer; half of it before its first. Default 0.5.
    pub dropout: f64,
}

/// [`VitConfig`] as manifests have it, where `mlp` may follow from `dim`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenVit {
    patch: usize,
    dim: usize,
    depth: usize,
    heads: usize,
    mlp: Option<usize>,
    layer_dropout: f64,
    head: usize,
    dropout: f64,
}

impl From<WrittenVit> for VitConfig {
    fn from(written: WrittenVit) -> Self {
        let WrittenVit { patch, dim, depth, heads, mlp, layer_dropout, head, dropout } = written;
        Self { patch, dim, depth, heads, mlp: mlp.unwrap_or(4 * dim), layer_dropout, head, dropout }
    }
}

impl Default for VitConfig {
    fn default() -> Self {
        Self { patch: 50, dim: 128, depth: 6, heads: 8, mlp: 512, layer_dropout: 0.1, head: 128, dropout: 0.5 }
    }
}

/// Settings of `rnn`, `lstm` and `gru`: recurrent layers, each reading the one below, then the head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecurrentConfig {
    /// Units of each layer and direction. Default 256.
    pub hidden: usize,
    /// Number of layers. Default 2.
    pub layers: usize,
    /// Whether each layer also goes from the last sample to the first, with weights of its own. Default false.
    pub bidirectional: bool,
    /// Hidden width of the head. Default 128.
    pub head: usize,
    /// Dropout before the head's last layer; half of it before its first. Default 0.5.
    pub dropout: f64,
    /// Dropout between layers; none before a layer that is frozen. Default 0.
    pub layer_dropout: f64,
}

impl Default for RecurrentConfig {
    fn default() -> Self {
        Self { hidden: 256, layers: 2, bidirectional: false, head: 128, dropout: 0.5, layer_dropout: 0.0 }
    }
}

impl RecurrentConfig {
    /// 1, or 2 where layers go both ways.
    pub fn directions(&self) -> usize {
        if self.bidirectional { 2 } else { 1 }
    }
}

impl Architecture {
    /// The word of `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Architecture::Cnn(_) => "cnn",
            Architecture::Inception1d(_) => "inception1d",
            Architecture::Resnet1d(_) => "resnet1d",
            Architecture::Xresnet1d(_) => "xresnet1d",
            Architecture::Vit(_) => "vit",
            Architecture::Rnn(_) => "rnn",
            Architecture::Lstm(_) => "lstm",
            Architecture::Gru(_) => "gru",
        }
    }

    /// Names of the backbone's blocks from the input up. The head is not among them.
    pub fn blocks(&self) -> Vec<String> {
        let (has_stem, count) = match self {
            Architecture::Cnn(c) => (false, c.channels.len()),
            Architecture::Inception1d(c) => (false, c.depth),
            Architecture::Vit(c) => (true, c.depth),
            Architecture::Rnn(c) | Architecture::Lstm(c) | Architecture::Gru(c) => (false, c.layers),
            Architecture::Resnet1d(c) => (true, c.blocks),
            Architecture::Xresnet1d(c) => (true, c.stages().len()),
        };
        let stem = has_stem.then(|| "stem".to_owned());
        stem.into_iter().chain((1..=count).map(|i| format!("block{i}"))).collect()
    }
}
