//! Architectures and freezes.

use super::{count, list, sequence, words};
use crate::manifest::language::{Key, Kind, Kinds, Range, Type, Words};

const HEAD: Key = Key::new("head", count(1.0, 65536.0), "128", "Hidden width of the head.");
const DROPOUT: Key = Key::new(
    "dropout",
    Type::Number(Range::from_below(0.0, 1.0)),
    "0.5",
    "Dropout before the head's last layer; half of it before its first.",
);

const RECURRENT: &[Key] = &[
    Key::new("hidden", count(1.0, 8192.0), "256", "Units of each layer and direction."),
    Key::new("layers", count(1.0, 64.0), "2", "Number of layers, each reading the one below."),
    Key::new(
        "bidirectional",
        Type::Bool,
        "false",
        "Each layer also goes from the last sample to the first, with weights of its own: twice as many outputs.",
    ),
    HEAD,
    DROPOUT,
    Key::new(
        "layer_dropout",
        Type::Number(Range::from_below(0.0, 1.0)),
        "0.0",
        "Dropout between layers; none before a layer that is frozen.",
    ),
];

/// Architectures.
pub(crate) const ARCHITECTURE: Kinds = Kinds {
    what: "architecture",
    default: None,
    known: &[
        Kind {
            name: "cnn",
            doc: "Blocks of convolution, batch norm, ReLU and max pooling by 2.",
            keys: &[
                Key::new(
                    "channels",
                    sequence(&count(1.0, 8192.0), 1, 16),
                    "[32, 64, 128]",
                    "Output channels of each block.",
                ),
                Key::new(
                    "kernels",
                    sequence(&count(1.0, 1023.0), 1, 16),
                    "[7, 5, 3]",
                    "Odd kernel size of each block, as many as `channels`.",
                ),
                HEAD,
                DROPOUT,
            ],
        },
        Kind {
            name: "inception1d",
            doc: "InceptionTime as used on PTB-XL.",
            keys: &[
                Key::new("depth", count(1.0, 64.0), "6", "Number of inception blocks; a shortcut after every third."),
                Key::new("filters", count(1.0, 4096.0), "32", "Output channels of each of the four branches."),
                Key::new(
                    "kernel",
                    count(1.0, 1023.0),
                    "40",
                    "Nominal longest kernel k: the branches have k, k/2 and k/4 taps, made odd by taking one off an even number.",
                ),
                Key::new("bottleneck", count(1.0, 4096.0), "32", "Channels of the bottleneck."),
                HEAD,
                DROPOUT,
            ],
        },
        Kind {
            name: "resnet1d",
            doc: "The residual network of Wang 2017 as used on PTB-XL: a stem, then residual blocks of two convolutions.",
            keys: &[
                Key::new("width", count(1.0, 8192.0), "128", "Channels of the stem and of every block."),
                Key::new(
                    "blocks",
                    count(1.0, 64.0),
                    "3",
                    "Number of residual blocks; every one after the first halves the length.",
                ),
                Key::new(
                    "kernels",
                    sequence(&count(1.0, 1023.0), 2, 2),
                    "[5, 3]",
                    "Odd kernel sizes of the two convolutions of a block.",
                ),
                Key::new("stem_kernel", count(1.0, 1023.0), "7", "Odd kernel size of the stem."),
                HEAD,
                DROPOUT,
            ],
        },
        Kind {
            name: "xresnet1d",
            doc: "XResNet (He 2019) as used on PTB-XL: a stem of three convolutions and a max pool, then four stages of residual blocks; `block1` to `block4` are the stages.",
            keys: &[
                Key::new(
                    "depth",
                    count(18.0, 101.0),
                    "101",
                    "Layers: 18, 34, 50 or 101; from 50 on residual blocks are bottlenecks.",
                ),
                Key::new("kernel", count(1.0, 1023.0), "5", "Odd kernel size of the stem and of the residual blocks."),
                Key::new(
                    "width",
                    count(1.0, 4096.0),
                    "64",
                    "Channels of the convolutions of every stage, four times as many after a bottleneck; half of it in the stem's first two convolutions.",
                ),
                HEAD,
                DROPOUT,
            ],
        },
        Kind {
            name: "vit",
            doc: "Patches of the signal through a pre-norm transformer encoder.",
            keys: &[
                Key::new(
                    "patch",
                    count(1.0, 100_000.0),
                    "50",
                    "Length of a patch; samples that do not fill a last one are left out. Attention's memory grows with the square of the number of patches.",
                )
                .unit("samples"),
                Key::new("dim", count(1.0, 4096.0), "128", "Channels of a patch."),
                Key::new("depth", count(1.0, 64.0), "6", "Number of encoder blocks."),
                Key::new("heads", count(1.0, 256.0), "8", "Heads of attention, a divisor of `dim`."),
                Key::optional("mlp", count(1.0, 65536.0), "4 x `dim`", "512", "Hidden width of a block's MLP."),
                Key::new(
                    "layer_dropout",
                    Type::Number(Range::from_below(0.0, 1.0)),
                    "0.1",
                    "Dropout in a block: on attention's weights, after its projection, after the MLP's GELU and after the MLP. A frozen block drops nothing.",
                ),
                HEAD,
                DROPOUT,
            ],
        },
        Kind { name: "rnn", doc: "Plain recurrent layers (tanh).", keys: RECURRENT },
        Kind { name: "lstm", doc: "Recurrent layers with long short-term memory.", keys: RECURRENT },
        Kind { name: "gru", doc: "Recurrent layers of gated units.", keys: RECURRENT },
    ],
    later: &[],
};

const BATCH_NORM: Words = words(
    "batch-norm mode",
    &[
        ("frozen", "running statistics of a frozen block hold still, and normalise"),
        ("adapt", "they follow the new data, though the weights hold still"),
    ],
);

pub(super) const FREEZE: &[Key] = &[
    Key::new(
        "steps",
        sequence(&Type::Table(STEP), 0, usize::MAX),
        "[]",
        "One after another; after the last everything is trained. Empty: fine-tune from the first step.",
    ),
    Key::new(
        "batch_norm",
        Type::Word(&BATCH_NORM),
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
