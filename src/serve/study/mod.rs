//! What is known of the study: read again when its files change, by threads of their own, while pages show what was read
//! last.
//!
//! | | |
//! |---|---|
//! | `files` | what lies in the results folder, and whether it changed |
//! | `shards` | stages that are done and not merged yet |
//! | `snapshot` | runs and stages at one moment, those in work with their epochs |
//! | `before` | stages of which there are shards or epochs before there is a store |
//! | `compared` | the comparison so far |
//! | `live` | the threads that keep both up to date |

mod before;
mod compared;
mod files;
mod live;
mod shards;
mod snapshot;

pub(super) use compared::Compared;
pub(super) use live::Live;
pub(super) use snapshot::Snapshot;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock that outlives a panic of another thread: what is behind ours is replaced as a whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
