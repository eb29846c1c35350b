//! The whole study.

use super::Seen;
use super::frame::Page;
use super::meter::meter;
use super::tables::tables;
use super::work::{count, work};
use crate::report::figure::svg::escaped;
use crate::report::page::Html;
use crate::report::status::{Counts, Status};
use crate::words::time::{about, duration};

/// Failures that are shown.
const FAILED: usize = 20;

/// The page.
pub(super) fn page(seen: &Seen<'_>) -> Page {
    let status = seen.snapshot.status();
    let title = match &status.experiments[..] {
        [] if status.stages.all() == 0 => "No study yet".to_owned(),
        [] => "Stages without a store".to_owned(),
        [(one, _)] => one.clone(),
        many => format!("{} experiments", many.len()),
    };
    let mut page = Page::new(&title);
    page.part("state", |html| state(html, seen, &status));
    page.part("work", |html| work(html, seen, &status));
    page.part("failed", |html| failed(html, &status));
    page.part("tables", |html| tables(html, seen));
    page.part("progress", |html| progress(html, &status));
    page.part("finished", |html| finished(html, &status));
    page
}

/// How far all is, in numbers, and what is not as it should be.
fn state(html: &mut Html, seen: &Seen<'_>, status: &Status) {
    if let Some(problem) = &seen.snapshot.problem {
        html.push(format_args!(
            "<p class=\"notice\">The store cannot be read just now, so that this is how it was before. It is tried again. \
             <span class=\"faint\">{}</span></p>",
            escaped(problem)
        ));
    }
    if status.experiments.is_empty() {
        let place = escaped(&seen.live.results().store().display().to_string());
        match status.stages.all() {
            0 => {
                html.push(format_args!(
                    "<p class=\"notice\">The study has not begun: <code>{place}</code> is not there, or has no runs. \
                     <code>ecgraft run</code> begins one, and this page shows it then.</p>"
                ));
                return;
            }
            _ => html.push(format_args!(
                "<p class=\"notice\">Workers that do not open the store are at work, and <code>{place}</code> is not there, or \
                 has no runs: which trials their stages belong to is known when <code>ecgraft merge</code> has taken them in.</p>"
            )),
        }
    }
    let (trials, stages) = (status.trials(), status.stages);
    html.push(format_args!("<dl class=\"tiles\">"));
    if trials.all() > 0 {
        tile(html, "trials done", &format!("{} <small>of {}</small>", trials.done, trials.all()), Some(&trials));
    }
    tile(html, "stages done", &format!("{} <small>of {}</small>", stages.done, stages.all()), Some(&stages));
    tile(html, "in work", &stages.running.to_string(), None);
    tile(html, "waiting", &stages.waiting.to_string(), None);
    let class = if stages.failed > 0 { "<span class=\"failed\">" } else { "<span>" };
    tile(html, "failed", &format!("{class}{}</span>", stages.failed), None);
    let left = match (status.is_over(), status.left) {
        (true, _) => "none".to_owned(),
        (false, Some(left)) => format!("<small>about</small> {}", about(left)),
        (false, None) => "not known".to_owned(),
    };
    tile(html, "time left", &left, None);
    html.push(format_args!("</dl>"));
    if status.abandoned > 0 {
        let was = if status.abandoned == 1 { "stage was" } else { "stages were" };
        html.paragraph(&format!(
            "{} {was} begun by a run that is gone; the next `ecgraft run` takes over.",
            status.abandoned
        ));
    }
    shards(html, seen);
}

fn shards(html: &mut Html, seen: &Seen<'_>) {
    let (number, wrong) = &seen.snapshot.shards;
    let waiting = seen.snapshot.sharded.len();
    if waiting > 0 {
        let (are, files) =
            (if waiting == 1 { "stage is" } else { "stages are" }, if *number == 1 { "file" } else { "files" });
        html.paragraph(&format!(
            "{waiting} of the done {are} in {number} {files} of results that `ecgraft merge` has not taken into the store yet; \
             the table so far is without them."
        ));
    }
    for why in wrong.iter().take(3) {
        html.push(format_args!("<p class=\"notice\">Left out: {}</p>", escaped(why)));
    }
}

