//! Scores of classifiers again, from stored predictions.

use serde_json::Value;

use super::Found;
use crate::Result;
use crate::data::Subset;
use crate::manifest::{Class, Labels};
use crate::metrics::registry::Auc;
use crate::metrics::{self, NamedMetric, Predictions, classifier_metric};
use crate::store::{ClassScore, PredictedClass, Store, StoredStage, Validation};

/// Whether a stored number is the computed one, a sum over so many terms in another order.
pub(super) fn agree(stored: Option<f64>, computed: Option<f64>, terms: usize) -> bool {
    match (stored, computed) {
        (Some(stored), Some(computed)) => {
            let rounding = f64::EPSILON * terms.max(16) as f64 * stored.abs().max(1.0);
            (stored - computed).abs() <= rounding
        }
        (None, None) => true,
        _ => false,
    }
}

/// `0.5`, or `none`
pub(super) fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

/// Compares the scores of a classifier with those of its predictions, of test and validation records; `settings` say which
/// classes there are.
pub(super) fn classifier(store: &Store, stage: &StoredStage, settings: &Value, found: &mut Found) -> Result<()> {
    let stored = store.scores_on(&stage.row.stage_id, Subset::Test)?;
    let predictions = store.predictions_of(&stage.row.stage_id)?;
    found.probabilities += predictions.len();
    if !(stored.is_empty() && predictions.is_empty()) {
        let compared = all(store, stage, (Subset::Test, &stored), (settings, &predictions), found)?;
        found.scores += compared.map_or(0, |(agreeing, _)| agreeing);
    }
    validation(store, stage, settings, found)
}

/// The same of the validation records, and the macro AUC that the kept epoch has in the learning curve; nothing of a stage
/// that was trained before predictions of these were kept.
fn validation(store: &Store, stage: &StoredStage, settings: &Value, found: &mut Found) -> Result<()> {
    let id = &stage.row.stage_id;
    let Some(Validation { set, probabilities }) = store.validations(std::slice::from_ref(id))?.remove(id) else {
        return Ok(());
    };
    let classes = set.classes.len().max(1);
    let said = set.truth.iter().zip(&probabilities).enumerate().map(|(place, (label, probability))| PredictedClass {
        // Ids of a mix's sources may be the same.
        record_id: format!("{} (record {})", set.records[place / classes], place / classes + 1),
        class: set.classes[place % classes].clone(),
        probability: *probability,
        label: *label,
    });
    let predictions: Vec<PredictedClass> = said.collect();
    found.validation_probabilities += predictions.len();
    let stored = store.scores_on(id, Subset::Validation)?;
    let compared = all(store, stage, (Subset::Validation, &stored), (settings, &predictions), found)?;
    let Some((agreeing, computed)) = compared else { return Ok(()) };
    found.validation_scores += agreeing;
    let name = NamedMetric::overall(&Auc).name;
    let auc = computed.iter().find(|score| score.metric == name && score.class.is_none()).and_then(|score| score.value);
    match store.kept_epoch(id, &name)? {
        Some(kept) if !agree(Some(kept), auc, predictions.len()) => found.disagree(format!(
            "stage {id}: its learning curve has a validation {name} of {kept} in the kept epoch, and it is {} from its \
             predictions",
            shown(auc)
        )),
        kept => found.kept_epochs += usize::from(kept.is_some()),
    }
    Ok(())
}

/// Compares all scores that are stored of a part of the split with all that its predictions have: how many agree, and those
/// of the predictions; `None` where there are none.
fn all(
    store: &Store,
    stage: &StoredStage,
    (split, stored): (Subset, &[ClassScore]),
    (settings, predictions): (&Value, &[PredictedClass]),
    found: &mut Found,
) -> Result<Option<(usize, Vec<Computed>)>> {
    let id = &stage.row.stage_id;
    let computed = match computed(settings, predictions) {
        Ok(computed) => computed,
        Err(why) => {
            found.disagree(format!("stage {id}: its {split} scores cannot be had from its predictions: {why}"));
            return Ok(None);
        }
    };
    let lacks = computed.iter().any(|score| is_newer(score, stored));
    let is_whole = lacks
        && match &stage.row.findings_sha256 {
            Some(sha256) => store.findings_sha256(id)? == *sha256,
            None => true,
        };
    let mut agreeing = 0;
    for score in &computed {
        if is_newer(score, stored) && is_whole {
            found.newer_metrics += 1;
            continue;
        }
        match compare((split, score), stored, predictions.len()) {
            Ok(()) => agreeing += 1,
            Err(why) => found.disagree(format!("stage {id}: {why}")),
        }
    }
    for other in stored {
        if !computed.iter().any(|score| score.is_of(other)) {
            let class = other.class.as_ref().map_or_else(String::new, |class| format!(" of {class}"));
            let (metric, value) = (&other.metric, shown(other.value));
            found.disagree(format!(
                "stage {id}: {split} {metric}{class} is stored as {value}, and no score of its predictions"
            ));
        }
    }
    Ok(Some((agreeing, computed)))
}

