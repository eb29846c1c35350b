//! Machines whose clocks are days apart.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::judge::{PATIENCE, Study, command, count, start, told};
use super::many::wait_for_work;
use crate::workbench::{Workbench, skipped};

/// Longer than a lease, and what it takes to see that it is over.
const PAST_THE_LEASE: Duration = Duration::from_secs(75);

/// The library that shows a program another time.
fn faketime() -> Option<PathBuf> {
    let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
    let paths = folders.iter().map(|folder| PathBuf::from(folder).join("faketime/libfaketimeMT.so.1"));
    paths.into_iter().find(|path| path.is_file())
}

/// The study on a machine with processes of its own, its clock so far off; it dies when it is killed.
fn elsewhere(bench: &Workbench, library: &PathBuf, off: &str) -> Command {
    let program = command(bench, &["--jobs", "2"]);
    let mut elsewhere = Command::new("unshare");
    elsewhere.args(["--pid", "--fork", "--kill-child", "--mount-proc"]);
    elsewhere.arg(program.get_program()).args(program.get_args()).current_dir(&bench.path);
    elsewhere.env("LD_PRELOAD", library).env("FAKETIME", off).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    elsewhere
}

#[test]
fn clocks_that_are_days_apart_hold_nobody_up() {
    let test = "clocks_that_are_days_apart_hold_nobody_up";
    let Some(library) = faketime() else { return skipped(test, "there is no libfaketime here") };
    let probe = Command::new("unshare").args(["--pid", "--fork", "--kill-child", "--mount-proc", "true"]).output();
    if !probe.is_ok_and(|said| said.status.success()) {
        return skipped(test, "unshare does not work here");
    }
    let study = Study::slow();
    let offs = if count(1) > 1 { &["+3d", "-3d", "+1y"][..] } else { &["+3d"] };
    for off in offs {
        // A dead worker from the future, or the past.
        let bench = study.bench("clocks");
        let mut dies = start(&bench, elsewhere(&bench, &library, off), "dies");
        wait_for_work(&bench);
        dies.child.kill().unwrap();
        dies.child.wait().unwrap();
        let begun = Instant::now();
        let here = start(&bench, command(&bench, &["--jobs", "2"]), "here").end(PAST_THE_LEASE + study.wall);
        assert!(here.status.is_some(), "a dead worker whose clock was {off} off holds up others: {}", here.said);
        here.ended_well();
        let waited = begun.elapsed();
        study.is_in(&bench.results()).unwrap();

        // Two living ones share the work.
        let bench = study.bench("clocks");
        let far = start(&bench, elsewhere(&bench, &library, off), "far");
        let near = start(&bench, command(&bench, &["--jobs", "1"]), "near");
        near.end(PATIENCE).ended_well();
        far.end(PATIENCE).ended_well();
        study.is_in(&bench.results()).unwrap();
        told(&format!(
            "a clock {off} off: a dead worker holds others up for {:.0} s; two living share the work",
            waited.as_secs_f64()
        ));
    }
}
