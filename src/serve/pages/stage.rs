//! One stage.

use super::charts::{Curves, charts};
use super::frame::Page;
use super::stages::{State, state};
use super::{Seen, times};
use crate::compare::ArmName;
use crate::metrics::LOSS;
use crate::report::figure::stage_name;
use crate::report::figure::svg::escaped;
use crate::report::page::{Html, measured_targets};
use crate::report::status::Names;
use crate::store::{PlannedStage, Run, StageDetail, StageRow, Store};
use crate::words::time::duration;

/// Runs that are listed.
const RUNS: usize = 30;

/// The page; `None` where there is no such stage.
pub(super) fn page(seen: &Seen<'_>, id: &str) -> Option<Page> {
    let planned = seen.snapshot.stage(id)?;
    let stage = &planned.row;
    let store = store_of(seen, id);
    let detail = store.as_ref().and_then(|store| detail(store, seen, id));
    let curves = Curves::of(seen, store.as_ref(), stage);
    let title = Names::new(&seen.snapshot.runs).label(stage);
    let mut page = Page::new(&title);
    page.part("facts", |html| facts(html, seen, planned, &curves));
    page.part("curves", |html| by_epoch(html, stage, &curves));
    page.part("measured", |html| {
        if let Some(detail) = detail.as_ref().filter(|detail| !detail.measured.is_empty()) {
            html.push(format_args!("<h2>How well it measures</h2>"));
            measured_targets(html, &[detail]);
        }
    });
    page.part("runs", |html| runs(html, seen, id));
    page.part("settings", |html| settings(html, detail.as_ref()));
    Some(page)
}

/// Where the stage's results are: its shard, or the store.
fn store_of(seen: &Seen<'_>, id: &str) -> Option<Store> {
    match seen.snapshot.sharded.get(id) {
        Some(shard) => Store::open_still(&shard.path).ok(),
        None => Store::open_to_watch(seen.live.results().path()).ok(),
    }
}

/// What the store has of a stage, by way of a run that it is part of.
fn detail(store: &Store, seen: &Seen<'_>, id: &str) -> Option<StageDetail> {
    let run = seen.snapshot.runs_with(id).next()?;
    let found = store.detail(run.clone()).ok()?;
    found.stages.into_iter().find(|stage| stage.row.stage_id == id)
}

fn facts(html: &mut Html, seen: &Seen<'_>, PlannedStage { row, inputs }: &PlannedStage, curves: &Curves) {
    html.push(format_args!("<dl class=\"facts\">"));
    let mut item = |name: &str, value: String| html.push(format_args!("<dt>{name}</dt><dd>{value}</dd>"));
    let state = state(row);
    let apart = match seen.snapshot.sharded.get(&row.stage_id) {
        Some(shard) => format!(", in {} and not merged yet", escaped(&shard.path.display().to_string())),
        None => String::new(),
    };
    item("state", format!("<span class=\"{state}\">{state}</span>{apart}"));
    if let Some(error) = &row.error {
        item("why", format!("<span class=\"lines\">{}</span>", escaped(error)));
    }
    item("what", escaped(&stage_name(row)));
    item("architecture", escaped(&row.architecture));
    item("seed", row.seed.to_string());
    if curves.epochs() > 0 {
        let of = if curves.of > 0 { format!(" of at most {}", curves.of) } else { String::new() };
        let kept = row.best_epoch.filter(|_| state == State::Done);
        let kept = kept.map_or_else(String::new, |epoch| format!("; the weights of epoch {epoch} are kept"));
        item("epochs", format!("{}{of}{kept}", curves.epochs()));
    }
    if let Some(began) = row.began() {
        match state {
            State::Running => item("began", format!("{} · {}", times::minute(began), times::since(began))),
            _ => item("began", times::minute(began)),
        }
    }
    if let Some(end) = times::stored(row.finished_at.as_deref()) {
        item("ended", times::minute(end));
    }
    if let Some(took) = row.wall_s.and_then(|wall| std::time::Duration::try_from_secs_f64(wall).ok()) {
        item("took", duration(took));
    }
    let host = seen.snapshot.watched.get(&row.stage_id).and_then(|watched| watched.head.host.as_deref());
    if let Some(host) = host {
        item("machine", escaped(host));
    }
    if let Some(device) = &row.device {
        item("device", escaped(device));
    }
    if let Some(version) = &row.version {
        item("made by", format!("ecgraft {}", escaped(version)));
    }
    let names = Names::new(&seen.snapshot.runs);
    for input in inputs.iter().filter_map(|input| seen.snapshot.stage(input)) {
        let id = escaped(&input.row.stage_id);
        item("grafted from", format!("<a href=\"/stage/{id}\">{}</a>", escaped(&names.label(&input.row))));
    }
    item("id", format!("<code>{}</code>", escaped(&row.stage_id)));
    for note in &row.notes {
        item("note", escaped(note));
    }
    html.push(format_args!("</dl>"));
}

fn by_epoch(html: &mut Html, stage: &StageRow, curves: &Curves) {
    html.push(format_args!("<h2>By epoch</h2>"));
    if curves.epochs() == 0 {
        return html.paragraph("No epoch is done yet.");
    }
    html.push(format_args!(
        "<p class=\"faint\">Dotted lines are of training records, those drawn through of validation; a dot marks the epoch \
         whose weights were kept.</p>"
    ));
    let own = [(stage, curves)];
    let metrics: Vec<&str> = std::iter::once(LOSS).chain(curves.metrics()).collect();
    charts(html, "chart", &own, &metrics);
    let others = curves.others();
    if !others.is_empty() {
        html.fold("figures", "How it was trained");
        charts(html, "training", &own, &others);
        html.end_fold();
    }
}

/// The runs that it is part of.
fn runs(html: &mut Html, seen: &Seen<'_>, id: &str) {
    let all: Vec<&Run> = seen.snapshot.runs_with(id).collect();
    if all.is_empty() {
        return;
    }
    html.push(format_args!("<h2>Runs that have it</h2><ul class=\"plain\">"));
    for run in all.iter().take(RUNS) {
        html.push(format_args!(
            "<li><a href=\"/arm/{}\">{}</a> <span class=\"faint\">{}, seed {}, {}</span></li>",
            escaped(&run.run_id),
            escaped(&ArmName::from(*run).short()),
            escaped(&run.experiment),
            run.seed,
            run.status
        ));
    }
    html.push(format_args!("</ul>"));
    if all.len() > RUNS {
        html.paragraph(&format!("And {} more.", all.len() - RUNS));
    }
}

fn settings(html: &mut Html, detail: Option<&StageDetail>) {
    let Some(detail) = detail else { return };
    let parsed: Option<serde_json::Value> = serde_json::from_str(&detail.row.settings).ok();
    let Some(text) = parsed.and_then(|settings| serde_json::to_string_pretty(&settings).ok()) else { return };
    html.fold("settings", "All that its id was made from");
    html.push(format_args!("<pre tabindex=\"0\">{}</pre>", escaped(&text)));
    html.end_fold();
}
