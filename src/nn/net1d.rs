//! `net1d`: the network for ECGs of Hong et al. 2020 (HOLMES, doi 10.1145/3394486.3403212; `net1d.py` of
//! <https://github.com/hsd1503/resnet1d>), which is ECGFounder's (Li et al. 2024, arXiv 2410.04133).
//!
//! A stem of one convolution with stride 2, then stages of residual blocks, the first of which shortens the signal by `stride`.
//! A block is conv(act(conv(act(conv(act(x)))))): 1 tap, `kernel` taps in groups of channels, 1 tap, act being batch norm and
//! Swish; its channels are weighted by squeeze and excitation, and the input is added, shortened and widened without weights
//! (see [`excite`]). The very first block has no act before its first convolution, and the last none behind it.
//!
//! Convolutions are padded to `same` (see `ops::layers::grouped`). One that a batch norm follows has no bias, for the norm
//! takes it away again; without `batch_norm`, as in ECGFounder, all have one.

use super::backbone::{BlockVisitor, FreezeState, Visit};
use super::config::{block_names, check_as_many};
use super::layer::{BatchNorm, Bias, Linear, SameConv};
use super::{Blocks, Config, Cost, HeadConfig, Init, Input, Pass, Signal};
use crate::Result;
use crate::declare::{Faults, Range, Type, count, fraction, sequence, table};
use crate::ops::Backend;
use crate::ops::layers::average_pool::average_pool;
use crate::ops::layers::dropout::dropout;
use crate::ops::layers::excite::excite;
use crate::ops::layers::norm::Normalizer;
use crate::ops::layers::swish::swish;
use crate::tensor::{DeviceStorage, Var};

/// The stem's step.
const STEM_STRIDE: usize = 2;
/// The hidden layer of squeeze and excitation has so many times fewer units than channels.
const SQUEEZE: usize = 2;

table! {
    /// Net1D (Hong 2020): stages of bottleneck blocks with grouped convolutions, squeeze and excitation, and Swish. ECGFounder
    /// is `stem = 64`, `channels = [64, 160, 160, 400, 400, 1024, 1024]`, `blocks = [2, 2, 2, 3, 3, 4, 4]`,
    /// `batch_norm = false`; its tensors have the same names here, so that `[weights.NAME]` needs no `names`, and those of
    /// `dense` and of norms are of no use. Where norms are used, a file's `conv.bias` before a norm belongs into that norm's
    /// `running_mean`, which becomes `running_mean - bias`.
    pub struct Net1dConfig {
        /// Channels of the stem, at most those of the first stage.
        pub stem: usize = 16 in count(1.0, 8192.0);
        /// Channels of each stage: multiples of `group`, none fewer than those before.
        pub channels: Vec<usize> = [16, 32, 32, 80, 80, 256, 256] in sequence(&count(1.0, 8192.0), 1, 16);
        /// Blocks of each stage, as many as `channels`.
        pub blocks: Vec<usize> = [2, 2, 2, 2, 2, 2, 2] in sequence(&count(1.0, 256.0), 1, 16);
        /// Channels inside a block, to those of its stage.
        pub ratio: f64 = 1.0 in Type::Number(Range::above_to(0.0, 16.0));
        /// Kernel size of the stem and of the grouped convolutions.
        pub kernel: usize = 16 in count(1.0, 1023.0), unit "samples";
        /// By how much the first block of each stage shortens the signal.
        pub stride: usize = 2 in count(1.0, 64.0);
        /// Channels of a stage to each group of the grouped convolutions.
        pub group: usize = 16 in count(1.0, 8192.0);
        /// Whether batch norms come before Swish.
        pub batch_norm: bool = true;
        /// Dropout behind each Swish but the stem's; 0.5 in HOLMES, 0 in ECGFounder. A frozen block drops nothing.
        pub layer_dropout: f64 = 0.0 in fraction();
        /// Hidden width of the head.
        pub head: usize = 128 in count(1.0, 65536.0);
        /// Dropout before the head's last layer; half of it before its first.
        pub dropout: f64 = 0.5 in fraction();
    }
}

/// Sizes of one block.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    inputs: usize,
    middle: usize,
    outputs: usize,
    groups: usize,
    stride: usize,
    /// It is the very first.
    first: bool,
}

impl Net1dConfig {
    /// The blocks of each stage.
    fn stages(&self) -> Vec<Vec<Sizes>> {
        let mut inputs = self.stem;
        let mut stages = Vec::new();
        for (&outputs, &blocks) in self.channels.iter().zip(&self.blocks) {
            let middle = self.middle(outputs);
            let of_block = |number: usize| Sizes {
                inputs: if number == 0 { inputs } else { outputs },
                middle,
                outputs,
                groups: (outputs / self.group).max(1),
                stride: if number == 0 { self.stride } else { 1 },
                first: stages.is_empty() && number == 0,
            };
            stages.push((0..blocks).map(of_block).collect());
            inputs = outputs;
        }
        stages
    }

