//! What is known of the stages, and the lines that say it: a function of what was told and the time.

use std::time::Duration;

use crate::terminal::Size;
use crate::words::text::{cut, letters, plain};
use crate::words::time::{about, duration, whole};

/// How slowly the time left follows what is seen.
const SMOOTHING: Duration = Duration::from_secs(10);
/// Before this much time and work there is no guess.
const FIRST_GUESS: Duration = Duration::from_secs(2);
/// Longer labels do not push notes to the right.
const LABEL: usize = 64;

/// How far each stage is. Times are since the start.
#[derive(Clone, Debug)]
pub struct Board {
    stages: Vec<Stage>,
    /// When work began.
    began: Option<Duration>,
    /// When all is likely done, and when this was guessed, in s.
    end: Option<(f64, f64)>,
    /// Letters of the longest label so far.
    widest: usize,
}

#[derive(Clone, Debug)]
struct Stage {
    cost: f64,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Waiting,
    /// Done before.
    Found,
    Working(Work),
    Done,
    Failed,
}

#[derive(Clone, Debug)]
struct Work {
    label: String,
    since: Duration,
    /// First and latest epoch told of, and when.
    epochs: Option<[(usize, Duration); 2]>,
    /// The most epochs there can be.
    of: usize,
    text: String,
}

impl Work {
    /// Seconds an epoch takes. The first, which may have waited for data, counts only while it is all there is.
    fn per_epoch(&self) -> Option<f64> {
        let [(first, first_at), (last, last_at)] = self.epochs?;
        if last > first {
            return Some((last_at.saturating_sub(first_at)).as_secs_f64() / (last - first) as f64);
        }
        (last > 0).then(|| last_at.saturating_sub(self.since).as_secs_f64() / last as f64)
    }

    /// Epochs trained, with the likely part of the one in work.
    fn trained(&self, now: Duration) -> f64 {
        let Some([_, (last, at)]) = self.epochs else { return 0.0 };
        let part = match self.per_epoch() {
            Some(seconds) if seconds > 0.0 => (now.saturating_sub(at).as_secs_f64() / seconds).min(0.9),
            _ => 0.0,
        };
        (last as f64 + part).min(self.of as f64)
    }

    fn share(&self, now: Duration) -> f64 {
        if self.of == 0 { 0.0 } else { self.trained(now) / self.of as f64 }
    }

    /// The most time it can still take, at the pace so far.
    fn left(&self, now: Duration) -> Option<Duration> {
        let seconds = self.per_epoch()? * (self.of as f64 - self.trained(now));
        Duration::try_from_secs_f64(seconds).ok()
    }
}

impl Board {
    /// `stages` stages that wait. A cost that is no positive number counts as 1.
    pub fn new(stages: usize, costs: &[f64]) -> Self {
        let cost =
            |index: usize| costs.get(index).copied().filter(|cost| cost.is_finite() && *cost > 0.0).unwrap_or(1.0);
        let stages = (0..stages).map(|index| Stage { cost: cost(index), state: State::Waiting }).collect();
        Self { stages, began: None, end: None, widest: 0 }
    }

    /// Stage `index` was done before.
    pub fn found(&mut self, index: usize) {
        self.set(index, State::Found);
    }

    /// Work on stage `index` begins.
    pub fn started(&mut self, index: usize, label: &str, now: Duration) {
        let label = plain(label);
        self.began.get_or_insert(now);
        self.widest = self.widest.max(letters(&label)).min(LABEL);
        self.set(index, State::Working(Work { label, since: now, epochs: None, of: 0, text: String::new() }));
    }

    /// Stage `index` has trained `epoch` epochs of at most `of`.
    pub fn epoch(&mut self, index: usize, epoch: usize, of: usize, text: &str, now: Duration) {
        if let Some(State::Working(work)) = self.stages.get_mut(index).map(|stage| &mut stage.state) {
            let first = work.epochs.map_or((epoch, now), |[first, _]| first);
            work.epochs = Some([first, (epoch, now)]);
            work.of = of.max(epoch);
            work.text = plain(text);
        }
    }

