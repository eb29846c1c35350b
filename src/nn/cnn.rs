//! `cnn`: blocks of convolution, batch norm, ReLU and max pool 2.

use super::backbone::{BlockVisitor, FreezeState};
use super::config::{block_names, check_all_odd, check_as_many};
use super::layer::{BatchNorm, Conv};
use super::{Blocks, Config, Cost, HeadConfig, Init, Input, Pass, Signal};
use crate::Result;
use crate::declare::{Faults, count, fraction, sequence, table};
use crate::ops::Backend;
use crate::ops::layers::pool::{Window, max_pool};
use crate::tensor::{DeviceStorage, Var};

table! {
    /// Blocks of convolution, batch norm, ReLU and max pooling by 2.
    pub struct CnnConfig {
        /// Output channels of each block.
        pub channels: Vec<usize> = [32, 64, 128] in sequence(&count(1.0, 8192.0), 1, 16);
        /// Odd kernel size of each block, as many as `channels`.
        pub kernels: Vec<usize> = [7, 5, 3] in sequence(&count(1.0, 1023.0), 1, 16);
        /// Hidden width of the head.
        pub head: usize = 128 in count(1.0, 65536.0);
        /// Dropout before the head's last layer; half of it before its first.
        pub dropout: f64 = 0.5 in fraction();
    }
}

impl Config for CnnConfig {
    fn blocks(&self) -> Vec<String> {
        block_names(false, self.channels.len())
    }

    fn channels(&self) -> usize {
        self.channels.last().copied().unwrap_or(0)
    }

    fn head(&self) -> HeadConfig {
        HeadConfig::new(self.head, self.dropout)
    }

    fn cost(&self, Input { leads, mut length }: Input) -> Cost {
        let (mut cost, mut inputs) = (Cost::default(), leads);
        for (outputs, kernel) in self.channels.iter().zip(&self.kernels) {
            cost.layer(inputs * outputs * kernel * length, outputs * length);
            (inputs, length) = (*outputs, length / 2);
            cost.layer(0, outputs * length);
        }
        cost
    }

    fn check(&self, faults: &mut Faults<'_>, signal: Option<&Signal>) {
        check_all_odd(faults, "a `cnn`", &self.kernels);
        let channels = self.channels.len();
        check_as_many(faults, ("channels", channels), ("kernels", self.kernels.len()));
        if let Some(signal) = signal.filter(|signal| signal.input.length >> channels.min(60) == 0) {
            let message = format!("{channels} blocks halve the signal to nothing: it has {}", signal.in_words);
            faults.tell(&["channels"], message);
        }
    }

    type Blocks<D: Backend> = Cnn<D>;

    fn build<D: Backend>(&self, input: Input, init: &mut Init<'_, D>) -> Result<Self::Blocks<D>> {
        let mut inputs = input.leads;
        let mut blocks = Vec::new();
        for (&outputs, &kernel) in self.channels.iter().zip(&self.kernels) {
            let conv = Conv::new(inputs, outputs, kernel, init)?;
            blocks.push((conv, BatchNorm::new(init.device, outputs, true)?));
            inputs = outputs;
        }
        Ok(Cnn { blocks })
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Cnn<D: DeviceStorage> {
    blocks: Vec<(Conv<D>, BatchNorm<D>)>,
}

impl<D: Backend> Blocks<D> for Cnn<D> {
    /// (batch, length, leads) to (batch, length / 2^blocks, last channels).
    fn forward(&mut self, x: &Var<D>, freezes: &[FreezeState], pass: &mut Pass<D>) -> Result<Var<D>> {
        let mut x = x.clone();
        for ((conv, norm), freeze) in self.blocks.iter_mut().zip(freezes) {
            x = conv.forward(&x, norm, *freeze, pass)?; // (batch, length, channels)
            x = max_pool(&mut pass.trace, &x, Window { kernel: 2, stride: 2, padding: 0 })?; // (batch, length / 2, channels)
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
