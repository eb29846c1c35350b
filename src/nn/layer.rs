//! Layers with weights of their own.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::backbone::{FreezeState, Visit};
use super::{Init, Pass, Role};
use crate::Result;
use crate::ops::Backend;
use crate::ops::layers::norm::{EPS, Normalizer, batch_norm};
use crate::ops::layers::{conv1d, grouped, linear, transformer};
use crate::tensor::{DeviceStorage, Param, Var};
use crate::tensor::{Mode, Statistics};

/// `count` values uniform in plus and minus 1 / sqrt(fan in).
pub(super) fn uniform(count: usize, fan_in: usize, random: &mut ChaCha8Rng) -> Vec<f32> {
    let bound = 1.0 / (fan_in as f64).sqrt();
    (0..count).map(|_| ((random.random::<f64>() * 2.0 - 1.0) * bound) as f32).collect()
}

/// `count` values normal with mean 0 and variance 2 / fan in (He 2015).
fn he_normal(count: usize, fan_in: usize, random: &mut ChaCha8Rng) -> Vec<f32> {
    let deviation = (2.0 / fan_in as f64).sqrt();
    let mut draw = || -> f64 { StandardNormal.sample(random) };
    (0..count).map(|_| (draw() * deviation) as f32).collect()
}

/// Draws a weight (outputs, inputs ...) again, by [`he_normal`].
fn redraw<D: Backend>(weight: &mut Param<D>, random: &mut ChaCha8Rng) {
    let (count, fan_in) = (weight.shape.iter().product(), weight.shape[1..].iter().product());
    weight.value.copy_from(&he_normal(count, fan_in, random));
}

/// A convolution with odd taps and no bias. It keeps the length, or with a stride has one output for each
/// `stride` samples, the last for what is left.
#[derive(Clone, Debug)]
pub(super) struct Conv<D: DeviceStorage> {
    weight: Param<D>,
    stride: usize,
}

impl<D: Backend> Conv<D> {
    pub(super) fn new(inputs: usize, outputs: usize, kernel: usize, init: &mut Init<'_, D>) -> Result<Self> {
        let values = uniform(outputs * inputs * kernel, inputs * kernel, init.random);
        Ok(Self { weight: Param::new(init.device, vec![outputs, inputs, kernel], values)?, stride: 1 })
    }

    /// The same with another stride.
    pub(super) fn strided(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// The same with weights from He's normal distribution.
    pub(super) fn he_normal(mut self, random: &mut ChaCha8Rng) -> Self {
        redraw(&mut self.weight, random);
        self
    }

    /// Convolution, batch norm and what follows it: (batch, length, inputs) to (batch, length / stride rounded up,
    /// outputs).
    pub(super) fn forward(
        &self,
        x: &Var<D>,
        norm: &mut BatchNorm<D>,
        freeze: FreezeState,
        pass: &mut Pass<D>,
    ) -> Result<Var<D>> {
        let shape = (self.stride, (self.weight.shape[2] - 1) / 2);
        let by = norm.normalizer(freeze, pass.training);
        conv1d::conv1d(&mut pass.trace, x, &self.weight, shape, Some(by))
    }

    /// The weight, for operations that take several.
    pub(super) fn weight(&self) -> &Param<D> {
        &self.weight
    }

    pub(super) fn visit(&mut self, prefix: &str, f: &mut Visit<'_, D>) {
        f(&format!("{prefix}.weight"), Role::Parameter, &mut self.weight);
    }
}

/// A convolution of groups of channels with any number of taps, padded to `same` (see [`grouped`]), and no bias of its own.
#[derive(Clone, Debug)]
pub(super) struct SameConv<D: DeviceStorage> {
    weight: Param<D>,
    stride: usize,
    groups: usize,
}

impl<D: Backend> SameConv<D> {
    /// From `inputs` channels to `outputs`, in one group and with a stride of 1.
    pub(super) fn new(inputs: usize, outputs: usize, kernel: usize, init: &mut Init<'_, D>) -> Result<Self> {
        Self::grouped((inputs, outputs, 1), kernel, 1, init)
    }

