//! Runs a plan: workers claim stages from the store, train them and write what they found.
//!
//! A trial is a row that is claimed, not a loop index: threads of one process, processes and machines
//! share the work through the store. A worker gives signs of life while it trains; the stage of a worker
//! that died is taken up by another, at once on the same machine, elsewhere when it was silent for a lease.

use std::collections::{BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::tensor::{self, Cpu};

use crate::Result;
use crate::error::{Blame, Error};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::results::ResultsFolder;
use crate::store::{Claim, Finish, Store};
use crate::train::Features;
use crate::{durable, stop};

mod alike;
mod cost;
mod device;
mod donors;
mod elsewhere;
pub(crate) mod epochs;
mod keeper;
mod memory;
mod overlap;
mod pace;
mod planned;
mod prepared;
mod shard;
mod sources;
mod stage;
mod weights;
mod worker;

pub use device::Device;
use keeper::{Held, keep_claims, lease};
use memory::Room;
pub use memory::size;
pub use pace::Pace;
pub use planned::{Planned, plan_manifests};
pub use prepared::take_known;
pub use shard::{run_stages, write_donors};
use sources::Sources;
pub use sources::{Fingerprinted, fingerprints};

/// How often a waiting worker looks again.
const WAIT: Duration = Duration::from_millis(100);
/// Unfinished files of unknown processes that nobody has written to for so long are left over.
const STALE: Duration = Duration::from_secs(86_400);

/// How much time may pass until the progress of a stage is saved again, if nothing else is said.
pub const SAVE_EVERY: Duration = Duration::from_secs(30);

/// Version and commit of this build, as stored with every run.
pub const VERSION: &str = env!("ECGRAFT_VERSION");

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the store, checkpoints and cache.
    pub results: ResultsFolder,
    /// Where networks are trained.
    pub device: Device,
    /// Threads in all; results do not depend on it.
    pub threads: usize,
    /// Stages trained at once; each gets `threads / jobs` threads.
    pub jobs: usize,
    /// How much time may pass until the progress of a stage is saved again.
    pub save_every: Duration,
    /// Train only the stages of these ids, and write the shard of each: the store is this process's own, and has all that
    /// they are grafted from. `None`: train every stage of the plan.
    pub only: Option<BTreeSet<String>>,
}

impl Options {
    /// The store, which is synced where others rely on it.
    fn store(&self) -> Result<Store> {
        let store = Store::open(self.results.store_folder())?;
        if self.only.is_some() { store.unsynced() } else { Ok(store) }
    }

    /// Whether the stage of this id is to be trained here.
    fn wants(&self, id: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(id))
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Stages trained now.
    pub trained: usize,
    /// Stages that were done before.
    pub found: usize,
    /// Stages that failed now, for a reason the user can mend.
    pub failed: usize,
    /// Stages that failed now through a fault of ours.
    pub faults: usize,
    /// Networks that could not be evaluated on a source.
    pub not_evaluated: usize,
}

impl Summary {
    /// An error where any of the `stages` of the plan failed, or a network could not be evaluated.
    ///
    /// # Errors
    /// An internal one where a stage failed by a fault of ours, else a user error.
    pub fn into_result(self, stages: usize) -> Result<()> {
        match (self.faults, self.failed) {
            (0, 0) if self.not_evaluated > 0 => Err(Error::user(format!(
                "{} evaluations on other sources failed (see above); all stages are done",
                self.not_evaluated
            ))),
            (0, 0) => Ok(()),
            (0, failed) => {
                Err(Error::user(format!("{failed} of {stages} stages failed (see above){}", self.rest(stages))))
            }
            (faults, _) => Err(Error::internal(format!(
                "{faults} stages failed by a fault of ecgraft (see above){}",
                self.rest(stages)
            ))),
        }
    }
}

impl Summary {
    /// What became of those of `stages` that did not fail.
    fn rest(self, stages: usize) -> &'static str {
        let others = stages.saturating_sub(self.failed + self.faults);
        match self.trained + self.found {
            _ if others == 0 => "",
            done if done >= others => "; the others are done",
            _ => "; what does not hang on them is done",
        }
    }
}

/// What the workers share.
struct Shared<'a> {
    plan: &'a Plan,
    options: &'a Options,
    /// Ids of the stages that are wanted, in the order in which they are begun, and the index of every stage.
    order: Vec<String>,
    indices: HashMap<&'a str, usize>,
    sources: Sources,
    progress: &'a Progress,
    /// Claims held now.
    held: Mutex<Vec<Held>>,
    /// What stages need, by index, and what those in work take together.
    memory: alike::PerStage<memory::Needs>,
    room: Room,
    /// Features of backbones that hold still.
    features: Features,
    /// Checksums of weights that were found to fit, and those that were made again, by stage index.
    checksums: Mutex<HashMap<usize, String>>,
    made_again: Mutex<Vec<usize>>,
    summary: Mutex<Summary>,
    /// No worker is left to keep claims for.
    over: AtomicBool,
}

