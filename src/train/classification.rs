//! To tell classes: in the last stage, and in networks that are to be grafted.

use std::collections::BTreeMap;

use super::curves::{Curve, ValidationMetrics};
use super::labels::{ExampleLabels, picks, record};
use super::objective::Objective;
use super::task::Task;
use super::{Outcome, Prediction, Score};
use crate::Result;
use crate::data::{Datasets, Pick, Record, Split, Subset, classes_of};
use crate::error::Error;
use crate::manifest::{Class, ClassWeights, Labels, StoppingMetric, Transfer, TransferLoss};
use crate::metrics::registry::{Accuracy, Auc, F1};
use crate::metrics::{ClassifierMetric, Predictions};
use crate::ops::step::loss::Form;

/// To tell classes, an output each.
pub(super) struct ClassificationTask<'a> {
    split: &'a Split,
    datasets: &'a Datasets,
    settings: &'a Transfer,
    /// Of training, validation and test records.
    labels: [ExampleLabels; 3],
}

impl<'a> ClassificationTask<'a> {
    /// # Errors
    /// A user error where no epoch could be chosen on the validation records.
    pub(super) fn new(split: &'a Split, datasets: &'a Datasets, settings: &'a Transfer) -> Result<Self> {
        let labels = |subset| labels(datasets, picks(split, subset), settings);
        let labels = [labels(Subset::Train)?, labels(Subset::Validation)?, labels(Subset::Test)?];
        let task = Self { split, datasets, settings, labels };
        task.an_epoch_can_be_chosen()?;
        Ok(task)
    }

    /// Which classes records of a part of the split have, (records, classes).
    fn one_hot(&self, subset: Subset) -> Vec<bool> {
        one_hot(self.labels(subset), self.settings.classes.len())
    }

    fn names(&self) -> Vec<&'static str> {
        self.settings.classes.iter().map(|class| class.name()).collect()
    }

    /// The metric that an epoch is chosen by.
    fn watched(&self) -> StoppingMetric {
        self.settings.early_stopping.as_ref().map_or(StoppingMetric::MacroAuc, |stopping| stopping.metric)
    }

    /// Whether the metric that is watched can be measured on the validation records at all: no network has an AUC where
    /// all of them have the same classes.
    fn an_epoch_can_be_chosen(&self) -> Result<()> {
        let (settings, hot) = (self.settings, self.one_hot(Subset::Validation));
        let mut rows = hot.chunks_exact(settings.classes.len());
        let Some(first) = rows.next() else { return Ok(()) };
        if self.watched() != StoppingMetric::MacroAuc || rows.any(|row| row != first) {
            return Ok(());
        }
        let had = settings.classes.iter().zip(first).filter(|(_, has)| **has).map(|(class, _)| class.name());
        let folds: Vec<String> = settings.validation_folds.iter().map(u8::to_string).collect();
        let count = hot.len() / settings.classes.len();
        Err(Error::user(format!(
            "no epoch can be chosen by macro_auc: all {count} validation records have the same classes, {} (folds that \
             validate a transfer: {}); validate on others, or set early_stopping = {{ metric = \"loss\" }}, with a \
             patience as long as the training if it is not to stop early",
            had.collect::<Vec<_>>().join(" and "),
            folds.join(", ")
        )))
    }

    /// The loss, with class weights from the training records: for softmax records / (classes x records
    /// of the class), as scikit-learn's "balanced"; for sigmoids negatives / positives of the class.
    pub(super) fn objective(&self) -> Objective {
        let Transfer { labels, class_weights, loss, label_smoothing, .. } = *self.settings;
        let (classes, hot) = (self.settings.classes.len(), self.one_hot(Subset::Train));
        let records = hot.len() / classes;
        let positives: Vec<usize> =
            (0..classes).map(|class| hot.iter().skip(class).step_by(classes).filter(|has| **has).count()).collect();
        let weight = |positives: usize| match (class_weights, labels) {
            (ClassWeights::None, _) => 1.0,
            (ClassWeights::Balanced, _) if positives == 0 => 1.0,
            (ClassWeights::Balanced, Labels::Single) => records as f32 / (classes * positives) as f32,
            (ClassWeights::Balanced, Labels::Multi) => {
                ((records - positives) as f32 / positives as f32).max(f32::MIN_POSITIVE)
            }
        };
        let weights = positives.into_iter().map(weight).collect();
        let form = match loss {
            TransferLoss::Focal { gamma } => Form::Focal(gamma),
            TransferLoss::CrossEntropy if label_smoothing > 0.0 => Form::Smoothed(label_smoothing),
            // Of classes there are the others alone.
            _ => Form::Plain,
        };
        match labels {
            Labels::Single => Objective::Softmax(weights, form),
            Labels::Multi => Objective::Sigmoid(weights, form),
        }
    }

    /// What `outputs` (records, classes) say of a part of the split: probabilities, and all that is measured of them.
    fn predictions(&self, subset: Subset, outputs: &[f32]) -> Result<(Vec<f32>, Predictions)> {
        let (classes, labels) = (self.settings.classes.len(), self.settings.labels);
        let probabilities = probabilities(outputs, classes, labels);
        let predictions = Predictions::of_network(labels, classes, &probabilities, &self.one_hot(subset));
        predictions.map(|predictions| (probabilities, predictions)).map_err(Error::user)
    }

    /// The classes that cannot be told from the others on the test records, one sentence each.
    fn without_auc(&self, test: &Predictions) -> Vec<String> {
        let classes = self.settings.classes.iter().enumerate();
        let absent = classes.filter(|(class, _)| test.value(&Auc, Some(*class)).is_none());
        let sentence = |(class, label): (usize, &Class)| {
            format!(
                "class {} has no AUC on the test records: {} of {} have it; macro AUC leaves it out",
                label.name(),
                test.positives(class),
                test.records()
            )
        };
        absent.map(sentence).collect()
    }
}

