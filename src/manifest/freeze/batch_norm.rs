//! `batch_norm`: what the running statistics of frozen blocks do. Networks ask for it where a block holds still.

use super::{FreezeKey, FreezeRule};
use crate::declare::{Key, Value as _};
use crate::nn::BatchNormMode;

impl FreezeKey for BatchNormMode {
    const KEY: Key =
        Key::new("", Self::TYPE, "\"frozen\"", "What the running statistics of a frozen block's batch norms do.");
}

impl FreezeRule for BatchNormMode {}
