//! Several processes on one machine that share a study: one for each GPU, say.
//!
//! Each is an `ecgraft run` of its own, which takes from the store what no other has begun. One that ends before its time costs
//! its stages' last seconds alone. They end, each in order, once the process that started them is asked to end, or is gone:
//! their standard input is closed then.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use crate::error::Error;
use crate::report::status::Watch;
use crate::results::ResultsFolder;
use crate::{Result, stop, terminal};

/// The option of `ecgraft run` that a worker is started with.
pub const OPTION: &str = "until-input-closes";

/// How often it is looked whether workers are at work.
const LOOK: Duration = Duration::from_millis(100);

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// `cpu`, `cuda:0` ...
    pub device: String,
    /// Its threads.
    pub threads: usize,
}

/// So many workers on these devices, which they are dealt out to in turn, with their share of `threads`.
pub fn dealt(devices: &[String], workers: usize, threads: usize) -> Vec<Worker> {
    let threads = (threads / workers.max(1)).max(1);
    devices.iter().cycle().take(workers).map(|device| Worker { device: device.clone(), threads }).collect()
}

/// A worker at work.
struct Hand {
    child: Child,
    log: PathBuf,
    /// Closed, it ends.
    input: Option<ChildStdin>,
    ended: Option<Option<i32>>,
}

/// Runs `ecgraft run` with `arguments` in so many processes until all have ended, and shows on standard error how far all of
/// them are. Each one's log is in the results folder.
///
/// # Errors
/// A user error where one of them found a fault; an internal one where one ended by a fault of ours; interrupted where the
/// user asked to stop.
pub fn work(workers: &[Worker], arguments: &[String], results: &ResultsFolder) -> Result<()> {
    let program =
        std::env::current_exe().map_err(|error| Error::internal(format!("where this program is: {error}")))?;
    std::fs::create_dir_all(results.logs())
        .map_err(|error| Error::user(format!("{} cannot be made: {error}", results.logs().display())))?;
    let mut hands = Vec::new();
    for (number, worker) in (1..).zip(workers) {
        let log = results.logs().join(format!("worker-{number}.log"));
        hands.push(begin(&program, worker, arguments, log)?);
    }
    eprintln!("{} workers; what they say is in {}", hands.len(), results.logs().display());
    // Until one of them has made the store there is nothing to show.
    while !results.store().exists() && any_at_work(&mut hands) {
        std::thread::sleep(LOOK);
    }
    if results.store().exists() {
        let shown = show(results, &mut hands);
        while any_at_work(&mut hands) {
            std::thread::sleep(LOOK);
        }
        shown?;
    }
    let done = ended(&hands);
    stop::check()?;
    done
}

fn begin(program: &Path, worker: &Worker, arguments: &[String], log: PathBuf) -> Result<Hand> {
    let wrong = |error: std::io::Error| Error::user(format!("{}: a worker cannot be started: {error}", log.display()));
    let file = File::create(&log).map_err(wrong)?;
    let mut command = Command::new(program);
    command.arg("run").args(arguments).arg(format!("--{OPTION}"));
    command.args(["--device", &worker.device, "--threads", &worker.threads.to_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(file);
    // Ctrl-C comes to a whole group: a worker is told once, by its input.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(wrong)?;
    let input = child.stdin.take();
    Ok(Hand { child, log, input, ended: None })
}

/// Whether any still works; tells all to end where the user asked to stop.
fn any_at_work(hands: &mut [Hand]) -> bool {
    let mut any = false;
    for hand in hands {
        if stop::asked() {
            hand.input = None;
        }
        if hand.ended.is_none() {
            match hand.child.try_wait() {
                Ok(None) => any = true,
                Ok(Some(status)) => hand.ended = Some(status.code()),
                Err(_) => hand.ended = Some(None),
            }
        }
    }
    any
}

/// Shows how far all are while any works.
fn show(results: &ResultsFolder, hands: &mut [Hand]) -> Result<()> {
    let mut watch = Watch::open(results.path())?;
    // The store may have no runs yet.
    while watch.look().is_err() {
        if !any_at_work(hands) {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    watch.follow_while(&mut std::io::stderr(), &terminal::stderr_size, &mut |_| any_at_work(hands))
}

/// An error that names the workers that found a fault, if there are any. One that was killed is told of: its stages were
/// taken up by another, or are by who started it.
fn ended(hands: &[Hand]) -> Result<()> {
    let mut lines = Vec::new();
    let mut is_fault = false;
    for (number, hand) in (1..).zip(hands) {
        let log = hand.log.display();
        match hand.ended.flatten() {
            Some(0) => {}
            Some(code) if code < 128 => {
                is_fault |= code != 2;
                let said = std::fs::read_to_string(&hand.log).unwrap_or_default();
                let last = said.lines().rev().find(|line| line.starts_with("error")).unwrap_or_default();
                lines.push(format!("worker {number} ended with exit code {code} ({log}): {last}"));
            }
            _ => eprintln!("worker {number} was killed ({log}); what it had begun is taken up by others"),
        }
    }
    match (lines.is_empty(), is_fault) {
        (true, _) => Ok(()),
        (false, true) => Err(Error::internal(lines.join("\n  "))),
        (false, false) => Err(Error::user(lines.join("\n  "))),
    }
}
