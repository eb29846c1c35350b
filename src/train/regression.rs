//! Stage 1: a network that measures one target or several.

use std::collections::BTreeMap;

use super::by_source::by_source;
use super::configuration::TrainingConfiguration;
use super::curves::{Curve, ValidationMetrics};
use super::examples::numbers;
use super::labels::{ExampleLabels, picks, record};
use super::objective::Objective;
use super::task::{Task, train_task};
use super::{MeasuredValue, Outcome, RegressionScore, Trained, Training, Watch};
use crate::Result;
use crate::data::{Datasets, Pick, Split, Subset};
use crate::error::Error;
use crate::manifest::{Freeze, Fusion, Regression, RegressionLoss, Target};
use crate::metrics::registry::error::{MeanAbsoluteError, RootMeanSquaredError};
use crate::metrics::{self, MedianScore, RegressionMetrics};
use crate::nn::Network;
use crate::ops::Backend;
use crate::statistics::median;

/// Trains a fresh network to measure `targets`, an output each, as `settings` say.
///
/// The network sees standardised targets (mean 0 and standard deviation 1 over the training
/// records); every metric is in bpm or ms. A record counts for the targets that are known of it. Under a curriculum
/// ([`Split::epochs`](crate::data::Split::epochs)) these are the training records of all epochs, and every epoch is
/// validated on all validation records, so that any epoch may be the best.
///
/// # Errors
/// Where no record knows a target, training fails or diverges, or the watch says stop.
pub fn regression<D: Backend>(
    training: &Training<'_, D>,
    settings: &Regression,
    targets: &[Target],
    watch: &mut dyn Watch,
) -> Result<Trained<D>> {
    let Training { device, signal, architecture, randomness, split, datasets } = training;
    let task = RegressionTask::new(split, datasets, targets)?;
    let nothing_frozen = Freeze::default();
    let configuration = configuration(training, settings, &nothing_frozen);
    let one = (1, Fusion::Concat);
    let random = &mut randomness.weights();
    let network = Network::new(*device, architecture, signal.shape(), one, targets.len(), random)?;
    train_task(training, &task, &configuration, network, watch)
}

/// How a network is trained as `settings` say.
pub(super) fn configuration<'a, D>(
    training: &'a Training<'_, D>,
    settings: &'a Regression,
    freeze: &'a Freeze,
) -> TrainingConfiguration<'a> {
    TrainingConfiguration {
        epochs: settings.epochs,
        batch_size: settings.batch_size,
        optimizer: &settings.optimizer,
        schedule: &settings.schedule,
        clipping: settings.gradient_clipping.as_ref(),
        early_stopping: settings.early_stopping.as_ref(),
        objective: match settings.loss {
            RegressionLoss::Mae => Objective::Mae,
            RegressionLoss::Mse => Objective::Mse,
            RegressionLoss::Huber { delta } => Objective::Huber(delta),
        },
        freeze,
        curriculum: &training.split.epochs,
        augment: &settings.augment,
        sampling_rate: training.signal.sampling_rate,
        randomness: &training.randomness,
    }
}

/// What saying `median` of every record of which `target` is known is worth, beside what was measured of them.
///
/// # Errors
/// Where no record knows the target, or a value is not finite.
pub fn median_score(median: f64, target: &str, values: &[MeasuredValue]) -> Result<MedianScore> {
    let own: Vec<&MeasuredValue> = values.iter().filter(|value| value.target == target).collect();
    let (truth, measured): (Vec<f64>, Vec<f64>) = own.iter().map(|value| (value.truth, value.measured)).unzip();
    let people: Vec<(&str, &str)> = own.iter().map(|value| (&*value.source, &*value.patient)).collect();
    MedianScore::new(median, &truth, &measured, &people).map_err(|why| Error::user(format!("{target}: {why}")))
}

/// Means and standard deviations of the targets, in the metadata of a checkpoint.
const MEAN: &str = "target_mean";
const SD: &str = "target_sd";

/// To measure targets, an output each.
struct RegressionTask<'a> {
    split: &'a Split,
    datasets: &'a Datasets,
    scales: Vec<Scale>,
    /// Of training, validation and test records, in units and standardised.
    known: [KnownValues; 3],
    labels: [ExampleLabels; 3],
}

