//! The lines that say how far all is.

use super::{Counts, Failed, Status};
use crate::terminal::Size;
use crate::words::text::{cut, letters, plain};
use crate::words::time::{about, duration, whole};

/// Failures that are shown.
const FAILED: usize = 10;

impl Status {
    /// All of it; cut to the screen where there is one, what is cut last being least.
    pub fn text(&self, screen: Option<Size>) -> String {
        let mut lines = self.lines();
        if let Some(Size { columns, rows }) = screen {
            lines.truncate(rows.saturating_sub(1).max(1));
            lines.iter_mut().for_each(|line| *line = cut(line, columns.saturating_sub(1)));
        }
        lines.iter().map(|line| line.trim_end().to_owned() + "\n").collect()
    }

    /// `12 of 51 trials and 30 of 78 stages done; 2 running, 46 waiting; about 1m20s left`: of the stages.
    pub fn line(&self) -> String {
        let trials = self.trials();
        let (stages, counts) = (self.stages, describe(&self.stages));
        let counts = if counts.is_empty() { counts } else { format!("; {counts}") };
        format!(
            "{} of {} trials and {} of {} stages done{counts}{}",
            trials.done,
            trials.all(),
            stages.done,
            stages.all(),
            self.time()
        )
    }

    fn time(&self) -> String {
        match self.left {
            Some(left) => format!("; about {} left", about(left)),
            None => String::new(),
        }
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let name = self.experiments.iter().map(|(name, _)| letters(name)).max().unwrap_or(0);
        for (experiment, counts) in &self.experiments {
            let rest = describe(counts);
            let rest = if rest.is_empty() { rest } else { format!(", {rest}") };
            lines.push(format!("{experiment:name$}  {} of {} trials done{rest}", counts.done, counts.all()));
        }
        lines.push(self.line());
        if self.abandoned > 0 {
            let was = if self.abandoned == 1 { "stage was" } else { "stages were" };
            lines.push(format!("{} {was} begun by a run that is gone; the next one takes over", self.abandoned));
        }
        if self.stages.running == 0 && self.stages.waiting > 0 {
            lines.push("nothing is running; `ecgraft run` goes on with what is waiting".into());
        }
        if !self.working.is_empty() {
            let rows = self.working.iter().map(|working| {
                let left = working.left.map(|left| format!("about {} left", about(left))).unwrap_or_default();
                [plain(&working.label), format!("{} so far", whole(working.since)), left]
            });
            lines.extend(block("running", rows.collect()));
        }
        if !self.failed.is_empty() {
            lines.extend([String::new(), "failed".into()]);
            for Failed { label, error, .. } in self.failed.iter().take(FAILED) {
                lines.push(format!("  {}", plain(label)));
                lines.extend(error.lines().map(|line| format!("    {}", plain(line))));
            }
            let hidden = self.failed.len().saturating_sub(FAILED);
            if hidden > 0 {
                lines.push(format!("  and {hidden} more; `ecgraft runs --status failed` lists them"));
            }
        }
        if !self.finished.is_empty() {
            let rows = self.finished.iter().map(|finished| {
                let judged = finished.judged.clone().unwrap_or_else(|| "no AUC".into());
                [plain(&finished.label), judged, finished.took.map(duration).unwrap_or_default()]
            });
            lines.extend(block("finished last", rows.collect()));
        }
        lines
    }
}

/// `2 running, 46 waiting, 1 failed`, without what there is none of.
pub(crate) fn describe(counts: &Counts) -> String {
    let parts = [(counts.running, "running"), (counts.waiting, "waiting"), (counts.failed, "failed")];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    parts.collect::<Vec<_>>().join(", ")
}

/// An empty line, a heading and rows whose columns are in line.
fn block(heading: &str, rows: Vec<[String; 3]>) -> Vec<String> {
    let widths = [0, 1, 2].map(|column| rows.iter().map(|row| letters(&row[column])).max().unwrap_or(0));
    let [first, second, _] = widths;
    let rows = rows.iter().map(|[label, middle, last]| format!("  {label:first$}  {middle:second$}  {last}"));
    [String::new(), heading.to_owned()].into_iter().chain(rows).collect()
}