/// Trains every stage of `plan` that is not done, and returns when all are done or failed.
/// Whether the user asked to [`stop`] is looked at before every training step; a stage that is stopped is given back.
///
/// # Errors
/// Where the store cannot be used, and [`Blame::Interrupted`] where the user asked to stop. A stage that
/// fails does not end the others: it is in the store and in the summary.
pub fn run(plan: &Plan, options: &Options, progress: &Progress) -> Result<Summary> {
    let mut store = options.store()?;
    store.note().iter().for_each(|note| progress.message(note));
    store.register(plan)?;
    store.checkpoint();
    sweep(&options.results);
    let order = plan.order().into_iter().map(|index| plan.stages[index].id.clone());
    let order: Vec<String> = order.filter(|id| options.wants(id)).collect();
    store.retry_failed(&order)?;
    let mut shared = Shared {
        plan,
        options,
        order,
        indices: plan.stages.iter().enumerate().map(|(index, stage)| (stage.id.as_str(), index)).collect(),
        sources: Sources::new(&options.results, options.threads)?,
        progress,
        held: Mutex::default(),
        memory: memory::reckon(plan, &options.results, options.device),
        room: Room::default(),
        features: Features::default(),
        checksums: Mutex::default(),
        made_again: Mutex::default(),
        summary: Mutex::default(),
        over: AtomicBool::new(false),
    };
    keeper::release_lost(&shared, &mut store)?;
    let found = donors::done(&shared, &mut store)?;
    for &index in &found {
        progress.already_done(index);
        // Of a process that was killed between its last two acts.
        forget_progress(&shared, &plan.stages[index].id);
    }
    lock(&shared.summary).found = found.len();
    let todo = shared.order.len() - found.iter().filter(|index| options.wants(&plan.stages[**index].id)).count();
    if todo > 0 {
        let outcome = all_workers(&mut shared, options.jobs.clamp(1, todo));
        store.truncate_log();
        progress.finish();
        outcome?;
    }
    if !stop::asked() && options.only.is_none() {
        elsewhere::evaluate(&shared, &mut store)?;
        store.truncate_log();
    }
    let summary = *lock(&shared.summary);
    if stop::asked() {
        let done = summary.found + summary.trained;
        let kept = format!("what is finished is kept ({done} of {} stages are done)", plan.stages.len());
        return Err(Error { message: kept, ..Error::interrupted() });
    }
    Ok(summary)
}

/// Runs `jobs` workers, and who keeps their claims, until all are over.
fn all_workers(shared: &mut Shared<'_>, jobs: usize) -> Result<()> {
    let shared = &*shared;
    std::thread::scope(|scope| {
        let keeper = scope.spawn(|| keep_claims(shared));
        let threads = (shared.options.threads / jobs).max(1);
        let workers: Vec<_> = (0..jobs).map(|number| scope.spawn(move || work(shared, number, threads))).collect();
        let outcomes: Vec<Result<()>> = workers.into_iter().map(joined).collect();
        shared.over.store(true, Ordering::SeqCst);
        keeper.thread().unpark();
        tensor::memory::release();
        let kept = joined(keeper);
        outcomes.into_iter().chain([kept]).collect()
    })
}

/// Removes what runs that are gone left unfinished.
fn sweep(results: &ResultsFolder) {
    // By the clock that gives files their times, which may be a server's: the store was written just now.
    let written = [results.store(), results.write_ahead_log()].map(|path| path.metadata());
    let times = written.into_iter().filter_map(|metadata| metadata.and_then(|metadata| metadata.modified()).ok());
    let now = times.max().unwrap_or(SystemTime::UNIX_EPOCH);
    for folder in results.written_by_runs() {
        durable::sweep(&folder, now, STALE);
    }
}

/// What the stages of `plan` cost, in comparable units, by stage index.
pub fn costs(plan: &Plan) -> Vec<f64> {
    alike::PerStage::of(plan, |stage| cost::of_stage(plan, stage)).map(|cost| *cost)
}

/// What a stage costs by the settings that the store keeps of it, in the units of [`costs`]; `None` where they are not
/// understood.
pub fn cost_of_settings(settings: &serde_json::Value) -> Option<f64> {
    cost::of_settings(settings)
}

/// Bytes of memory that each stage of `plan` needs alone, and those that are available; reckoned, not measured.
pub fn memory(plan: &Plan, results: &ResultsFolder, device: Device) -> (Vec<u64>, Option<u64>) {
    (memory::reckon(plan, results, device).map(memory::Needs::alone), memory::available())
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|_| {
        Err(Error::internal("a worker stopped by a fault of ours; its stage will be tried again by the next run"))
    })
}

/// A lock that outlives a panic of another thread: the values behind ours are always whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| Error::internal(format!("cannot start {threads} threads: {error}")))
}

