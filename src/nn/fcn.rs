//! `fcn`: the fully convolutional network for time series of Wang, Yan and Oates 2017 (arXiv 1611.06455): blocks of
//! convolution, batch norm and ReLU, none of which shortens the signal.
//!
//! An even kernel has its odd zero behind the signal, as PyTorch's and Keras's `padding="same"` have it. The authors' pool is
//! the mean alone and their head a linear layer; here the pool and the head are those of every network.

use super::backbone::{BlockVisitor, FreezeState};
use super::config::{block_names, check_as_many};
use super::layer::{BatchNorm, SameConv};
use super::{Blocks, Config, Cost, HeadConfig, Init, Input, Pass, Signal};
use crate::Result;
use crate::declare::{Faults, count, fraction, sequence, table};
use crate::ops::Backend;
use crate::tensor::{DeviceStorage, Var};

table! {
    /// The fully convolutional network of Wang 2017: blocks of convolution, batch norm and ReLU that keep the length.
    pub struct FcnConfig {
        /// Output channels of each block.
        pub channels: Vec<usize> = [128, 256, 128] in sequence(&count(1.0, 8192.0), 1, 16);
        /// Kernel size of each block, as many as `channels`. Where it is even, the odd one of the zeros about the signal is
        /// behind it, as with PyTorch's `padding="same"`.
        pub kernels: Vec<usize> = [8, 5, 3] in sequence(&count(1.0, 1023.0), 1, 16);
        /// Hidden width of the head.
        pub head: usize = 128 in count(1.0, 65536.0);
        /// Dropout before the head's last layer; half of it before its first.
        pub dropout: f64 = 0.5 in fraction();
    }
}

impl Config for FcnConfig {
    fn blocks(&self) -> Vec<String> {
        block_names(false, self.channels.len())
    }

    fn channels(&self) -> usize {
        self.channels.last().copied().unwrap_or(0)
    }

    fn head(&self) -> HeadConfig {
        HeadConfig::new(self.head, self.dropout)
    }

    fn cost(&self, Input { leads, length }: Input) -> Cost {
        let (mut cost, mut inputs) = (Cost::default(), leads);
        for (outputs, kernel) in self.channels.iter().zip(&self.kernels) {
            cost.layer(inputs * outputs * kernel * length, outputs * length);
            inputs = *outputs;
        }
        cost
    }

    fn check(&self, faults: &mut Faults<'_>, _signal: Option<&Signal>) {
        check_as_many(faults, ("channels", self.channels.len()), ("kernels", self.kernels.len()));
    }

    type Blocks<D: Backend> = Fcn<D>;

    fn build<D: Backend>(&self, input: Input, init: &mut Init<'_, D>) -> Result<Self::Blocks<D>> {
        let (mut inputs, mut blocks) = (input.leads, Vec::new());
        for (&outputs, &kernel) in self.channels.iter().zip(&self.kernels) {
            let conv = SameConv::new(inputs, outputs, kernel, init)?;
            blocks.push((conv, BatchNorm::new(init.device, outputs, true)?));
            inputs = outputs;
        }
        Ok(Fcn { blocks })
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Fcn<D: DeviceStorage> {
    blocks: Vec<(SameConv<D>, BatchNorm<D>)>,
}

impl<D: Backend> Blocks<D> for Fcn<D> {
    /// (batch, length, leads) to (batch, length, last channels).
    fn forward(&mut self, x: &Var<D>, freezes: &[FreezeState], pass: &mut Pass<D>) -> Result<Var<D>> {
        let mut x = x.clone();
        for ((conv, norm), freeze) in self.blocks.iter_mut().zip(freezes) {
            let by = norm.normalizer(*freeze, pass.training);
            x = conv.forward(&x, by, pass)?; // (batch, length, channels)
        }
        Ok(x)
    }

    fn visit(&mut self, f: &mut BlockVisitor<'_, D>) {
        for (i, (conv, norm)) in self.blocks.iter_mut().enumerate() {
            conv.visit(&format!("blocks.{i}.conv"), &mut |name, role, param| f(i, name, role, param));
            norm.visit(&format!("blocks.{i}.bn"), &mut |name, role, param| f(i, name, role, param));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::tests::{assert_equals_pytorch, assert_gradients_are_slopes, parameters};

    fn small() -> FcnConfig {
        FcnConfig { channels: vec![6, 8, 7], kernels: vec![8, 5, 3], head: 8, dropout: 0.0 }
    }

    #[test]
    fn it_equals_pytorch() {
        assert_equals_pytorch("fcn", &small().into(), 1e-4);
    }

    #[test]
    fn it_runs_forward_and_backward() {
        assert_gradients_are_slopes(&small().into());
    }

    /// Weights of the three convolutions of the paper for 12 leads, and two values a channel of their norms.
    #[test]
    fn its_size_is_that_of_the_paper() {
        let convolutions = 12 * 128 * 8 + 128 * 256 * 5 + 256 * 128 * 3;
        assert_eq!(parameters(&FcnConfig::default().into(), 12), convolutions + 2 * (128 + 256 + 128));
        let cost = FcnConfig::default().cost(Input { leads: 12, length: 1000 });
        assert_eq!(cost.multiplications, 1000 * convolutions);
        assert_eq!(cost.kept, 1000 * (128 + 256 + 128));
    }
}
