//! Stage 1: a network that measures one target or several.

use std::collections::BTreeMap;

use crate::Result;
use crate::data::{Datasets, Pick, Record, Subset};
use crate::ecg::intern;
use crate::error::Error;
use crate::manifest::{Freeze, Fusion, Regression, RegressionLoss, Target};
use crate::metrics::{self, RegressionMetrics};
use crate::nn::Network;
use crate::ops::Backend;

use super::by_source::by_source;
use super::examples::{Examples, Objective, Scaling, Truth};
use super::fit::{Fit, Judgement, Recipe};
use super::{MeasuredValue, Outcome, RegressionScore, Trained, Training, Watch};

/// A target in the network's units: (value - mean) / sd.
#[derive(Clone, Copy, Debug)]
struct Scale {
    target: Target,
    mean: f64,
    sd: f64,
}

impl Scale {
    /// Mean and standard deviation over the training records that know the target.
    fn of(target: Target, column: usize, truths: &Truths) -> Result<Self> {
        let known: Vec<f64> = truths.column(column).flatten().collect();
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
struct Truths {
    /// (records, targets).
    values: Vec<Option<f64>>,
    targets: usize,
}

impl Truths {
    fn of(datasets: &Datasets, picks: &[Pick], targets: &[Target]) -> Result<Self> {
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
    fn standardised(&self, scales: &[Scale]) -> Truth {
        let number = |(value, scale): (&Option<f64>, &Scale)| {
            value.map_or(f32::NAN, |value| ((value - scale.mean) / scale.sd) as f32)
        };
        Truth::Numbers(self.values.iter().zip(scales.iter().cycle()).map(number).collect(), self.targets)
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

    /// Truth and measured value of one target in its unit, record by record; `None` where the truth is not known.
    fn pairs(&self, outputs: &[f32], column: usize, scale: &Scale) -> impl Iterator<Item = Option<(f64, f64)>> {
        let outputs = outputs.iter().skip(column).step_by(self.targets);
        let in_units = outputs.map(|output| f64::from(*output) * scale.sd + scale.mean);
        self.column(column).zip(in_units).map(|(truth, measured)| Some((truth?, measured)))
    }

    /// `outputs` (records, targets) in units beside the truth, target by target, of the records that know it: those of
    /// `picks`, in their order.
    fn listed(
        &self,
        datasets: &Datasets,
        picks: &[Pick],
        outputs: &[f32],
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

fn record<'a>(datasets: &'a Datasets, pick: &Pick) -> Result<&'a Record> {
    let record = datasets.get(&*pick.source).and_then(|dataset| dataset.records.get(pick.record));
    record.ok_or_else(|| Error::internal(format!("record {} of {} is not loaded", pick.record, pick.source)))
}

/// Names of a target's metrics in the learning curves of a network that measures several.
fn curve_names(target: Target) -> [&'static str; 2] {
    ["mae", "rmse"].map(|metric| intern(&format!("{metric}_{}", target.name())))
}

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
    let truths = |picks: &[Pick]| Truths::of(datasets, picks, targets);
    let (train_truths, validation_truths, test_truths) =
        (truths(&split.train)?, truths(&split.validation)?, truths(&split.test)?);
    let of_target = |(column, target): (usize, &Target)| Scale::of(*target, column, &train_truths);
    let scales: Vec<Scale> = targets.iter().enumerate().map(of_target).collect::<Result<_>>()?;
    let scaling = Scaling::of(signal, datasets, &split.train)?;
    let examples =
        |picks, truths: &Truths| Examples::new(signal, datasets, picks, scaling.as_ref(), truths.standardised(&scales));
    let train = examples(&split.train, &train_truths);
    let validation = examples(&split.validation, &validation_truths);
    let test = examples(&split.test, &test_truths);

    let nothing_frozen = Freeze::default();
    let recipe = recipe(training, settings, &nothing_frozen);
    let mut judge = |outputs: &[f32]| judgement(outputs, &recipe.objective, (&validation_truths, &validation), &scales);
    let one = (1, Fusion::Concat);
    let net = Network::new(*device, architecture, signal.shape(), one, targets.len(), &mut randomness.weights())?;
    let mut fit = Fit::new(*device, net, &recipe, &train, &validation, watch)?;
    fit.run(&mut judge, watch)?;

    let (mut scores, mut of_sources, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let measured = [
        (Subset::Validation, &validation_truths, &validation, &split.validation),
        (Subset::Test, &test_truths, &test, &split.test),
    ];
    for (name, truths, examples, picks) in measured.into_iter().filter(|(_, _, examples, _)| examples.len() > 0) {
        let outputs = fit.evaluate(examples, watch)?;
        for (target, records, metrics) in truths.measure(&outputs, &scales)? {
            scores.push(RegressionScore { target: target.name(), split: name, records, metrics });
        }
        values = truths.listed(datasets, picks, &outputs, &scales)?;
        of_sources.extend(by_source(name, &values)?);
    }
    let fitted = fit.finish()?;
    let outcome = Outcome {
        epochs: fitted.epochs,
        best_epoch: fitted.best_epoch,
        last_step: fitted.last_step,
        composition: split.composition.clone(),
        regression: scores,
        by_source: of_sources,
        measured: if test.len() > 0 { values } else { Vec::new() },
        notes: split.notes.iter().chain(&fitted.notes).cloned().collect(),
        wall_s: fitted.seconds,
        ..Outcome::default()
    };
    Ok(Trained { network: fitted.network, outcome, metadata: metadata(&scales, scaling.as_ref()) })
}

fn recipe<'a, D>(training: &'a Training<'_, D>, settings: &'a Regression, freeze: &'a Freeze) -> Recipe<'a> {
    Recipe {
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

/// How good `outputs` are on the validation records.
fn judgement(
    outputs: &[f32],
    objective: &Objective,
    (truths, examples): (&Truths, &Examples<'_>),
    scales: &[Scale],
) -> Result<Judgement> {
    let every: Vec<usize> = (0..examples.len()).collect();
    let (loss, _) = objective.loss(&examples.truth, &every)?.evaluate(outputs);
    let mut values = vec![("loss", loss)];
    let mut text = Vec::new();
    for (target, _, measured) in truths.measure(outputs, scales)? {
        let (of, [mae, rmse]) = match scales {
            [_] => (String::new(), ["mae", "rmse"]),
            _ => (format!("{} ", target.name()), curve_names(target)),
        };
        values.extend([(mae, measured.mae), (rmse, measured.rmse)]);
        text.push(format!("{of}{:.1} {}", measured.mae, target.unit()));
    }
    Ok(Judgement { score: -loss, values, text: format!("MAE {}", text.join(", ")) })
}

/// What a reader of the weights must know.
fn metadata(scales: &[Scale], scaling: Option<&Scaling>) -> BTreeMap<String, String> {
    let each = |text: &dyn Fn(&Scale) -> String| scales.iter().map(text).collect::<Vec<_>>().join(",");
    let mut metadata = BTreeMap::from([
        ("target".to_owned(), each(&|scale| scale.target.name().to_owned())),
        ("unit".to_owned(), each(&|scale| scale.target.unit().to_owned())),
        ("target_mean".to_owned(), each(&|scale| scale.mean.to_string())),
        ("target_sd".to_owned(), each(&|scale| scale.sd.to_string())),
    ]);
    scaling.iter().for_each(|scaling| scaling.describe(&mut metadata));
    metadata
}
