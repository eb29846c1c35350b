//! The study at one moment.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

use super::before;
use super::files::{self, Mark};
use super::shards::{Sharded, Shards};
use crate::compare::select;
use crate::plan::TaskKind;
use crate::report::status::{Status, learn_costs};
use crate::results::ResultsFolder;
use crate::run::epochs::Watched;
use crate::store::{PlannedStage, Run, StageStatus, Store};
use crate::{Error, Result, process};

/// A stage that the store does not know to be in work is, while its epochs were told of no longer ago than this.
const HEARD_OF: Duration = Duration::from_secs(30 * 60);
/// A store that was written less than this ago is read again though its files look the same: clocks of files are coarse.
const COARSE: Duration = Duration::from_secs(3);

/// The study at one moment.
#[derive(Debug, Default)]
pub(in crate::serve) struct Snapshot {
    /// When it was read.
    pub at: DateTime<Utc>,
    /// The runs that are shown, as they stand with what shards have.
    pub runs: Vec<Run>,
    /// The stages they are made of, without their settings.
    pub stages: Vec<PlannedStage>,
    /// Where a stage is in `stages`, by id.
    places: HashMap<String, usize>,
    /// What stages cost, by id.
    pub costs: Arc<HashMap<String, Option<f64>>>,
    /// Stages that are done in a shard and not in the store.
    pub sharded: HashMap<String, Sharded>,
    /// Number of shards, and what is wrong with those that cannot be read.
    pub shards: (usize, Vec<String>),
    /// Epochs so far of stages that are not done, by id.
    pub watched: HashMap<String, Arc<Watched>>,
    /// Differs where other runs are there, or are done in the store.
    pub done: u64,
    /// Whether there is a store.
    pub has_store: bool,
    /// Why the store could not be read just now.
    pub problem: Option<String>,
}

impl Snapshot {
    /// A stage, by its id.
    pub fn stage(&self, id: &str) -> Option<&PlannedStage> {
        self.places.get(id).and_then(|place| self.stages.get(*place))
    }

    /// How far all is now.
    pub fn status(&self) -> Status {
        Status::of(&self.runs, &self.stages, &self.costs)
    }

    /// The runs that a stage is part of: as the last one, or as what is grafted.
    pub fn runs_with<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Run> {
        self.runs.iter().filter(move |run| {
            let inputs = self.stage(&run.stage_id).map(|stage| stage.inputs.as_slice()).unwrap_or_default();
            run.stage_id == id || inputs.iter().any(|input| input == id)
        })
    }
}

/// Looks at the files again and again.
#[derive(Debug)]
pub(super) struct Reader {
    results: ResultsFolder,
    names: Vec<String>,
    store: Option<[Option<Mark>; 2]>,
    rows: (Vec<Run>, Vec<PlannedStage>),
    costs: Arc<HashMap<String, Option<f64>>>,
    problem: Option<String>,
    shards: Shards,
    watched: BTreeMap<PathBuf, (Mark, Option<Arc<Watched>>)>,
    /// How many of these were told of not long ago.
    heard_of: usize,
    /// Whether it was looked before.
    has_looked: bool,
}

impl Reader {
    /// Of these experiments of a folder; of all where none is named.
    pub fn new(results: ResultsFolder, names: Vec<String>) -> Self {
        Self {
            results,
            names,
            store: None,
            rows: Default::default(),
            costs: Arc::default(),
            problem: None,
            shards: Shards::default(),
            watched: BTreeMap::new(),
            heard_of: 0,
            has_looked: false,
        }
    }

    /// The study as it is now; `None` where nothing changed since the last time.
    pub fn look(&mut self) -> Option<Snapshot> {
        let files = files::store(&self.results);
        let recent = files.iter().flatten().any(|mark| mark.age().is_none_or(|age| age < COARSE));
        let mut changed = !std::mem::replace(&mut self.has_looked, true);
        if self.store != Some(files) || recent || self.problem.is_some() {
            changed |= self.read_store();
            self.store = Some(files);
        }
        changed |= self.shards.look(&self.results);
        changed |= self.read_epochs();
        changed.then(|| self.snapshot(files[0].is_some()))
    }

