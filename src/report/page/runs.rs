//! The list of runs: a line each that unfolds to where it comes from.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::html::Html;
use crate::compare::{ArmName, usual_metrics};
use crate::metrics::LOSS;
use crate::report::figure::svg::escaped;
use crate::report::figure::{ExperimentResults, stage_name};
use crate::report::format::NONE;
use crate::report::runs::short;
use crate::store::{MeasuredTarget, Run, StageRow, StageStatus};
use crate::words::number::decimals;
use crate::words::time::minute;

/// The runs of all experiments, in the order of their plans.
pub(super) fn list(html: &mut Html, all: &[ExperimentResults<'_>]) {
    html.heading(2, "runs", "Runs");
    html.push(format_args!(
        "<p class=\"screen\">Each line unfolds to where the run comes from; the arrow keys go from line to line. <a href=\"#manifests\">Past the \
         list</a>.</p>"
    ));
    filters(html, all);
    html.push(format_args!(
        "<div class=\"head\" aria-hidden=\"true\"><span>run</span><span>arm</span><span>seed</span><span>status</span>\
         <span>macro AUC</span><span>time, s</span></div>\n<div id=\"list\">"
    ));
    let several = all.len() > 1;
    for (number, found) in (1..).zip(all) {
        for run in &found.runs {
            one(html, number, several, found, run);
        }
    }
    html.push(format_args!("</div>"));
}

fn filters(html: &mut Html, all: &[ExperimentResults<'_>]) {
    html.push(format_args!(
        "<form id=\"filters\" class=\"filters\" hidden><label>Words <input name=\"words\" type=\"search\" autocomplete=\"off\"></label>"
    ));
    if all.len() > 1 {
        html.push(format_args!("<label>Experiment <select name=\"experiment\"><option value=\"\">all</option>"));
        for (number, found) in (1..).zip(all) {
            html.push(format_args!("<option value=\"{number}\">{}</option>", escaped(&found.experiment.name)));
        }
        html.push(format_args!("</select></label>"));
    }
    html.push(format_args!(
        "<label>Status <select name=\"status\"><option value=\"\">all</option><option>done</option><option>failed</option>\
         <option>running</option><option>pending</option></select></label>\n\
         <label>Order <select name=\"order\"><option value=\"plan\">of the plan</option>\
         <option value=\"high\">highest macro AUC first</option><option value=\"low\">lowest macro AUC first</option>\
         <option value=\"time\">longest first</option><option value=\"late\">last finished first</option></select></label>\n\
         <output id=\"count\" aria-live=\"polite\"></output></form>"
    ));
}

fn one(html: &mut Html, number: usize, several: bool, found: &ExperimentResults<'_>, run: &Run) {
    let number_or_none = |value: Option<f64>| value.map_or_else(|| NONE.to_owned(), |value| decimals(value, 3));
    let data = |name: &str, value: Option<String>| {
        value.map_or_else(String::new, |value| format!(" data-{name}=\"{}\"", escaped(&value)))
    };
    let name = ArmName::from(run).short();
    let name = if several { format!("{}: {name}", run.experiment) } else { name };
    html.push(format_args!(
        "<details class=\"run\" data-experiment=\"{number}\" data-status=\"{}\"{}{}{}><summary><code>{}</code><span>{}</span>\
         <span>{}</span><span class=\"{}\">{}</span><span>{}</span><span>{}</span></summary><dl>",
        run.status,
        data("auc", run.test_macro_auc.map(|auc| auc.to_string())),
        data("wall", run.wall_s.map(|wall| wall.to_string())),
        data("end", run.finished_at.clone()),
        escaped(short(run)),
        escaped(&name),
        run.seed,
        if run.status == StageStatus::Failed { "failed" } else { "" },
        run.status,
        number_or_none(run.test_macro_auc),
        run.wall_s.map_or_else(|| NONE.to_owned(), |wall| format!("{wall:.1}")),
    ));
    let mut item = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = write!(html.0, "<dt>{name}</dt><dd>{}</dd>", escaped(&value));
        }
    };
    let stage = found.stages.by_id.get(&run.stage_id);
    item("run", Some(run.run_id.clone()));
    item("error", run.error.clone());
    item("accuracy", run.test_accuracy.map(|value| decimals(value, 3)));
    item("macro F1", run.test_macro_f1.map(|value| decimals(value, 3)));
    item("on train records", train(found.stages.train_scores.get(&run.stage_id)));
    item("kept epoch", stage.and_then(|stage| stage.best_epoch).map(|epoch| epoch.to_string()));
    item("times (UTC)", times(run));
    item("made by", run.version.as_ref().map(|version| format!("ecgraft {version}")));
    item("device", run.device.clone());
    item("data", Some(run.data_fingerprint.clone()));
    item("stage", Some(run.stage_id.clone()));
    item("weights", stage.and_then(|stage| stage.checkpoint.clone()));
    let inputs = found.stages.grafts.get(&run.stage_id).into_iter().flatten();
    for input in inputs.filter_map(|id| found.stages.by_id.get(id)) {
        item("grafted from", Some(provenance(input, found.stages.test_errors(&input.stage_id))));
    }
    for note in stage.map(|stage| stage.notes.as_slice()).unwrap_or_default() {
        item("note", Some(note.clone()));
    }
    let sha = escaped(&run.manifest_sha256);
    html.push(format_args!(
        "<dt>manifest</dt><dd><a href=\"#manifest-{sha}\">{}</a></dd></dl></details>",
        escaped(run.manifest_sha256.get(..12).unwrap_or(""))
    ));
}

/// `loss 0.123, macro AUC 0.987, accuracy 0.950`: what there is of these.
fn train(scores: Option<&BTreeMap<String, f64>>) -> Option<String> {
    let metrics = usual_metrics().into_iter().map(|metric| (metric.in_text().replace("test ", ""), metric.name));
    let all = std::iter::once((LOSS.to_owned(), LOSS.to_owned())).chain(metrics);
    let told: Vec<String> =
        all.filter_map(|(heading, name)| Some(format!("{heading} {}", decimals(*scores?.get(&name)?, 3)))).collect();
    (!told.is_empty()).then(|| told.join(", "))
}

fn times(run: &Run) -> Option<String> {
    let start = minute(run.started_at.as_deref()?);
    Some(
        run.finished_at.as_deref().map_or_else(|| format!("from {start}"), |end| format!("{start} to {}", minute(end))),
    )
}

/// `qrs on synthetic, seed 0, stage 1cf309560568032489f2, test MAE 4.1 ms, checkpoints/...`
fn provenance(stage: &StageRow, test_errors: &[MeasuredTarget]) -> String {
    let measured = test_errors.iter().map(|of @ MeasuredTarget { target, mae, .. }| {
        let unit = of.measurement().unit();
        let told = of.told().map_or_else(String::new, |told| format!(" ({told})"));
        format!(", {target} test MAE {mae:.1} {unit}{told}")
    });
    let weights = stage.checkpoint.as_ref().map_or_else(String::new, |path| format!(", {path}"));
    format!(
        "{}, seed {}, stage {}, {}{}{weights}",
        stage_name(stage),
        stage.seed,
        stage.stage_id,
        stage.status,
        measured.collect::<String>()
    )
}
