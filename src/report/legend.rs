//! What the signs in a table mean, in plain English.

use super::format::{EARLY, UNMEASURABLE};
use super::{elsewhere, regressions, sheet, subgroups};
use crate::compare::{Arm, Comparison, Delta, Experiment, Key, MAJORITY, MEDIAN, Pair, Ranks, SignificanceTest, rank};
use crate::manifest::{Labels, Subset};
use crate::metrics::{NamedMetric, ThresholdRule};
use crate::statistics::Unmeasurable;
use crate::store::TestSet;

/// The signs of a format.
pub(super) struct Signs {
    /// How the highest mean of a column is marked, as the legend names it.
    pub best: &'static str,
    /// How an interval that excludes 0 is marked.
    pub apart: &'static str,
}

/// What titles of tables say where other comparisons were planned.
pub(super) const EXPLORATORY: &str = "exploratory, not planned";

/// The title of the table of an experiment's arms.
pub(super) fn title(experiment: &Experiment) -> String {
    let name = &experiment.name;
    if experiment.has_plan { format!("{name} ({EXPLORATORY})") } else { name.clone() }
}

/// What is to be said of one table: how much of it is done, and what is missing.
pub(super) fn experiment(comparison: &Comparison, experiment: &Experiment) -> Vec<String> {
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
    let undefined: usize = experiment.arms.iter().map(|arm| arm.without_auc).sum();
    if undefined > 0 && comparison.metrics.iter().any(|metric| metric.is_mean_auc()) {
        let (runs, have) = if undefined == 1 { ("run", "has") } else { ("runs", "have") };
        lines.push(format!(
            "{undefined} done {runs} {have} no macro AUC, as no class was both present and absent among the test records: \
             left out of its mean and of Δ."
        ));
    }
    let has = |floor: &str| experiment.floors.iter().any(|arm| arm.graft == floor);
    if has(MAJORITY) {
        lines.push(format!(
            "{MAJORITY}: no network, but how common each class is among the training records, said of every test record."
        ));
    }
    if has(MEDIAN) {
        lines.push(format!(
            "{MEDIAN}: no network, but the median of the records that trained the regressions of the mix, said of every record."
        ));
    }
    lines.extend(no_better(comparison, experiment));
    lines.extend(early_epochs(experiment));
    lines.extend(no_baseline(comparison, experiment));
    lines.extend(exploratory(comparison, experiment));
    if let Some(reason) = &experiment.allow_overlap {
        let reason = reason.trim_end_matches('.');
        lines.push(format!(
            "Overlap is allowed: people who validate or test may have trained the grafted networks ({reason})."
        ));
    }
    lines.extend(taught_elsewhere(experiment));
    lines.extend(experiment.test_set.iter().map(test_set));
    lines.extend(other_variants(experiment));
    lines.extend(folds(comparison, experiment));
    lines.extend(experiment.test_set.iter().flat_map(|test| &test.left_out).map(|note| format!("{}.", sentence(note))));
    lines.extend(few_patients(comparison, experiment));
    lines.extend(experiment.notes.iter().cloned());
    lines
}

/// Which regressions err no less than the median of their mix does, on average.
fn no_better(comparison: &Comparison, experiment: &Experiment) -> Option<String> {
    let mean = |arm: &Arm, number: usize| Some(arm.metrics.get(number)?.as_ref()?.spread.mean);
    let mut found: Vec<String> = Vec::new();
    for (number, metric) in comparison.metrics.iter().enumerate().filter(|(_, metric)| metric.name == "mae") {
        for floor in experiment.floors.iter().filter(|floor| floor.graft == MEDIAN) {
            let is_of = |arm: &&Arm| {
                (&arm.mix, &arm.variant, arm.label_fraction) == (&floor.mix, &floor.variant, floor.label_fraction)
            };
            let is_worse = |arm: &&Arm| mean(arm, number) >= mean(floor, number) && mean(arm, number).is_some();
            for arm in experiment.arms.iter().filter(is_of).filter(is_worse) {
                let of = metric.of.as_deref().unwrap_or_default();
                let on = arm.mix.as_ref().map_or_else(String::new, |mix| format!(" on {mix}"));
                let name = format!("{of}{on} in {} ({})", arm.graft, arm.architecture);
                if !found.contains(&name) {
                    found.push(name);
                }
            }
        }
    }
    (!found.is_empty()).then(|| format!("No better than the median: {}.", found.join("; ")))
}

