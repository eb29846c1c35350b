//! Stage 1: a network that measures one target or several.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::Result;
use crate::data::{Datasets, Pick, Record, Split};
use crate::error::Error;
use crate::manifest::{Architecture, Freeze, Fusion, Manifest, RegressionLoss, Target};
use crate::nn::Network;
use crate::ops::Backend;

use super::by_source::by_source;
use super::curriculum::Curriculum;
use super::examples::{Examples, Objective, Scaling, Truth};
use super::fit::{Judgement, Recipe, fit};
use super::metrics::RegressionMetrics;
use super::supply::{Supply, predict};
use super::{MeasuredValue, Outcome, RegressionScore, Trained, Watch, metrics};

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
            values.extend(targets.iter().map(|target| record.target(*target).map(f64::from)));
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
    [["mae_hr", "rmse_hr"], ["mae_pr", "rmse_pr"], ["mae_qt", "rmse_qt"], ["mae_qrs", "rmse_qrs"]][target as usize]
}

/// Trains a fresh network of `architecture` to measure `targets`, an output each, on the records of `split`.
///
/// The network sees standardised targets (mean 0 and standard deviation 1 over the training
/// records); every metric is in bpm or ms. A record counts for the targets that are known of it. Under a curriculum
/// ([`Split::epochs`]) these are the training records of all epochs, and every epoch is validated on all validation
/// records, so that any epoch may be the best.
///
/// # Errors
/// Where no record knows a target, training fails or diverges, or the watch says stop.
#[allow(clippy::too_many_arguments)]
pub fn regression<D: Backend>(
    device: &D,
    manifest: &Manifest,
    architecture: &Architecture,
    targets: &[Target],
    seed: u64,
    split: &Split,
    datasets: &Datasets,
    watch: &mut dyn Watch,
) -> Result<Trained<D>> {
    let started = Instant::now();
    let (signal, settings) = (&manifest.signal, &manifest.regression);
    let truths = |picks: &[Pick]| Truths::of(datasets, picks, targets);
    let (train_truths, validation_truths, test_truths) =
        (truths(&split.train)?, truths(&split.validation)?, truths(&split.test)?);
    let scales: Vec<Scale> = targets
        .iter()
        .enumerate()
        .map(|(column, target)| Scale::of(*target, column, &train_truths))
        .collect::<Result<_>>()?;

    let scaling = Scaling::of(signal, datasets, &split.train)?;
    let examples =
        |picks, truths: &Truths| Examples::new(signal, datasets, picks, scaling.as_ref(), truths.standardised(&scales));
    let train = examples(&split.train, &train_truths);
    let validation = examples(&split.validation, &validation_truths);
    let test = examples(&split.test, &test_truths);

    let objective = match settings.loss {
        RegressionLoss::Mae => Objective::Mae,
        RegressionLoss::Mse => Objective::Mse,
        RegressionLoss::Huber { delta } => Objective::Huber(delta),
    };
    let nothing_frozen = Freeze::default();
    let recipe = Recipe {
        epochs: settings.epochs,
        batch_size: settings.batch_size,
        optimizer: &settings.optimizer,
        schedule: &settings.schedule,
        clipping: settings.gradient_clipping.as_ref(),
        early_stopping: settings.early_stopping.as_ref(),
        objective: objective.clone(),
        freeze: &nothing_frozen,
        curriculum: Curriculum::new(&split.epochs, settings.epochs),
        augment: &settings.augment,
        sampling_rate: signal.sampling_rate,
        seed,
    };
    let every: Vec<usize> = (0..validation.len()).collect();
    let mut judge = |outputs: &[f32]| {
        let (loss, _) = objective.loss(&validation.truth, &every)?.of(outputs);
        let mut values = vec![("loss", loss)];
        let mut text = Vec::new();
        for (target, _, measured) in validation_truths.measure(outputs, &scales)? {
            let (of, [mae, rmse]) = match targets {
                [_] => (String::new(), ["mae", "rmse"]),
                _ => (format!("{} ", target.name()), curve_names(target)),
            };
            values.extend([(mae, measured.mae), (rmse, measured.rmse)]);
            text.push(format!("{of}{:.1} {}", measured.mae, target.unit()));
        }
        Ok(Judgement { score: -loss, values, text: format!("MAE {}", text.join(", ")) })
    };
    let net = Network::new(
        device,
        architecture,
        signal.shape(),
        (1, Fusion::Concat),
        targets.len(),
        &mut crate::seed::stream(seed, "regression weights", 0),
    )?;
    let mut fitted = fit(device, net, &recipe, &train, &validation, &mut judge, watch)?;

    let (mut scores, mut of_sources, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let measured = [
        ("validation", &validation_truths, &validation, &split.validation),
        ("test", &test_truths, &test, &split.test),
    ];
    for (name, truths, examples, picks) in measured.into_iter().filter(|(_, _, examples, _)| examples.len() > 0) {
        let outputs = predict(device, &mut fitted.network, &Supply::new(examples), watch)?;
        for (target, records, metrics) in truths.measure(&outputs, &scales)? {
            scores.push(RegressionScore { target: target.name(), split: name, records, metrics });
        }
        values = truths.listed(datasets, picks, &outputs, &scales)?;
        of_sources.extend(by_source(name, &values)?);
    }

    let each = |text: &dyn Fn(&Scale) -> String| scales.iter().map(text).collect::<Vec<_>>().join(",");
    let mut metadata = BTreeMap::from([
        ("target".to_owned(), each(&|scale| scale.target.name().to_owned())),
        ("unit".to_owned(), each(&|scale| scale.target.unit().to_owned())),
        ("target_mean".to_owned(), each(&|scale| scale.mean.to_string())),
        ("target_sd".to_owned(), each(&|scale| scale.sd.to_string())),
    ]);
    if let Some(scaling) = &scaling {
        scaling.describe(&mut metadata);
    }
    let outcome = Outcome {
        epochs: fitted.epochs,
        best_epoch: fitted.best_epoch,
        composition: split.composition.clone(),
        regression: scores,
        by_source: of_sources,
        measured: if test.len() > 0 { values } else { Vec::new() },
        notes: split.notes.iter().chain(&fitted.notes).cloned().collect(),
        wall_s: started.elapsed().as_secs_f64(),
        ..Outcome::default()
    };
    Ok(Trained { network: fitted.network, outcome, metadata })
}