    /// Reads runs and stages; what was known stays where that fails. Whether anything is other than before.
    fn read_store(&mut self) -> bool {
        if files::store(&self.results)[0].is_none() {
            let was = self.problem.take().is_some() || !self.rows.0.is_empty();
            self.rows = Default::default();
            return was;
        }
        match read(&self.results, &self.names, &mut self.costs) {
            Ok(rows) => {
                let changed = self.problem.take().is_some() || self.rows.0 != rows.0 || !is_same(&self.rows.1, &rows.1);
                self.rows = rows;
                changed
            }
            Err(error) => {
                let problem = Some(error.message);
                let changed = self.problem != problem;
                self.problem = problem;
                changed
            }
        }
    }

    /// Reads the epochs of stages in work that are new. Whether any are.
    fn read_epochs(&mut self) -> bool {
        let found = files::listed(&self.results.epochs(), "jsonl");
        let before = self.watched.len();
        self.watched.retain(|path, (mark, _)| found.get(path) == Some(mark));
        let mut changed = self.watched.len() != before;
        for (path, mark) in found {
            if let Entry::Vacant(place) = self.watched.entry(path) {
                let read = Watched::read(place.key()).map(Arc::new);
                place.insert((mark, read));
                changed = true;
            }
        }
        let is_heard_of = |(mark, of): &&(Mark, Option<Arc<Watched>>)| {
            let is_recent = mark.age().is_none_or(|age| age < HEARD_OF);
            is_recent && of.as_ref().is_some_and(|of| !process::is_gone(&of.head.process))
        };
        let heard_of = self.watched.values().filter(is_heard_of).count();
        changed |= heard_of != self.heard_of;
        self.heard_of = heard_of;
        changed
    }

    /// Epochs by stage id, as old as they are now.
    fn watched_by_id(&self) -> HashMap<String, Arc<Watched>> {
        let each = self.watched.iter().filter_map(|(path, (mark, of))| {
            let (of, id) = (of.as_ref()?, path.file_stem()?.to_string_lossy().into_owned());
            let age = mark.age().unwrap_or(of.age);
            Some((id, Arc::new(Watched { age, ..(**of).clone() })))
        });
        each.collect()
    }

    fn snapshot(&self, has_store: bool) -> Snapshot {
        let (mut runs, mut stages) = self.rows.clone();
        if runs.is_empty() {
            stages = before::stages(&self.shards.stages(), &self.watched_by_id());
        }
        let mut done = DefaultHasher::new();
        runs.iter().for_each(|run| (&run.run_id, run.status == StageStatus::Done).hash(&mut done));
        let mut sharded = self.shards.stages();
        let mut watched = self.watched_by_id();
        for stage in &mut stages {
            with_shard(stage, sharded.get(&stage.row.stage_id));
            with_epochs(stage, watched.get(&stage.row.stage_id));
        }
        let places: HashMap<String, usize> =
            stages.iter().enumerate().map(|(place, stage)| (stage.row.stage_id.clone(), place)).collect();
        let in_store: HashSet<&str> = self
            .rows
            .1
            .iter()
            .filter(|stage| stage.row.status == StageStatus::Done)
            .map(|stage| stage.row.stage_id.as_str())
            .collect();
        // Where there are no runs the stages are those of the shards.
        let in_store = if runs.is_empty() { HashSet::new() } else { in_store };
        sharded.retain(|id, _| places.contains_key(id) && !in_store.contains(id.as_str()));
        let is_over = |id: &String| places.get(id).is_none_or(|place| stages[*place].row.status == StageStatus::Done);
        watched.retain(|id, _| !is_over(id));
        for run in &mut runs {
            let Some(stage) = places.get(&run.stage_id).map(|place| &stages[*place].row) else { continue };
            if run.status != StageStatus::Failed {
                run.status = stage.status;
            }
            run.finished_at = run.finished_at.take().or_else(|| stage.finished_at.clone());
            run.wall_s = run.wall_s.or(stage.wall_s);
        }
        Snapshot {
            at: Utc::now(),
            runs,
            stages,
            places,
            costs: self.costs.clone(),
            sharded,
            shards: self.shards.count(),
            watched,
            done: done.finish(),
            has_store,
            problem: self.problem.clone(),
        }
    }
}