/// Which grafts come from elsewhere, so that nobody knows who taught them.
fn taught_elsewhere(experiment: &Experiment) -> Option<String> {
    let of_arm = |arm: &Arm| {
        let inside = arm.graft.split_once('(').map_or(arm.graft.as_str(), |(_, inside)| inside.trim_end_matches(')'));
        inside.split('+').filter(|donor| donor.starts_with("weights:")).map(str::to_owned).collect::<Vec<_>>()
    };
    let names: std::collections::BTreeSet<String> = experiment.arms.iter().flat_map(of_arm).collect();
    let list = names.into_iter().collect::<Vec<_>>().join(" and ");
    (!list.is_empty()).then(|| {
        format!(
            "{list}: the people who taught these weights are not known; that none of them is among the test records cannot be \
             proved."
        )
    })
}

/// That some arms have no baseline.
fn no_baseline(comparison: &Comparison, experiment: &Experiment) -> Option<String> {
    let is_lacking = experiment.arms.iter().any(|arm| arm.delta == Delta::NoBaseline);
    let baseline = &comparison.baseline;
    (is_lacking && comparison.shows_arms()).then(|| match baseline.is_scratch() {
        true => "Δ is — where there is no baseline from scratch with the same architecture and labels.".to_owned(),
        false => format!("Δ is — where no arm with {baseline} is like it in all else."),
    })
}

/// That the differences of a table are none that were planned.
fn exploratory(comparison: &Comparison, experiment: &Experiment) -> Option<String> {
    if !experiment.has_plan || comparison.shape.planned || comparison.shape.elsewhere {
        return None;
    }
    Some(match experiment.planned.is_empty() {
        true => format!(
            "Exploratory: these differences were not planned; `ecgraft compare {}` shows those that were.",
            experiment.name
        ),
        false => "Exploratory: these differences were not planned; those that were are in the tables above.".to_owned(),
    })
}

/// Which variants were tested on other records than the first.
fn other_variants(experiment: &Experiment) -> Option<String> {
    let others = &experiment.test_set.as_ref()?.other_variants;
    let (s, were) = if others.len() == 1 { ("", "was") } else { ("s", "were") };
    let line = || {
        let others = others.join(", ");
        format!("These are of the first variant; variant{s} {others} {were} tested on other records or classes.")
    };
    (!others.is_empty()).then(line)
}

/// How test folds are pooled.
fn folds(comparison: &Comparison, experiment: &Experiment) -> Option<String> {
    let folds = &experiment.folds;
    if folds.is_empty() || comparison.keys.contains(&Key::Fold) {
        return None;
    }
    let list = folds.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    Some(format!(
        "Folds {list} were tested in turn. Of each seed the mean over its folds counts, each fold's metric being of its own \
         records; resamples draw the patients of each fold on their own. --by fold tells them apart."
    ))
}

/// Which arms have runs whose weights are of an epoch before all that thaws had thawed.
fn early_epochs(experiment: &Experiment) -> Option<String> {
    let marked: Vec<_> = experiment.arms.iter().filter(|arm| arm.frozen_at_best[0] > 0).collect();
    let sum = |place: usize| marked.iter().map(|arm| arm.frozen_at_best[place]).sum::<usize>();
    let [frozen, thawing] = [sum(0), sum(1)];
    let each =
        marked.iter().map(|arm| format!("{}: {} of {}", arm.name(), arm.frozen_at_best[0], arm.frozen_at_best[1]));
    let each = each.collect::<Vec<_>>().join("; ");
    let line = || {
        format!(
            "{EARLY}: {frozen} of {thawing} runs kept an epoch before their last thaw ({each}); early_stopping.from = \
             \"last-step\" keeps later ones only."
        )
    };
    (frozen > 0).then(line)
}

