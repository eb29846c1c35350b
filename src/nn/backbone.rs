//! Backbones: blocks with names, each of which may hold still.

use super::config::{Init, Input};
use super::network::{Pass, Role};
use super::{AnyBlocks, Architecture};
use crate::Result;
use crate::declare::words;
use crate::ops::Backend;
use crate::ops::layers::pool;
use crate::tensor::{Param, Var};

/// Goes through the values of a layer: name, role, value.
pub(super) type Visit<'a, D> = dyn FnMut(&str, Role, &mut Param<D>) + 'a;

/// Is shown each value of a backbone: the number of its block, its name, its role, itself.
pub(crate) type BlockVisitor<'a, D> = dyn FnMut(usize, &str, Role, &mut Param<D>) + 'a;

/// The blocks of a backbone, as an architecture's file builds them.
pub(crate) trait Blocks<D: Backend>: Clone + std::fmt::Debug {
    /// From `x` (batch, length, leads) to (batch, fewer or as many samples, channels); `freezes` says of each block whether
    /// it holds still.
    ///
    /// # Errors
    /// Where the device fails.
    fn forward(&mut self, x: &Var<D>, freezes: &[FreezeState], pass: &mut Pass<D>) -> Result<Var<D>>;

    /// Shows all values, in a fixed order.
    fn visit(&mut self, f: &mut BlockVisitor<'_, D>);
}

words! {
    /// What the running statistics of a frozen block's batch norms do.
    pub enum BatchNormMode as "batch-norm mode" {
        /// running statistics of a frozen block hold still, and normalise
        Frozen = "frozen",
        /// they follow the new data, though the weights hold still
        Adapt = "adapt",
    }
}

/// Whether and how a block holds still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FreezeState {
    /// Its weights get no gradient.
    pub frozen: bool,
    /// What its running statistics do while it is frozen.
    pub batch_norm: BatchNormMode,
}

impl FreezeState {
    /// Whether batch norms use and move the batch's statistics.
    pub(super) fn batch_statistics(self, training: bool) -> bool {
        training && (!self.frozen || self.batch_norm == BatchNormMode::Adapt)
    }
}

/// A backbone: (batch, length, leads) to features (batch, fewer or as many samples, features).
#[derive(Clone, Debug)]
pub struct Backbone<D: Backend> {
    blocks: AnyBlocks<D>,
    names: Vec<String>,
    freezes: Vec<FreezeState>,
}

impl<D: Backend> Backbone<D> {
    /// A fresh backbone; weights are drawn as PyTorch draws them (uniform in plus and minus 1 / sqrt(fan in), He 2015 with
    /// a = sqrt 5), but where an architecture says otherwise.
    ///
    /// # Errors
    /// Where the device fails, and where the architecture needs longer signals.
    pub(super) fn new(architecture: &Architecture, input: Input, init: &mut Init<'_, D>) -> Result<Self> {
        let names = architecture.blocks();
        Ok(Self { blocks: architecture.build(input, init)?, freezes: vec![FreezeState::default(); names.len()], names })
    }

    /// Its blocks' names, from the input up.
    pub fn blocks(&self) -> &[String] {
        &self.names
    }

    /// Whether all of it holds still, statistics included: its features are a fixed function of the input.
    pub fn is_fixed(&self) -> bool {
        self.freezes.iter().all(|freeze| freeze.frozen && freeze.batch_norm == BatchNormMode::Frozen)
    }

    /// Features over time (batch, fewer or as many samples, features), before they are pooled.
    ///
    /// # Errors
    /// Where the device fails.
    pub(super) fn map(&mut self, x: &Var<D>, pass: &mut Pass<D>) -> Result<Var<D>> {
        self.blocks.forward(x, &self.freezes, pass)
    }

    /// Pooled features (batch, 1, 2 features): maximum and mean over time.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn features(&mut self, x: &Var<D>, pass: &mut Pass<D>) -> Result<Var<D>> {
        let y = self.map(x, pass)?; // (batch, samples, features)
        pool::concat_pool(&mut pass.trace, &y) // (batch, 1, 2 features)
    }

    /// Sets which blocks hold still.
    pub(super) fn freeze(&mut self, freeze: &impl Fn(&str) -> FreezeState) {
        let Self { blocks, names, freezes } = self;
        *freezes = names.iter().map(|name| freeze(name)).collect();
        blocks.visit(&mut |block, _, role, param| param.trainable = role == Role::Parameter && !freezes[block].frozen);
    }

    /// Whether no batch norm uses the batch's statistics in training.
    pub(super) fn knows_no_batch(&mut self) -> bool {
        let (freezes, mut free) = (&self.freezes, true);
        self.blocks.visit(&mut |block, _, role, _| {
            free &= role != Role::Statistic || !freezes[block].batch_statistics(true);
        });
        free
    }

    /// Goes through all values: block index, name, role, value.
    pub(super) fn visit(&mut self, f: &mut BlockVisitor<'_, D>) {
        self.blocks.visit(f);
    }
}