/// Whether stages stand as they did.
fn is_same(one: &[PlannedStage], other: &[PlannedStage]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| one.row == other.row && one.inputs == other.inputs)
}

/// Runs and stages of the experiments that are shown.
fn read(
    results: &ResultsFolder,
    names: &[String],
    costs: &mut Arc<HashMap<String, Option<f64>>>,
) -> Result<(Vec<Run>, Vec<PlannedStage>)> {
    let store = Store::open_to_watch(results.path())?;
    let moment = store.views()?;
    let (mut runs, mut stages) = (store.runs()?, store.planned_stages()?);
    drop(moment);
    if !names.is_empty() && !runs.is_empty() {
        let shown: HashSet<String> = select(&runs, names)?.into_iter().collect();
        runs.retain(|run| shown.contains(&run.experiment));
        let last: HashSet<&str> = runs.iter().map(|run| run.stage_id.as_str()).collect();
        let inputs: HashSet<String> = stages
            .iter()
            .filter(|stage| last.contains(stage.row.stage_id.as_str()))
            .flat_map(|stage| stage.inputs.iter().cloned())
            .collect();
        stages.retain(|PlannedStage { row, .. }| last.contains(&*row.stage_id) || inputs.contains(&row.stage_id));
    }
    if stages.iter().any(|stage| !costs.contains_key(&stage.row.stage_id)) {
        learn_costs(Arc::make_mut(costs), &stages);
    }
    in_order(&mut stages, &runs);
    stages.iter_mut().for_each(|stage| stage.row.settings = String::new());
    Ok((runs, stages))
}

/// What is grafted first, what differs in seed only side by side; then the last stages, as their runs are planned.
fn in_order(stages: &mut [PlannedStage], runs: &[Run]) {
    let planned: HashMap<&str, usize> =
        runs.iter().enumerate().rev().map(|(place, run)| (run.stage_id.as_str(), place)).collect();
    stages.sort_by_cached_key(|PlannedStage { row, .. }| {
        let place = planned.get(row.stage_id.as_str()).copied();
        let what = [Some(row.architecture.clone()), row.mix.clone(), row.target.clone()];
        (row.kind == TaskKind::Transfer, place.unwrap_or(0), row.kind, what, row.seed)
    });
}

/// What is done in a shard is done.
fn with_shard(stage: &mut PlannedStage, shard: Option<&Sharded>) {
    if let Some(Sharded { row, .. }) = shard.filter(|_| stage.row.status != StageStatus::Done) {
        stage.row = row.clone();
    }
}

/// Who tells of epochs is at work, whether the store knows of them or not.
fn with_epochs(stage: &mut PlannedStage, watched: Option<&Arc<Watched>>) {
    let is_alive = |of: &&Arc<Watched>| of.age < HEARD_OF && !process::is_gone(&of.head.process);
    let Some(watched) = watched.filter(is_alive).filter(|_| stage.row.status == StageStatus::Pending) else { return };
    stage.row.status = StageStatus::Running;
    (stage.row.worker, stage.row.lease_until) = (None, None);
    let since = DateTime::from_timestamp_millis((watched.head.since * 1000.0) as i64);
    stage.row.started_at = since.map(|since| since.to_rfc3339_opts(SecondsFormat::Millis, true));
}

/// Whether experiments of these names are there, where any are.
///
/// # Errors
/// A user error where not.
pub(in crate::serve) fn check_names(results: &ResultsFolder, names: &[String]) -> Result<()> {
    let Ok(store) = Store::open_to_watch(results.path()) else { return Ok(()) };
    let runs = store.runs().unwrap_or_default();
    if runs.is_empty() || names.is_empty() {
        return Ok(());
    }
    select(&runs, names).map(drop).map_err(|error: Error| error.at(results.path().display()))
}
