//! Signals that ask this process to end: an interrupt (Ctrl-C), a request to end, a terminal that was closed, and
//! USR1, which job schedulers send before time is up.
//!
//! Signals are the process's, and so is the flag that they raise: whoever does much looks at [`asked`] now and then,
//! and returns [`check`]'s error. The first signal raises it; the next ends the process at once, as does the first
//! where [`at_once`] was said.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use crate::Result;
use crate::error::Error;

/// The signal that came; 0 before.
static ASKED: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);
/// Whether a signal ends the process at once.
static AT_ONCE: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// What a terminal says that was closed.
const HANGUP: &str = "SIGHUP";

#[cfg(unix)]
const SIGNALS: [(i32, &str); 4] = [
    (signal_hook::consts::SIGINT, "Ctrl-C"),
    (signal_hook::consts::SIGTERM, "SIGTERM"),
    (signal_hook::consts::SIGHUP, HANGUP),
    (signal_hook::consts::SIGUSR1, "SIGUSR1"),
];
#[cfg(not(unix))]
const SIGNALS: [(i32, &str); 2] = [(signal_hook::consts::SIGINT, "Ctrl-C"), (signal_hook::consts::SIGTERM, "SIGTERM")];

/// Listens to signals from now on. One of a closed terminal that is ignored, as under `nohup`, stays ignored.
///
/// # Errors
/// Where the system does not allow it.
pub fn listen() -> Result<()> {
    let ignored = std::fs::read_to_string("/proc/self/status").map_or(0, |status| ignored(&status));
    for (signal, name) in SIGNALS {
        if name == HANGUP && ignored >> (signal - 1) & 1 == 1 {
            continue;
        }
        let number = usize::try_from(signal).unwrap_or_default();
        // In this order: what the first one sets, the next one finds.
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, AT_ONCE.clone())
            .and_then(|_| signal_hook::flag::register(signal, AT_ONCE.clone()))
            .and_then(|_| signal_hook::flag::register_usize(signal, ASKED.clone(), number))
            .map_err(|error| Error::internal(format!("cannot listen for signals: {error}")))?;
    }
    Ok(())
}

/// As if asked to end by SIGTERM once standard input is closed: by who started this process, or as that one is gone.
///
/// # Errors
/// Where no thread can be started.
pub fn when_input_closes() -> Result<()> {
    const TERM: usize = 15;
    let wait = || {
        // What is written there is passed over.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = ASKED.compare_exchange(0, TERM, Ordering::SeqCst, Ordering::SeqCst);
    };
    let started = std::thread::Builder::new().name("input".into()).spawn(wait);
    started.map(drop).map_err(|error| Error::internal(format!("cannot start a thread: {error}")))
}

/// The signals that a process ignores, a bit each from signal 1 on, by `/proc/PROCESS/status`.
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Whether the user asked to stop.
pub fn asked() -> bool {
    ASKED.load(Ordering::Relaxed) != 0
}

/// An error if the user asked to stop.
///
/// # Errors
/// [`Error::interrupted`].
pub fn check() -> Result<()> {
    if asked() { Err(Error::interrupted()) } else { Ok(()) }
}

/// Nothing is left to be put in order: from now on a signal ends the process at once.
pub fn at_once() {
    AT_ONCE.store(true, Ordering::SeqCst);
}

/// What asked to stop, such as `Ctrl-C` or `SIGTERM`.
pub fn by() -> &'static str {
    let asked = ASKED.load(Ordering::SeqCst);
    SIGNALS.iter().find(|(signal, _)| usize::try_from(*signal) == Ok(asked)).map_or("request", |(_, name)| name)
}

/// The exit code of a process that was asked to stop: 128 and the number of the signal, 130 for Ctrl-C.
pub fn exit_code() -> u8 {
    match ASKED.load(Ordering::SeqCst) {
        0 => 130,
        signal => u8::try_from(128 + signal).unwrap_or(130),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn ignored_signals_are_read() {
        assert_eq!(super::ignored("Name:\tx\nSigBlk:\t0\nSigIgn:\t0000000000001001\nSigCgt:\t1"), 0x1001);
        assert_eq!(super::ignored("Name:\tSigIgn:"), 0);
    }
}
