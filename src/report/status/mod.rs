//! How far experiments are: what is done, in work, waiting and failed, and how long it may take.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use chrono::Utc;

use super::runs::judged_by;
use crate::compare::ArmName;
use crate::plan::TaskKind;
use crate::run::{self, Pace};
use crate::store::{PlannedStage, Run, StageRow, StageStatus, Store};
use crate::{Error, Result, process};

mod follow;
mod text;

pub(crate) use text::describe;

/// Looks at a store again and again, and never writes to it.
#[derive(Debug)]
pub struct Watch {
    store: Store,
    /// What stages cost, by id.
    costs: HashMap<String, Option<f64>>,
}

/// What there is to see at one moment.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Each experiment with its trials.
    pub experiments: Vec<(String, Counts)>,
    /// The distinct stages of all of them.
    pub stages: Counts,
    /// Stages in work, the longest first.
    pub working: Vec<Working>,
    /// Stages that failed, and why.
    pub failed: Vec<Failed>,
    /// The stages by what they are trained for, in the order of work.
    pub kinds: Vec<(TaskKind, Counts)>,
    /// Trials that were finished last, the latest first.
    pub finished: Vec<Finished>,
    /// Stages that a worker began that is gone.
    pub abandoned: usize,
    /// About how long the rest will take those who are at work; `None` where nothing tells.
    pub left: Option<Duration>,
}

/// How many are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Trained.
    pub done: usize,
    /// In work.
    pub running: usize,
    /// To be trained.
    pub waiting: usize,
    /// Failed, or cannot be trained since what they start from failed.
    pub failed: usize,
}

/// A stage that failed.
#[derive(Clone, Debug)]
pub struct Failed {
    /// Its id.
    pub stage_id: String,
    /// What it is.
    pub label: String,
    /// Why.
    pub error: String,
}

/// A stage in work.
#[derive(Clone, Debug)]
pub struct Working {
    /// Its id.
    pub stage_id: String,
    /// What it is.
    pub label: String,
    /// How long it has been in work.
    pub since: Duration,
    /// About how long it will take yet.
    pub left: Option<Duration>,
}

/// A trial that is done.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The id of its transfer.
    pub stage_id: String,
    /// What it is.
    pub label: String,
    /// Its test macro AUC, or mean absolute errors, where these are defined.
    pub judged: Option<String>,
    /// How long its transfer took.
    pub took: Option<Duration>,
}

/// Finished trials that are shown.
const FINISHED: usize = 5;

impl Watch {
    /// Opens the store of `results`.
    ///
    /// # Errors
    /// A user error where there is none.
    pub fn open(results: &Path) -> Result<Watch> {
        Ok(Watch { store: Store::open_read_only(results)?, costs: HashMap::new() })
    }

    /// How far all is now.
    ///
    /// # Errors
    /// A user error where no experiment has been run; where the store cannot be read.
    pub fn look(&mut self) -> Result<Status> {
        let moment = self.store.views()?;
        let (runs, stages) = (self.store.runs()?, self.store.planned_stages()?);
        drop(moment);
        if runs.is_empty() {
            return Err(Error::user("no experiment has runs yet; `ecgraft run` makes them"));
        }
        learn_costs(&mut self.costs, &stages);
        Ok(Status::of(&runs, &stages, &self.costs))
    }
}

/// Adds to `costs` what `stages` cost, by id.
pub(crate) fn learn_costs(costs: &mut HashMap<String, Option<f64>>, stages: &[PlannedStage]) {
    for stage in stages {
        costs.entry(stage.row.stage_id.clone()).or_insert_with(|| {
            let settings = serde_json::from_str(&stage.row.settings).ok()?;
            run::cost_of_settings(&settings)
        });
    }
}

impl Status {
    /// How far `runs` and the `stages` they are made of are now; `costs` says what these cost, by id.
    pub(crate) fn of(runs: &[Run], stages: &[PlannedStage], costs: &HashMap<String, Option<f64>>) -> Status {
        let mut tally = Tally { status: Status::default(), alive: HashSet::new(), work: Work::default() };
        let now = Utc::now();
        let pace = Pace::from_finished(stages, costs);
        let names = Names::new(runs);
        let failed: HashSet<&str> = stages
            .iter()
            .filter(|stage| stage.row.status == StageStatus::Failed)
            .map(|stage| stage.row.stage_id.as_str())
            .collect();
        for PlannedStage { row: stage, inputs } in stages {
            let starts_from_failed = inputs.iter().any(|input| failed.contains(input.as_str()));
            let expected = pace.expected(stage, costs);
            let before = tally.status.stages;
            match stage.status {
                StageStatus::Done => tally.status.stages.done += 1,
                StageStatus::Failed => tally.failed(stage, names.label(stage)),
                StageStatus::Pending if starts_from_failed => tally.status.stages.failed += 1,
                StageStatus::Running if is_alive(stage, now.timestamp_millis() as f64 / 1000.0) => {
                    let since = stage.began().map_or(0.0, |start| (now - start).num_milliseconds() as f64 / 1000.0);
                    tally.working(stage, names.label(stage), since, expected);
                }
                StageStatus::Running | StageStatus::Pending => tally.waiting(stage, expected),
            }
            tally.status.count_kind(stage.kind, before);
        }
        tally.status.kinds.sort_by_key(|(kind, _)| *kind);
        tally.status(runs)
    }
}

/// What stages are called: by the first run that has them, else by what they are.
pub(crate) struct Names<'a>(HashMap<&'a str, &'a Run>);

impl<'a> Names<'a> {
    /// By the first of `runs` that has them.
    pub(crate) fn new(runs: &'a [Run]) -> Self {
        Self(runs.iter().rev().map(|run| (run.stage_id.as_str(), run)).collect())
    }

