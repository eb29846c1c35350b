//! Records as a network sees them: batches of signals, and what they are measured against.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Result;
use crate::data::{Dataset, Datasets, Pick};
use crate::error::Error;
use crate::manifest::{Augment, Normalize, Signal};
use crate::ops::step::gather::Change;
use crate::ops::step::loss::Loss;
use crate::tensor::Shape3;

use super::labels::ExampleLabels;
use super::pretext::Pretext;
use super::windows::{self, Windows};
use super::{Randomness, augment};

/// Signals and labels of one split.
#[derive(Debug)]
pub(super) struct Examples<'a> {
    datasets: &'a Datasets,
    picks: &'a [Pick],
    scaling: Option<&'a Scaling>,
    windows: Windows,
    /// What is learned of them where it is not their labels.
    pretext: Option<&'a dyn Pretext>,
    /// What they are measured against.
    pub labels: &'a ExampleLabels,
    /// (leads, length) of what a network sees at once.
    pub shape: (usize, usize),
}

/// Means of the leads, in the metadata of a checkpoint.
const LEAD_MEAN: &str = "lead_mean";
/// What their values are multiplied with after, there.
const LEAD_INVERSE_SD: &str = "lead_inverse_sd";

/// `train-z-score` and `global-z-score`: mean and standard deviation of each lead over the training records.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scaling {
    leads: Vec<[f32; 2]>,
}

impl Scaling {
    /// From the training records, where the manifest asks for it.
    pub(super) fn from_training_records(signal: &Signal, datasets: &Datasets, train: &[Pick]) -> Result<Option<Self>> {
        let leads_alike = match signal.normalize {
            Normalize::TrainZScore => false,
            Normalize::GlobalZScore => true,
            Normalize::ZScore | Normalize::MinMax | Normalize::None | Normalize::RecordZScore => return Ok(None),
        };
        let mut sums = vec![[0f64; 2]; signal.leads.len()];
        let mut count = 0usize;
        let mut record = vec![0.0; signal.leads.len() * signal.length()];
        for pick in train {
            let dataset = find(datasets, pick)?;
            dataset.signals.read(pick.record, &mut record)?;
            // What is padding was not recorded.
            let samples = dataset.samples_of(pick.record);
            for (sum, lead) in sums.iter_mut().zip(record.chunks_exact(dataset.length)) {
                for &value in &lead[..samples] {
                    sum[0] += f64::from(value);
                    sum[1] += f64::from(value) * f64::from(value);
                }
            }
            count += samples;
        }
        if leads_alike {
            let all = sums.iter().fold([0.0; 2], |all, sum| [all[0] + sum[0], all[1] + sum[1]]);
            count *= sums.len();
            sums.fill(all);
        }
        let leads = sums
            .iter()
            .map(|[sum, squares]| {
                let mean = sum / count.max(1) as f64;
                let sd = (squares / count.max(1) as f64 - mean * mean).max(0.0).sqrt();
                [mean as f32, if sd > 0.0 { (1.0 / sd) as f32 } else { 0.0 }]
            })
            .collect();
        Ok(Some(Self { leads }))
    }

    /// As [`Scaling::describe`] wrote it; none where there was none.
    ///
    /// # Errors
    /// Where it is not understood.
    pub(super) fn from_metadata(metadata: &BTreeMap<String, String>) -> Result<Option<Self>> {
        let of = |key: &str| metadata.get(key).map(|text| numbers(key, text)).transpose();
        let (Some(means), Some(inverses)) = (of(LEAD_MEAN)?, of(LEAD_INVERSE_SD)?) else { return Ok(None) };
        Ok(Some(Self { leads: means.into_iter().zip(inverses).map(|(mean, inverse)| [mean, inverse]).collect() }))
    }

    /// For the checkpoint: mean and standard deviation by lead.
    pub(super) fn describe(&self, metadata: &mut BTreeMap<String, String>) {
        let text = |values: Vec<f32>| values.iter().map(|v| v.to_string()).collect::<Vec<_>>().join(",");
        metadata.insert(LEAD_MEAN.into(), text(self.leads.iter().map(|lead| lead[0]).collect()));
        metadata.insert(LEAD_INVERSE_SD.into(), text(self.leads.iter().map(|lead| lead[1]).collect()));
    }
}