impl<'a> RegressionTask<'a> {
    fn new(split: &'a Split, datasets: &'a Datasets, targets: &[Target]) -> Result<Self> {
        let known = |subset| KnownValues::from_records(datasets, picks(split, subset), targets);
        let known = [known(Subset::Train)?, known(Subset::Validation)?, known(Subset::Test)?];
        let [train, ..] = &known;
        let scale = |(column, target): (usize, &Target)| Scale::from_training_records(*target, column, train);
        let scales: Vec<Scale> = targets.iter().enumerate().map(scale).collect::<Result<_>>()?;
        let labels = known.each_ref().map(|known| known.standardised(&scales));
        Ok(Self { split, datasets, scales, known, labels })
    }

    /// What the training records' median of a target is worth beside what was measured.
    fn of_median(&self, target: Target, values: &[MeasuredValue]) -> Result<MedianScore> {
        let [train, ..] = &self.known;
        let column = self.scales.iter().position(|scale| scale.target == target).unwrap_or(0);
        let none = || Error::internal("a target that no training record knows was measured");
        let median = median(train.column(column).flatten()).ok_or_else(none)?;
        median_score(median, target.name(), values)
    }
}

impl Task for RegressionTask<'_> {
    fn labels(&self, subset: Subset) -> &ExampleLabels {
        &self.labels[subset as usize]
    }

    fn evaluate(&self, loss: f64, outputs: &[f32]) -> Result<ValidationMetrics> {
        let (mut values, mut text) = (vec![(Curve::Loss, loss)], Vec::new());
        for (target, _, measured) in self.known[Subset::Validation as usize].measure(outputs, &self.scales)? {
            let one_of_several = (self.scales.len() > 1).then(|| target.name());
            values.push((Curve::of_measured(&MeanAbsoluteError, one_of_several), measured.mae));
            values.push((Curve::of_measured(&RootMeanSquaredError, one_of_several), measured.rmse));
            let name = one_of_several.map_or_else(String::new, |name| format!("{name} "));
            text.push(format!("{name}{:.1} {}", measured.mae, target.unit()));
        }
        Ok(ValidationMetrics { score: -loss, values, text: format!("MAE {}", text.join(", ")) })
    }

    fn score(&self, subset: Subset, outputs: &[f32], outcome: &mut Outcome) -> Result<()> {
        let known = &self.known[subset as usize];
        let values = known.beside(outputs, self.datasets, picks(self.split, subset), &self.scales)?;
        for (target, records, metrics) in known.measure(outputs, &self.scales)? {
            let of_median = self.of_median(target, &values)?;
            let (target, unit) = (target.name(), target.unit());
            outcome.regression.push(RegressionScore { target, unit, split: subset, records, metrics, of_median });
        }
        outcome.by_source.extend(by_source(subset, &values)?);
        if subset == Subset::Test {
            outcome.measured = values;
        }
        Ok(())
    }

    fn metadata(&self) -> BTreeMap<String, String> {
        Scale::describe(&self.scales)
    }
}

/// A target in the network's units: (value - mean) / sd.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    target: Target,
    mean: f64,
    sd: f64,
}

impl Scale {
    /// For the checkpoint.
    fn describe(scales: &[Scale]) -> BTreeMap<String, String> {
        let each = |text: &dyn Fn(&Scale) -> String| scales.iter().map(text).collect::<Vec<_>>().join(",");
        BTreeMap::from([
            ("target".to_owned(), each(&|scale| scale.target.name().to_owned())),
            ("unit".to_owned(), each(&|scale| scale.target.unit().to_owned())),
            (MEAN.to_owned(), each(&|scale| scale.mean.to_string())),
            (SD.to_owned(), each(&|scale| scale.sd.to_string())),
        ])
    }

    /// Those of `targets`, as [`Scale::describe`] wrote them.
    ///
    /// # Errors
    /// Where they are not understood, or of another number of targets.
    pub(super) fn from_metadata(targets: &[Target], metadata: &BTreeMap<String, String>) -> Result<Vec<Self>> {
        let of = |key: &str| numbers::<f64>(key, metadata.get(key).map_or("", String::as_str));
        let (means, sds) = (of(MEAN)?, of(SD)?);
        if means.len() != targets.len() || sds.len() != targets.len() {
            return Err(Error::user(format!("the checkpoint is not of {} targets", targets.len())));
        }
        let scale = |((target, mean), sd): ((&Target, f64), f64)| Self { target: *target, mean, sd };
        Ok(targets.iter().zip(means).zip(sds).map(scale).collect())
    }

