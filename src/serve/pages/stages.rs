//! All stages, some at a time.

use super::frame::Page;
use super::{Seen, times};
use crate::report::figure::svg::escaped;
use crate::report::page::Html;
use crate::report::status::{Names, is_alive};
use crate::serve::http::Request;
use crate::store::{PlannedStage, StageRow, StageStatus};
use crate::words::named::named;
use crate::words::time::duration;

/// Stages on a page.
const PAGE: usize = 200;

named! {
    /// Which stages are shown.
    pub enum State {
        /// Whatever they are.
        All = "all",
        /// In work.
        Running = "running",
        /// Trained.
        Done = "done",
        /// To be trained.
        Waiting = "waiting",
        /// Failed.
        Failed = "failed",
    }
}

/// Where a stage stands, as people see it: one of a worker that is gone waits.
pub(super) fn state(stage: &StageRow) -> State {
    match stage.status {
        StageStatus::Done => State::Done,
        StageStatus::Failed => State::Failed,
        StageStatus::Running if is_alive(stage, chrono::Utc::now().timestamp_millis() as f64 / 1000.0) => {
            State::Running
        }
        StageStatus::Running | StageStatus::Pending => State::Waiting,
    }
}

/// The page.
pub(super) fn page(seen: &Seen<'_>, request: &Request) -> Page {
    let wanted = request.asked("state").and_then(|word| word.parse().ok()).unwrap_or(State::All);
    let is_wanted = |stage: &&PlannedStage| wanted == State::All || state(&stage.row) == wanted;
    let found: Vec<&PlannedStage> = seen.snapshot.stages.iter().filter(is_wanted).collect();
    let pages = found.len().div_ceil(PAGE).max(1);
    let asked = request.asked("page").and_then(|page| page.parse().ok()).unwrap_or(1);
    let number = asked.clamp(1, pages);
    let mut page = Page::new("Stages");
    page.part("choice", |html| choice(html, seen, wanted));
    page.part("list", |html| {
        let shown = found.get((number - 1) * PAGE..).unwrap_or_default();
        list(html, seen, shown.get(..PAGE).unwrap_or(shown));
        turn(html, wanted, number, pages);
    });
    page
}

/// Which there are, with how many.
fn choice(html: &mut Html, seen: &Seen<'_>, wanted: State) {
    html.push(format_args!("<nav class=\"choice\" aria-label=\"Which stages\">"));
    for which in State::ALL {
        let count =
            seen.snapshot.stages.iter().filter(|stage| which == State::All || state(&stage.row) == which).count();
        let current = if which == wanted { " aria-current=\"page\"" } else { "" };
        html.push(format_args!(
            "<a href=\"/stages?state={which}\"{current}>{which} <span class=\"faint\">{count}</span></a>"
        ));
    }
    html.push(format_args!("</nav>"));
}

fn list(html: &mut Html, seen: &Seen<'_>, shown: &[&PlannedStage]) {
    if shown.is_empty() {
        return html.paragraph("There are none.");
    }
    let names = Names::new(&seen.snapshot.runs);
    html.push(format_args!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Stages\"><table><thead><tr><th scope=\"col\">stage</th>\
         <th scope=\"col\">kind</th><th scope=\"col\">state</th><th scope=\"col\">began</th><th scope=\"col\" \
         class=\"number\">took</th></tr></thead><tbody>"
    ));
    for PlannedStage { row, .. } in shown {
        let began = row.began().map_or_else(String::new, times::minute);
        let took = row.wall_s.and_then(|wall| std::time::Duration::try_from_secs_f64(wall).ok());
        let (label, state) = (escaped(&names.label(row)), state(row));
        let apart = if seen.snapshot.sharded.contains_key(&row.stage_id) { ", not merged" } else { "" };
        html.push(format_args!(
            "<tr><th scope=\"row\"><a href=\"/stage/{}\">{label}</a></th><td>{}</td><td class=\"{state}\">{state}{apart}</td>\
             <td>{began}</td><td class=\"number\">{}</td></tr>",
            escaped(&row.stage_id),
            row.kind,
            took.map(duration).unwrap_or_default()
        ));
    }
    html.push(format_args!("</tbody></table></div>"));
}

/// Links to the pages before and after.
fn turn(html: &mut Html, wanted: State, number: usize, pages: usize) {
    if pages == 1 {
        return;
    }
    html.push(format_args!("<nav class=\"choice\" aria-label=\"Pages of the list\">"));
    if number > 1 {
        html.push(format_args!("<a href=\"/stages?state={wanted}&amp;page={}\" rel=\"prev\">Before</a>", number - 1));
    }
    html.push(format_args!("<span>page {number} of {pages}</span>"));
    if number < pages {
        html.push(format_args!("<a href=\"/stages?state={wanted}&amp;page={}\" rel=\"next\">After</a>", number + 1));
    }
    html.push(format_args!("</nav>"));
}
