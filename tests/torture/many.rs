//! Many processes at work on one store; those that are killed among them; those that are stopped and go on later.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::judge::{PATIENCE, Running, Study, command, count, run, start, told};
use crate::chance::Chance;
use crate::workbench::Workbench;

/// Longer than a lease, and what it takes to see that it is over.
const PAST_THE_LEASE: Duration = Duration::from_secs(75);

/// Processes at once.
const PROCESSES: usize = 32;

#[test]
fn many_processes_share_one_study() {
    let (study, mut chance) = (Study::small(), Chance::new("many"));
    let rounds = count(1).div_ceil(100);
    for round in 0..rounds {
        let bench = study.bench("many");
        let mut running: Vec<Running> = (0..PROCESSES)
            .map(|number| start(&bench, command(&bench, &["--jobs", "1"]), &format!("process-{number}")))
            .collect();
        // In every second round one in four is killed.
        for process in running.iter_mut().step_by(4).filter(|_| round % 2 == 1) {
            std::thread::sleep(study.wall.mul_f64(0.2 * chance.share()));
            let _ = process.child.kill();
        }
        for (number, process) in running.into_iter().enumerate() {
            let ended = process.end(PATIENCE);
            if round % 2 == 0 || number % 4 != 0 {
                ended.ended_well();
            }
        }
        study.is_in(&bench.results()).unwrap();
    }
    told(&format!("{rounds} times {PROCESSES} processes on one store: all ends bit for bit as untouched"));
}

/// The stages that a process says it finished.
fn finished(said: &str) -> BTreeSet<String> {
    let label = |line: &str| line.strip_prefix("done ")?.split("  test ").next().map(|label| label.trim().to_owned());
    said.lines().filter_map(label).collect()
}

/// Waits until a stage is being trained.
pub fn wait_for_work(bench: &Workbench) {
    let begun = Instant::now();
    let is_begun = || {
        let store = rusqlite::Connection::open(bench.results().join("ecgraft.sqlite")).ok()?;
        let sql = "SELECT count(*) FROM stage WHERE status = 'running' AND kind = 'transfer'";
        store.query_row(sql, [], |row| row.get::<_, i64>(0)).ok().filter(|count| *count > 0)
    };
    while is_begun().is_none() {
        assert!(begun.elapsed() < PATIENCE, "no stage was ever begun");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Stops a process while it does not write: one that is stopped in the middle of it keeps the store locked for all, which
/// the others say after half a minute.
fn stop_between_transactions(running: &Running, bench: &Workbench) {
    loop {
        running.signal("STOP");
        let store = rusqlite::Connection::open(bench.results().join("ecgraft.sqlite")).unwrap();
        store.busy_timeout(Duration::from_millis(100)).unwrap();
        if store.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok() {
            return;
        }
        running.signal("CONT");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_process_that_was_stopped_past_its_lease_harms_nothing() {
    let study = Study::slow();
    let rounds = count(1).div_ceil(200);
    for _ in 0..rounds {
        let bench = study.bench("stopped");
        let stopped = start(&bench, command(&bench, &["--jobs", "2"]), "stopped");
        wait_for_work(&bench);
        stop_between_transactions(&stopped, &bench);
        let begun = Instant::now();
        let other = start(&bench, command(&bench, &["--jobs", "2"]), "other").end(PATIENCE + PAST_THE_LEASE);
        let waited = begun.elapsed();
        other.ended_well();
        study.is_in(&bench.results()).unwrap();
        stopped.signal("CONT");
        let stopped = stopped.end(PATIENCE);
        stopped.ended_clearly();
        assert!(waited < PAST_THE_LEASE + study.wall, "the other waited for {waited:?}");
        study.is_in(&bench.results()).unwrap();
        let both: Vec<String> = finished(&stopped.said).intersection(&finished(&other.said)).cloned().collect();
        assert!(both.is_empty(), "both say that they finished {both:?}:\n{}\n{}", stopped.said, other.said);
        run(&bench, &[]).ended_well();
    }
    told(&format!("{rounds} processes stopped past their lease: another goes on, and nothing is overwritten"));
}
