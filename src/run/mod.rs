//! Runs a plan: workers claim stages from the store, train them and write what they found.
//!
//! A trial is a row that is claimed, not a loop index: threads of one process and processes on one
//! machine share the work through the store. A worker renews its lease while it trains; the stage of
//! a worker that died is taken up by another when the lease has run out.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dfdx::prelude::Cpu;

use crate::Result;
use crate::error::{Blame, Error};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::store::{Claim, Finish, StageStatus, Store};

mod cost;
mod device;
mod sources;
mod stage;
mod worker;

pub use device::Device;
#[cfg(feature = "cuda")]
pub(crate) use device::kernels;
use sources::Sources;
pub use sources::{Fingerprinted, fingerprints};

/// How long a claim is good without being renewed.
const LEASE: Duration = Duration::from_secs(30);
/// How often claims are renewed, and how often a waiting worker looks again.
const HEARTBEAT: Duration = Duration::from_secs(5);
const WAIT: Duration = Duration::from_millis(100);

/// Version and commit of this build, as stored with every run.
pub const VERSION: &str = env!("ECGRAFT_VERSION");

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the store, checkpoints and cache.
    pub results: PathBuf,
    /// Where networks are trained.
    pub device: Device,
    /// Threads in all; results do not depend on it.
    pub threads: usize,
    /// Stages trained at once; each gets `threads / jobs` threads.
    pub jobs: usize,
    /// How much time may pass until the progress of a stage is saved again.
    pub save_every: Duration,
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
}

/// What the workers share.
struct Shared<'a> {
    plan: &'a Plan,
    options: &'a Options,
    order: Vec<String>,
    sources: Sources,
    progress: &'a Progress,
    stop: &'a AtomicBool,
    /// Claims held now: stage and worker.
    held: Mutex<Vec<(String, String)>>,
    summary: Mutex<Summary>,
    /// No worker is left to keep claims for.
    over: AtomicBool,
}

/// Trains every stage of `plan` that is not done, and returns when all are done or failed.
/// `stop` is looked at before every training step; a stage that is stopped is given back.
///
/// # Errors
/// Where the store cannot be used, and [`Blame::Interrupted`] where `stop` was set. A stage that
/// fails does not end the others: it is in the store and in the summary.
pub fn run(plan: &Plan, options: &Options, progress: &Progress, stop: &AtomicBool) -> Result<Summary> {
    let mut store = Store::open(&options.results)?;
    store.register(plan)?;
    let order: Vec<String> = plan.stages.iter().map(|stage| stage.id.clone()).collect();
    store.retry_failed(&order)?;
    store.release_dead(worker::is_dead)?;
    let found = done(&mut store, plan, &options.results)?;
    found.iter().for_each(|&index| progress.already_done(index));
    let found = found.len();
    let todo = order.len() - found;
    if todo == 0 {
        return Ok(Summary { found, ..Summary::default() });
    }
    let jobs = options.jobs.clamp(1, todo);
    let shared = Shared {
        plan,
        options,
        order,
        sources: Sources::new(&options.results, options.threads)?,
        progress,
        stop,
        held: Mutex::new(Vec::new()),
        summary: Mutex::new(Summary { found, ..Summary::default() }),
        over: AtomicBool::new(false),
    };
    let outcome = std::thread::scope(|scope| {
        let keeper = scope.spawn(|| keep_claims(&shared));
        let workers: Vec<_> = (0..jobs)
            .map(|number| {
                let shared = &shared;
                scope.spawn(move || work(shared, number, (options.threads / jobs).max(1)))
            })
            .collect();
        let outcomes: Vec<Result<()>> = workers.into_iter().map(joined).collect();
        shared.over.store(true, Ordering::SeqCst);
        keeper.thread().unpark();
        let kept = joined(keeper);
        outcomes.into_iter().chain([kept]).collect::<Result<Vec<()>>>()
    });
    progress.finish();
    outcome?;
    if stop.load(Ordering::SeqCst) {
        return Err(Error::interrupted());
    }
    Ok(*lock(&shared.summary))
}

/// Indices of the stages of `plan` that are done. A regression whose weights were deleted while a
/// transfer still needs them is not.
fn done(store: &mut Store, plan: &Plan, results: &Path) -> Result<Vec<usize>> {
    let statuses = store.statuses()?;
    let is_done = |index: usize| statuses.get(&plan.stages[index].id) == Some(&StageStatus::Done);
    let mut lost = HashSet::new();
    for donor in (0..plan.stages.len()).filter(|&index| !is_done(index)).flat_map(|index| plan.stages[index].inputs()) {
        if is_done(*donor) && !results.join(checkpoint_path(&plan.stages[*donor].id)).is_file() && lost.insert(*donor) {
            store.forget(&plan.stages[*donor].id)?;
        }
    }
    Ok((0..plan.stages.len()).filter(|index| is_done(*index) && !lost.contains(index)).collect())
}