    /// Channels inside a block of a stage of so many.
    fn middle(&self, channels: usize) -> usize {
        (channels as f64 * self.ratio) as usize
    }

    /// Adds a block that reads `length` samples; gives how many it gives.
    fn cost_of_block(&self, cost: &mut Cost, s: Sizes, length: usize) -> usize {
        let Sizes { inputs, middle, outputs, .. } = s;
        // Each Swish keeps what it gives, and so does each dropout behind it.
        let acts = if self.layer_dropout > 0.0 { 2 } else { 1 };
        if !s.first {
            cost.layer_keeping(0, acts * inputs * length, inputs * length);
        }
        cost.layer_keeping(inputs * middle * length, (1 + acts) * middle * length, middle * length);
        let length = length.div_ceil(s.stride);
        let grouped = middle * (middle / s.groups) * self.kernel * length;
        cost.layer_keeping(grouped, (1 + acts) * middle * length, middle * length);
        cost.layer_keeping(middle * outputs * length, 2 * outputs * length, outputs * length);
        cost.layer(2 * outputs * squeezed(outputs), 2 * outputs + 2 * squeezed(outputs));
        length
    }

    /// Says which stage is the first that cannot be: at its channels if they are written, else at the key that does not go
    /// with them.
    fn check_channels(&self, faults: &mut Faults<'_>) {
        let mut before = self.stem;
        for (index, &channels) in self.channels.iter().enumerate() {
            let (groups, middle) = (channels / self.group, self.middle(channels));
            let fault = if !channels.is_multiple_of(self.group) {
                Some(("group", format!("are no multiple of `group`, {}", self.group)))
            } else if middle == 0 || !middle.is_multiple_of(groups) {
                Some(("ratio", format!("are {middle} by `ratio`, which {groups} groups cannot share")))
            } else if channels < before {
                let whose = if index == 0 { "stem" } else { "stage before" };
                Some(("stem", format!("are fewer than the {before} of the {whose}")))
            } else {
                None
            };
            if let Some((key, why)) = fault {
                let item = index.to_string();
                let item = ["channels", &item];
                let at = if faults.is_written("channels") { &item[..] } else { &[key] };
                return faults.tell(at, format!("{channels} channels of a stage {why}"));
            }
            before = channels;
        }
    }
}

/// Hidden units of squeeze and excitation.
fn squeezed(channels: usize) -> usize {
    (channels / SQUEEZE).max(1)
}

impl Config for Net1dConfig {
    fn blocks(&self) -> Vec<String> {
        block_names(true, self.channels.len())
    }

    fn channels(&self) -> usize {
        self.channels.last().copied().unwrap_or(0)
    }

    fn head(&self) -> HeadConfig {
        HeadConfig::new(self.head, self.dropout)
    }

    fn cost(&self, Input { leads, length }: Input) -> Cost {
        let mut cost = Cost::default();
        let mut length = length.div_ceil(STEM_STRIDE);
        let stem = self.stem * length;
        cost.layer_keeping(leads * self.kernel * stem, 2 * stem, stem);
        for block in self.stages().into_iter().flatten() {
            length = self.cost_of_block(&mut cost, block, length);
        }
        cost
    }

    fn check(&self, faults: &mut Faults<'_>, _signal: Option<&Signal>) {
        check_as_many(faults, ("channels", self.channels.len()), ("blocks", self.blocks.len()));
        if ["stem", "channels", "group", "ratio"].iter().all(|key| faults.is_sound(key)) {
            self.check_channels(faults);
        }
    }

    type Blocks<D: Backend> = Net1d<D>;

    fn build<D: Backend>(&self, input: Input, init: &mut Init<'_, D>) -> Result<Self::Blocks<D>> {
        let conv = SameConv::grouped((input.leads, self.stem, 1), self.kernel, STEM_STRIDE, init)?;
        let stem = Layer::new(conv, self.stem, (input.leads * self.kernel, self.batch_norm), init)?;
        let stages = self
            .stages()
            .into_iter()
            .map(|stage| stage.into_iter().map(|sizes| Block::new(self, sizes, init)).collect::<Result<Vec<_>>>());
        Ok(Net1d { stem, stages: stages.collect::<Result<_>>()?, dropout: self.layer_dropout })
    }
}

/// What is added to a convolution's output, or normalises it.
#[derive(Clone, Debug)]
enum After<D: DeviceStorage> {
    Norm(BatchNorm<D>),
    Bias(Bias<D>),
}

