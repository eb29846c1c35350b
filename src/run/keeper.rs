//! Keeps claims while their workers live, and takes stages from workers that are gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Shared, lock, memory};
use crate::store::{Lost, Store};
use crate::{Result, process};

/// How long a worker that gives no sign of life keeps its claim.
const LEASE: Duration = Duration::from_secs(30);
/// Signs of life within a lease.
const BEATS: u32 = 6;

/// A stage that a worker of this run has claimed.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub stage: String,
    pub worker: String,
    /// Whether the claim was lost: the stage is to be stopped.
    pub lost: Arc<AtomicBool>,
}

/// See [`LEASE`]; tests are less patient.
pub(super) fn lease() -> Duration {
    let told = std::env::var("ECGRAFT_LEASE_MS").ok().and_then(|text| text.parse().ok());
    told.map_or(LEASE, Duration::from_millis)
}

/// Renews what is held and looks for workers that are gone, until all is over.
pub(super) fn keep_claims(shared: &Shared<'_>) -> Result<()> {
    let mut store = shared.options.store()?;
    let lease = lease();
    let mut is_told = false;
    while !shared.over.load(Ordering::SeqCst) {
        std::thread::park_timeout(lease / BEATS);
        match beat(shared, &mut store, lease) {
            Ok(()) => is_told = false,
            // The next one may go well; a stage that cannot be kept is taken by others, and no more is lost.
            Err(error) if !is_told => {
                shared.progress.message(&format!("claims cannot be renewed just now: {error}"));
                is_told = true;
            }
            Err(_) => {}
        }
    }
    Ok(())
}

fn beat(shared: &Shared<'_>, store: &mut Store, lease: Duration) -> Result<()> {
    let held = lock(&shared.held).clone();
    for claim in held {
        // A stage that has just ended is not held either, and nobody looks at its flag any more.
        if !store.renew(&claim.stage, &claim.worker, lease)? {
            claim.lost.store(true, Ordering::SeqCst);
        }
    }
    release_lost(shared, store)
}

/// Takes stages from workers that are gone, and tells of it.
pub(super) fn release_lost(shared: &Shared<'_>, store: &mut Store) -> Result<()> {
    let index = |id: &str| shared.indices.get(id).copied();
    let why = |id: &str, times: u32| memory::likely_reason(index(id).map(|index| &shared.memory[index]), times);
    let progress = |id: &str| {
        let file = shared.options.results.progress(id);
        file.metadata().and_then(|found| found.modified()).ok().map(chrono::DateTime::from)
    };
    for Lost { stage, times, failed } in store.release_lost(lease(), process::is_gone, why, progress)? {
        let Some(index) = index(&stage) else { continue };
        let label = shared.plan.stages[index].describe(shared.plan);
        match failed {
            true => {
                lock(&shared.summary).failed += 1;
                let reason = memory::likely_reason(Some(&shared.memory[index]), times);
                shared.progress.message(&format!("failed  {label}: {reason}"));
            }
            false => shared.progress.message(&format!("{label}: its worker ended without a word; it is tried again")),
        }
    }
    Ok(())
}
