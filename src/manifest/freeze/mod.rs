//! Freezes: which blocks hold still in the transfer stage, how fast the others learn, and what pulls their weights.
//!
//! A freeze is a table of [rules](FreezeRule), a key each: one file that declares the key and says what it does, and one
//! line of [`freeze_rules`] below. Several rules add up: a block holds still where any of them says so, and its
//! learning rate has the factors of all. How to add one: `docs/adding/freeze-rule.md`.

mod batch_norm;
mod faults;
#[cfg(test)]
mod gradual_thaw;
mod l2_sp;
mod learning_rate_scale;
mod registry;
mod rule;
mod steps;

pub use l2_sp::L2Sp;
pub use steps::FreezeStep;

pub(super) use faults::FreezeFaults;
use registry::freeze_rules;
use rule::{FreezeKey, FreezeRule};

use std::collections::BTreeMap;

use crate::nn::BatchNormMode;

freeze_rules! {
    steps: Vec<FreezeStep>,
    batch_norm: BatchNormMode,
    learning_rate_scale: BTreeMap<String, f64>,
    l2_sp: Option<L2Sp>,
    #[cfg(test)]
    gradual_thaw: Option<gradual_thaw::GradualThaw>,
}

impl Freeze {
    /// Whether some block holds still for some time.
    pub fn freezes_any(&self) -> bool {
        self.rules().any(FreezeRule::freezes_any)
    }

    /// Whether all blocks hold still to the end, so that their features need to be computed once only.
    pub fn freezes_all(&self) -> bool {
        self.rules().any(FreezeRule::freezes_all)
    }

    /// The same of a network with fresh weights, whose batch norms have no statistics that could hold still.
    pub fn of_fresh(&self) -> Freeze {
        Freeze { batch_norm: BatchNormMode::Adapt, ..self.clone() }
    }

    /// Whether `block` holds still in `epoch` (from 0); `blocks` are all of the backbone's, from the input up.
    pub fn freezes(&self, epoch: usize, block: &str, blocks: &[String]) -> bool {
        self.rules().any(|rule| rule.freezes(epoch, block, blocks))
    }

    /// The epochs (from 0) that are the first after something held still, in order.
    pub fn thaws(&self, blocks: &[String]) -> Vec<usize> {
        let mut thaws: Vec<usize> = self.rules().flat_map(|rule| rule.thaws(blocks)).collect();
        thaws.sort_unstable();
        thaws
    }

    /// The learning-rate factor of a block, or of `head`.
    pub fn learning_rate(&self, block: &str) -> f64 {
        self.rules().map(|rule| rule.learning_rate(block)).product()
    }

    /// Tells what no range of a single key says.
    pub(super) fn check(&self, faults: &mut FreezeFaults<'_>) {
        self.rules().for_each(|rule| rule.check(faults));
    }
}
