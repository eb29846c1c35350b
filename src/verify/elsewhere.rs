//! Metrics on the records of other sources again, from what was said of each record.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::Found;
use super::scores::{self, agree, shown};
use crate::Result;
use crate::metrics::{MedianScore, bias, regression};
use crate::plan::TaskKind;
use crate::store::{EvaluatedMetric, EvaluatedRecord, PredictedClass, Store, StoredStage};

/// Metrics by target or class (empty: of all) and name.
type Metrics = BTreeMap<(String, String), Option<f64>>;

/// Numbers of records, which are no metric of what was said of them.
const COUNTS: [&str; 2] = ["left_out_records", "evaluated_records"];

/// Compares all evaluations of a stage with what it said record by record; `settings` are those of its classes.
pub(super) fn evaluations(store: &Store, stage: &StoredStage, settings: &Value, found: &mut Found) -> Result<()> {
    let id = &stage.row.stage_id;
    let stored = store.evaluations_of(id)?;
    for of_source in stored.chunk_by(|(one, _), (next, _)| one == next) {
        let fingerprint = &of_source[0].0;
        let records = store.evaluated_records(id, fingerprint)?;
        found.said_elsewhere += records.len();
        let computed = match stage.row.kind {
            TaskKind::Regression => of_regression(&records, &store.medians(id)?),
            _ => of_classifier(settings, &records),
        };
        let computed = match computed {
            Ok(computed) => computed,
            Err(why) => {
                let what = "its evaluation cannot be had from what it said of the records";
                found.disagree(format!("stage {id}: on data {fingerprint}: {what}: {why}"));
                continue;
            }
        };
        for (_, metric) in of_source {
            compare(stage, metric, &computed, records.len(), found);
        }
    }
    Ok(())
}

fn compare(stage: &StoredStage, metric: &EvaluatedMetric, computed: &Metrics, terms: usize, found: &mut Found) {
    let EvaluatedMetric { subject, metric: name, value } = metric;
    if subject.is_empty() && COUNTS.contains(&name.as_str()) {
        return;
    }
    let of = if subject.is_empty() { String::new() } else { format!(" of {subject}") };
    match computed.get(&(subject.clone(), name.clone())) {
        Some(computed) if agree(*value, *computed, terms) => found.elsewhere += 1,
        computed => {
            let (id, stored, computed) = (&stage.row.stage_id, shown(*value), shown(computed.copied().flatten()));
            let what = format!("{name}{of} on another source");
            found.disagree(format!(
                "stage {id}: {what} is stored as {stored}, and {computed} from what it said of the records"
            ));
        }
    }
}

/// The medians are those of the records that taught the regression.
fn of_regression(records: &[EvaluatedRecord], medians: &HashMap<String, f64>) -> std::result::Result<Metrics, String> {
    let mut metrics = Metrics::new();
    for of_target in records.chunk_by(|one, next| one.subject == next.subject) {
        let target = &of_target[0].subject;
        let (truth, measured): (Vec<f64>, Vec<f64>) = of_target.iter().map(|one| (one.truth, one.said)).unzip();
        let spread = bias(&truth, &measured);
        let own = [
            ("records", Some(truth.len() as f64)),
            ("bias", spread.map(|spread| spread.mean)),
            ("sd", spread.and_then(|spread| spread.sd)),
        ];
        let people: Vec<&str> = of_target.iter().map(|one| one.patient.as_str()).collect();
        let of_median = medians.get(target).map(|median| MedianScore::new(*median, &truth, &measured, &people));
        let of_median = of_median.transpose()?.map(|own| own.by_name());
        let errors = regression(&truth, &measured)?.by_name();
        let all = own.into_iter().chain(errors).chain(of_median.into_iter().flatten());
        metrics.extend(all.map(|(name, value)| ((target.clone(), name.to_owned()), value)));
    }
    Ok(metrics)
}

fn of_classifier(settings: &Value, records: &[EvaluatedRecord]) -> std::result::Result<Metrics, String> {
    if records.is_empty() {
        return Ok(Metrics::new());
    }
    let predicted = |one: &EvaluatedRecord| PredictedClass {
        record_id: one.record_id.clone(),
        class: one.subject.clone(),
        probability: one.said,
        label: one.truth > 0.5,
    };
    let mut predictions: Vec<PredictedClass> = records.iter().map(predicted).collect();
    predictions.sort_by(|a, b| (&a.record_id, &a.class).cmp(&(&b.record_id, &b.class)));
    let scores = scores::computed(settings, &predictions)?;
    Ok(scores.into_iter().map(|score| ((score.class.unwrap_or_default(), score.metric), score.value)).collect())
}
