//! The arm that is shown in detail.

use crate::compare::{Arm, Experiment};
use crate::metrics::NamedMetric;
use crate::store::{PredictionsOfRun, Run, StageStatus, Store};
use crate::words::number::percent;
use crate::{Error, Result};

/// An arm in detail, with its baseline.
#[derive(Debug)]
pub struct Shown<'a> {
    /// The arm.
    pub arm: &'a Arm,
    baseline: Option<&'a Arm>,
    /// Its tested runs with their predictions, and those of the baseline.
    runs: Vec<(&'a Run, PredictionsOfRun)>,
    baseline_runs: Vec<PredictionsOfRun>,
    /// The run that is best by the metric that networks are judged by, by its place in `runs`.
    best: usize,
}

impl<'a> Shown<'a> {
    /// Reads the run whose id starts with `wanted` and its arm, or the best arm by `judge`, the metric that networks are judged by; `None` where
    /// no arm has been tested. `runs` are those of the experiment.
    ///
    /// # Errors
    /// Where the store cannot be read; a user error where no done run, or several, have such an id.
    pub(super) fn read(
        store: &Store,
        experiment: &'a Experiment,
        judge: &NamedMetric,
        runs: &[&'a Run],
        wanted: Option<&str>,
    ) -> Result<Option<Self>> {
        let done: Vec<&'a Run> = runs.iter().copied().filter(|run| run.status == StageStatus::Done).collect();
        let wanted = wanted.map(|prefix| find_run(&done, prefix)).transpose()?;
        let arm = match wanted {
            Some(run) => experiment.arms.iter().find(|arm| arm.has(run)),
            None => best_arm(experiment, judge),
        };
        let Some(arm) = arm else { return Ok(None) };
        let own: Vec<&Run> = done.iter().copied().filter(|run| arm.has(run)).collect();
        let merit = |run: &Run| rising(judge, run.judged());
        let best = match wanted {
            Some(wanted) => own.iter().position(|run| run.run_id == wanted.run_id),
            None => (0..own.len()).rev().max_by(|&a, &b| merit(own[a]).total_cmp(&merit(own[b]))),
        };
        let baseline = baseline_of(experiment, arm);
        let baseline_runs = done.iter().filter(|run| baseline.is_some_and(|baseline| baseline.has(run)));
        let predictions = |run: &'a Run| Ok((run, store.test_predictions(&run.stage_id)?));
        Ok(Some(Self {
            arm,
            baseline,
            runs: own.into_iter().map(predictions).collect::<Result<_>>()?,
            baseline_runs: baseline_runs.map(|run| store.test_predictions(&run.stage_id)).collect::<Result<_>>()?,
            best: best.unwrap_or(0),
        }))
    }

    /// The run that is shown alone, and its predictions.
    pub fn best(&self) -> Option<(&'a Run, &PredictionsOfRun)> {
        self.runs.get(self.best).map(|(run, predictions)| (*run, predictions))
    }

    /// The arm in full: `cnn, qrs from synthetic, freeze none, 100% of the labels`.
    pub fn name(&self) -> String {
        full_name(self.arm)
    }

    /// The test predictions of its runs.
    pub fn predictions(&self) -> impl Iterator<Item = &PredictionsOfRun> {
        self.runs.iter().map(|(_, predictions)| predictions)
    }

    /// The baseline in full, where it is not the baseline itself.
    pub fn baseline_name(&self) -> Option<String> {
        self.baseline.map(full_name)
    }

    /// The test predictions of the baseline's runs.
    pub fn baseline_predictions(&self) -> impl Iterator<Item = &PredictionsOfRun> {
        self.baseline_runs.iter()
    }
}

fn full_name(arm: &Arm) -> String {
    format!("{}, {}, {} of the labels", arm.architecture, arm.name(), percent(arm.label_fraction))
}

/// The one run of `done` whose id starts with `prefix`.
fn find_run<'a>(done: &[&'a Run], prefix: &str) -> Result<&'a Run> {
    let prefix = prefix.to_ascii_lowercase();
    let mut found = done.iter().copied().filter(|run| run.run_id.starts_with(&prefix));
    match (found.next(), found.next()) {
        (Some(run), None) => Ok(run),
        (None, _) => {
            let why = "no done run has an id that starts so; `ecgraft runs --status done` lists them";
            Err(Error::user(format!("{prefix}: {why}")))
        }
        _ => Err(Error::user(format!("{prefix}: several runs have ids that start so; give more of it"))),
    }
}

/// The value of a metric, or its negative where less is better.
fn rising(metric: &NamedMetric, value: Option<f64>) -> f64 {
    value.map_or(f64::NEG_INFINITY, |value| if metric.is_error() { -value } else { value })
}

/// The tested arm of the best mean, the first of equals.
fn best_arm<'a>(experiment: &'a Experiment, judge: &NamedMetric) -> Option<&'a Arm> {
    let mean = |arm: &Arm| rising(judge, arm.judged.map(|spread| spread.mean));
    experiment.arms.iter().filter(|arm| arm.seeds.done > 0).rev().max_by(|a, b| mean(a).total_cmp(&mean(b)))
}

/// The baseline of the same architecture and share of the labels; none of a baseline.
fn baseline_of<'a>(experiment: &'a Experiment, arm: &Arm) -> Option<&'a Arm> {
    let same = |other: &&Arm| (&other.architecture, other.label_fraction) == (&arm.architecture, arm.label_fraction);
    experiment.arms.iter().filter(same).find(|other| other.is_baseline() && !arm.is_baseline())
}