/// A note as a sentence begins.
fn sentence(note: &str) -> String {
    let mut letters = note.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// How many records were tested, and which classes could not be measured.
fn test_set(test: &TestSet) -> String {
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

/// What the signs mean, once for all tables: what was compared, how it was tested, and what was corrected for.
pub(super) fn signs(comparison: &Comparison, signs: &Signs) -> Vec<String> {
    let of_elsewhere = elsewhere::legend(comparison);
    let is_done = |experiment: &Experiment| experiment.arms.iter().any(|arm| arm.seeds.done > 0);
    if comparison.shape.elsewhere || !comparison.experiments.iter().any(is_done) {
        return of_elsewhere.into_iter().collect();
    }
    let Some(metric) = comparison.metrics.first() else { return Vec::new() };
    let mut lines = numbers(comparison, metric);
    lines.extend(difference(comparison, metric));
    lines.extend(thresholds(comparison));
    lines.extend(subgroups::legend(comparison));
    let marks = marks(comparison, signs);
    if !marks.is_empty() {
        lines.push(marks.join(" "));
    }
    lines.extend(unmeasurable(comparison));
    if comparison.shape.ranks {
        lines.extend(ranks(comparison));
    }
    lines.extend(regressions::legend(comparison));
    lines.extend(of_elsewhere);
    lines
}

/// The arms that are shown with a difference, or could be: those of the table of arms, and of pairs.
fn arms(comparison: &Comparison) -> impl Iterator<Item = &Arm> {
    comparison.experiments.iter().flat_map(|experiment| shown(comparison, experiment))
}

fn shown<'a>(comparison: &Comparison, experiment: &'a Experiment) -> impl Iterator<Item = &'a Arm> + use<'a> {
    let shows_arms = comparison.shows_arms();
    let arms = experiment.arms.iter().filter(move |_| shows_arms);
    let planned = experiment.planned.iter().flat_map(|family| &family.pairs);
    arms.chain(planned.chain(&experiment.pairs).map(|pair| &pair.arm))
}

/// What the numbers of a table are.
fn numbers(comparison: &Comparison, metric: &NamedMetric) -> Vec<String> {
    let pivot = comparison.shape.pivot.as_ref();
    let mut lines = Vec::new();
    if let Some(pivot) = pivot {
        let what = if pivot.differences { "the difference in " } else { "" };
        lines.push(format!("Cells have {what}{}.", metric.in_text()));
    }
    if pivot.is_none_or(|pivot| !pivot.differences) {
        let mut line = "± is the standard deviation over seeds, with n - 1 in its denominator (— for a single seed). \
                        The numbers are of the test folds"
            .to_owned();
        if comparison.metrics.iter().any(|metric| metric.split != Subset::Test) {
            line.push_str(" but for those that are said to be of train or validation records");
        }
        line.push('.');
        if comparison.shape.intervals {
            line.push_str(" In brackets behind it is the 95% interval of the mean.");
        }
        lines.push(line);
    }
    if arms(comparison).any(|arm| arm.seeds.done > arm.distinct_seeds) {
        lines.push("Runs of one row and seed are averaged first; its seeds are what is counted.".to_owned());
    }
    lines
}

/// From which probability on classes are predicted, where that is not one half.
fn thresholds(comparison: &Comparison) -> Option<String> {
    let thresholds = &comparison.thresholds;
    let how = match thresholds.rule {
        ThresholdRule::Half => return None,
        ThresholdRule::Youden => "the highest sensitivity + specificity - 1 (Youden's J)",
        ThresholdRule::F1 => "the highest F1",
    };
    let of: Vec<String> = comparison
        .metrics
        .iter()
        .filter(|metric| metric.is_of_decisions(Labels::Multi))
        .map(NamedMetric::short_heading)
        .collect();
    let mut line = format!(
        "{}: classes are predicted from the probability on that gave {how} on the validation records, for each network and class          its own. Accuracies and the MCC of one label a record are of the most probable class.",
        of.join(", ")
    );
    if !thresholds.unknown.is_empty() {
        let names: Vec<&str> = thresholds.unknown.iter().map(String::as_str).collect();
        line.push_str(&format!(
            " {} can have no threshold of its own on these, which all have it or none has: it is 0.5.",
            names.join(" and ")
        ));
    }
    if thresholds.without > 0 {
        line.push_str(&format!(
            " {} of the runs have no predictions on validation records, and so no such number: they were trained before these              were kept.",
            thresholds.without
        ));
    }
    Some(line)
}

/// What Δ is, where there is any: from the baseline in the table of arms, of two arms in others.
fn difference(comparison: &Comparison, metric: &NamedMetric) -> Vec<String> {
    let is_paired = !matches!(comparison.test, SignificanceTest::DeLong | SignificanceTest::McNemar);
    let test = test_in_words(comparison);
    let said = |what: String, from: &str, seeds: &str| match is_paired {
        true => format!("{what} is the mean difference in {from} (paired by {seeds})."),
        false => format!("{what} is the difference in {from}."),
    };
    let all = || comparison.experiments.iter();
    let of_arms = all().flat_map(|experiment| &experiment.arms).any(|arm| arm.delta.difference().is_some());
    let planned = all().flat_map(|experiment| &experiment.planned).flat_map(|family| &family.pairs);
    let pairs: Vec<_> = planned.chain(all().flat_map(|experiment| &experiment.pairs)).collect();
    let of_pairs = pairs.iter().any(|pair| pair.arm.delta.difference().is_some());
    let mut lines = Vec::new();
    if of_pairs {
        let one = pairs.windows(2).all(|two| two[0].metric == two[1].metric);
        let first = pairs.first().map(|pair| &pair.metric).filter(|_| one);
        let what = first.map_or_else(|| "Δ".to_owned(), NamedMetric::difference);
        let of = first.map_or_else(|| "the metric".to_owned(), NamedMetric::in_text);
        let from = format!("{of} from the arm that it is compared with");
        lines.push(said(
            if comparison.shows_arms() { format!("{what} of a planned comparison") } else { what },
            &from,
            "seed",
        ));
    }
    if of_arms && comparison.shows_arms() {
        let from = format!("{} from {}", metric.in_text(), comparison.baseline.in_words(&comparison.keys));
        lines.push(said(metric.difference(), &from, "seed"));
    }
    if let Some(last) = lines.last_mut() {
        last.push_str(&format!(" {test}"));
    }
    lines.extend(other_tests(comparison, &pairs));
    lines
}

/// Which planned comparisons are tested otherwise, as their metric is not of the predictions of records.
fn other_tests(comparison: &Comparison, pairs: &[&Pair]) -> Option<String> {
    let mut metrics: Vec<String> = Vec::new();
    for metric in pairs.iter().filter(|pair| pair.comparison.is_some()).map(|pair| &pair.metric) {
        let name = metric.in_text();
        if SignificanceTest::default_of(metric) == SignificanceTest::T && !metrics.contains(&name) {
            metrics.push(name);
        }
    }
    let is_other = comparison.test != SignificanceTest::T && !metrics.is_empty();
    is_other.then(|| format!("Differences in {} are tested by t, over seeds alone.", metrics.join(" and ")))
}

/// What is marked as best, and as significant.
fn marks(comparison: &Comparison, signs: &Signs) -> Vec<String> {
    let pivot = comparison.shape.pivot.as_ref();
    let mut marks = Vec::new();
    let any_best = |experiment| sheet::best(comparison, experiment).iter().any(Option::is_some);
    if comparison.shows_arms() && comparison.experiments.iter().any(any_best) {
        let (which, of) = if comparison.metrics.iter().any(|metric| metric.is_error()) {
            ("best", " (the lowest, of errors)")
        } else {
            ("highest", "")
        };
        let what = if pivot.is_some_and(|pivot| pivot.differences) { "difference" } else { "mean" };
        marks.push(format!("{}: {which} {what} of its column{of}.", signs.best));
    }
    if comparison.family > 0 && !comparison.shape.planned {
        let family = match comparison.family {
            1 => "p is not corrected, being the only one shown".to_owned(),
            family if comparison.shows_planned() => format!(
                "In the other tables p is corrected by Holm's method for all {family} differences in them; intervals are not"
            ),
            family => format!("p is corrected by Holm's method for all {family} differences shown; intervals are not"),
        };
        let all = || comparison.experiments.iter();
        let own = all().flat_map(|experiment| &experiment.arms);
        let is_marked =
            own.chain(all().flat_map(|experiment| &experiment.pairs).map(|pair| &pair.arm)).any(Arm::is_apart);
        let marked = if is_marked { format!("{}: p below 0.05. ", signs.apart) } else { String::new() };
        marks.push(format!("{marked}{family}."));
    }
    marks
}

/// What has no interval and no p-value, and why.
fn unmeasurable(comparison: &Comparison) -> Option<String> {
    // Parts of the test records have the intervals of their means in any case.
    let parts = || {
        let parts = comparison.experiments.iter().flat_map(|experiment| &experiment.subgroups);
        // Those without a number say why themselves.
        parts.flat_map(|part| &part.arms).filter(|arm| subgroups::few(arm).is_none())
    };
    let of_all = || arms(comparison).filter(|_| comparison.shape.intervals);
    let differences = arms(comparison).chain(parts()).filter_map(|arm| arm.delta.difference()?.why_not());
    let means = of_all().chain(parts()).flat_map(|arm| &arm.metrics);
    let means = means.filter_map(|summary| summary.as_ref()?.interval.as_ref().err());
    let (differences, means) = (why_not(differences), why_not(means));
    let line = match (differences, means) {
        (Some(why), None) => format!("no interval and no p, as {why}"),
        (None, Some(why)) => format!("no interval, as {why}"),
        (Some(differences), Some(means)) if differences == means => format!("no interval and no p, as {means}"),
        (Some(differences), Some(means)) => {
            format!("no interval and no p of a difference, as {differences}; no interval of a mean, as {means}")
        }
        (None, None) => return None,
    };
    Some(format!("{UNMEASURABLE}: {line}."))
}

/// Reasons, each once, with how many have it where there are several.
pub(super) fn why_not<'a>(reasons: impl Iterator<Item = &'a Unmeasurable>) -> Option<String> {
    let mut found: Vec<(String, usize)> = Vec::new();
    for reason in reasons.map(Unmeasurable::to_string) {
        match found.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => found.push((reason, 1)),
        }
    }
    match &found[..] {
        [] => None,
        [(only, _)] => Some(only.clone()),
        several => Some(several.iter().map(|(why, n)| format!("{why} ({n})")).collect::<Vec<_>>().join(", ")),
    }
}