    /// Mean and standard deviation over the training records that know the target.
    fn from_training_records(target: Target, column: usize, train: &KnownValues) -> Result<Self> {
        let known: Vec<f64> = train.column(column).flatten().collect();
        if known.is_empty() {
            return Err(Error::user(format!(
                "no training record of the mix has a known {}; leave it out of regression.targets",
                target.name()
            )));
        }
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        let variance = known.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / known.len() as f64;
        Ok(Self { target, mean, sd: if variance > 0.0 { variance.sqrt() } else { 1.0 } })
    }
}

/// What is known of some records, in bpm and ms.
#[derive(Debug)]
pub(super) struct KnownValues {
    /// (records, targets).
    values: Vec<Option<f64>>,
    targets: usize,
}

impl KnownValues {
    pub(super) fn from_records(datasets: &Datasets, picks: &[Pick], targets: &[Target]) -> Result<Self> {
        let mut values = Vec::with_capacity(picks.len() * targets.len());
        for pick in picks {
            let record = record(datasets, pick)?;
            values.extend(targets.iter().map(|target| record.measurement(*target).map(f64::from)));
        }
        Ok(Self { values, targets: targets.len() })
    }

    fn column(&self, column: usize) -> impl Iterator<Item = Option<f64>> {
        self.values.iter().skip(column).step_by(self.targets).copied()
    }

    /// As the network is to give them; NaN for what is not known.
    pub(super) fn standardised(&self, scales: &[Scale]) -> ExampleLabels {
        let number = |(value, scale): (&Option<f64>, &Scale)| {
            value.map_or(f32::NAN, |value| ((value - scale.mean) / scale.sd) as f32)
        };
        ExampleLabels::Numbers(self.values.iter().zip(scales.iter().cycle()).map(number).collect(), self.targets)
    }

    /// How well `outputs` (records, targets) measure each target, over the records that know it, and their number;
    /// nothing of a target that no record knows.
    fn measure(&self, outputs: &[f32], scales: &[Scale]) -> Result<Vec<(Target, usize, RegressionMetrics)>> {
        let one = |(column, scale): (usize, &Scale)| {
            let pairs = self.pairs(outputs, column, scale).flatten();
            let (truth, measured): (Vec<f64>, Vec<f64>) = pairs.unzip();
            (!truth.is_empty()).then(|| match metrics::regression(&truth, &measured) {
                Ok(metrics) => Ok((scale.target, truth.len(), metrics)),
                Err(error) => Err(Error::user(format!("{}: {error}", scale.target.name()))),
            })
        };
        scales.iter().enumerate().filter_map(one).collect()
    }

    /// Known and measured value of one target in its unit, record by record; `None` where it is not known.
    fn pairs(&self, outputs: &[f32], column: usize, scale: &Scale) -> impl Iterator<Item = Option<(f64, f64)>> {
        let outputs = outputs.iter().skip(column).step_by(self.targets);
        let in_units = outputs.map(|output| f64::from(*output) * scale.sd + scale.mean);
        self.column(column).zip(in_units).map(|(known, measured)| Some((known?, measured)))
    }

    /// The known values beside `outputs` (records, targets) in units, target by target; the records are those of `picks`,
    /// in their order.
    pub(super) fn beside(
        &self,
        outputs: &[f32],
        datasets: &Datasets,
        picks: &[Pick],
        scales: &[Scale],
    ) -> Result<Vec<MeasuredValue>> {
        let mut list = Vec::with_capacity(outputs.len());
        for (column, scale) in scales.iter().enumerate() {
            for (pick, pair) in picks.iter().zip(self.pairs(outputs, column, scale)) {
                let Some((truth, measured)) = pair else { continue };
                let record = record(datasets, pick)?;
                list.push(MeasuredValue {
                    target: scale.target.name(),
                    source: pick.source.to_string(),
                    record_id: record.id.clone(),
                    patient: record.patient.clone(),
                    truth,
                    measured,
                });
            }
        }
        Ok(list)
    }
}
