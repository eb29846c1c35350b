//! What the last stage learns: classes, or the targets of `transfer.targets`.

use serde_json::{Map, Value, json};

use super::checks::Checks;
use super::read::Read;
use super::task::classes_of_task;
use super::*;
use crate::declare::{Problem, hint, list};
use crate::source::{Knowledge, kinds_that};

/// Keys of `[transfer]` that are of classes, beside `classes`, and `labels`, which `[classification]` takes over.
const OF_CLASSES: [&str; 3] = ["task", "class_weights", "label_smoothing"];

/// Whether a table of `[transfer]`, as JSON, has targets.
pub(super) fn measures(transfer: &Map<String, Value>) -> bool {
    transfer.get("targets").and_then(Value::as_array).is_some_and(|targets| !targets.is_empty())
}

/// The loss of a table of `[transfer]`, as JSON, where it does not say it.
pub(super) fn loss_of_last_stage(transfer: &Map<String, Value>) -> Value {
    json!(if measures(transfer) { TransferLoss::Mae } else { TransferLoss::CrossEntropy })
}

/// Whether a source can be the transfer's, whose last stage measures or classifies.
pub(super) fn can_be_last(knows: &Knowledge, measures: bool) -> bool {
    if measures { knows.folds && (knows.age || !knows.measurements.is_empty()) } else { knows.classifies() }
}

/// Fills in what follows from targets: what early stopping watches, and what a search is for.
pub(super) fn complete(read: &mut Read) {
    let Some(first) = read.json["transfer"]["targets"][0].as_str().map(str::to_owned) else { return };
    let is_written = read.places.is_written(&["transfer", "early_stopping", "metric"]);
    if let Some(metric) = read.json.pointer_mut("/transfer/early_stopping/metric").filter(|_| !is_written) {
        *metric = json!(StoppingMetric::Mae);
    }
    if read.json["search"].is_object() && !read.places.is_written(&["search", "metric"]) {
        read.json["search"]["metric"] = json!(format!("mae:{first}"));
    }
}

/// Leaves out what decides nothing where targets are measured, so that stages are shared.
pub(super) fn forget_labels(transfer: &mut Value) {
    if let Some(own) = transfer.as_object_mut().filter(|own| measures(own)) {
        own.insert("labels".into(), json!(Labels::Single));
    }
}

/// What `[classification]` takes over of a transfer: that it classifies, whatever the transfer does.
pub(super) fn as_classifier(transfer: &Value) -> Value {
    let mut training = transfer.clone();
    let Some(own) = training.as_object_mut().filter(|own| measures(own)) else { return training };
    own.insert("targets".into(), json!([]));
    for (key, value) in [("classes", classes_of_task(own)), ("loss", json!(TransferLoss::CrossEntropy))] {
        own.insert(key.into(), value);
    }
    if let Some(metric) = own.get_mut("early_stopping").and_then(|stopping| stopping.get_mut("metric"))
        && *metric == json!(StoppingMetric::Mae)
    {
        *metric = json!(StoppingMetric::MacroAuc);
    }
    training
}

/// The variants whose last stage learns something else than that of `base`: they would be compared.
pub(super) fn of_other_targets(
    document: &DeTable<'_>,
    base: &Manifest,
    variants: &BTreeMap<String, Manifest>,
) -> Vec<Problem> {
    let others = variants.iter().filter(|(_, variant)| variant.transfer.targets != base.transfer.targets);
    let problem = |(name, _): (&String, _)| Problem {
        span: span_in(document, &["variants", name]),
        message: format!(
            "the last stage of variant `{name}` measures other targets, or classifies; the variants of a manifest are compared, so \
             that they have `transfer.targets` in common: write another manifest"
        ),
    };
    others.map(problem).collect()
}

impl Checks<'_> {
    /// That the last stage measures or classifies, and not both, by a source that can.
    pub(super) fn last_stage(&mut self) {
        let transfer = &self.manifest.transfer;
        if transfer.targets.is_empty() {
            return self.of_classes("transfer", transfer);
        }
        if self.places.is_written(&["transfer", "classes"]) {
            let message = "the last stage either measures `targets` or tells `classes`; leave one of the two out";
            return self.problem(&["transfer", "targets"], message.into());
        }
        for key in OF_CLASSES.into_iter().filter(|key| self.places.is_written(&["transfer", key])) {
            let message = format!("`{key}` is of classes, and the last stage measures `targets`; leave it out");
            self.problem(&["transfer", key], message);
        }
        if transfer.loss.of_numbers().is_none() {
            let message =
                "this is a loss of classes, and the last stage measures `targets`; known: `mae`, `mse`, `huber`";
            self.problem(&["transfer", "loss"], message.into());
        }
        let watched = transfer.early_stopping.as_ref().map(|stopping| stopping.metric);
        if let Some(metric @ (StoppingMetric::MacroAuc | StoppingMetric::Accuracy | StoppingMetric::MacroF1)) = watched
        {
            let message = format!(
                "`{}` is of classes, and the last stage measures `targets`; known: `mae`, `loss`",
                metric.name()
            );
            self.problem(&["transfer", "early_stopping", "metric"], message);
        }
        self.measured_source();
        self.measured_elsewhere();
    }

    /// That a stage that classifies has nothing that is of measured numbers.
    pub(super) fn of_classes(&mut self, stage: &str, training: &Transfer) {
        if training.loss.of_numbers().is_some() {
            let message = format!(
                "this is a loss of measured numbers, and `{stage}` classifies; known: `cross-entropy`, `focal`"
            );
            self.problem(&[stage, "loss"], message);
        }
        if training.early_stopping.as_ref().is_some_and(|stopping| stopping.metric == StoppingMetric::Mae) {
            let message = format!("`mae` is of measured numbers, and `{stage}` classifies");
            self.problem(&[stage, "early_stopping", "metric"], message);
        }
    }

    /// That the transfer's source has folds, and knows each of the targets.
    fn measured_source(&mut self) {
        let transfer = &self.manifest.transfer;
        let Some(source) = self.manifest.sources.get(&transfer.source) else { return };
        let (name, knows) = (&transfer.source, source.knows());
        if !knows.folds {
            let kinds = list(&kinds_that(|knowledge| can_be_last(knowledge, true)));
            let message = format!(
                "`{name}` is of kind `{}`, which has no folds; a transfer with `targets` needs a source of kind {kinds}",
                source.kind().name()
            );
            return self.problem(&["transfer", "source"], message);
        }
        let is_known = |target: &Target| knows.measurements.contains(target) || knows.age && *target == Target::AGE;
        for (index, target) in transfer.targets.iter().enumerate().filter(|(_, target)| !is_known(target)) {
            let advice = match source.lacks_measurements() {
                Some([key, what]) => format!("; set sources.{name}.{key} to {what}"),
                None => hint(target.name(), knows.measurements.iter().map(|known| known.name())),
            };
            let message = format!("`{name}` does not know the target `{}`{advice}", target.name());
            self.problem(&["transfer", "targets", &index.to_string()], message);
        }
        if let Some(condition) = &transfer.condition {
            self.names(&["transfer", "where"], condition.names(), name, source.as_ref());
        }
    }

    /// That the sources that the networks are evaluated on know one of the targets.
    fn measured_elsewhere(&mut self) {
        let transfer = &self.manifest.transfer;
        self.know_one_of("transfer", &transfer.evaluate_on, &transfer.targets);
    }
}