/// That the intervals of a table rest on few patients.
fn few_patients(comparison: &Comparison, experiment: &Experiment) -> Option<String> {
    let differences = shown(comparison, experiment).filter_map(|arm| {
        let difference = arm.delta.difference()?;
        difference.support.as_ref().filter(|_| difference.tested.is_ok())
    });
    let means = shown(comparison, experiment).flat_map(|arm| &arm.metrics).flatten();
    let means = means.filter(|summary| comparison.shape.intervals && summary.interval.is_ok());
    let mut few: Vec<String> = Vec::new();
    for support in differences.chain(means.filter_map(|summary| summary.support.as_ref())) {
        let text = support.to_string();
        if support.is_small() && !few.contains(&text) {
            few.push(text);
        }
    }
    let (last, others) = few.split_last()?;
    let all = if others.is_empty() { last.clone() } else { format!("{} and {last}", others.join(", ")) };
    Some(format!("What is said of the choice of records rests on {all}: too few to know it well."))
}

/// Which test was done, and what its interval covers.
fn test_in_words(comparison: &Comparison) -> String {
    match comparison.test {
        SignificanceTest::Bootstrap => format!(
            "In brackets is its 95% interval, which covers the choice of test records and the spread over seeds: {} \
             bootstrap resamples of the patients, stratified by rarest class and the same for all networks, and the variance of the \
             seeds; of the records alone where there is one seed.",
            comparison.resamples
        ),
        SignificanceTest::T => "In brackets is its 95% t interval, n - 1 degrees of freedom, and p is of the paired t test. They cover the \
                    spread over seeds only and do not account for the choice of test records; `--test bootstrap` does."
            .to_owned(),
        SignificanceTest::Wilcoxon => "p is of Wilcoxon's signed-rank test over seeds, exact, which cannot be below 2^(1 - n) with n seeds. \
                           In brackets is the 95% t interval. They cover the spread over seeds only."
            .to_owned(),
        SignificanceTest::DeLong => "Probabilities are averaged over the seeds first, then compared: p and the 95% interval in brackets are \
                         of DeLong's test, by patient. They cover the choice of test records only."
            .to_owned(),
        SignificanceTest::McNemar => "Probabilities are averaged over the seeds first; Δ is the difference in the share of records that are \
                          right, and p is of McNemar's test (mid-p), which covers the choice of test records only."
            .to_owned(),
    }
}

/// Friedman's test of the arms over data sets, and Nemenyi's critical difference, in a few sentences.
fn ranks(comparison: &Comparison) -> Option<String> {
    let metric = comparison.metrics.first()?;
    let Ranks { names, data_sets, friedman } = rank(comparison);
    let Some(found) = friedman else {
        return Some(format!(
            "There are no ranks: they take two data sets (experiment, architecture and labels) that have two arms in common; \
             there are {data_sets} with {} in common.",
            names.len()
        ));
    };
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|&a, &b| found.ranks[a].total_cmp(&found.ranks[b]));
    let ranked: Vec<String> = order.iter().map(|&at| format!("{} {:.2}", names[at], found.ranks[at])).collect();
    Some(format!(
        "Mean ranks by {} over {} data sets (experiment, architecture and labels), 1 the best: {}. Friedman's test that all are \
         equal: chi-squared {:.2}, p {:.3}. Ranks that differ by at least {:.2} differ at 5% (Nemenyi).",
        metric.in_text(),
        found.blocks,
        ranked.join(", "),
        found.statistic,
        found.p,
        found.critical_difference
    ))
}
