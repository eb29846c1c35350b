//! One arm in detail: its runs, its scores over them, its curves, and its figures.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};

use super::Seen;
use super::charts::{Curves, charts};
use super::frame::Page;
use crate::compare::{Arm, ArmName, Comparison, Delta, Experiment};
use crate::metrics::LOSS;
use crate::report::figure::ExperimentResults;
use crate::report::figure::svg::escaped;
use crate::report::page::{Html, class_scores, figures_of_arm, is_of_arm, measured_targets};
use crate::report::runs::judged_by;
use crate::serve::study::lock;
use crate::store::{Run, RunDetail, StageDetail, StageRow, StageStatus, Store};
use crate::words::number::{brackets, signed};
use crate::words::time::duration;

/// Arms whose figures are kept.
const KEPT: usize = 16;
/// Runs that are listed and drawn.
const RUNS: usize = 50;

/// Figures of arms, by a run of theirs.
type Figures = Mutex<HashMap<String, (u64, Arc<str>)>>;

/// The page; `None` where there is no such run.
pub(super) fn page(seen: &Seen<'_>, run_id: &str, figures: &Figures) -> Option<Page> {
    let first = seen.snapshot.runs.iter().find(|run| run.run_id == run_id)?;
    let found = seen.compared.arm_of(run_id);
    let is_own = |run: &&Run| match found {
        Some((_, _, experiment, arm)) => is_of_arm(run, experiment, arm),
        None => run.run_id == run_id,
    };
    let runs: Vec<&Run> = seen.snapshot.runs.iter().filter(is_own).take(RUNS).collect();
    let store = Store::open_to_watch(seen.live.results().path()).ok();
    let details = store.as_ref().map_or_else(Vec::new, |store| details(store, &runs));
    let name = found.map_or_else(|| ArmName::from(first).full(), |(.., arm)| ArmName::from(arm).full());
    let mut page = Page::new(&name);
    page.part("about", |html| about(html, first, &runs, found.map(|(_, comparison, _, arm)| (comparison, arm))));
    let judge = found.map_or_else(|| "judged by".to_owned(), |(_, comparison, ..)| comparison.judge().in_text());
    page.part("runs", |html| listed(html, &runs, &judge));
    page.part("scores", |html| scores(html, &details));
    page.part("curves", |html| by_epoch(html, seen, store.as_ref(), &runs));
    page.part("figures", |html| {
        let (Some(store), Some((all, comparison, experiment, arm))) = (&store, found) else { return };
        let of = (comparison, experiment, arm);
        html.push(format_args!("{}", drawn(store, all, of, figures)));
    });
    Some(page)
}

/// What the store has of the runs that are done.
fn details(store: &Store, runs: &[&Run]) -> Vec<RunDetail> {
    let done = runs.iter().filter(|run| run.status == StageStatus::Done);
    done.filter_map(|run| store.detail((*run).clone()).ok()).collect()
}

fn about(html: &mut Html, first: &Run, runs: &[&Run], found: Option<(&Comparison, &Arm)>) {
    let done = runs.iter().filter(|run| run.status == StageStatus::Done).count();
    let so_far = if done < runs.len() { "So far: " } else { "" };
    html.push(format_args!(
        "<p><a href=\"/\">All arms</a> · experiment {} · {so_far}{done} of {} runs done</p>",
        escaped(&first.experiment),
        runs.len()
    ));
    let Some((comparison, arm)) = found else { return };
    let Some(metric) = comparison.tested() else { return };
    let told = match &arm.delta {
        Delta::Baseline => "It is what other arms are compared with.".to_owned(),
        Delta::Paired(difference) => {
            let interval = difference.tested.as_ref().ok().and_then(|tested| tested.interval);
            let interval =
                interval.map_or_else(String::new, |of| format!(", 95% interval {}", brackets(of, metric.digits())));
            let pairs = if difference.pairs == 1 { "1 pair".to_owned() } else { format!("{} pairs", difference.pairs) };
            let p = arm.holm.map_or_else(String::new, |p| format!(", corrected p {p:.3}"));
            format!(
                "{}: {}{interval}{p}, from {pairs} of runs.",
                metric.difference_heading(&comparison.baseline.name()),
                signed(difference.mean, metric.digits())
            )
        }
        _ => "No run of it can be compared with one of the baseline yet.".to_owned(),
    };
    html.paragraph(&told);
}

