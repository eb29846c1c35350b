//! What is asked of a comparison, and what of the store it takes to answer.

use std::collections::{BTreeMap, HashMap};

use super::{Key, Metric, Only, Selection, Shape, Sort, Test, TestEvidence, select};
use crate::manifest::{Labels, choices};
use crate::store::{Run, Store};
use crate::{Error, Result};

/// Resamples of the patients, if nothing else is asked for.
pub const RESAMPLES: usize = 2000;
/// With more done runs than this records are read only if a test that needs them is asked for.
pub const MOST_RUNS: usize = 1000;

/// A question, in the user's words.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Names of experiments, or globs; all where there are none.
    pub experiments: Vec<String>,
    /// Conditions: `KEY=VALUE`.
    pub only: Vec<String>,
    /// Names of metrics; [`Metric::usual`] where there are none.
    pub metrics: Vec<String>,
    /// What arms are known by; [`Key::ALL`] where there are none.
    pub by: Vec<Key>,
    /// How differences are tested. Where `None`, by the bootstrap if no more than [`MOST_RUNS`] runs are done, else by
    /// the t test.
    pub test: Option<Test>,
    /// Resamples of the patients; [`RESAMPLES`] where `None`.
    pub resamples: Option<usize>,
    /// What rows are sorted by: a metric of those shown, `difference`, `p`, or a key.
    pub sort: Option<String>,
    /// How it is shown.
    pub shape: Shape,
}

impl Question {
    /// The runs of the store, and what is to be compared of them.
    ///
    /// # Errors
    /// A user error where there is no experiment, metric or key that is asked for, or the test does not fit the metric.
    pub fn selection(&self, store: &Store) -> Result<(Vec<Run>, Selection)> {
        let runs = store.runs()?;
        let experiments = select(&runs, &self.experiments)?;
        let only: Vec<Only> = self.only.iter().map(|text| text.parse()).collect::<Result<_>>()?;
        self.check(&runs, &experiments, &only)?;
        let metrics = self.metrics();
        let sort = self.sort.as_deref().map(|text| sort(text, &metrics)).transpose()?;
        let by = match &self.shape.pivot {
            Some(pivot) => {
                Key::ALL.into_iter().filter(|key| pivot.rows.contains(key) || pivot.columns.contains(key)).collect()
            }
            None if self.by.is_empty() => Key::ALL.into(),
            None => self.by.clone(),
        };
        let values = values(store, &metrics)?;

        let meant = |run: &&Run| run.status == "done" && experiments.contains(&run.experiment);
        let done: Vec<&Run> = runs.iter().filter(meant).collect();
        // Baselines are needed whatever the conditions say.
        let needed: Vec<&Run> = done
            .iter()
            .copied()
            .filter(|run| run.graft == "scratch" || only.iter().all(|only| only.admits(run)))
            .collect();
        let few = needed.len() <= MOST_RUNS && metrics.first().is_none_or(can_be_resampled);
        let test = self.test.unwrap_or(if few { Test::Bootstrap } else { Test::T });
        if let Some(metric) = metrics.first() {
            fits(test, metric)?;
        }
        let mut evidence = TestEvidence::default();
        let mut found = test;
        if test.reads_records() {
            let mut stages: Vec<String> = needed.iter().map(|run| run.stage_id.clone()).collect();
            stages.sort();
            stages.dedup();
            let predictions = store.predictions(&stages)?;
            let several = predictions.iter().any(|set| set.labels == Labels::Multi);
            if test == Test::McNemar && several && metrics.iter().any(|metric| metric.name == "accuracy") {
                return Err(Error::user(
                    "--test mcnemar asks which records are right; where a record has several labels, that is --metric subset_accuracy",
                ));
            }
            let resamples = if test == Test::Bootstrap { self.resamples.unwrap_or(RESAMPLES) } else { 0 };
            if predictions.is_empty() && self.test.is_none() {
                found = Test::T;
            } else {
                evidence = TestEvidence::new(predictions, &metrics, resamples);
            }
        } else {
            evidence = records_of(store, &needed, &metrics)?;
        }
        let test_sets = store.test_sets()?;
        let selection = Selection {
            experiments,
            test_sets,
            only,
            by,
            metrics,
            values,
            test: found,
            evidence,
            sort,
            shape: self.shape.clone(),
        };
        Ok((runs, selection))
    }

