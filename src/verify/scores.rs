//! Scores of classifiers again, from stored predictions.

use serde_json::Value;

use super::Found;
use crate::Result;
use crate::manifest::{Class, Labels};
use crate::metrics::{self, Predictions};
use crate::store::{ClassScore, PredictedClass, Store, StoredStage};

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

/// Compares the test scores of a classifier with those of its predictions; `settings` say which classes there are.
pub(super) fn classifier(store: &Store, stage: &StoredStage, settings: &Value, found: &mut Found) -> Result<()> {
    let stored = store.test_scores(&stage.row.stage_id)?;
    let predictions = store.predictions_of(&stage.row.stage_id)?;
    found.probabilities += predictions.len();
    if stored.is_empty() && predictions.is_empty() {
        return Ok(());
    }
    let computed = match computed(settings, &predictions) {
        Ok(computed) => computed,
        Err(why) => {
            found.disagree(format!(
                "stage {}: its test scores cannot be had from its predictions: {why}",
                stage.row.stage_id
            ));
            return Ok(());
        }
    };
    for score in &computed {
        compare(stage, score, &stored, predictions.len(), found);
    }
    for other in &stored {
        if !computed.iter().any(|score| score.is_of(other)) {
            let class = other.class.as_ref().map_or_else(String::new, |class| format!(" of {class}"));
            let (id, metric, value) = (&stage.row.stage_id, &other.metric, shown(other.value));
            found.disagree(format!(
                "stage {id}: test {metric}{class} is stored as {value}, and no score of its predictions"
            ));
        }
    }
    Ok(())
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
fn compare(stage: &StoredStage, score: &Computed, stored: &[ClassScore], terms: usize, found: &mut Found) {
    let class = score.class.as_ref().map_or_else(String::new, |class| format!(" of {class}"));
    let place = || format!("stage {}: test {}{class}", stage.row.stage_id, score.metric);
    match stored.iter().find(|other| score.is_of(other)) {
        Some(other) if agree(other.value, score.value, terms) => found.scores += 1,
        Some(other) => {
            let (stored, computed) = (shown(other.value), shown(score.value));
            found.disagree(format!("{} is stored as {stored}, and {computed} from its predictions", place()));
        }
        None => found.disagree(format!("{} is not stored, and {} from its predictions", place(), shown(score.value))),
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