fn listed(html: &mut Html, runs: &[&Run], judge: &str) {
    html.push(format_args!("<h2>Runs</h2>"));
    html.push(format_args!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Runs\"><table><thead><tr><th scope=\"col\">seed</th>\
         <th scope=\"col\">state</th><th scope=\"col\" class=\"number\">{}</th><th scope=\"col\" class=\"number\">accuracy</th>\
         <th scope=\"col\" class=\"number\">macro F1</th><th scope=\"col\" class=\"number\">took</th><th scope=\"col\">run</th></tr></thead><tbody>",
        escaped(judge)
    ));
    for run in runs {
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.3}"));
        let took = run.wall_s.and_then(|wall| std::time::Duration::try_from_secs_f64(wall).ok());
        let why = run.error.as_ref().map_or_else(String::new, |why| format!(": {}", escaped(why)));
        let fold = run.fold.map_or_else(String::new, |fold| format!(", fold {fold}"));
        html.push(format_args!(
            "<tr><th scope=\"row\"><a href=\"/stage/{}\">{}{fold}</a></th><td class=\"{}\">{}{why}</td>\
             <td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>\
             <td><code>{}</code></td></tr>",
            escaped(&run.stage_id),
            run.seed,
            run.status,
            run.status,
            escaped(&judged_by(run).unwrap_or_default()),
            number(run.test_accuracy),
            number(run.test_macro_f1),
            took.map(duration).unwrap_or_default(),
            escaped(run.run_id.get(..10).unwrap_or(&run.run_id))
        ));
    }
    html.push(format_args!("</tbody></table></div>"));
}

/// Test scores by class, or by target, over the runs.
fn scores(html: &mut Html, details: &[RunDetail]) {
    if details.is_empty() {
        return;
    }
    html.push(format_args!("<h2>On the test records</h2>"));
    let several =
        if details.len() > 1 { "mean ± standard deviation over the runs that are done" } else { "of one run" };
    html.paragraph(&format!("Test metrics: {several}."));
    class_scores(html, details);
    let last =
        details.iter().filter_map(|detail| detail.stages.iter().find(|of| of.row.stage_id == detail.run.stage_id));
    measured_targets(html, &last.collect::<Vec<&StageDetail>>());
}

fn by_epoch(html: &mut Html, seen: &Seen<'_>, store: Option<&Store>, runs: &[&Run]) {
    html.push(format_args!("<h2>By epoch</h2>"));
    let stages: Vec<&StageRow> =
        runs.iter().filter_map(|run| seen.snapshot.stage(&run.stage_id)).map(|stage| &stage.row).collect();
    let curves: Vec<Curves> = stages.iter().map(|stage| Curves::of(seen, store, stage)).collect();
    let both: Vec<(&StageRow, &Curves)> = stages.iter().copied().zip(&curves).collect();
    let Some(most) = curves.iter().max_by_key(|curves| curves.series.len()).filter(|most| most.epochs() > 0) else {
        return html.paragraph("No epoch is done yet.");
    };
    let metrics: Vec<&str> = std::iter::once(LOSS).chain(most.metrics()).collect();
    charts(html, "chart", &both, &metrics);
}

/// The figures, drawn once for what is done.
fn drawn(
    store: &Store,
    all: &[Run],
    (comparison, experiment, arm): (&Comparison, &Experiment, &Arm),
    kept: &Figures,
) -> Arc<str> {
    let done: Vec<&Run> =
        all.iter().filter(|run| run.status == StageStatus::Done && is_of_arm(run, experiment, arm)).collect();
    let Some(best) = best(comparison, &done) else { return Arc::from("") };
    let mut hasher = DefaultHasher::new();
    let beside = all.iter().filter(|run| {
        let is_same = run.architecture == arm.architecture && run.label_fraction == arm.label_fraction;
        run.experiment == experiment.name && run.status == StageStatus::Done && is_same
    });
    beside.for_each(|run| run.run_id.hash(&mut hasher));
    let key = hasher.finish();
    // Others wait, so that nothing is drawn twice at once.
    let mut kept = lock(kept);
    if let Some((known, html)) = kept.get(&best.run_id).filter(|(known, _)| *known == key) {
        let _ = known;
        return html.clone();
    }
    let mut html = Html::default();
    html.push(format_args!("<h2>Figures</h2>"));
    match ExperimentResults::read_arm(store, comparison, experiment, all, best) {
        Ok(found) => {
            html.paragraph(&format!("What is of one run is of seed {}, the best of those that are done.", best.seed));
            figures_of_arm(&mut html, &found);
        }
        Err(error) => html.paragraph(&error.message),
    }
    let html: Arc<str> = Arc::from(html.0);
    if kept.len() >= KEPT {
        kept.clear();
    }
    kept.insert(best.run_id.clone(), (key, html.clone()));
    html
}

/// The best of an arm's runs by what they are judged by.
fn best<'a>(comparison: &Comparison, done: &[&'a Run]) -> Option<&'a Run> {
    let merit = |run: &Run| match (run.judged(), comparison.judge().is_error()) {
        (None, _) => f64::NEG_INFINITY,
        (Some(error), true) => -error,
        (Some(value), false) => value,
    };
    done.iter().copied().max_by(|one, other| merit(one).total_cmp(&merit(other)))
}