/// The numbers, parted by commas, that the metadata of a checkpoint have under a key.
///
/// # Errors
/// Where they are none.
pub(super) fn numbers<T: std::str::FromStr>(key: &str, text: &str) -> Result<Vec<T>> {
    let all: Option<Vec<T>> = text.split(',').map(|number| number.parse().ok()).collect();
    all.ok_or_else(|| Error::user(format!("the checkpoint's {key}, {text:?}, is no list of numbers")))
}

/// The dataset of a pick.
fn find<'a>(datasets: &'a Datasets, pick: &Pick) -> Result<&'a Arc<Dataset>> {
    datasets.get(&*pick.source).ok_or_else(|| Error::internal(format!("source {} is not loaded", pick.source)))
}

impl<'a> Examples<'a> {
    pub(super) fn new(
        signal: &Signal,
        datasets: &'a Datasets,
        picks: &'a [Pick],
        scaling: Option<&'a Scaling>,
        labels: &'a ExampleLabels,
    ) -> Self {
        let windows = Windows::of_evaluation(signal, samples(datasets, picks));
        Self { datasets, picks, scaling, windows, pretext: None, labels, shape: signal.shape() }
    }

    /// The same examples to be trained on: with the windows that are for that.
    pub(super) fn trained_on(self, signal: &Signal) -> Self {
        let windows = Windows::of_training(signal, samples(self.datasets, self.picks));
        Self { windows, ..self }
    }

    /// The same examples, of which `pretext` is learned.
    pub(super) fn taught_by(self, pretext: Option<&'a dyn Pretext>) -> Self {
        Self { pretext, ..self }
    }

