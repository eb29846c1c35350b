//! What the signs in a table mean, in plain English.

use super::arms::{Comparison, Delta, Experiment};
use crate::store::TestSet;

/// The signs of a format.
pub(super) struct Signs {
    /// How the highest mean of a column is marked, as the legend names it.
    pub best: &'static str,
    /// How an interval that excludes 0 is marked.
    pub apart: &'static str,
}

/// What is to be said of one table: how much of it is done, and what is missing.
pub(super) fn of_experiment(experiment: &Experiment) -> Vec<String> {
    let mut lines = Vec::new();
    let runs = &experiment.runs;
    if runs.done < runs.planned {
        let mut line = format!("{} of {} runs done", runs.done, runs.planned);
        if runs.running > 0 {
            line.push_str(&format!(", {} in work", runs.running));
        }
        if runs.failed > 0 {
            line.push_str(&format!("; {} failed: see `ecgraft runs --status failed`", runs.failed));
        }
        lines.push(line);
    }
    let undefined: usize = experiment.arms.iter().map(|arm| arm.undefined_auc()).sum();
    if undefined > 0 {
        let (runs, have) = if undefined == 1 { ("run", "has") } else { ("runs", "have") };
        lines.push(format!(
            "{undefined} done {runs} {have} no macro AUC, as no class was both present and absent among the test records: \
             left out of its mean and of Δ."
        ));
    }
    if experiment.arms.iter().any(|arm| arm.delta == Delta::NoBaseline) {
        lines.push("Δ is — where there is no baseline from scratch with the same architecture and labels.".to_owned());
    }
    lines.extend(experiment.test_set.iter().map(of_test_set));
    lines.extend(experiment.notes.iter().cloned());
    lines
}

/// How many records were tested, and which classes could not be measured.
fn of_test_set(test: &TestSet) -> String {
    let counts: Vec<String> = test.classes.iter().map(|class| format!("{} {}", class.positives, class.name)).collect();
    let mut line = format!("{} test records: {}.", test.records, counts.join(", "));
    let (measured, absent): (Vec<_>, Vec<_>) = test.classes.iter().partition(|class| class.has_auc);
    if !absent.is_empty() {
        let names: Vec<&str> = absent.iter().map(|class| class.name.as_str()).collect();
        line.push_str(&format!(
            " {} cannot be measured on them: macro AUC is over the other {} of {} classes.",
            names.join(" and "),
            measured.len(),
            test.classes.len()
        ));
    }
    line
}

/// What the signs mean, once for all tables.
pub(super) fn of_signs(comparison: &Comparison, signs: &Signs) -> Vec<String> {
    let arms = || comparison.experiments.iter().flat_map(|experiment| &experiment.arms);
    if arms().all(|arm| arm.seeds.done == 0) {
        return Vec::new();
    }
    let mut lines = vec![
        "± is the standard deviation over seeds, with n - 1 in its denominator (— for a single seed). \
         The numbers are of the test folds."
            .to_owned(),
    ];
    let differences = || arms().filter_map(|arm| arm.delta.difference());
    if differences().next().is_some() {
        lines.push(
            "Δ AUC is the mean difference in test macro AUC from the network trained from scratch with the same architecture, \
             labels and seed (paired by seed); in brackets its 95% t interval, n - 1 degrees of freedom. \
             The interval covers the spread over seeds only; it does not account for the choice of test records."
                .to_owned(),
        );
    }
    let mut marks = Vec::new();
    if comparison.experiments.iter().any(|experiment| Best::of(experiment).any()) {
        marks.push(format!("{}: highest mean of its column.", signs.best));
    }
    if differences().any(|difference| difference.interval.is_some()) {
        if differences().any(|difference| difference.excludes_zero()) {
            marks.push(format!("{}: an interval that excludes 0.", signs.apart));
        }
        marks.push("There is no correction for multiple comparisons.".to_owned());
    }
    if !marks.is_empty() {
        lines.push(marks.join(" "));
    }
    lines
}

/// The highest means of a table's columns; `None` where fewer than two arms have one.
pub(super) struct Best {
    pub macro_auc: Option<f64>,
    pub accuracy: Option<f64>,
    pub macro_f1: Option<f64>,
}

impl Best {
    pub(super) fn of(experiment: &Experiment) -> Self {
        let highest = |means: Vec<f64>| (means.len() > 1).then(|| means.into_iter().fold(f64::NEG_INFINITY, f64::max));
        let arms = &experiment.arms;
        Self {
            macro_auc: highest(arms.iter().filter_map(|arm| Some(arm.macro_auc?.mean)).collect()),
            accuracy: highest(arms.iter().filter_map(|arm| Some(arm.accuracy?.mean)).collect()),
            macro_f1: highest(arms.iter().filter_map(|arm| Some(arm.macro_f1?.mean)).collect()),
        }
    }

    fn any(&self) -> bool {
        self.macro_auc.is_some() || self.accuracy.is_some() || self.macro_f1.is_some()
    }
}