/// Claims and trains stages until none is left.
fn work(shared: &Shared<'_>, number: usize, threads: usize) -> Result<()> {
    let worker = worker::name(number);
    let mut told = false;
    let mut store = shared.options.store()?;
    store.want(&shared.order)?;
    let pool = pool(threads)?;
    while !stop::asked() {
        let id = match store.claim(&worker, lease())? {
            Claim::Stage(id) => id,
            Claim::Wait => {
                if !told && lock(&shared.held).is_empty() {
                    shared.progress.message("another process is training what is left; waiting for it");
                    told = true;
                }
                std::thread::sleep(WAIT);
                continue;
            }
            Claim::Finished => break,
        };
        let Some(&index) = shared.indices.get(id.as_str()) else {
            return Err(Error::internal(format!("claimed stage {id} is not in the plan")));
        };
        if !shared.room.enter(shared, index) {
            store.release(&id, &worker)?;
            shared.room.wait();
            continue;
        }
        let held = Held { stage: id.clone(), worker: worker.clone(), lost: Arc::default() };
        lock(&shared.held).push(held.clone());
        tensor::memory::settle(&shared.memory[index].sizes);
        let trained = pool.install(|| train_one(shared, &mut store, index, &held));
        lock(&shared.held).retain(|held| held.stage != id);
        shared.room.leave(index);
        trained?;
    }
    Ok(())
}

/// Trains the claimed stage and writes how it ended.
fn train_one(shared: &Shared<'_>, store: &mut Store, index: usize, held: &Held) -> Result<()> {
    let (id, worker) = (&held.stage, &held.worker);
    let started_at = chrono::Utc::now();
    match donors::fit(shared, store, index) {
        Ok(true) => {}
        Ok(false) => return store.release(id, worker),
        Err(error) => return failed(shared, store, index, held, &error),
    }
    shared.progress.stage_started(index, &shared.plan.stages[index].describe(shared.plan));
    // A fault in one stage is that stage's; the others go on.
    let trained = std::panic::catch_unwind(AssertUnwindSafe(|| match shared.options.device {
        Device::Cpu => stage::train(&Cpu::default(), shared, index, held),
        #[cfg(feature = "cuda")]
        Device::Cuda(number) => on_gpu(shared, number, index, held),
    }));
    let trained = trained.unwrap_or_else(|_| Err(Error::internal("a fault of ecgraft, told above; please report it")));
    let finished = trained.and_then(|stage::Finished { outcome, weights, note }| {
        let finish = Finish {
            device: shared.options.device.name(),
            version: VERSION.to_owned(),
            checkpoint: Some(ResultsFolder::checkpoint_name(id)),
            started_at,
            weights: Some(weights),
        };
        Ok((store.finish(id, worker, &outcome, &finish)?, note))
    });
    match finished {
        Ok((true, note)) => {
            if shared.options.only.is_some() {
                shard::write(shared, store, index)?;
            }
            forget_progress(shared, id);
            lock(&shared.summary).trained += 1;
            shared.progress.stage_finished(index, &note);
            Ok(())
        }
        Ok((false, _)) => {
            shared.progress.stage_left(index, LOST);
            Ok(())
        }
        Err(error) if error.blame == Blame::Interrupted && held.lost.load(Ordering::SeqCst) => {
            shared.progress.stage_left(index, LOST);
            Ok(())
        }
        Err(error) if error.blame == Blame::Interrupted => {
            epochs::forget(&shared.options.results, id);
            store.release(id, worker)
        }
        Err(error) => failed(shared, store, index, held, &error),
    }
}

/// What is said of a stage that another process took over.
const LOST: &str = "another process took it over, as this one gave no sign of life for too long; what this one trained \
                    of it is dropped";

/// Writes that the claimed stage failed.
fn failed(shared: &Shared<'_>, store: &mut Store, index: usize, held: &Held, error: &Error) -> Result<()> {
    epochs::forget(&shared.options.results, &held.stage);
    store.fail(&held.stage, &held.worker, &error.message)?;
    if error.blame == Blame::User {
        forget_progress(shared, &held.stage);
    }
    let mut summary = lock(&shared.summary);
    match error.blame {
        Blame::User | Blame::Memory => summary.failed += 1,
        _ => summary.faults += 1,
    }
    drop(summary);
    shared.progress.stage_failed(index, &error.message);
    Ok(())
}

/// As `stage::train`, on a GPU, in the precision that the manifest asks for.
#[cfg(feature = "cuda")]
fn on_gpu(shared: &Shared<'_>, number: usize, index: usize, held: &Held) -> Result<stage::Finished> {
    let device = crate::ops::open_cuda(number, &shared.options.results.kernels())?;
    let manifest = &shared.plan.experiments[shared.plan.stages[index].experiment];
    crate::ops::cuda::with_precision(manifest.compute.precision, || stage::train(&device, shared, index, held))
}

/// Removes the progress of a stage that is not to go on from there.
fn forget_progress(shared: &Shared<'_>, id: &str) {
    // What stays behind is passed over: a stage that is done is not trained again.
    let _ = std::fs::remove_file(shared.options.results.progress(id));
    epochs::forget(&shared.options.results, id);
}