/// What the stages of `plan` cost, in comparable units, by stage index.
pub fn costs(plan: &Plan) -> Vec<f64> {
    plan.stages.iter().map(|stage| cost::of(plan, stage)).collect()
}

/// What a stage costs by the settings that the store keeps of it, in the units of [`costs`]; `None` where they are not
/// understood.
pub fn cost_of_settings(settings: &serde_json::Value) -> Option<f64> {
    cost::of_settings(settings)
}

/// Whether the worker called `name` ran on this machine and is gone; of workers elsewhere nothing is known.
pub fn is_dead(name: &str) -> bool {
    worker::is_dead(name)
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

/// Renews what is held, until all is over.
fn keep_claims(shared: &Shared<'_>) -> Result<()> {
    let mut store = Store::open(&shared.options.results)?;
    while !shared.over.load(Ordering::SeqCst) {
        std::thread::park_timeout(HEARTBEAT);
        let held = lock(&shared.held).clone();
        for (stage, worker) in held {
            store.renew(&stage, &worker, LEASE)?;
        }
    }
    Ok(())
}

/// Claims and trains stages until none is left.
fn work(shared: &Shared<'_>, number: usize, threads: usize) -> Result<()> {
    let worker = worker::name(number);
    let mut told = false;
    let mut store = Store::open(&shared.options.results)?;
    store.want(&shared.order)?;
    let pool = pool(threads)?;
    while !shared.stop.load(Ordering::SeqCst) {
        let id = match store.claim(&worker, LEASE)? {
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
        lock(&shared.held).push((id.clone(), worker.clone()));
        let trained = pool.install(|| train_one(shared, &mut store, &id, &worker));
        lock(&shared.held).retain(|(stage, _)| *stage != id);
        trained?;
    }
    Ok(())
}

/// Trains the claimed stage and writes how it ended.
fn train_one(shared: &Shared<'_>, store: &mut Store, id: &str, worker: &str) -> Result<()> {
    let Some(index) = shared.order.iter().position(|known| known == id) else {
        return Err(Error::internal(format!("claimed stage {id} is not in the plan")));
    };
    let started_at = chrono::Utc::now();
    shared.progress.stage_started(index, &shared.plan.stages[index].describe(shared.plan));
    // A fault in one stage is that stage's; the others go on.
    let trained = std::panic::catch_unwind(AssertUnwindSafe(|| match shared.options.device {
        Device::Cpu => stage::train(&Cpu::default(), shared, index),
        #[cfg(feature = "cuda")]
        Device::Cuda(number) => on_gpu(shared, number, index),
    }));
    let trained = trained.unwrap_or_else(|_| Err(Error::internal("a fault of ecgraft, told above; please report it")));
    match trained {
        Ok((outcome, checkpoint, note)) => {
            let finish = Finish {
                device: shared.options.device.name(),
                version: VERSION.to_owned(),
                checkpoint: Some(checkpoint),
                started_at,
            };
            store.finish(id, worker, &outcome, &finish)?;
            forget_progress(shared, id);
            lock(&shared.summary).trained += 1;
            shared.progress.stage_finished(index, &note);
            Ok(())
        }
        Err(error) if error.blame == Blame::Interrupted => store.release(id, worker),
        Err(error) => {
            store.fail(id, worker, &error.message)?;
            if error.blame == Blame::User {
                forget_progress(shared, id);
            }
            let mut summary = lock(&shared.summary);
            match error.blame {
                Blame::User | Blame::Memory => summary.failed += 1,
                _ => summary.faults += 1,
            }
            shared.progress.stage_failed(index, &error.message);
            Ok(())
        }
    }
}

/// As `stage::train`, on a GPU, in the precision that the manifest asks for.
#[cfg(feature = "cuda")]
fn on_gpu(shared: &Shared<'_>, number: usize, index: usize) -> Result<(crate::train::Outcome, String, String)> {
    let device = crate::ops::cuda::open(number, &kernels(&shared.options.results))?;
    let manifest = &shared.plan.experiments[shared.plan.stages[index].experiment];
    crate::ops::cuda::with_precision(manifest.compute.precision, || stage::train(&device, shared, index))
}

/// Where a stage's progress is saved while it is trained, below the results folder.
fn progress_path(id: &str) -> String {
    format!("progress/{id}")
}

/// Removes the progress of a stage that is not to go on from there.
fn forget_progress(shared: &Shared<'_>, id: &str) {
    // What stays behind is passed over: a stage that is done is not trained again.
    let _ = std::fs::remove_file(shared.options.results.join(progress_path(id)));
}

/// Where a stage's weights are, below the results folder.
fn checkpoint_path(id: &str) -> String {
    format!("checkpoints/{id}.safetensors")
}