/// Whether a score is of a metric of which nothing is stored, as nothing is of a stage that was trained before there was
/// such a metric; or it is gone, which the checksum of its findings says.
fn is_newer(score: &Computed, stored: &[ClassScore]) -> bool {
    let own = |name: &str| name.strip_prefix("macro_").unwrap_or(name).to_owned();
    let name = own(&score.metric);
    classifier_metric(&name).is_some() && !stored.iter().any(|other| own(&other.metric) == name)
}

/// A score by the name of its class.
pub(super) struct Computed {
    pub metric: String,
    pub class: Option<String>,
    pub value: Option<f64>,
}

impl Computed {
    fn is_of(&self, stored: &ClassScore) -> bool {
        self.metric == stored.metric && self.class == stored.class
    }
}

/// Compares a score of `terms` probabilities with what is stored of it.
///
/// # Errors
/// What does not agree.
fn compare(
    (split, score): (Subset, &Computed),
    stored: &[ClassScore],
    terms: usize,
) -> std::result::Result<(), String> {
    let class = score.class.as_ref().map_or_else(String::new, |class| format!(" of {class}"));
    let place = || format!("{split} {}{class}", score.metric);
    match stored.iter().find(|other| score.is_of(other)) {
        Some(other) if agree(other.value, score.value, terms) => Ok(()),
        Some(other) => {
            let (stored, computed) = (shown(other.value), shown(score.value));
            Err(format!("{} is stored as {stored}, and {computed} from its predictions", place()))
        }
        None => Err(format!("{} is not stored, and {} from its predictions", place(), shown(score.value))),
    }
}

/// The test scores of predictions, which come by record and class.
pub(super) fn computed(settings: &Value, predictions: &[PredictedClass]) -> std::result::Result<Vec<Computed>, String> {
    let understood = |what: &str, error: serde_json::Error| format!("the settings' {what}: {error}");
    let classes: Vec<Class> =
        serde_json::from_value(settings["classes"].clone()).map_err(|error| understood("classes", error))?;
    let labels: Labels =
        serde_json::from_value(settings["labels"].clone()).map_err(|error| understood("labels", error))?;
    let (mut probabilities, mut truth) = (Vec::new(), Vec::new());
    for record in predictions.chunk_by(|one, next| one.record_id == next.record_id) {
        let id = &record[0].record_id;
        if record.len() != classes.len() {
            return Err(format!("record {id} has predictions of {} classes, not {}", record.len(), classes.len()));
        }
        for class in &classes {
            let of = record.iter().find(|of| of.class == class.name());
            let of = of.ok_or_else(|| format!("record {id} has no prediction of {}", class.name()))?;
            // The network's numbers have 24 bits.
            if f64::from(of.probability as f32) != of.probability {
                return Err(format!(
                    "the probability of {} of record {id}, {}, is not one of a network",
                    class.name(),
                    of.probability
                ));
            }
            probabilities.push(of.probability);
            truth.push(of.label);
        }
        if labels == Labels::Single {
            // Of several the first is meant.
            let row = truth.len() - classes.len();
            let first = truth[row..].iter().position(|has| *has);
            truth[row..].iter_mut().enumerate().for_each(|(place, has)| *has = Some(place) == first);
        }
    }
    let names: Vec<&str> = classes.iter().map(|class| class.name()).collect();
    let predictions = Predictions::of_network(labels, classes.len(), &probabilities, &truth)?;
    let named = |score: metrics::ClassScore| Computed {
        metric: score.metric.into_owned(),
        class: score.class.map(|class| names[class].to_owned()),
        value: score.value,
    };
    Ok(predictions.scores(&names).into_iter().map(named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_agree_but_for_the_order_of_their_sums() {
        let terms: Vec<f64> = (1..=1000).map(|term| 1.0 / f64::from(term)).collect();
        let (up, down) = (terms.iter().sum::<f64>(), terms.iter().rev().sum::<f64>());
        assert_ne!(up, down);
        assert!(agree(Some(up), Some(down), 1000));
        // One network's probability by its last bit, in a mean of squares over as many.
        let step = 2.0 * 0.5 * f64::from(f32::EPSILON) * 0.25 / 1000.0;
        assert!(!agree(Some(0.2), Some(0.2 + step), 1000));
        assert!(agree(None, None, 1) && !agree(None, Some(0.0), 1));
    }
}
