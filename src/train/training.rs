//! What goes into a training and comes out of it, whatever is learned.

use std::collections::BTreeMap;

use super::features::Features;
use super::{EpochValue, Outcome, Randomness, Saving};
use crate::data::{Datasets, Split};
use crate::manifest::{Architecture, Signal};
use crate::nn::Network;
use crate::ops::Backend;

/// Follows a stage while it trains, and may stop it.
pub trait Watch {
    /// An epoch is done; `text` tells how it went in a few words.
    fn epoch(&mut self, epoch: usize, of: usize, text: &str);
    /// The learning curves of the epochs so far, before [`Watch::epoch`] is told of the last, and once before the first
    /// step: there are some where a training goes on from an earlier one.
    fn curves(&mut self, _curves: &[EpochValue], _of: usize) {}
    /// Whether the user asked to stop.
    fn stopped(&self) -> bool;
    /// Where the stage's progress is saved, for a later training to go on from; nowhere by default.
    fn saving(&self) -> Option<Saving> {
        None
    }
    /// Features that stages share, and a name of all that decides them but a backbone's values and its records; nothing
    /// is shared by default.
    fn features(&self) -> Option<(&Features, &str)> {
        None
    }
    /// Tells the user something, in a sentence.
    fn tell(&mut self, _sentence: &str) {}
}

/// What a stage is trained on and with, whatever it learns.
#[derive(Clone, Debug)]
pub struct Training<'a, D> {
    /// Where its network is.
    pub device: &'a D,
    /// What the network sees.
    pub signal: &'a Signal,
    /// What the network is.
    pub architecture: &'a Architecture,
    /// All that is drawn.
    pub randomness: Randomness,
    /// Which records train, validate and test.
    pub split: &'a Split,
    /// The records.
    pub datasets: &'a Datasets,
}

/// A trained stage.
#[derive(Debug)]
pub struct Trained<D: Backend> {
    /// The best epoch's network.
    pub network: Network<D>,
    /// What it achieved.
    pub outcome: Outcome,
    /// What a reader of the checkpoint must know, such as `target_mean` and `target_sd`.
    pub metadata: BTreeMap<String, String>,
}
