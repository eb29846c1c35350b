//! Freezes.

use super::{count, list, sequence};
use crate::declare::{Key, Range, Type};
use crate::nn::BatchNormMode;

pub(super) const FREEZE: &[Key] = &[
    Key::new(
        "steps",
        sequence(&Type::Table(STEP), 0, usize::MAX),
        "[]",
        "One after another; after the last everything is trained. Empty: fine-tune from the first step.",
    ),
    Key::new(
        "batch_norm",
        Type::Word(&BatchNormMode::WORDS),
        "\"frozen\"",
        "What the running statistics of a frozen block's batch norms do.",
    ),
    Key::new(
        "learning_rate_scale",
        Type::Named(&Type::Number(Range::from_to(0.0, 1000.0))),
        "{}",
        "Discriminative learning rates: factors by block name (`*` and `?` as in globs; `head` is a name too). Of several names that match, the longest counts.",
    ),
    Key::optional(
        "l2_sp",
        Type::Table(&[
            Key::new(
                "alpha",
                STRENGTH,
                "0.01",
                "Pull a (w - w0) of a grafted backbone's weights w towards the grafted ones, w0.",
            ),
            Key::new("beta", STRENGTH, "0.01", "Pull b w of the head's weights towards 0."),
        ]),
        "nothing is pulled",
        r#"{ "alpha": 0.01, "beta": 0.01 }"#,
        "L2-SP (Li 2018): what is added to the gradients of weights, before clipping, so that they stay near where they started. Weights are matrices and kernels; biases, and scales and shifts of batch norms, are not pulled. Losses in curves are without it. From-scratch trials have no freeze, so none of this.",
    ),
];

const STRENGTH: Type = Type::Number(Range::at_least(0.0));

const STEP: &[Key] = &[
    Key::new(
        "blocks",
        list(&Type::Text(1), 1),
        r#"["*"]"#,
        "Blocks that hold still (`*` and `?` as in globs); `ecgraft architectures KIND` lists their names. `stem` is known to every kind: the layers before the first block, if it has any.",
    ),
    Key::optional("epochs", count(1.0, 1e6), "to the end; only in the last step", "4", "How many epochs."),
];