    /// Stage `index` is done: the line that stays.
    pub fn finished(&mut self, index: usize, note: &str, now: Duration) -> Option<String> {
        let (label, took) = self.ended(index, State::Done, now)?;
        Some(format!("done    {label:width$}  {}  {}", plain(note), duration(took), width = self.widest))
    }

    /// Stage `index` failed: the line, or lines, that stay.
    pub fn failed(&mut self, index: usize, message: &str, now: Duration) -> Option<String> {
        let (label, took) = self.ended(index, State::Failed, now)?;
        let message: Vec<String> = message.trim_end().lines().map(plain).collect();
        Some(format!("failed  {label}  after {}: {}", duration(took), message.join("\n        ")))
    }

    /// Stage `index` is given up here, and waits for whoever finishes it: the line that stays.
    pub fn left(&mut self, index: usize, why: &str) -> Option<String> {
        let (label, _) = self.ended(index, State::Waiting, Duration::ZERO)?;
        Some(format!("left    {label}: {}", plain(why)))
    }

    /// Whether any stage is in work.
    pub fn is_working(&self) -> bool {
        self.working().next().is_some()
    }

    /// Brings the guess of the time left up to `now`: the work that is left, at the pace of all the work
    /// so far, smoothed as stages end early and costs are guesses too.
    pub fn tick(&mut self, now: Duration) {
        let (done, all) = self.work(now);
        let gone = now.saturating_sub(self.began.unwrap_or(now));
        if gone < FIRST_GUESS || done <= 0.0 {
            return;
        }
        let now = now.as_secs_f64();
        let seen = now + gone.as_secs_f64() * (all - done) / done;
        let end = self.end.map_or(seen, |(end, at)| {
            let follow = 1.0 - (-(now - at).max(0.0) / SMOOTHING.as_secs_f64()).exp();
            end + (seen - end) * follow
        });
        self.end = Some((end, now));
    }

    /// The live block, every line cut to the screen: one for each stage in work, and one on the whole.
    pub fn lines(&self, now: Duration, screen: Size) -> Vec<String> {
        let columns = screen.columns.saturating_sub(1);
        let mut working: Vec<&Work> = self.working().collect();
        if working.is_empty() {
            return Vec::new();
        }
        // As many as there are rows for, beside the whole and a rest.
        let room = screen.rows.saturating_sub(3).max(1);
        let hidden = working.len().saturating_sub(room);
        working.truncate(room);
        let rest: Vec<[String; 3]> = working.iter().map(|work| told(work, now)).collect();
        let widths = [0, 1, 2].map(|part| rest.iter().map(|parts| letters(&parts[part])).max().unwrap_or(0));
        let taken: usize = widths.iter().filter(|width| **width > 0).map(|width| width + 2).sum();
        let longest = working.iter().map(|work| letters(&work.label)).max().unwrap_or(0);
        let label = longest.min(columns.saturating_sub(taken).max(columns / 3));
        let mut lines: Vec<String> = Vec::new();
        for (work, parts) in working.iter().zip(&rest) {
            let mut line = format!("{:label$}", cut(&work.label, label));
            for (part, width) in parts.iter().zip(widths).filter(|(_, width)| *width > 0) {
                line.push_str(&format!("  {part:width$}"));
            }
            lines.push(cut(line.trim_end(), columns));
        }
        if hidden > 0 {
            lines.push(cut(&format!("and {hidden} more in work"), columns));
        }
        lines.push(cut(&self.overall(now, columns), columns));
        lines
    }

