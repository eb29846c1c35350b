//! SIGKILL at any moment, and at any system call.

use std::process::Command;
use std::time::{Duration, Instant};

use super::judge::{PATIENCE, Study, command, count, run, start, told};
use crate::chance::Chance;
use crate::workbench::{Workbench, sample, skipped, tiny};

/// At most so many kills of one study, then it is left alone.
const IN_A_ROW: usize = 20;

/// What kills cost: seconds beyond those of an untouched run, all together, by study.
#[derive(Default)]
struct Costs {
    kills: usize,
    seconds: f64,
}

impl Costs {
    fn tell(&self, what: &str) {
        let each = self.seconds / self.kills.max(1) as f64;
        told(&format!(
            "{} SIGKILLs at {what}: all ends bit for bit as untouched; one costs {each:.2} s in the mean",
            self.kills
        ));
    }
}

/// Runs the study to its end. A stage that was killed twice before it saved anything is failed first, and tried once more by
/// the next run, as it says.
fn finish(bench: &Workbench) {
    let ended = run(bench, &[]);
    if ended.said.contains("ended 2 times without a word") {
        return run(bench, &[]).ended_well();
    }
    ended.ended_well();
}

#[test]
fn kills_at_random_moments_change_nothing() {
    let (study, wanted) = (Study::small(), count(12));
    let (mut chance, mut costs) = (Chance::new("moments"), Costs::default());
    while costs.kills < wanted {
        let bench = study.bench("kills");
        let (begun, before) = (Instant::now(), costs.kills);
        while costs.kills < wanted && costs.kills - before < IN_A_ROW {
            let mut running = start(&bench, command(&bench, &[]), "killed");
            if running.ended_within(study.wall.mul_f64(1.2 * chance.share())) {
                break;
            }
            running.child.kill().unwrap();
            running.child.wait().unwrap();
            costs.kills += 1;
        }
        finish(&bench);
        costs.seconds += (begun.elapsed().as_secs_f64() - study.wall.as_secs_f64()).max(0.0);
        study.is_in(&bench.results()).unwrap_or_else(|why| panic!("after {} kills: {why}", costs.kills - before));
    }
    costs.tell("random moments");
}

/// System calls that change what others see, and those that come before and after.
const CALLS: [&str; 9] =
    ["write", "pwrite64", "fsync", "fdatasync", "rename", "openat", "unlink", "ftruncate", "futex"];

#[test]
fn kills_at_random_system_calls_change_nothing() {
    let test = "kills_at_random_system_calls_change_nothing";
    let traced = |arguments: &[&str], bench: &Workbench| {
        let program = command(bench, &[]);
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "-q", "-o", "/dev/null"])
            .args(arguments)
            .arg(program.get_program())
            .args(program.get_args());
        strace.current_dir(&bench.path);
        strace
    };
    let study = Study::small();
    let bench = study.bench("traces");
    if !traced(&["-e", "trace=write"], &bench).output().is_ok_and(|said| said.status.success()) {
        return skipped(test, "strace does not work here");
    }
    let (mut chance, mut costs, wanted, mut tries) = (Chance::new("calls"), Costs::default(), count(9), 0);
    while costs.kills < wanted && tries < 20 * wanted {
        let bench = study.bench("calls");
        let before = costs.kills;
        while costs.kills < wanted && costs.kills - before < IN_A_ROW && tries < 20 * wanted {
            // Of each thread the first calls as often as the hundredth.
            let (call, nth) = (CALLS[tries % CALLS.len()], 128_f64.powf(chance.share()) as usize);
            tries += 1;
            let inject = format!("inject={call}:signal=KILL:when={nth}");
            let ended =
                start(&bench, traced(&["-e", &format!("trace={call}"), "-e", &inject], &bench), "killed").end(PATIENCE);
            assert!(ended.status.is_some(), "it did not end: {}", ended.said);
            if ended.status.is_some_and(|status| status.success()) {
                break;
            }
            costs.kills += 1;
        }
        let begun = Instant::now();
        finish(&bench);
        costs.seconds += begun.elapsed().as_secs_f64();
        study.is_in(&bench.results()).unwrap_or_else(|why| panic!("after {} kills: {why}", costs.kills - before));
    }
    let kills = costs.kills;
    told(&format!("{kills} SIGKILLs at random system calls ({}): all ends bit for bit as untouched", CALLS.join(", ")));
}

/// Of this much of a stage, and what it takes to start, no more is lost by a kill: it is saved as often.
const AT_MOST: f64 = 65.0;

/// One stage that takes so long that it matters where it is taken up.
#[test]
fn a_kill_costs_epochs_and_not_a_stage() {
    // With a number it is of minutes, as a stage that takes seconds may be begun anew.
    let epochs = if std::env::var_os("TORTURE").is_some() { 10_000 } else { 100 };
    let manifest = tiny("long", &sample(), "").replace("epochs = 2", &format!("epochs = {epochs}"));
    let (head, _) = manifest.split_once("[trials]").unwrap();
    let manifest = format!("{head}[trials]\narchitecture = [\"tiny\"]\nseed = [0]\n");
    let bench = |name: &str| {
        let bench = Workbench::new(name);
        bench.write("study.toml", &manifest);
        bench
    };
    let untouched = bench("torture-long");
    let wall = run_long(&untouched);

    // Another time it may be quicker.
    let (mut at, mut killed) = (wall * 0.8, bench("torture-long-killed"));
    while ended_before(&killed, at) {
        (at, killed) = (at * 0.8, bench("torture-long-killed-again"));
    }
    let cost = at + run_long(&killed) - wall;
    let rows = |bench: &Workbench| bench.ask("SELECT epoch, split, metric, value FROM epoch ORDER BY 1, 2, 3");
    assert_eq!(rows(&killed), rows(&untouched));
    told(&format!("a kill after {at:.0} s of a stage of {wall:.0} s costs {cost:.1} s"));
    // On a machine that does other things too, seconds say little.
    if std::env::var_os("TORTURE").is_some() {
        assert!(cost < AT_MOST, "{cost} s of a stage of {wall} s are lost");
    }
}

/// Kills a run after so many seconds, unless it ended before.
fn ended_before(bench: &Workbench, seconds: f64) -> bool {
    let mut running = start(bench, command(bench, &[]), "killed");
    let ended = running.ended_within(Duration::from_secs_f64(seconds));
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    ended
}

/// Seconds of a run to its end.
fn run_long(bench: &Workbench) -> f64 {
    let begun = Instant::now();
    start(bench, command(bench, &[]), "run").end(Duration::from_secs(3600)).ended_well();
    begun.elapsed().as_secs_f64()
}