    /// From `inputs` channels to `outputs` in so many `groups`.
    pub(super) fn grouped(
        (inputs, outputs, groups): (usize, usize, usize),
        kernel: usize,
        stride: usize,
        init: &mut Init<'_, D>,
    ) -> Result<Self> {
        let fan_in = inputs / groups * kernel;
        let values = uniform(outputs * fan_in, fan_in, init.random);
        Ok(Self { weight: Param::new(init.device, vec![outputs, inputs / groups, kernel], values)?, stride, groups })
    }

    /// Convolution and what follows it: (batch, length, inputs) to (batch, length / stride rounded up, outputs).
    pub(super) fn forward(&self, x: &Var<D>, by: Normalizer<'_, D>, pass: &mut Pass<D>) -> Result<Var<D>> {
        let kernel = self.weight.shape[2];
        if self.groups == 1 && self.stride == 1 && !kernel.is_multiple_of(2) {
            // As many zeros on both sides, for which there are ways with fewer operations.
            return conv1d::conv1d(&mut pass.trace, x, &self.weight, (1, kernel / 2), Some(by));
        }
        grouped::grouped(&mut pass.trace, x, &self.weight, (self.stride, self.groups), Some(by))
    }

    pub(super) fn visit(&mut self, prefix: &str, f: &mut Visit<'_, D>) {
        f(&format!("{prefix}.weight"), Role::Parameter, &mut self.weight);
    }
}

/// A bias that readers of an activation add: a batch norm that always holds still, with scale 1, mean 0 and variance 1.
#[derive(Clone, Debug)]
pub(super) struct Bias<D: DeviceStorage> {
    bias: Param<D>,
    /// Scale, mean and variance, which are no values of the network.
    still: [Param<D>; 3],
}

impl<D: Backend> Bias<D> {
    /// As PyTorch draws it after a layer of so many inputs.
    pub(super) fn new(channels: usize, fan_in: usize, init: &mut Init<'_, D>) -> Result<Self> {
        let bias = Param::new(init.device, vec![channels], uniform(channels, fan_in, init.random))?;
        let all = |value: f32| -> Result<Param<D>> {
            let param = Param::new(init.device, vec![channels], vec![value; channels])?;
            Ok(Param { trainable: false, ..param })
        };
        Ok(Self { bias, still: [all(1.0)?, all(0.0)?, all(1.0 - EPS)?] })
    }

    /// For the operation whose output it is added to.
    pub(super) fn normalizer(&mut self) -> Normalizer<'_, D> {
        let [gamma, running_mean, running_var] = &mut self.still;
        let mode = Mode { statistics: Statistics::Running, relu: false };
        Normalizer { gamma, beta: &self.bias, running_mean, running_var, mode }
    }

    pub(super) fn visit(&mut self, prefix: &str, f: &mut Visit<'_, D>) {
        f(&format!("{prefix}.bias"), Role::Parameter, &mut self.bias);
    }
}

/// Batch norm, with or without ReLU.
#[derive(Clone, Debug)]
pub(super) struct BatchNorm<D: DeviceStorage> {
    weight: Param<D>,
    bias: Param<D>,
    running_mean: Param<D>,
    running_var: Param<D>,
    relu: bool,
}

impl<D: Backend> BatchNorm<D> {
    pub(super) fn new(device: &D, channels: usize, relu: bool) -> Result<Self> {
        let all = |value: f32| Param::new(device, vec![channels], vec![value; channels]);
        Ok(Self { weight: all(1.0)?, bias: all(0.0)?, running_mean: all(0.0)?, running_var: all(1.0)?, relu })
    }

    /// The same with a scale of zero, so that what it ends adds nothing at first (Goyal 2017, section 5.1).
    pub(super) fn silent(mut self) -> Self {
        self.weight.value.copy_from(&vec![0.0; self.weight.shape[0]]);
        self
    }

