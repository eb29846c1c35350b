//! Which blocks hold still in the transfer stage, and what pulls weights.

use std::collections::BTreeMap;

use super::{BatchNormMode, glob_matches};
use crate::declare::{Range, Type, Value as _, count, list_of, sequence, table};

const STRENGTH: Type = Type::Number(Range::at_least(0.0));

table! {
    /// Which blocks hold still in the transfer stage, and for how long.
    pub struct Freeze {
        /// One after another; after the last everything is trained. Empty: fine-tune from the first step.
        pub steps: Vec<FreezeStep> = [] in sequence(&FreezeStep::TYPE, 0, usize::MAX);
        /// What the running statistics of a frozen block's batch norms do.
        pub batch_norm: BatchNormMode = "frozen";
        /// Discriminative learning rates: factors by block name (`*` and `?` as in globs; `head` is a name too). Of several
        /// names that match, the longest counts.
        pub learning_rate_scale: BTreeMap<String, f64> = {}
            in Type::Named(&Type::Number(Range::from_to(0.0, 1000.0)));
        /// L2-SP (Li 2018): what is added to the gradients of weights, before clipping, so that they stay near where they
        /// started. Weights are matrices and kernels; biases, and scales and shifts of batch norms, are not pulled. Losses
        /// in curves are without it. From-scratch trials have no freeze, so none of this.
        pub l2_sp: Option<L2Sp> = none, absent "nothing is pulled", example r#"{ "alpha": 0.01, "beta": 0.01 }"#
            => serde(skip_serializing_if = "Option::is_none");
    }
}

table! {
    /// L2-SP (Li, Grandvalet and Davoine 2018): the gradient of alpha / 2 |w - w0|^2 for the weights w of grafted
    /// backbones, w0 being what was grafted, and of beta / 2 |w|^2 for those of the head. Weights are the matrices and
    /// kernels of layers: biases, and scales and shifts of batch norms, are not pulled.
    pub struct L2Sp {
        /// Pull a (w - w0) of a grafted backbone's weights w towards the grafted ones, w0.
        pub alpha: f64 = 0.01 in STRENGTH;
        /// Pull b w of the head's weights towards 0.
        pub beta: f64 = 0.01 in STRENGTH;
    }
}

impl Copy for L2Sp {}

impl Freeze {
    /// The epochs, counted from 0, at which steps have ended: of each step that ends, in order.
    pub fn ends(&self) -> impl Iterator<Item = usize> {
        let lengths = self.steps.iter().map_while(|step| step.epochs);
        lengths.scan(0, |end: &mut usize, epochs| {
            *end = end.saturating_add(epochs);
            Some(*end)
        })
    }

    /// The learning-rate factor of a block (or of `head`): that of the matching name of
    /// `learning_rate_scale` with the most letters beside `*` and `?` (of equal ones the first in alphabetical order), 1 where none matches.
    pub fn scale(&self, block: &str) -> f64 {
        let matching = self.learning_rate_scale.iter().filter(|(pattern, _)| glob_matches(pattern, block));
        matching
            .rev()
            .max_by_key(|(pattern, _)| pattern.chars().filter(|c| !"*?".contains(*c)).count())
            .map_or(1.0, |(_, scale)| *scale)
    }
}

table! {
    /// One step of a freeze schedule.
    pub struct FreezeStep {
        /// Blocks that hold still (`*` and `?` as in globs); `ecgraft architectures KIND` lists their names. `stem` is known
        /// to every kind: the layers before the first block, if it has any.
        pub blocks: Vec<String> = ["*"] in list_of(&Type::Text(1), 1);
        /// How many epochs.
        pub epochs: Option<usize> = none in count(1.0, 1e6), absent "to the end; only in the last step", example "4";
    }
}
