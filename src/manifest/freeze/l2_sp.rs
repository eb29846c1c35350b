//! `l2_sp`: weights that are pulled towards what was grafted. Training reads it, and adds the pull to the gradients.

use super::{FreezeKey, FreezeRule};
use crate::declare::{Key, Range, Type, Value as _, table};

const STRENGTH: Type = Type::Number(Range::at_least(0.0));

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

impl FreezeKey for L2Sp {
    const KEY: Key = Key::optional(
        "",
        Self::TYPE,
        "nothing is pulled",
        r#"{ "alpha": 0.01, "beta": 0.01 }"#,
        "L2-SP (Li 2018): what is added to the gradients of weights, before clipping, so that they stay near where they \
         started. Weights are matrices and kernels; biases, and scales and shifts of batch norms, are not pulled. Losses in \
         curves are without it. From-scratch trials have no freeze, so none of this.",
    );
}

impl FreezeRule for L2Sp {}