/// One number; `value` is HTML.
fn tile(html: &mut Html, name: &str, value: &str, counts: Option<&Counts>) {
    html.push(format_args!("<div><dt>{name}</dt><dd>{value}</dd>"));
    if let Some(counts) = counts {
        html.push(format_args!("<dd class=\"bar\">"));
        meter(html, counts);
        html.push(format_args!("</dd>"));
    }
    html.push(format_args!("</div>"));
}

/// Experiments and kinds of stages, each with its bar.
fn progress(html: &mut Html, status: &Status) {
    if status.stages.all() == 0 {
        return;
    }
    html.push(format_args!("<h2>Progress</h2><div class=\"beside\">"));
    let kinds = status.kinds.iter().map(|(kind, counts)| (kind.name(), counts));
    counted(html, "Stages by what they are trained for", "kind of stage", kinds);
    let experiments = status.experiments.iter().map(|(name, counts)| (name.as_str(), counts));
    if !status.experiments.is_empty() {
        counted(html, "Trials by experiment", "experiment", experiments);
    }
    html.push(format_args!("</div>"));
}

fn counted<'a>(html: &mut Html, caption: &str, first: &str, rows: impl Iterator<Item = (&'a str, &'a Counts)>) {
    html.push(format_args!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{caption}\"><table class=\"counts\"><caption>{caption}</caption>\
         <thead><tr><th scope=\"col\">{first}</th><th scope=\"col\"><span class=\"unseen\">how far</span></th>"
    ));
    for head in ["done", "in work", "waiting", "failed", "all"] {
        html.push(format_args!("<th scope=\"col\" class=\"number\">{head}</th>"));
    }
    html.push(format_args!("</tr></thead><tbody>"));
    for (name, counts) in rows {
        html.push(format_args!("<tr><th scope=\"row\">{}</th><td class=\"bar\">", escaped(name)));
        meter(html, counts);
        html.push(format_args!("</td>"));
        for count in [counts.done, counts.running, counts.waiting, counts.failed, counts.all()] {
            html.push(format_args!("<td class=\"number\">{count}</td>"));
        }
        html.push(format_args!("</tr>"));
    }
    html.push(format_args!("</tbody></table></div>"));
}

/// What failed, and why.
fn failed(html: &mut Html, status: &Status) {
    if status.failed.is_empty() {
        return;
    }
    html.push(format_args!("<h2>Failed{}</h2><dl class=\"reasons\">", count(status.failed.len())));
    for failed in status.failed.iter().take(FAILED) {
        html.push(format_args!(
            "<dt><a href=\"/stage/{}\">{}</a></dt><dd class=\"lines\">{}</dd>",
            escaped(&failed.stage_id),
            escaped(&failed.label),
            escaped(&failed.error)
        ));
    }
    html.push(format_args!("</dl>"));
    let hidden = status.failed.len().saturating_sub(FAILED);
    if hidden > 0 {
        html.push(format_args!("<p>And {hidden} more: <a href=\"/stages?state=failed\">all that failed</a>.</p>"));
    }
}

/// The trials that were finished last.
fn finished(html: &mut Html, status: &Status) {
    if status.finished.is_empty() {
        return;
    }
    html.push(format_args!("<h2>Finished last</h2><ul class=\"plain\">"));
    for finished in &status.finished {
        let judged = finished.judged.clone().unwrap_or_else(|| "not in the store yet".to_owned());
        let took = finished.took.map_or_else(String::new, |took| format!(" · {}", duration(took)));
        html.push(format_args!(
            "<li><a href=\"/stage/{}\">{}</a> <span class=\"faint\">{}{took}</span></li>",
            escaped(&finished.stage_id),
            escaped(&finished.label),
            escaped(&judged)
        ));
    }
    html.push(format_args!("</ul>"));
}