    /// How an operation normalises what it gives.
    pub(super) fn normalizer(&mut self, freeze: FreezeState, training: bool) -> Normalizer<'_, D> {
        let statistics = if freeze.batch_statistics(training) { Statistics::Batch } else { Statistics::Running };
        Normalizer {
            gamma: &self.weight,
            beta: &self.bias,
            running_mean: &mut self.running_mean,
            running_var: &mut self.running_var,
            mode: Mode { statistics, relu: self.relu },
        }
    }

    /// (batch, length, channels) to the same shape.
    pub(super) fn forward(&mut self, x: &Var<D>, freeze: FreezeState, pass: &mut Pass<D>) -> Result<Var<D>> {
        let by = self.normalizer(freeze, pass.training);
        batch_norm(&mut pass.trace, x, by)
    }

    pub(super) fn visit(&mut self, prefix: &str, f: &mut Visit<'_, D>) {
        f(&format!("{prefix}.weight"), Role::Parameter, &mut self.weight);
        f(&format!("{prefix}.bias"), Role::Parameter, &mut self.bias);
        f(&format!("{prefix}.running_mean"), Role::Statistic, &mut self.running_mean);
        f(&format!("{prefix}.running_var"), Role::Statistic, &mut self.running_var);
    }
}

/// A layer norm over channels.
#[derive(Clone, Debug)]
pub(super) struct LayerNorm<D: DeviceStorage> {
    pub weight: Param<D>,
    pub bias: Param<D>,
}

impl<D: Backend> LayerNorm<D> {
    pub(super) fn new(device: &D, channels: usize) -> Result<Self> {
        let all = |value: f32| Param::new(device, vec![channels], vec![value; channels]);
        Ok(Self { weight: all(1.0)?, bias: all(0.0)? })
    }

    /// (batch, length, channels) to the same shape.
    pub(super) fn forward(&self, x: &Var<D>, pass: &mut Pass<D>) -> Result<Var<D>> {
        transformer::layer_norm(&mut pass.trace, x, &self.weight, &self.bias)
    }

    pub(super) fn visit(&mut self, prefix: &str, f: &mut Visit<'_, D>) {
        f(&format!("{prefix}.weight"), Role::Parameter, &mut self.weight);
        f(&format!("{prefix}.bias"), Role::Parameter, &mut self.bias);
    }
}

/// A fully connected layer, with or without ReLU.
#[derive(Clone, Debug)]
pub(super) struct Linear<D: DeviceStorage> {
    weight: Param<D>,
    bias: Param<D>,
    relu: bool,
}

impl<D: Backend> Linear<D> {
    pub(super) fn new(inputs: usize, outputs: usize, relu: bool, init: &mut Init<'_, D>) -> Result<Self> {
        let weight = uniform(outputs * inputs, inputs, init.random);
        let weight = Param::new(init.device, vec![outputs, inputs], weight)?;
        let bias = Param::new(init.device, vec![outputs], uniform(outputs, inputs, init.random))?;
        Ok(Self { weight, bias, relu })
    }

    /// All weights 0, without ReLU.
    pub(super) fn zeros(device: &D, inputs: usize, outputs: usize) -> Result<Self> {
        let weight = Param::new(device, vec![outputs, inputs], vec![0.0; outputs * inputs])?;
        Ok(Self { weight, bias: Param::new(device, vec![outputs], vec![0.0; outputs])?, relu: false })
    }

    /// The same with weights from He's normal distribution and no bias at first.
    pub(super) fn he_normal(mut self, random: &mut ChaCha8Rng) -> Self {
        redraw(&mut self.weight, random);
        self.bias.value.copy_from(&vec![0.0; self.bias.shape[0]]);
        self
    }

    /// Weight and bias, for operations that take both.
    pub(super) fn into_params(self) -> [Param<D>; 2] {
        [self.weight, self.bias]
    }

    /// (batch, length, inputs) to (batch, length, outputs).
    pub(super) fn forward(&self, x: &Var<D>, pass: &mut Pass<D>) -> Result<Var<D>> {
        linear::linear(&mut pass.trace, x, &self.weight, &self.bias, self.relu)
    }

    pub(super) fn visit(&mut self, prefix: &str, f: &mut Visit<'_, D>) {
        f(&format!("{prefix}.weight"), Role::Parameter, &mut self.weight);
        f(&format!("{prefix}.bias"), Role::Parameter, &mut self.bias);
    }
}