/// A convolution and what readers see it through.
#[derive(Clone, Debug)]
struct Layer<D: DeviceStorage> {
    conv: SameConv<D>,
    after: After<D>,
}

impl<D: Backend> Layer<D> {
    fn new(conv: SameConv<D>, outputs: usize, (fan_in, norm): (usize, bool), init: &mut Init<'_, D>) -> Result<Self> {
        let after = if norm {
            After::Norm(BatchNorm::new(init.device, outputs, false)?)
        } else {
            After::Bias(Bias::new(outputs, fan_in, init)?)
        };
        Ok(Self { conv, after })
    }

    /// (batch, length, inputs) to (batch, length / stride rounded up, outputs).
    fn forward(&mut self, x: &Var<D>, freeze: FreezeState, pass: &mut Pass<D>) -> Result<Var<D>> {
        let by: Normalizer<'_, D> = match &mut self.after {
            After::Norm(norm) => norm.normalizer(freeze, pass.training),
            After::Bias(bias) => bias.normalizer(),
        };
        self.conv.forward(x, by, pass)
    }

    fn visit(&mut self, [conv, norm]: [&str; 2], f: &mut Visit<'_, D>) {
        self.conv.visit(conv, f);
        match &mut self.after {
            After::Norm(own) => own.visit(norm, f),
            After::Bias(bias) => bias.visit(conv, f),
        }
    }
}

#[derive(Clone, Debug)]
struct Block<D: DeviceStorage> {
    first: bool,
    stride: usize,
    norm: Option<BatchNorm<D>>,
    convs: [Layer<D>; 3],
    squeeze: Linear<D>,
    excite: Linear<D>,
}

impl<D: Backend> Block<D> {
    fn new(config: &Net1dConfig, s: Sizes, init: &mut Init<'_, D>) -> Result<Self> {
        let Sizes { inputs, middle, outputs, groups, stride, first } = s;
        let norms = config.batch_norm;
        let norm = if norms && !first { Some(BatchNorm::new(init.device, inputs, false)?) } else { None };
        let conv = SameConv::new(inputs, middle, 1, init)?;
        let narrow = Layer::new(conv, middle, (inputs, norms), init)?;
        let conv = SameConv::grouped((middle, middle, groups), config.kernel, stride, init)?;
        let long = Layer::new(conv, middle, (middle / groups * config.kernel, norms), init)?;
        let conv = SameConv::new(middle, outputs, 1, init)?;
        let wide = Layer::new(conv, outputs, (middle, false), init)?;
        let squeeze = Linear::new(outputs, squeezed(outputs), false, init)?;
        let excite = Linear::new(squeezed(outputs), outputs, false, init)?;
        Ok(Self { first, stride, norm, convs: [narrow, long, wide], squeeze, excite })
    }

    /// (batch, length, inputs) to (batch, length / stride rounded up, outputs).
    fn forward(&mut self, x: &Var<D>, freeze: FreezeState, p: f64, pass: &mut Pass<D>) -> Result<Var<D>> {
        let mut y = x.clone();
        if let Some(norm) = &mut self.norm {
            y = norm.forward(&y, freeze, pass)?; // (batch, length, inputs)
        }
        for (number, layer) in self.convs.iter_mut().enumerate() {
            if number > 0 || !self.first {
                y = swish(&mut pass.trace, &y)?; // (batch, length, inputs or middle)
                y = dropout(&mut pass.trace, y, p, &mut pass.random)?; // the same
            }
            y = layer.forward(&y, freeze, pass)?; // (batch, length / stride from the second on, middle or outputs)
        }
        let means = average_pool(&mut pass.trace, &y, y.dims().1)?; // (batch, 1, outputs)
        let hidden = self.squeeze.forward(&means, pass)?; // (batch, 1, outputs / 2)
        let hidden = swish(&mut pass.trace, &hidden)?; // (batch, 1, outputs / 2)
        let gates = self.excite.forward(&hidden, pass)?; // (batch, 1, outputs)
        excite(&mut pass.trace, &y, &gates, x, self.stride) // (batch, length / stride, outputs)
    }

