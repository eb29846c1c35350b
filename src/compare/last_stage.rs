//! What the last stages of experiments learn, and by what they are judged.

use super::{Question, experiments, usual_metrics};
use crate::ecg::Measurement;
use crate::manifest::choices;
use crate::metrics::{Metric, NamedMetric, regression_metrics};
use crate::store::Store;
use crate::{Error, Result};

impl Question {
    /// The same question of each kind of experiments by itself: of those that classify, and of those that measure the same
    /// targets. They have no metric in common, and are never compared.
    ///
    /// # Errors
    /// A user error where there is no experiment that is asked for.
    pub fn apart(&self, store: &Store) -> Result<Vec<Question>> {
        let (experiments, known) = (experiments(store, &self.experiments)?, store.last_targets()?);
        let mut kinds: Vec<(Option<&Vec<Measurement>>, Vec<String>)> = Vec::new();
        for name in experiments {
            let own = known.get(&name);
            match kinds.iter_mut().find(|(targets, _)| *targets == own) {
                Some((_, names)) => names.push(name),
                None => kinds.push((own, vec![name])),
            }
        }
        Ok(kinds.into_iter().map(|(_, experiments)| Question { experiments, ..self.clone() }).collect())
    }
}

/// What the last stages of these experiments measure; nothing where they classify.
///
/// # Errors
/// A user error where they are of several kinds.
pub(super) fn targets_of(store: &Store, experiments: &[String]) -> Result<Vec<Measurement>> {
    let known = store.last_targets()?;
    let own = |name: &String| known.get(name).cloned().unwrap_or_default();
    let first = experiments.first().map(own).unwrap_or_default();
    match experiments.iter().find(|name| own(name) != first) {
        None => Ok(first),
        Some(other) => Err(Error::user(format!(
            "{} and {other} are not of one kind: {} {}, {other} {}; ask for them one by one",
            experiments[0],
            experiments[0],
            what_they_do(&first),
            what_they_do(&own(other))
        ))),
    }
}

/// `classifies`, `measures qrs`
pub(super) fn what_they_do(targets: &[Measurement]) -> String {
    let names: Vec<&str> = targets.iter().map(|target| target.name()).collect();
    if names.is_empty() { "classifies".to_owned() } else { format!("measures {}", names.join(" and ")) }
}

/// What networks are judged by whose last stage measures these targets, or classifies.
pub fn judge(targets: &[Measurement]) -> NamedMetric {
    targets.first().map_or_else(|| usual_metrics().remove(0), |target| NamedMetric::mean_error(target.name()))
}

/// What is shown if nothing else is asked for: errors of one target by all that they are measured by but r, and of several
/// their mean absolute errors.
pub fn usual_metrics_of(targets: &[Measurement]) -> Vec<NamedMetric> {
    match targets {
        [] => usual_metrics(),
        [one] => {
            let of = |name: &str| NamedMetric { name: name.to_owned(), ..NamedMetric::mean_error(one.name()) };
            ["mae", "rmse", "r2"].map(of).into()
        }
        several => several.iter().map(|target| NamedMetric::mean_error(target.name())).collect(),
    }
}

/// The metric that is written so, of networks whose last stage measures these targets, or classifies.
///
/// # Errors
/// A user error where there is none such.
pub(super) fn metric_of(written: &str, targets: &[Measurement]) -> Result<NamedMetric> {
    let metric = NamedMetric::parse(written);
    if targets.is_empty() {
        return Ok(metric);
    }
    let names: Vec<&str> = targets.iter().map(|target| target.name()).collect();
    let last = |of: &str| NamedMetric { of: Some(of.to_owned()), of_last: true, ..metric.clone() };
    let is_of_numbers = NamedMetric { of: Some(String::new()), ..metric.clone() }.is_of_numbers();
    match (&metric.of, &*names) {
        (Some(of), names) if is_of_numbers && names.contains(&of.as_str()) => return Ok(last(of)),
        // Of networks that were grafted.
        (Some(_), _) if is_of_numbers => return Ok(metric),
        (None, [one]) if is_of_numbers => return Ok(last(one)),
        _ => {}
    }
    let known = known(targets);
    Err(Error::user(format!(
        "`{written}` is no metric of a last stage that {}{}",
        what_they_do(targets),
        choices(written, known.iter().map(String::as_str))
    )))
}

/// The metrics of these targets, as they are written.
fn known(targets: &[Measurement]) -> Vec<String> {
    let names = || regression_metrics().map(Metric::name);
    targets.iter().flat_map(|target| names().map(move |name| format!("{name}:{}", target.name()))).collect()
}