    /// That the conditions are of runs there are, done or not: each for itself, and all together.
    fn check(&self, runs: &[Run], experiments: &[String], only: &[Only]) -> Result<()> {
        let runs: Vec<&Run> = runs.iter().filter(|run| experiments.contains(&run.experiment)).collect();
        only.iter().try_for_each(|only| only.check(&runs))?;
        if runs.iter().any(|run| only.iter().all(|only| only.admits(run))) {
            return Ok(());
        }
        Err(Error::user(format!("no run has all of {}; leave one of them out", self.only.join(", "))))
    }

    fn metrics(&self) -> Vec<Metric> {
        if self.metrics.is_empty() {
            Metric::usual()
        } else {
            self.metrics.iter().map(|name| Metric::named(name)).collect()
        }
    }
}

/// What is known of the test records, for tests that do not read what was predicted of them: of one stage for all of its
/// experiment that had the same data.
fn records_of(store: &Store, needed: &[&Run], metrics: &[Metric]) -> Result<TestEvidence> {
    let mut groups: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for run in needed {
        groups.entry((&run.experiment, &run.data_fingerprint)).or_default().push(&run.stage_id);
    }
    let first = |stages: &Vec<&str>| stages.first().map(|stage| (*stage).to_owned());
    let stages: Vec<String> = groups.values().filter_map(first).collect();
    let mut evidence = TestEvidence::new(store.predictions(&stages)?, metrics, 0);
    for stages in groups.values() {
        if let Some((one, others)) = stages.split_first() {
            evidence.speaks_for(one, others.iter().copied());
        }
    }
    Ok(evidence)
}

/// Values by stage of the metrics that runs do not have with them.
fn values(store: &Store, metrics: &[Metric]) -> Result<BTreeMap<Metric, HashMap<String, f64>>> {
    let usual = Metric::usual();
    let unusual: Vec<&Metric> = metrics.iter().filter(|metric| !usual.contains(metric)).collect();
    if unusual.is_empty() {
        return Ok(BTreeMap::new());
    }
    let known = store.metrics()?;
    let mut values = BTreeMap::new();
    for metric in unusual {
        let Some(&found) = known.get(&metric.to_string()) else {
            let names = choices(&metric.to_string(), known.keys().map(String::as_str));
            return Err(Error::user(format!("no metric is called `{metric}`{names}")));
        };
        values.insert(metric.clone(), store.metric(found, &metric.name, metric.of.as_deref())?);
    }
    Ok(values)
}

/// Whether the bootstrap is of this metric: the calibration error, in bins, is not resampled.
fn can_be_resampled(metric: &Metric) -> bool {
    metric.name != "ece"
}

/// Whether a test can be done of a metric.
fn fits(test: Test, metric: &Metric) -> Result<()> {
    let (fits, name, of) = match test {
        Test::DeLong => (matches!(metric.name.as_str(), "macro_auc" | "auc"), "delong", "macro_auc or auc:CLASS"),
        Test::McNemar => {
            (matches!(metric.name.as_str(), "accuracy" | "subset_accuracy"), "mcnemar", "accuracy or subset_accuracy")
        }
        Test::Bootstrap => (can_be_resampled(metric), "bootstrap", "any metric but ece"),
        Test::T | Test::Wilcoxon => return Ok(()),
    };
    if fits {
        Ok(())
    } else {
        Err(Error::user(format!(
            "--test {name} is of {of}, not of {metric}; choose another with --metric, or --test t"
        )))
    }
}

fn sort(text: &str, metrics: &[Metric]) -> Result<Sort> {
    match text {
        "difference" => return Ok(Sort::Difference),
        "p" => return Ok(Sort::P),
        _ => {}
    }
    if let Some(place) = metrics.iter().position(|metric| metric.to_string() == text) {
        return Ok(Sort::Metric(place));
    }
    text.parse().map(Sort::Key).map_err(|_| {
        let shown: Vec<String> = metrics.iter().map(Metric::to_string).collect();
        let fixed = ["difference", "p"].into_iter().chain(Key::ALL.map(Key::name));
        let known = choices(text, shown.iter().map(String::as_str).chain(fixed));
        Error::user(format!("there is nothing called `{text}` that rows are sorted by{known}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_does_not_fit_the_metric_is_refused() {
        let of = |test, metric: &str| fits(test, &Metric::named(metric));
        assert!(of(Test::Bootstrap, "macro_auc").is_ok() && of(Test::T, "ece").is_ok());
        for (test, metric) in [(Test::Bootstrap, "ece"), (Test::DeLong, "accuracy"), (Test::McNemar, "macro_auc")] {
            let message = of(test, metric).unwrap_err().message;
            assert!(message.contains(metric) && message.contains("--test t"), "{message}");
        }
    }
}
