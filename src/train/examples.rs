//! Records as a network sees them: batches of signals, and what they are measured against.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Result;
use crate::data::{Dataset, Datasets, Pick};
use crate::error::Error;
use crate::manifest::{Augment, Normalize, Signal};
use crate::ops::step::gather::Change;

use super::labels::ExampleLabels;
use super::{Randomness, augment};

/// Signals and labels of one split.
#[derive(Debug)]
pub(super) struct Examples<'a> {
    datasets: &'a Datasets,
    picks: &'a [Pick],
    scaling: Option<&'a Scaling>,
    /// What they are measured against.
    pub labels: &'a ExampleLabels,
    /// (leads, length).
    pub shape: (usize, usize),
}

/// Means of the leads, in the metadata of a checkpoint.
const LEAD_MEAN: &str = "lead_mean";
/// What their values are multiplied with after, there.
const LEAD_INVERSE_SD: &str = "lead_inverse_sd";

/// `train-z-score`: mean and standard deviation of each lead over the training records.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scaling {
    leads: Vec<[f32; 2]>,
}

impl Scaling {
    /// From the training records, where the manifest asks for it.
    pub(super) fn from_training_records(signal: &Signal, datasets: &Datasets, train: &[Pick]) -> Result<Option<Self>> {
        if signal.normalize != Normalize::TrainZScore {
            return Ok(None);
        }
        let mut sums = vec![[0f64; 2]; signal.leads.len()];
        let mut count = 0usize;
        let mut record = vec![0.0; signal.leads.len() * signal.length()];
        for pick in train {
            let dataset = find(datasets, pick)?;
            dataset.signals.read(pick.record, &mut record)?;
            for (sum, lead) in sums.iter_mut().zip(record.chunks_exact(dataset.length)) {
                for &value in lead {
                    sum[0] += f64::from(value);
                    sum[1] += f64::from(value) * f64::from(value);
                }
            }
            count += dataset.length;
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
        Self { datasets, picks, scaling, labels, shape: (signal.leads.len(), signal.length()) }
    }

    pub(super) fn len(&self) -> usize {
        self.picks.len()
    }

    /// Signals of the examples `indices`, (batch, length, leads); changed where `augments` says so.
    pub(super) fn signals(&self, indices: &[usize], augments: Option<&Augments<'_>>) -> Result<Vec<f32>> {
        let (leads, length) = self.shape;
        let mut batch = vec![0.0; indices.len() * leads * length];
        let mut record = vec![0.0; leads * length];
        for (place, &index) in batch.chunks_exact_mut(leads * length).zip(indices) {
            let (to, pick) = (&mut record, &self.picks[index]);
            find(self.datasets, pick)?.signals.read(pick.record, to)?;
            if let Some(scaling) = self.scaling {
                for (lead, [mean, inverse]) in to.chunks_exact_mut(length).zip(&scaling.leads) {
                    lead.iter_mut().for_each(|value| *value = (*value - mean) * inverse);
                }
            }
            if let Some(Augments { list, sampling_rate, randomness, epoch }) = augments {
                augment::apply(list, *sampling_rate, length, to, &mut randomness.augment(*epoch, index));
            }
            for (lead, samples) in to.chunks_exact(length).enumerate() {
                place.iter_mut().skip(lead).step_by(leads).zip(samples).for_each(|(place, sample)| *place = *sample);
            }
        }
        Ok(batch)
    }
}

/// Which random changes, and from which stream.
#[derive(Debug)]
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
