//! Datasets, mixes and splits: records of sources in, examples to train, validate and test on out.
//!
//! - [`load`] reads a whole [source](crate::source), prepares its signals ([`signal`]) and keeps them in the cache, under the
//!   source's [`fingerprint`]; [`index`] and [`People`] say who is who in several sources; [`recordings`] reads single records.
//! - [`mix_split`] and [`transfer_split`] choose the records of a stage: of the [candidates](Wanted) of each part of a mix,
//!   and by folds.

mod cache;
mod candidates;
mod classes;
mod composition;
mod condition;
mod elsewhere;
mod exclude;
mod fingerprint;
mod identity;
mod index;
mod left_out;
mod load;
pub(crate) mod look;
mod people;
mod recording;
pub mod signal;
mod simulated;
mod size;
mod split;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

pub use cache::{SignalFile, Signals};
pub use candidates::Wanted;
pub use classes::classes_of;
pub use composition::{PartOfMix, TargetOfPart};
pub use elsewhere::{Taught, unseen};
pub use fingerprint::{Print, fingerprint, is_known, print};
pub use index::{index, look_up};
pub use left_out::{LeftOut, tells_of_left_out};
pub use load::{fingerprint_of_cached, load, load_planned, prepared_file};
pub use people::{Index, People};
pub use recording::recordings;
pub use simulated::write_simulated;
pub use size::{Size, size};
pub use split::{MixTask, Shares, mix_split, transfer_split};

pub use crate::manifest::Subset;
pub use crate::source::{Record, Recording, simulator};

/// All records of one source, preprocessed: leads chosen, resampled, cropped, filtered, normalised
/// (but for `train-z-score`, which is left to the stage).
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The source's name in the manifest.
    pub source: String,
    /// The collection that it is of: see [`crate::source::Source::data_set`].
    pub data_set: String,
    /// Content hash of the source.
    pub fingerprint: String,
    /// The records.
    pub records: Vec<Record>,
    /// Leads per record.
    pub leads: usize,
    /// Samples per lead.
    pub length: usize,
    /// Signals by record, (leads, length), in mV where not normalised.
    pub signals: Signals,
    /// Samples of each record before it was padded to `length`; empty where none was.
    pub samples: Vec<u32>,
    /// What the user should know: records without targets and the like, in plain sentences.
    pub notes: Vec<String>,
    /// What is to be said of this reading alone: a cache that did not fit.
    pub told: Vec<String>,
    /// What may be wrong with the data, in plain sentences: every stage that reads them keeps it with its notes.
    pub warnings: Vec<String>,
    /// Records that could not be read and are not among `records`.
    pub left_out: Vec<LeftOut>,
}

impl Dataset {
    /// Writes the list of records that are left out below the `results` folder; nothing where there are none.
    ///
    /// # Errors
    /// A user error where it cannot be written.
    pub fn list_left_out(&self, results: &std::path::Path) -> crate::Result<()> {
        left_out::write(results, &self.source, &self.left_out)
    }

    /// Samples of each lead of record `index` without what it was padded with.
    pub fn samples_of(&self, index: usize) -> usize {
        self.samples.get(index).map_or(self.length, |&samples| samples as usize)
    }

    /// Reads samples `start` and on of record `index` to (leads, samples), and little else of its file.
    ///
    /// # Errors
    /// Those of [`Signals::read_window`].
    pub fn read_window(&self, index: usize, start: usize, to: &mut [f32]) -> crate::Result<()> {
        self.signals.read_window(index, (self.leads, self.length), start, to)
    }

    /// Signal of record `index`, (leads, length).
    ///
    /// # Errors
    /// Those of [`Signals::read`].
    pub fn signal(&self, index: usize) -> crate::Result<Vec<f32>> {
        let mut signal = vec![0.0; self.leads * self.length];
        self.signals.read(index, &mut signal)?;
        Ok(signal)
    }

    /// All signals, (records, leads, length), contiguous: for sets that are known to be small.
    ///
    /// # Errors
    /// Those of [`Signals::read`].
    pub fn all_signals(&self) -> crate::Result<Vec<f32>> {
        let size = self.leads * self.length;
        let mut signals = vec![0.0; self.records.len() * size];
        let records = signals.chunks_exact_mut(size.max(1)).enumerate();
        records.into_iter().try_for_each(|(index, to)| self.signals.read(index, to))?;
        Ok(signals)
    }
}

/// Datasets of a stage, by source name.
pub type Datasets = BTreeMap<String, Arc<Dataset>>;

/// One record of one dataset.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pick {
    /// Source name, a key of [`Datasets`].
    pub source: Arc<str>,
    /// Index into [`Dataset::records`].
    pub record: usize,
}

/// Who took part in a stage: its records, and which of them trained, validated and tested.
#[derive(Clone, Debug, Default)]
pub struct Members {
    /// The records.
    pub datasets: Datasets,
    /// Those that trained, validated and tested.
    pub picks: [Vec<Pick>; 3],
}

/// Which records train, validate and test. No person is in two of them.
#[derive(Clone, Debug, Default)]
pub struct Split {
    /// For the weights, and for normalisation statistics and class weights.
    pub train: Vec<Pick>,
    /// For the choice of the epoch.
    pub validation: Vec<Pick>,
    /// Read once, at the end.
    pub test: Vec<Pick>,
    /// What the user should know, in plain sentences: dropped records and why, composition.
    pub notes: Vec<String>,
    /// Records that are left out because their people validate or test the classifier.
    pub held_out: usize,
    /// Of a stage on a mix: its parts, in order.
    pub composition: Vec<PartOfMix>,
    /// The epochs, counted from 1, in which each of `train` trains; empty where all do in all epochs.
    pub epochs: Vec<RangeInclusive<usize>>,
}
