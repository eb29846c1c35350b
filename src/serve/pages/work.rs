//! Stages in work, with their curves so far.

use std::collections::BTreeSet;

use super::charts::{Curves, charts};
use super::{Seen, times};
use crate::metrics::LOSS;
use crate::report::figure::svg::escaped;
use crate::report::page::Html;
use crate::report::status::{Status, Working};
use crate::store::StageRow;

/// Stages that are drawn; others have a line each, up to so many.
const DRAWN: usize = 12;
const LINES: usize = 100;

/// The stages in work.
pub(super) fn work(html: &mut Html, seen: &Seen<'_>, status: &Status) {
    html.push(format_args!("<h2>In work{}</h2>", count(status.working.len())));
    if status.working.is_empty() {
        let why = match (status.stages.waiting, seen.snapshot.has_store) {
            (0, true) => "Nothing is left to be done.",
            (_, true) => "Nothing is running; `ecgraft run` goes on with what is waiting.",
            _ => "Nothing is running as far as can be told.",
        };
        return html.paragraph(why);
    }
    html.push(format_args!(
        "<p class=\"faint\">{} Dotted lines are of training records, those drawn through of validation.</p>",
        escaped(&who(seen, status))
    ));
    html.push(format_args!("<div class=\"cards\">"));
    for working in status.working.iter().take(DRAWN) {
        card(html, seen, working);
    }
    html.push(format_args!("</div>"));
    if status.working.len() > DRAWN {
        html.push(format_args!("<ul class=\"plain\">"));
        for working in status.working.iter().skip(DRAWN).take(LINES) {
            html.push(format_args!("<li>{}</li>", line(seen, working)));
        }
        html.push(format_args!("</ul>"));
        let hidden = status.working.len().saturating_sub(DRAWN + LINES);
        if hidden > 0 {
            html.push(format_args!(
                "<p>And {hidden} more: <a href=\"/stages?state=running\">all stages in work</a>.</p>"
            ));
        }
    }
}

/// ` (3)`, where there are any.
pub(super) fn count(number: usize) -> String {
    if number == 0 { String::new() } else { format!(" <span class=\"faint\">{number}</span>") }
}

fn card(html: &mut Html, seen: &Seen<'_>, working: &Working) {
    let Some(stage) = seen.snapshot.stage(&working.stage_id).map(|stage| &stage.row) else { return };
    let curves = Curves::of(seen, None, stage);
    html.push(format_args!(
        "<article class=\"card\"><h3><a href=\"/stage/{}\">{}</a></h3>",
        escaped(&working.stage_id),
        escaped(&working.label)
    ));
    html.push(format_args!("<p class=\"faint\">{}</p>", facts(seen, working, stage, &curves)));
    let first = curves.metrics().first().copied();
    let metrics: Vec<&str> = [Some(LOSS), first].into_iter().flatten().collect();
    charts(html, &format!("s{}", working.stage_id), &[(stage, &curves)], &metrics);
    html.push(format_args!("</article>"));
}

fn line(seen: &Seen<'_>, working: &Working) -> String {
    let Some(stage) = seen.snapshot.stage(&working.stage_id).map(|stage| &stage.row) else { return String::new() };
    let curves = Curves::of(seen, None, stage);
    format!(
        "<a href=\"/stage/{}\">{}</a> <span class=\"faint\">{}</span>",
        escaped(&working.stage_id),
        escaped(&working.label),
        facts(seen, working, stage, &curves)
    )
}

/// `epoch 3 of at most 30 · 1m20s so far · about 50s left · on node7`
fn facts(seen: &Seen<'_>, working: &Working, stage: &StageRow, curves: &Curves) -> String {
    let mut facts = vec![match (curves.epochs(), curves.of) {
        (0, _) => "no epoch done yet".to_owned(),
        (done, of) if of > 0 => format!("epoch {done} of at most {of}"),
        (done, _) => format!("epoch {done}"),
    }];
    if let Some(begun) = stage.began() {
        facts.push(times::since(begun));
        facts.extend(working.left.map(|left| times::until(begun, working.since, left)));
    }
    let watched = seen.snapshot.watched.get(&working.stage_id);
    if let Some(host) = watched.and_then(|watched| watched.head.host.as_deref()) {
        facts.push(format!("on {}", escaped(host)));
    }
    facts.join(" · ")
}

/// `4 stages, by 2 processes on 1 machine`
fn who(seen: &Seen<'_>, status: &Status) -> String {
    let (mut machines, mut processes, mut elsewhere) = (BTreeSet::new(), BTreeSet::new(), 0);
    for working in &status.working {
        let worker = seen.snapshot.stage(&working.stage_id).and_then(|stage| stage.row.worker.clone());
        let host = seen.snapshot.watched.get(&working.stage_id).and_then(|watched| watched.head.host.clone());
        let Some(worker) = worker else {
            machines.extend(host);
            elsewhere += 1;
            continue;
        };
        // `BOOT.NAMESPACE-PROCESS.START-NUMBER-TIME`
        let mut pieces = worker.split('-');
        let boot = pieces.next().unwrap_or_default().to_owned();
        processes.insert((boot.clone(), pieces.next().unwrap_or_default().to_owned()));
        machines.insert(host.unwrap_or(boot));
    }
    let plural = |number: usize, one: &str, many: &str| format!("{number} {}", if number == 1 { one } else { many });
    let stages = plural(status.working.len(), "stage", "stages");
    let by = match processes.len() {
        0 => String::new(),
        number => format!(", by {}", plural(number, "process", "processes")),
    };
    let machines = match machines.len() {
        0 => String::new(),
        number => format!(" on {}", plural(number, "machine", "machines")),
    };
    let apart = match elsewhere {
        0 => String::new(),
        number => format!("; {number} of them by workers that do not open the store"),
    };
    format!("{stages}{by}{machines}{apart}.")
}