    /// What `stage` is called.
    pub(crate) fn label(&self, stage: &StageRow) -> String {
        match self.0.get(stage.stage_id.as_str()) {
            Some(run) => format!("{}, seed {}", ArmName::from(*run).short(), run.seed),
            None => {
                let mix = stage.mix.as_ref().map_or_else(String::new, |mix| format!(" on {mix}"));
                format!("{}{mix}, {}, seed {}", stage.task(), stage.architecture, stage.seed)
            }
        }
    }
}

/// How much work is left, in seconds.
#[derive(Default)]
struct Work {
    running: f64,
    waiting: f64,
    longest: f64,
    /// Whether there is a stage of which nothing tells how long it takes.
    is_unknown: bool,
}

/// What is found stage by stage.
struct Tally<'a> {
    status: Status,
    /// Ids of the stages that somebody is at work on.
    alive: HashSet<&'a str>,
    work: Work,
}

impl<'a> Tally<'a> {
    fn failed(&mut self, stage: &StageRow, label: String) {
        self.status.stages.failed += 1;
        let error = stage.error.clone().unwrap_or_else(|| "no reason is known".into());
        self.status.failed.push(Failed { stage_id: stage.stage_id.clone(), label, error });
    }

    /// A stage in work for `since` seconds, of likely `expected`.
    fn working(&mut self, stage: &'a StageRow, label: String, since: f64, expected: Option<f64>) {
        self.alive.insert(stage.stage_id.as_str());
        self.status.stages.running += 1;
        let left = expected.map(|expected| (expected - since).max(0.0));
        self.work.is_unknown |= left.is_none();
        self.work.running += left.unwrap_or(0.0);
        self.work.longest = self.work.longest.max(left.unwrap_or(0.0));
        let seconds = |value: f64| Duration::try_from_secs_f64(value).unwrap_or_default();
        let stage_id = stage.stage_id.clone();
        self.status.working.push(Working { stage_id, label, since: seconds(since), left: left.map(seconds) });
    }

    fn waiting(&mut self, stage: &StageRow, expected: Option<f64>) {
        self.status.abandoned += usize::from(stage.status == StageStatus::Running);
        self.status.stages.waiting += 1;
        self.work.is_unknown |= expected.is_none();
        self.work.waiting += expected.unwrap_or(0.0);
    }

    /// All of it, with the trials of `runs`.
    fn status(self, runs: &[Run]) -> Status {
        let Self { mut status, alive, work } = self;
        status.working.sort_by_key(|working| std::cmp::Reverse(working.since));
        if !work.is_unknown && !alive.is_empty() {
            let all = (work.running + work.waiting) / alive.len() as f64;
            status.left = Duration::try_from_secs_f64(all.max(work.longest)).ok();
        }
        for of in runs.chunk_by(|one, next| one.experiment == next.experiment) {
            let mut counts = Counts::default();
            for run in of {
                *match run.status {
                    StageStatus::Done => &mut counts.done,
                    StageStatus::Failed => &mut counts.failed,
                    StageStatus::Running if alive.contains(run.stage_id.as_str()) => &mut counts.running,
                    StageStatus::Running | StageStatus::Pending => &mut counts.waiting,
                } += 1;
            }
            status.experiments.extend(of.first().map(|run| (run.experiment.clone(), counts)));
        }
        let mut done: Vec<&Run> = runs.iter().filter(|run| run.status == StageStatus::Done).collect();
        done.sort_by(|one, other| other.finished_at.cmp(&one.finished_at));
        status.finished = done.into_iter().take(FINISHED).map(finished).collect();
        status
    }
}

impl Status {
    /// Counts for `kind` what all stages have more than `before`.
    fn count_kind(&mut self, kind: TaskKind, before: Counts) {
        let more = Counts {
            done: self.stages.done - before.done,
            running: self.stages.running - before.running,
            waiting: self.stages.waiting - before.waiting,
            failed: self.stages.failed - before.failed,
        };
        match self.kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, counts)) => *counts = counts.plus(more),
            None => self.kinds.push((kind, more)),
        }
    }

    /// Whether nothing is left to wait for.
    pub fn is_over(&self) -> bool {
        self.stages.running + self.stages.waiting == 0
    }

    /// All trials.
    pub fn trials(&self) -> Counts {
        self.experiments.iter().fold(Counts::default(), |sum, (_, counts)| sum.plus(*counts))
    }
}

impl Counts {
    fn plus(self, other: Counts) -> Counts {
        Counts {
            done: self.done + other.done,
            running: self.running + other.running,
            waiting: self.waiting + other.waiting,
            failed: self.failed + other.failed,
        }
    }

    /// How many there are.
    pub fn all(&self) -> usize {
        self.done + self.running + self.waiting + self.failed
    }
}

/// Whether somebody is still at work on a stage that is said to run.
pub(crate) fn is_alive(stage: &StageRow, now_s: f64) -> bool {
    let is_leased = stage.lease_until.is_none_or(|until| until >= now_s);
    is_leased && !stage.worker.as_deref().is_some_and(process::is_gone)
}

fn finished(run: &Run) -> Finished {
    Finished {
        stage_id: run.stage_id.clone(),
        label: format!("{}, seed {}", ArmName::from(run).short(), run.seed),
        judged: judged_by(run).map(|value| {
            let what = if run.test_macro_auc.is_some() { "macro AUC" } else { "MAE" };
            format!("test {what} {value}")
        }),
        took: run.wall_s.and_then(|wall| Duration::try_from_secs_f64(wall).ok()),
    }
}
