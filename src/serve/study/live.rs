//! The threads that keep what is shown up to date, as long as somebody looks.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::snapshot::{Reader, check_names};
use super::{Compared, Snapshot, lock};
use crate::results::ResultsFolder;
use crate::{Error, Result};

/// How long after somebody looked it is gone on.
const WATCHED: Duration = Duration::from_secs(15);
/// The files are looked at no more often.
const AGAIN: Duration = Duration::from_millis(500);
/// How long a page waits for what is newer, where what is known is old, and for the first comparison.
const PATIENCE: Duration = Duration::from_secs(3);
const FIRST_COMPARISON: Duration = Duration::from_secs(1);
/// Reading takes at most one part in so many of the time, and comparing, which takes all it needs of a core, in so many.
const READING: u32 = 5;
const COMPARING: u32 = 10;

/// The study, kept up to date.
pub(in crate::serve) struct Live {
    results: ResultsFolder,
    names: Vec<String>,
    known: Mutex<Known>,
    changed: Condvar,
}

struct Known {
    snapshot: Arc<Snapshot>,
    compared: Arc<Compared>,
    /// When somebody last looked, and when the files were last looked at.
    wanted: Option<Instant>,
    looked: Option<Instant>,
    /// What [`Snapshot::done`] was when they were compared.
    done: Option<u64>,
    over: bool,
}

impl Live {
    /// Of these experiments of a folder; of all where none is named.
    ///
    /// # Errors
    /// A user error where there are experiments and none is called so; where the system gives no threads.
    pub fn start(results: ResultsFolder, names: Vec<String>) -> Result<Arc<Self>> {
        check_names(&results, &names)?;
        let known = Known {
            snapshot: Arc::default(),
            compared: Arc::default(),
            wanted: None,
            looked: None,
            done: None,
            over: false,
        };
        let live = Arc::new(Self { results, names, known: Mutex::new(known), changed: Condvar::new() });
        live.begin("read", Self::read)?;
        live.begin("compare", Self::compare)?;
        Ok(live)
    }

    /// Does `work` in a thread of its own.
    fn begin(self: &Arc<Self>, name: &str, work: fn(&Self)) -> Result<()> {
        let own = self.clone();
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || work(&own));
        thread.map(drop).map_err(|error| Error::internal(format!("cannot start a thread: {error}")))
    }

    /// Where it is.
    pub fn results(&self) -> &ResultsFolder {
        &self.results
    }

    /// The study as it was read last, which is not long ago.
    pub fn now(&self) -> (Arc<Snapshot>, Arc<Compared>) {
        let asked = Instant::now();
        let mut known = lock(&self.known);
        known.wanted = Some(asked);
        self.changed.notify_all();
        // As long as somebody looks this is at most as old as a look takes.
        let is_old = |known: &Known| known.looked.is_none_or(|looked| looked + WATCHED < asked);
        let is_first = |known: &Known| known.compared.number == 0 && known.snapshot.has_store;
        loop {
            let patience = match (is_old(&known), is_first(&known)) {
                (true, _) => PATIENCE,
                (_, true) => FIRST_COMPARISON,
                _ => break,
            };
            let left = (asked + patience).saturating_duration_since(Instant::now());
            if left.is_zero() || known.over {
                break;
            }
            known = self.changed.wait_timeout(known, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        (known.snapshot.clone(), known.compared.clone())
    }

    /// Ends the threads.
    pub fn end(&self) {
        lock(&self.known).over = true;
        self.changed.notify_all();
    }

    /// Waits until somebody looks and `is_due`; false where it is over.
    fn wait_until(&self, is_due: &dyn Fn(&Known) -> bool) -> bool {
        let mut known = lock(&self.known);
        loop {
            if known.over {
                return false;
            }
            let is_wanted = known.wanted.is_some_and(|wanted| wanted.elapsed() < WATCHED);
            if is_wanted && is_due(&known) {
                return true;
            }
            known = match is_wanted {
                true => {
                    self.changed.wait_timeout(known, Duration::from_secs(1)).unwrap_or_else(PoisonError::into_inner).0
                }
                false => self.changed.wait(known).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// A pause after work that took `took`; shorter where it is over.
    fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut known = lock(&self.known);
        while !known.over {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            known = self.changed.wait_timeout(known, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Looks at the files.
    fn read(&self) {
        let mut reader = Reader::new(self.results.clone(), self.names.clone());
        while self.wait_until(&|_| true) {
            let begun = Instant::now();
            let snapshot = reader.look();
            let mut known = lock(&self.known);
            if let Some(snapshot) = snapshot {
                known.snapshot = Arc::new(snapshot);
            }
            known.looked = Some(Instant::now());
            drop(known);
            self.changed.notify_all();
            self.pause(AGAIN.max(READING * begun.elapsed()));
        }
    }

    /// Compares, whenever other runs are done than at the last time.
    fn compare(&self) {
        let is_due = |known: &Known| known.snapshot.has_store && known.done != Some(known.snapshot.done);
        for number in 1.. {
            if !self.wait_until(&is_due) {
                return;
            }
            let done = lock(&self.known).snapshot.done;
            let begun = Instant::now();
            let compared = Arc::new(Compared::read(&self.results, &self.names, number));
            let mut known = lock(&self.known);
            known.done = compared.is_whole.then_some(done);
            known.compared = compared;
            drop(known);
            self.changed.notify_all();
            self.pause(AGAIN.max(COMPARING * begun.elapsed()));
        }
    }
}