    /// `[######--------------] 12/40 stages, 30% of the work, 1m20s gone, about 3m10s left`, or less of it
    /// where it would be longer than `columns`.
    pub fn overall(&self, now: Duration, columns: usize) -> String {
        let (done, all) = self.work(now);
        let share = if all > 0.0 { (done / all).clamp(0.0, 1.0) } else { 0.0 };
        let gone = whole(now.saturating_sub(self.began.unwrap_or(now)));
        let (ended, stages, failed) = self.count();
        let failed = if failed > 0 { format!(" ({failed} failed)") } else { String::new() };
        let left = self.end.map(|(end, _)| Duration::try_from_secs_f64(end - now.as_secs_f64()).unwrap_or_default());
        let left = left.map(|left| format!(", about {} left", about(left))).unwrap_or_default();
        let percent = (share * 100.0).floor();
        let counts = format!("{ended}/{stages} stages{failed}, {percent}%");
        // Where there is little room the bar shrinks, then words go.
        let with_bar = [20, 10].map(|width| {
            let full = (share * width as f64).floor() as usize;
            let bar = "#".repeat(full) + &"-".repeat(width - full);
            format!("[{bar}] {counts} of the work, {gone} gone{left}")
        });
        let shorter = [format!("{counts} of the work, {gone} gone{left}"), format!("{counts}, {gone} gone{left}")];
        let mut lines = with_bar.into_iter().chain(shorter);
        lines.find(|line| letters(line) <= columns).unwrap_or_else(|| format!("{counts}{left}"))
    }

    /// What the whole came to; `None` where there was nothing to do.
    pub fn summary(&self, now: Duration) -> Option<String> {
        let took = duration(now.saturating_sub(self.began?));
        let (done, stages, failed) = self.count();
        let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
        Some(format!("{done} of {stages} stages done in {took}{failed}"))
    }

    fn set(&mut self, index: usize, state: State) {
        if let Some(stage) = self.stages.get_mut(index) {
            stage.state = state;
        }
    }

    /// Label and time of stage `index`, if it was in work, which it is no longer.
    fn ended(&mut self, index: usize, state: State, now: Duration) -> Option<(String, Duration)> {
        let stage = self.stages.get_mut(index)?;
        let State::Working(work) = &stage.state else { return None };
        let ended = (work.label.clone(), now.saturating_sub(work.since));
        stage.state = state;
        Some(ended)
    }

    fn working(&self) -> impl Iterator<Item = &Work> {
        self.stages.iter().filter_map(|stage| match &stage.state {
            State::Working(work) => Some(work),
            _ => None,
        })
    }

    /// Work done, and all of it, without the stages found done or failed.
    fn work(&self, now: Duration) -> (f64, f64) {
        let (mut done, mut all) = (0.0, 0.0);
        for Stage { cost, state } in &self.stages {
            let share = match state {
                State::Found | State::Failed => continue,
                State::Waiting => 0.0,
                State::Working(work) => work.share(now),
                State::Done => 1.0,
            };
            done += cost * share;
            all += cost;
        }
        (done, all)
    }

    /// Stages done, all but those found done, and failed ones.
    fn count(&self) -> (usize, usize, usize) {
        let count = |which: fn(&State) -> bool| self.stages.iter().filter(|stage| which(&stage.state)).count();
        let done = count(|state| matches!(state, State::Done));
        let all = count(|state| !matches!(state, State::Found));
        (done, all, count(|state| matches!(state, State::Failed)))
    }
}

/// Epochs, time left and text of a stage in work: what is cut on a narrow screen comes last.
fn told(work: &Work, now: Duration) -> [String; 3] {
    let Some([_, (epoch, _)]) = work.epochs else {
        return [format!("{} so far", whole(now.saturating_sub(work.since))), String::new(), String::new()];
    };
    let left = work.left(now).filter(|_| epoch < work.of);
    let left = left.map(|left| format!("at most {} left", about(left))).unwrap_or_default();
    [format!("epoch {epoch}/{}", work.of), left, work.text.clone()]
}