    /// Names are those of the authors' module.
    fn visit(&mut self, prefix: &str, f: &mut Visit<'_, D>) {
        if let Some(norm) = &mut self.norm {
            norm.visit(&format!("{prefix}.bn1"), f);
        }
        for (number, layer) in self.convs.iter_mut().enumerate() {
            // The norm behind a convolution is the one before the next.
            let names = [format!("{prefix}.conv{}.conv", number + 1), format!("{prefix}.bn{}", number + 2)];
            layer.visit(names.each_ref().map(String::as_str), f);
        }
        self.squeeze.visit(&format!("{prefix}.se_fc1"), f);
        self.excite.visit(&format!("{prefix}.se_fc2"), f);
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Net1d<D: DeviceStorage> {
    stem: Layer<D>,
    stages: Vec<Vec<Block<D>>>,
    dropout: f64,
}

impl<D: Backend> Blocks<D> for Net1d<D> {
    /// (batch, length, leads) to (batch, length / 2 / stride for each stage, rounded up each time, channels).
    fn forward(&mut self, x: &Var<D>, freezes: &[FreezeState], pass: &mut Pass<D>) -> Result<Var<D>> {
        let x = self.stem.forward(x, freezes[0], pass)?; // (batch, length / 2, stem)
        let mut x = swish(&mut pass.trace, &x)?; // (batch, length / 2, stem)
        for (stage, freeze) in self.stages.iter_mut().zip(&freezes[1..]) {
            let dropout = if pass.training && !freeze.frozen { self.dropout } else { 0.0 };
            for block in stage {
                x = block.forward(&x, *freeze, dropout, pass)?; // (batch, length / stride from the first on, channels)
            }
        }
        Ok(x)
    }

    fn visit(&mut self, f: &mut BlockVisitor<'_, D>) {
        self.stem.visit(["first_conv.conv", "first_bn"], &mut |name, role, param| f(0, name, role, param));
        for (i, stage) in self.stages.iter_mut().enumerate() {
            for (j, block) in stage.iter_mut().enumerate() {
                let prefix = format!("stage_list.{i}.block_list.{j}");
                block.visit(&prefix, &mut |name, role, param| f(i + 1, name, role, param));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::tests::{assert_equals_pytorch, assert_gradients_are_slopes, parameters};

    fn small() -> Net1dConfig {
        let (channels, blocks) = (vec![6, 10], vec![1, 2]);
        Net1dConfig { stem: 6, channels, blocks, group: 2, head: 8, dropout: 0.0, ..Net1dConfig::default() }
    }

    #[test]
    fn it_equals_pytorch() {
        assert_equals_pytorch("net1d", &small().into(), 1e-4);
        assert_equals_pytorch("net1d_without_norms", &Net1dConfig { batch_norm: false, ..small() }.into(), 1e-4);
    }

    #[test]
    fn it_runs_forward_and_backward() {
        for (batch_norm, ratio, stride) in [(true, 1.0, 2), (false, 1.0, 3), (true, 2.0, 1), (false, 0.5, 2)] {
            let groups = if ratio < 1.0 { vec![8, 12] } else { vec![6, 10] };
            let config = Net1dConfig { batch_norm, ratio, stride, channels: groups, group: 2, ..small() };
            assert_gradients_are_slopes(&config.into());
        }
    }

    /// ECGFounder's size by hand: what a checkpoint of it has for 12 leads, without the norms that it does not use and
    /// without its last layer.
    #[test]
    fn ecg_founder_can_be_written() {
        let config = Net1dConfig {
            stem: 64,
            channels: vec![64, 160, 160, 400, 400, 1024, 1024],
            blocks: vec![2, 2, 2, 3, 3, 4, 4],
            batch_norm: false,
            ..Net1dConfig::default()
        };
        let block = |inputs: usize, outputs: usize| {
            let convs = (inputs + 1) * outputs + (16 * 16 + 1) * outputs + (outputs + 1) * outputs;
            convs + (outputs + 1) * (outputs / 2) + (outputs / 2 + 1) * outputs
        };
        let mut expected = (12 * 16 + 1) * 64;
        let mut inputs = 64;
        for (&outputs, &blocks) in config.channels.iter().zip(&config.blocks) {
            expected += block(inputs, outputs) + (blocks - 1) * block(outputs, outputs);
            inputs = outputs;
        }
        assert_eq!(parameters(&config.clone().into(), 12), expected);
    }

    /// One stage of one block by hand.
    #[test]
    fn its_cost_is_counted() {
        let config = Net1dConfig { stem: 4, channels: vec![6], blocks: vec![1], group: 3, ..Net1dConfig::default() };
        let Cost { multiplications, kept, largest } = config.cost(Input { leads: 2, length: 100 });
        let products = 2 * 4 * 16 * 50 + 4 * 6 * 50 + 6 * 3 * 16 * 25 + 6 * 6 * 25 + 6 * 3 + 3 * 6;
        let numbers = 2 * 4 * 50 + 2 * 6 * 50 + 2 * 6 * 25 + 2 * 6 * 25 + 2 * (6 + 3);
        assert_eq!((multiplications, kept, largest), (products, numbers, 6 * 50));
    }
}