    /// What is learned of them where it is not their labels.
    pub(super) fn pretext(&self) -> Option<&'a dyn Pretext> {
        self.pretext
    }

    /// Records.
    pub(super) fn len(&self) -> usize {
        self.picks.len()
    }

    /// What a network sees one at a time: windows of records, or all of each, in the order of the records.
    pub(super) fn rows(&self) -> usize {
        self.windows.rows(self.len())
    }

    /// Whether rows are the same in each epoch, but for what `augments` changes.
    pub(super) fn are_fixed(&self) -> bool {
        self.windows != Windows::Drawn && self.pretext.is_none()
    }

    /// Samples of what a row shows that were recorded, and are no padding.
    pub(super) fn recorded(&self, row: usize) -> usize {
        let (example, start) = match &self.windows {
            Windows::Whole | Windows::Drawn => (row, 0),
            Windows::Fixed { rows, .. } => (rows[row].0 as usize, rows[row].1 as usize),
        };
        let pick = &self.picks[example];
        let samples = self.datasets.get(&*pick.source).map_or(0, |dataset| dataset.samples_of(pick.record));
        samples.saturating_sub(start).min(self.shape.1)
    }

    /// Gives `to` all that decides what rows show, as long as [`Self::records`] are held.
    pub(super) fn identify(&self, to: &mut dyn FnMut(&[u8])) {
        for pick in self.picks {
            let place = self.datasets.get(&*pick.source).map_or(0, |dataset| Arc::as_ptr(dataset) as usize);
            [place, pick.record].iter().for_each(|number| to(&number.to_le_bytes()));
        }
        let scaling = self.scaling.iter().flat_map(|scaling| scaling.leads.as_flattened());
        scaling.for_each(|value| to(&value.to_le_bytes()));
        to(format!("{:?} {:?}", self.shape, self.windows).as_bytes());
    }

    /// The data sets of its records.
    pub(super) fn records(&self) -> Vec<Arc<Dataset>> {
        self.datasets.values().cloned().collect()
    }

    /// A batch of `rows`, and what its outputs are measured by where that is not the labels.
    pub(super) fn prepared(&self, rows: &[usize], augments: Option<&Augments<'_>>) -> Result<Prepared> {
        if let Some(pretext) = self.pretext {
            return pretext.prepared(self, rows, augments);
        }
        let (leads, length) = self.shape;
        Ok(Prepared { values: self.signals(rows, augments)?, shape: (rows.len(), length, leads), target: None })
    }

    /// Whether its rows, of the same records, are those of `other`.
    pub(super) fn show_the_same_as(&self, other: &Examples<'_>) -> bool {
        self.windows == other.windows && self.len() == other.len()
    }

    /// What `outputs` (rows, outputs) say of the records, (records, outputs).
    pub(super) fn joined(&self, outputs: Vec<f32>) -> Vec<f32> {
        self.windows.joined(self.labels, outputs)
    }

    /// Signals of `rows`, (batch, length, leads); drawn and changed where `augments` says so.
    pub(super) fn signals(&self, rows: &[usize], augments: Option<&Augments<'_>>) -> Result<Vec<f32>> {
        let (leads, length) = self.shape;
        let mut batch = vec![0.0; rows.len() * leads * length];
        let mut record = vec![0.0; leads * length];
        for (place, &row) in batch.chunks_exact_mut(leads * length).zip(rows) {
            let to = &mut record;
            let index = self.read(row, augments, to)?;
            if let Some(Augments { list, sampling_rate, randomness, epoch }) =
                augments.filter(|all| !all.list.is_empty())
            {
                augment::apply(list, *sampling_rate, length, to, &mut randomness.augment(*epoch, index));
            }
            for (lead, samples) in to.chunks_exact(length).enumerate() {
                place.iter_mut().skip(lead).step_by(leads).zip(samples).for_each(|(place, sample)| *place = *sample);
            }
        }
        Ok(batch)
    }

    /// Reads what a row shows to (leads, length), scaled; which example it is of.
    fn read(&self, row: usize, augments: Option<&Augments<'_>>, to: &mut [f32]) -> Result<usize> {
        let (_, length) = self.shape;
        let index = match &self.windows {
            Windows::Whole | Windows::Drawn => row,
            Windows::Fixed { rows, .. } => rows[row].0 as usize,
        };
        let pick = &self.picks[index];
        let dataset = find(self.datasets, pick)?;
        let samples = dataset.samples_of(pick.record);
        let start = match (&self.windows, augments) {
            (Windows::Whole, _) => None,
            (Windows::Fixed { rows, .. }, _) => Some(rows[row].1 as usize),
            (Windows::Drawn, Some(Augments { randomness, epoch, .. })) => {
                Some(windows::draw(samples, length, &mut randomness.window(*epoch, index)))
            }
            (Windows::Drawn, None) => return Err(Error::internal("a window of no epoch was asked for")),
        };
        match start {
            Some(start) => dataset.read_window(pick.record, start, to)?,
            None => dataset.signals.read(pick.record, to)?,
        }
        if let Some(scaling) = self.scaling {
            // 0 follows a short record, after normalisation.
            let recorded = samples.saturating_sub(start.unwrap_or(0)).min(length);
            for (lead, [mean, inverse]) in to.chunks_exact_mut(length).zip(&scaling.leads) {
                lead[..recorded].iter_mut().for_each(|value| *value = (*value - mean) * inverse);
            }
        }
        Ok(index)
    }
}

/// A batch on the host.
#[derive(Debug)]
pub(super) struct Prepared {
    /// As `shape` says.
    pub values: Vec<f32>,
    /// (batch, length, leads).
    pub shape: Shape3,
    /// What the outputs are measured by; none where the labels of the batch say it.
    pub target: Option<Loss>,
}

/// How many samples the records of `picks` have.
fn samples<'a>(datasets: &'a Datasets, picks: &'a [Pick]) -> impl Iterator<Item = usize> + 'a {
    // Whose records are not loaded is told when they are read.
    picks.iter().map(|pick| datasets.get(&*pick.source).map_or(0, |dataset| dataset.samples_of(pick.record)))
}

/// Which random changes, and from which stream; windows are drawn from the same epoch's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Augments<'a> {
    pub list: &'a [Augment],
    pub sampling_rate: f64,
    pub randomness: &'a Randomness,
    pub epoch: usize,
}

impl Augments<'_> {
    /// What the examples `indices`, signals of (leads, length), are changed by on a device.
    pub(super) fn draw(&self, indices: &[usize], shape: (usize, usize)) -> Vec<Vec<Change>> {
        let of_one = |&index: &usize| {
            augment::draw(self.list, self.sampling_rate, shape, &mut self.randomness.augment(self.epoch, index))
        };
        indices.iter().map(of_one).collect()
    }
}
