//! How far experiments are: what is done, in work, waiting and failed, and how long it may take.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Duration;

use chrono::Utc;

use super::runs::arm;
use crate::store::{Run, StageStanding, StageStatus, Store};
use crate::{Error, Result, process, run};

mod pace;
mod text;

use pace::Pace;

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
    pub failed: Vec<(String, String)>,
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

/// A stage in work.
#[derive(Clone, Debug)]
pub struct Working {
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
    /// What it is.
    pub label: String,
    /// Its test macro AUC, where that is defined.
    pub macro_auc: Option<f64>,
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
        let (runs, stages) = (self.store.runs()?, self.store.standings()?);
        drop(moment);
        if runs.is_empty() {
            return Err(Error::user("no experiment has runs yet; `ecgraft run` makes them"));
        }
        for stage in &stages {
            self.costs.entry(stage.stage_id.clone()).or_insert_with(|| {
                let settings = serde_json::from_str(&stage.settings).ok()?;
                run::cost_of_settings(&settings)
            });
        }
        Ok(self.status(&runs, &stages))
    }

    fn status(&self, runs: &[Run], stages: &[StageStanding]) -> Status {
        let now = Utc::now();
        let pace = Pace::of(stages, &self.costs);
        let known: HashMap<&str, &StageStanding> =
            stages.iter().map(|stage| (stage.stage_id.as_str(), stage)).collect();
        let first_runs: HashMap<&str, &Run> = runs.iter().rev().map(|run| (run.stage_id.as_str(), run)).collect();
        let label = |stage: &StageStanding| match first_runs.get(stage.stage_id.as_str()) {
            Some(run) => format!("{}, seed {}", arm(run), run.seed),
            None => {
                let what = stage.target.as_deref().unwrap_or(&stage.kind);
                let mix = stage.mix.as_deref().unwrap_or_default();
                format!("{what} on {mix}, {}, seed {}", stage.architecture, stage.seed)
            }
        };
        let mut status = Status::default();
        let mut alive = HashSet::new();
        let (mut running_s, mut waiting_s, mut longest_s, mut is_known) = (0.0, 0.0, 0.0_f64, true);
        for stage in stages {
            let failed_input =
                |id: &String| known.get(id.as_str()).is_some_and(|input| input.status == StageStatus::Failed);
            let expected = pace.expected(stage, &self.costs);
            match stage.status {
                StageStatus::Done => status.stages.done += 1,
                StageStatus::Failed => {
                    status.stages.failed += 1;
                    let error = stage.error.clone().unwrap_or_else(|| "no reason is known".into());
                    status.failed.push((label(stage), error));
                }
                StageStatus::Pending if stage.inputs.iter().any(failed_input) => status.stages.failed += 1,
                StageStatus::Running if is_alive(stage, now.timestamp_millis() as f64 / 1000.0) => {
                    alive.insert(stage.stage_id.as_str());
                    status.stages.running += 1;
                    let since = stage.started_at.map_or(0.0, |start| (now - start).num_milliseconds() as f64 / 1000.0);
                    let left = expected.map(|expected| (expected - since).max(0.0));
                    is_known &= left.is_some();
                    running_s += left.unwrap_or(0.0);
                    longest_s = longest_s.max(left.unwrap_or(0.0));
                    let seconds = |value: f64| Duration::try_from_secs_f64(value).unwrap_or_default();
                    status.working.push(Working {
                        label: label(stage),
                        since: seconds(since),
                        left: left.map(seconds),
                    });
                }
                StageStatus::Running | StageStatus::Pending => {
                    status.abandoned += usize::from(stage.status == StageStatus::Running);
                    status.stages.waiting += 1;
                    is_known &= expected.is_some();
                    waiting_s += expected.unwrap_or(0.0);
                }
            }
        }
        status.working.sort_by_key(|working| std::cmp::Reverse(working.since));
        if is_known && !alive.is_empty() {
            let all = (running_s + waiting_s) / alive.len() as f64;
            status.left = Duration::try_from_secs_f64(all.max(longest_s)).ok();
        }
        for of in runs.chunk_by(|one, next| one.experiment == next.experiment) {
            let mut counts = Counts::default();
            for run in of {
                *match run.status.as_str() {
                    "done" => &mut counts.done,
                    "failed" => &mut counts.failed,
                    "running" if alive.contains(run.stage_id.as_str()) => &mut counts.running,
                    _ => &mut counts.waiting,
                } += 1;
            }
            status.experiments.extend(of.first().map(|run| (run.experiment.clone(), counts)));
        }
        let mut done: Vec<&Run> = runs.iter().filter(|run| run.status == "done").collect();
        done.sort_by(|one, other| other.finished_at.cmp(&one.finished_at));
        status.finished = done.into_iter().take(FINISHED).map(finished).collect();
        status
    }
}

impl Status {
    /// Whether nothing is left to wait for.
    pub fn is_over(&self) -> bool {
        self.stages.running + self.stages.waiting == 0
    }

    /// All trials.
    pub fn trials(&self) -> Counts {
        self.experiments.iter().fold(Counts::default(), |sum, (_, counts)| Counts {
            done: sum.done + counts.done,
            running: sum.running + counts.running,
            waiting: sum.waiting + counts.waiting,
            failed: sum.failed + counts.failed,
        })
    }
}

impl Counts {
    /// How many there are.
    pub fn all(&self) -> usize {
        self.done + self.running + self.waiting + self.failed
    }
}

/// Whether somebody is still at work on a stage that is said to run.
fn is_alive(stage: &StageStanding, now_s: f64) -> bool {
    let is_leased = stage.lease_until.is_none_or(|until| until >= now_s);
    is_leased && !stage.worker.as_deref().is_some_and(process::is_gone)
}

fn finished(run: &Run) -> Finished {
    Finished {
        label: format!("{}, seed {}", arm(run), run.seed),
        macro_auc: run.test_macro_auc,
        took: run.wall_s.and_then(|wall| Duration::try_from_secs_f64(wall).ok()),
    }
}