impl Task for ClassificationTask<'_> {
    fn labels(&self, subset: Subset) -> &ExampleLabels {
        &self.labels[subset as usize]
    }

    fn evaluate(&self, loss: f64, outputs: &[f32]) -> Result<ValidationMetrics> {
        let (_, predictions) = self.predictions(Subset::Validation, outputs)?;
        let mut values = vec![(Curve::Loss, loss)];
        let metrics: [&dyn ClassifierMetric; 3] = [&Accuracy, &Auc, &F1];
        for metric in metrics {
            let value = predictions.value(metric, None);
            values.extend(value.map(|value| (Curve::of_classifier(metric), value)));
        }
        let value = |name: &str| values.iter().find(|(curve, _)| curve.name() == name).map(|(_, value)| *value);
        let score = match self.watched() {
            StoppingMetric::Loss => -loss,
            metric => value(metric.name()).unwrap_or(f64::NAN),
        };
        let auc = value(StoppingMetric::MacroAuc.name());
        let text = auc.map_or_else(|| format!("loss {loss:.3}"), |auc| format!("AUC {auc:.3}"));
        Ok(ValidationMetrics { score, values, text })
    }

    fn score(&self, subset: Subset, outputs: &[f32], outcome: &mut Outcome) -> Result<()> {
        let (probabilities, predictions) = self.predictions(subset, outputs)?;
        let name = |class: usize| self.settings.classes[class].name();
        outcome.scores.extend(predictions.scores(&self.names()).into_iter().map(|score| Score {
            split: subset,
            metric: score.metric,
            class: score.class.map(name),
            value: score.value,
        }));
        if subset == Subset::Train {
            return Ok(());
        }
        let said = listed((self.datasets, picks(self.split, subset)), &self.settings.classes, &probabilities)?;
        if subset == Subset::Test {
            outcome.notes.extend(self.without_auc(&predictions));
            outcome.predictions = said;
        } else {
            outcome.validation_predictions = said;
        }
        Ok(())
    }

    fn metadata(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("classes".to_owned(), self.names().join(","))])
    }
}

/// Which of the classes each record has.
pub(super) fn labels(datasets: &Datasets, picks: &[Pick], settings: &Transfer) -> Result<ExampleLabels> {
    let Transfer { classes, labels, .. } = settings;
    let mut has = Vec::with_capacity(picks.len() * classes.len());
    for pick in picks {
        let record = record(datasets, pick)?;
        has.extend(known_classes(record, classes)?);
    }
    Ok(match labels {
        Labels::Multi => ExampleLabels::AnyClasses(has),
        Labels::Single => {
            let first = |row: &[bool]| {
                row.iter().position(|has| *has).ok_or_else(|| Error::internal("a record without a class was picked"))
            };
            ExampleLabels::OneClass(has.chunks_exact(classes.len()).map(first).collect::<Result<_>>()?)
        }
    })
}

/// `probabilities` of the records picked, (records, classes), record by record.
pub(super) fn listed(
    (datasets, picks): (&Datasets, &[Pick]),
    classes: &[Class],
    probabilities: &[f32],
) -> Result<Vec<Prediction>> {
    let mut list = Vec::with_capacity(probabilities.len());
    for (pick, row) in picks.iter().zip(probabilities.chunks_exact(classes.len())) {
        let record = record(datasets, pick)?;
        let has = known_classes(record, classes)?;
        for ((class, &probability), label) in classes.iter().zip(row).zip(has) {
            list.push(Prediction {
                record_id: record.id.clone(),
                patient: record.patient.clone(),
                class: class.name(),
                probability,
                label,
            });
        }
    }
    Ok(list)
}

/// Which of so many classes examples have, (examples, classes).
pub(super) fn one_hot(labels: &ExampleLabels, classes: usize) -> Vec<bool> {
    match labels {
        ExampleLabels::AnyClasses(has) => has.clone(),
        ExampleLabels::OneClass(class) => {
            class.iter().flat_map(|&class| (0..classes).map(move |k| k == class)).collect()
        }
        ExampleLabels::Numbers(..) => Vec::new(),
    }
}

/// Which of the classes a record has that was picked because it is known.
fn known_classes(record: &Record, classes: &[Class]) -> Result<Vec<bool>> {
    classes_of(record, classes).ok_or_else(|| Error::internal("a record whose classes are not known was picked"))
}

/// Softmax over the classes, or a sigmoid each.
pub(super) fn probabilities(outputs: &[f32], classes: usize, labels: Labels) -> Vec<f32> {
    match labels {
        Labels::Multi => outputs.iter().map(|&z| (1.0 / (1.0 + (-f64::from(z)).exp())) as f32).collect(),
        Labels::Single => outputs
            .chunks_exact(classes)
            .flat_map(|row| {
                let top = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
                let powers: Vec<f64> = row.iter().map(|&z| (f64::from(z) - top).exp()).collect();
                let total: f64 = powers.iter().sum();
                powers.into_iter().map(move |power| (power / total) as f32)
            })
            .collect(),
    }
}
