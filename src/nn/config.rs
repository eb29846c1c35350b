//! What a network's file declares: its configuration, what it is built from, and what it costs.

use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value};

use super::backbone::Blocks;
use crate::Result;
use crate::declare::{Faults, Table};
use crate::ops::Backend;

/// A kind of networks: the keys of its table in a manifest, and all that follows from them. One file implements it for
/// its configuration, and one line of [`crate::nn`] registers it.
pub(crate) trait Config: Table {
    /// Names of the backbone's blocks from the input up (see [`block_names`]); the head is not among them.
    fn blocks(&self) -> Vec<String>;

    /// Channels of the backbone's output, before it is pooled over time.
    fn channels(&self) -> usize;

    /// The head on top of it.
    fn head(&self) -> HeadConfig;

    /// What it costs for one record.
    fn cost(&self, input: Input) -> Cost;

    /// Whether a backbone that was trained on signals of one length takes those of another.
    fn takes_any_length(&self) -> bool {
        true
    }

    /// What no range of a single key says; `signal` is `None` where that is faulty itself.
    fn check(&self, _faults: &mut Faults<'_>, _signal: Option<&Signal>) {}

    /// What [`Config::build`] gives.
    type Blocks<D: Backend>: Blocks<D>;

    /// A fresh backbone. Weights are drawn in the order in which layers are made.
    ///
    /// # Errors
    /// Where the device fails, and where the network needs longer signals.
    fn build<D: Backend>(&self, input: Input, init: &mut Init<'_, D>) -> Result<Self::Blocks<D>>;
}

/// What a network reads: records of a number of leads and samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// Channels.
    pub leads: usize,
    /// Samples of a record.
    pub length: usize,
}

/// The signal of a manifest.
#[derive(Clone, Debug)]
pub(crate) struct Signal {
    /// What networks read.
    pub input: Input,
    /// `1000 samples (10 s at 100 Hz)`
    pub in_words: String,
}

/// The head of a network (see [`super::head`]).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct HeadConfig {
    /// Hidden width.
    pub hidden: usize,
    /// Dropout before the last layer; half of it before the first.
    pub dropout: f64,
    /// Whether weights come from He's normal distribution and biases are 0, not as PyTorch draws them.
    pub he_normal: bool,
}

impl HeadConfig {
    /// With weights as PyTorch draws them.
    pub fn new(hidden: usize, dropout: f64) -> Self {
        Self { hidden, dropout, he_normal: false }
    }
}

/// Where fresh layers come to be, and what their weights are drawn from.
#[derive(Debug)]
pub(crate) struct Init<'a, D> {
    /// The device.
    pub device: &'a D,
    /// What weights are drawn from.
    pub random: &'a mut ChaCha8Rng,
}

/// What a network costs for one record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Multiplications of convolutions, linear layers, attention and recurrent layers, forward.
    pub multiplications: usize,
    /// Numbers that are kept for the gradients.
    pub kept: usize,
    /// The most numbers that a layer gives to the next.
    pub largest: usize,
}

impl Cost {
    /// Adds a layer of so many multiplications that keeps its output.
    pub(crate) fn layer(&mut self, multiplications: usize, output: usize) {
        self.layer_keeping(multiplications, output, output);
    }

    /// Adds a layer of so many multiplications that keeps so many numbers, for an output of so many.
    pub(crate) fn layer_keeping(&mut self, multiplications: usize, kept: usize, output: usize) {
        self.multiplications += multiplications;
        self.kept += kept;
        self.largest = self.largest.max(output);
    }
}

/// `stem`, if there is one, then `block1` to as many as there are.
pub(crate) fn block_names(has_stem: bool, count: usize) -> Vec<String> {
    let stem = has_stem.then(|| "stem".to_owned());
    stem.into_iter().chain((1..=count).map(|number| format!("block{number}"))).collect()
}

/// Tells if a kernel size is even; `kind` with its article: "a `cnn`".
pub(crate) fn check_odd(faults: &mut Faults<'_>, key: &[&str], kind: &str, kernel: usize) {
    if kernel.is_multiple_of(2) {
        faults.tell(key, format!("the kernel size {kernel} is even; kernels of {kind} are odd"));
    }
}

/// Tells which of the kernel sizes of `kernels` are even.
pub(crate) fn check_all_odd(faults: &mut Faults<'_>, kind: &str, kernels: &[usize]) {
    for (index, kernel) in kernels.iter().enumerate() {
        check_odd(faults, &["kernels", &index.to_string()], kind, *kernel);
    }
}

/// Tells if two lists, with their names, are not of the same length.
pub(crate) fn check_as_many(faults: &mut Faults<'_>, (first, one): (&str, usize), (second, other): (&str, usize)) {
    let written = |key| faults.is_written(key);
    let key = if written(second) { second } else { first };
    let by_default = if written(second) && written(first) { "" } else { ", one of them by default" };
    if one != other && faults.is_sound(first) && faults.is_sound(second) {
        let message = format!("`{first}` has {one} items and `{second}` {other}{by_default}; they must be as many");
        faults.tell(&[key], message);
    }
}

/// A whole number among the settings of a table; 0 where it is none.
pub(crate) fn whole(table: &Map<String, Value>, key: &str) -> u64 {
    table.get(key).and_then(Value::as_u64).unwrap_or(0)
}
