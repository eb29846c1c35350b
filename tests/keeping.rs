//! What is kept stays whole: whatever ends a run, whatever happens to its files, and whoever else is at work.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::workbench::{Said, Workbench, sample, tiny};
use ecgraft::store::Cell;

/// Patience with a machine that has much to do.
const PATIENCE: Duration = Duration::from_secs(120);

/// A study whose stages take a while: `epochs` epochs each.
fn study(epochs: usize) -> String {
    tiny("tiny", &sample(), "")
        .replace("[transfer]", "early_stopping = { patience = 100000 }\n[transfer]")
        .replace("epochs = 2", &format!("epochs = {epochs}"))
}

fn bench(name: &str, manifest: &str) -> Workbench {
    let bench = Workbench::new(name);
    bench.write("experiments/tiny.toml", manifest);
    bench
}

fn spawn(bench: &Workbench, variables: &[(&str, &str)], arguments: &[&str]) -> Child {
    let mut command = bench.command(arguments);
    command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The same, with hangups as a terminal's programs have them (`default`) or as under `nohup` (`ignore`), whatever they are
/// for the tests.
fn spawn_where_hangups(bench: &Workbench, are: &str, arguments: &[&str]) -> Child {
    let program = bench.command(arguments);
    let mut command = std::process::Command::new("env");
    command.arg(format!("--{are}-signal=HUP")).arg(program.get_program()).args(program.get_args());
    command.current_dir(&bench.path).env_remove("ECG_DATA").stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn send(child: &Child, signal: &str) {
    let sent = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[track_caller]
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "too slow: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn there_are(bench: &Workbench, status: &str, least: usize) -> bool {
    bench.results().join("ecgraft.sqlite").exists()
        && bench.number("SELECT count(*) FROM sqlite_schema WHERE name = 'stages'") > 0.0
        && bench.number(&format!("SELECT count(*) FROM stages WHERE status = '{status}'")) >= least as f64
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    }
}

/// The checkpoints of regressions.
fn donors(bench: &Workbench) -> Vec<PathBuf> {
    let rows = bench.ask("SELECT checkpoint FROM stages WHERE kind = 'regression' ORDER BY stage_id");
    rows.iter().map(|row| bench.results().join(text(&row[0]))).collect()
}

/// Files that were not finished.
fn leftovers(bench: &Workbench) -> Vec<PathBuf> {
    let folders = ["", "cache", "checkpoints"].map(|name| bench.results().join(name));
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "tmp")).collect()
}

#[test]
#[cfg(target_os = "linux")]
fn every_signal_that_asks_ends_a_run_in_order() {
    for (signal, name, code) in
        [("-INT", "Ctrl-C", 130), ("-TERM", "SIGTERM", 143), ("-HUP", "SIGHUP", 129), ("-USR1", "SIGUSR1", 138)]
    {
        let bench = bench(&format!("signal{signal}"), &study(100_000));
        let child = spawn_where_hangups(&bench, "default", &["run", "--jobs", "2"]);
        wait_until("a stage is in work", || there_are(&bench, "running", 2));
        send(&child, signal);
        let sent = Instant::now();
        let said = Said::of(&child.wait_with_output().unwrap());
        assert!(sent.elapsed() < Duration::from_secs(2), "{signal}: {:?}", sent.elapsed());
        assert_eq!(said.code, Some(code), "{}", said.err);
        for piece in [&format!("stopped by {name}") as &str, "what is finished is kept (0 of 8 stages are done)"] {
            assert!(said.err.contains(piece), "{piece}: {}", said.err);
        }
        assert_eq!(bench.number("SELECT count(*) FROM stages WHERE status <> 'pending'"), 0.0, "given back");
        assert_eq!(leftovers(&bench), [] as [PathBuf; 0]);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn under_nohup_a_closed_terminal_ends_nothing() {
    let bench = bench("nohup", &study(100_000));
    let mut child = spawn_where_hangups(&bench, "ignore", &["run", "--jobs", "2"]);
    wait_until("a stage is in work", || there_are(&bench, "running", 2));
    send(&child, "-HUP");
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none(), "it ended");
    send(&child, "-TERM");
    let said = Said::of(&child.wait_with_output().unwrap());
    assert_eq!(said.code, Some(143), "{}", said.err);
}

#[test]
#[cfg(target_os = "linux")]
fn a_second_signal_ends_a_run_at_once() {
    let once = || {
        let bench = bench("second", &study(100_000));
        let child = spawn(&bench, &[], &["run", "--jobs", "1"]);
        wait_until("a stage is in work", || there_are(&bench, "running", 1));
        // Both are there before the run can do anything about the first.
        for signal in ["-STOP", "-TERM", "-INT", "-CONT"] {
            send(&child, signal);
        }
        let said = Said::of(&child.wait_with_output().unwrap());
        assert!([Some(130), Some(143)].contains(&said.code), "{:?}", said.code);
        if said.err.contains("stopped by") {
            return false;
        }
        assert!(there_are(&bench, "running", 1), "nothing was put in order");
        true
    };
    // Of two signals in the same microsecond two threads may each take one for the first; not time after time.
    assert!((0..4).any(|_| once()), "the second signal is one more first one");
}

#[test]
#[cfg(target_os = "linux")]
fn a_signal_is_heard_while_data_are_read() {
    // Some minutes of simulation before the plan stands, and some seconds after it.
    for (name, records, planned) in [("planning", "300000", false), ("reading", "20000", true)] {
        let bench = bench(name, &study(2).replace("records = 40", &format!("records = {records}")));
        let child = spawn(&bench, &[], &["run"]);
        if planned {
            wait_until("a stage is claimed", || there_are(&bench, "running", 1));
        }
        std::thread::sleep(Duration::from_millis(if planned { 300 } else { 1500 }));
        send(&child, "-TERM");
        let sent = Instant::now();
        let said = Said::of(&child.wait_with_output().unwrap());
        assert!(sent.elapsed() < Duration::from_secs(2), "{name}: {:?}", sent.elapsed());
        assert_eq!(said.code, Some(143), "{name}: {}", said.err);
        assert!(said.err.contains("stopped by SIGTERM; what is finished is kept"), "{name}: {}", said.err);
        if planned {
            // Classifiers from scratch come first, do not need these records, and may be done.
            let open = "SELECT count(*) FROM stages WHERE NOT (status = 'pending' OR status = 'done' AND mix IS NULL)";
            assert_eq!(bench.number(open), 0.0, "given back");
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_worker_that_slept_past_its_lease_overwrites_nothing_and_stops() {
    let bench = bench(
        "slept",
        &study(100_000).replace("freeze = [\"none\", \"probe\"]\nseed = [0, 1]", "freeze = [\"none\"]\nseed = [0]"),
    );
    // One stage at a time, and it takes longer than the other is patient.
    let sleeper = spawn(&bench, &[("ECGRAFT_LEASE_MS", "1200")], &["run", "--jobs", "1"]);
    wait_until("the first is at work", || there_are(&bench, "running", 1));
    let worker =
        || bench.ask("SELECT stage_id, worker, heartbeat FROM stage WHERE status = 'running' ORDER BY stage_id");
    let before = worker();
    // It lives: its heart beats.
    wait_until("its heart beats", || worker() != before);
    send(&sleeper, "-STOP");
    let other = spawn(&bench, &[("ECGRAFT_LEASE_MS", "1200")], &["run", "--jobs", "3", "--threads", "3"]);
    let id = |rows: &[Vec<Cell>]| rows.iter().map(|row| (text(&row[0]), text(&row[1]))).collect::<Vec<_>>();
    let asleep = id(&before);
    wait_until("the other takes over", || {
        id(&worker()).iter().any(|(stage, worker)| *stage == asleep[0].0 && *worker != asleep[0].1)
    });
    let taken = id(&worker());
    send(&sleeper, "-CONT");
    std::thread::sleep(Duration::from_millis(1500));
    assert!(id(&worker()).contains(&taken[0]), "the sleeper takes nothing back");
    for child in [&sleeper, &other] {
        send(child, "-TERM");
    }
    let said = Said::of(&sleeper.wait_with_output().unwrap());
    assert!(said.err.contains("another process took it over"), "{}", said.err);
    other.wait_with_output().unwrap();
    assert_eq!(leftovers(&bench), [] as [PathBuf; 0]);
    assert_eq!(bench.number("SELECT count(*) FROM stages WHERE status <> 'pending'"), 0.0, "given back");
}

#[test]
fn a_dead_workers_clock_does_not_matter() {
    let bench = bench("clock", &tiny("tiny", &sample(), ""));
    bench.run(&["run"]).ok();
    // A worker of another machine, dead: it holds a donor, and its clock is a day ahead, or behind.
    for offset in ["86400", "-86400"] {
        let mut store = ecgraft::store::Store::open(&bench.results()).unwrap();
        for row in bench.ask("SELECT stage_id FROM stages WHERE kind = 'transfer'") {
            store.forget(&text(&row[0])).unwrap();
        }
        drop(store);
        let store = rusqlite::Connection::open(bench.results().join("ecgraft.sqlite")).unwrap();
        let held = format!(
            "UPDATE stage SET status = 'running', worker = 'elsewhere.1-7.7-0-1', lease_until = unixepoch() + {offset}
             WHERE kind = 'transfer'"
        );
        store.execute_batch(&held).unwrap();
        drop(store);
        let begun = Instant::now();
        let mut command = bench.command(&["run"]);
        Said::of(&command.env("ECGRAFT_LEASE_MS", "1000").output().unwrap()).ok();
        // A whole lease, whatever its clock said.
        assert!(begun.elapsed() > Duration::from_secs(1) && begun.elapsed() < Duration::from_secs(30));
        assert_eq!(bench.number("SELECT count(*) FROM stages WHERE status = 'done'"), 8.0);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_stage_that_ends_its_worker_twice_fails_and_the_rest_goes_on() {
    let bench = bench("twice", &study(100_000).replace("seed = [0, 1]", "seed = [0]"));
    let stage = || bench.ask("SELECT stage_id FROM stages WHERE status = 'running'");
    let first = {
        let child = spawn(&bench, &[], &["run", "--jobs", "1"]);
        wait_until("it is in work", || there_are(&bench, "running", 1));
        let first = stage();
        send(&child, "-KILL");
        child.wait_with_output().unwrap();
        first
    };
    // It comes last now: what does not wait for it comes first.
    let child = spawn(&bench, &[], &["run", "--jobs", "1"]);
    let is_another = || {
        bench.number("SELECT count(*) FROM stages WHERE lost = 1") == 1.0
            && bench.number("SELECT count(*) FROM stages WHERE status = 'running'") == 1.0
    };
    wait_until("another is in work", is_another);
    assert_ne!(stage(), first);
    send(&child, "-TERM");
    child.wait_with_output().unwrap();
    // All but one of the jobs do not end: two at once, and both are killed.
    let child = spawn(&bench, &[], &["run", "--jobs", "2"]);
    let again = || bench.number("SELECT count(*) FROM stages WHERE status = 'running' AND lost = 1") == 1.0;
    wait_until("it is in work once more", again);
    send(&child, "-KILL");
    child.wait_with_output().unwrap();
    let child = spawn(&bench, &[], &["run", "--jobs", "1"]);
    wait_until("it failed", || there_are(&bench, "failed", 1));
    let error = text(&bench.ask("SELECT error FROM stages WHERE status = 'failed'")[0][0]);
    assert!(error.contains("ended 2 times without a word"), "{error}");
    assert_eq!(bench.ask("SELECT stage_id FROM stages WHERE status = 'failed'"), first);
    wait_until("the rest goes on", || there_are(&bench, "running", 1));
    send(&child, "-TERM");
    let said = Said::of(&child.wait_with_output().unwrap());
    assert!(said.err.contains("ended 2 times without a word"), "{}", said.err);
}

/// Runs `bench` again with one more arm, which needs the donors, after `harm` was done to them.
fn mended(bench: &Workbench, harm: &dyn Fn(&[PathBuf]), says: &str) {
    bench.run(&["run"]).ok();
    let donors = donors(bench);
    let before: Vec<Vec<u8>> = donors.iter().map(|path| std::fs::read(path).unwrap()).collect();
    harm(&donors);
    // Nothing needs them: all is done, and nothing is read.
    assert!(!bench.run(&["run"]).err.contains("trained again"));
    let more = tiny("tiny", &sample(), "")
        .replace(r#"freeze = ["none", "probe"]"#, r#"freeze = ["none", "probe", "late"]"#)
        .replace("[freezes.none]", "[freezes.none]\n[freezes.late]\nsteps = [{ blocks = [\"block1\"] }]");
    bench.write("experiments/tiny.toml", &more);
    let said = bench.run(&["run"]);
    for piece in [says, "trained again"] {
        assert!(said.err.contains(piece), "{piece}: {}", said.err);
    }
    said.ok();
    assert_eq!(bench.number("SELECT count(*) FROM runs WHERE status = 'done' AND current = 1"), 8.0);
    let after: Vec<Vec<u8>> = donors.iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(before == after, "made again, byte for byte");
}

#[test]
fn a_flipped_bit_in_a_donor_is_found_and_the_donor_made_again() {
    let bench = bench("flipped", &tiny("tiny", &sample(), ""));
    let flip = |donors: &[PathBuf]| {
        let mut bytes = std::fs::read(&donors[0]).unwrap();
        let place = bytes.len() - 7;
        bytes[place] ^= 1;
        std::fs::write(&donors[0], bytes).unwrap();
    };
    mended(&bench, &flip, "is damaged");
}

#[test]
fn another_stages_weights_under_a_donors_name_are_found() {
    let bench = bench("exchanged", &tiny("tiny", &sample(), ""));
    let exchange = |donors: &[PathBuf]| {
        std::fs::copy(&donors[0], &donors[1]).unwrap();
    };
    mended(&bench, &exchange, "is another stage's");
}

#[test]
fn weights_that_are_not_finite_are_found() {
    let bench = bench("nan", &tiny("tiny", &sample(), ""));
    let poison = |donors: &[PathBuf]| {
        let mut bytes = std::fs::read(&donors[0]).unwrap();
        let place = bytes.len() - 4;
        bytes[place..].copy_from_slice(&f32::NAN.to_le_bytes());
        std::fs::write(&donors[0], bytes).unwrap();
    };
    mended(&bench, &poison, "trained again");
}

#[test]
fn any_flipped_bit_of_a_checkpoint_is_found() {
    let bench = bench("bits", &tiny("tiny", &sample(), "").replace("seed = [0, 1]", "seed = [0]"));
    bench.run(&["run"]).ok();
    let path = &donors(&bench)[0];
    let bytes = std::fs::read(path).unwrap();
    let read = |bytes: &[u8]| {
        let changed = bench.path.join("changed.safetensors");
        std::fs::write(&changed, bytes).unwrap();
        ecgraft::train::checkpoint::Checkpoint::read(&changed)
    };
    read(&bytes).unwrap();
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    // Every bit of the header, and one of each value.
    let places = (0..8 * header).chain((8 * header..8 * bytes.len()).step_by(37));
    for place in places {
        let mut changed = bytes.clone();
        changed[place / 8] ^= 1 << (place % 8);
        assert!(read(&changed).is_err(), "bit {place}");
    }
}

#[test]
fn the_same_study_twice_gives_the_same_bytes() {
    let bytes = |name: &str| {
        let bench = bench(name, &tiny("tiny", &sample(), ""));
        bench.run(&["run"]).ok();
        let rows = bench.ask("SELECT stage_id, checkpoint, weights_sha256 FROM stages ORDER BY stage_id");
        let file =
            |row: &[Cell]| (text(&row[0]), text(&row[2]), std::fs::read(bench.results().join(text(&row[1]))).unwrap());
        rows.iter().map(|row| file(row)).collect::<Vec<_>>()
    };
    let first = bytes("once");
    assert_eq!(first.len(), 8);
    for (id, sha256, bytes) in &first {
        let file = safetensors::SafeTensors::deserialize(bytes).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(bytes).unwrap();
        let metadata = header.metadata().clone().unwrap();
        assert_eq!((&metadata["stage_id"], &metadata["weights_sha256"]), (id, sha256));
        // The checksum, as its description says.
        let mut tensors = file.tensors();
        tensors.sort_by(|one, other| one.0.cmp(&other.0));
        let mut all = Vec::new();
        for (name, view) in tensors {
            let shape: Vec<String> = view.shape().iter().map(usize::to_string).collect();
            all.extend(format!("{name} F32 {}\n", shape.join("x")).into_bytes());
            all.extend(view.data());
        }
        assert_eq!(&ecgraft::seed::sha256_hex(&all), sha256);
    }
    assert!(first == bytes("twice"));
}

#[test]
#[cfg(target_os = "linux")]
fn a_store_copied_alone_after_a_kill_has_its_tables_and_what_was_done() {
    let bench = bench("copied", &study(60));
    let child = spawn(&bench, &[], &["run", "--jobs", "1"]);
    wait_until("some is done", || there_are(&bench, "done", 2));
    send(&child, "-KILL");
    child.wait_with_output().unwrap();
    let done = bench.number("SELECT count(*) FROM stages WHERE status = 'done'");
    let copy = Workbench::new("copy");
    std::fs::create_dir_all(copy.results()).unwrap();
    std::fs::copy(bench.results().join("ecgraft.sqlite"), copy.results().join("ecgraft.sqlite")).unwrap();
    assert_eq!(copy.number("SELECT count(*) FROM runs"), 6.0);
    // The last may have been written as the kill came.
    assert!(copy.number("SELECT count(*) FROM stages WHERE status = 'done'") >= done - 1.0);
    assert!(done >= 2.0);
}

#[test]
#[cfg(target_os = "linux")]
fn what_dead_runs_left_unfinished_is_swept() {
    let bench = bench("swept", &tiny("tiny", &sample(), ""));
    let (here, _) = ecgraft::process::name().rsplit_once('-').unwrap();
    let dead = ["cache/.a.bin", "checkpoints/.a.safetensors", "progress/.a", ".a"]
        .map(|name| bench.write(&format!("results/{name}@{here}-4194304.1@3.tmp"), "half"));
    let elsewhere = bench.write("results/checkpoints/.a@elsewhere.1-1.1@3.tmp", "half");
    bench.run(&["run"]).ok();
    assert!(dead.iter().all(|path| !path.exists()));
    assert!(elsewhere.exists(), "it may be in work on another machine");
}

#[test]
fn memory_is_told_and_stages_do_not_begin_beside_others_without() {
    let bench = bench("memory", &tiny("tiny", &sample(), ""));
    let plan = bench.run(&["plan"]).ok();
    assert!(plan.contains("of the work, about ") && plan.contains(" MB of memory)"), "{plan}");
    assert!(plan.contains("memory: at most about "), "{plan}");
    let run = |bytes: &str| {
        let _ = std::fs::remove_dir_all(bench.results());
        let mut command = bench.command(&["run", "--jobs", "2", "--threads", "2"]);
        Said::of(&command.env("ECGRAFT_MEMORY", bytes).output().unwrap())
    };
    let scarce = run("0");
    for piece in ["waits until a stage ends", "it may be killed; a smaller batch_size needs less"] {
        assert!(scarce.err.contains(piece), "{piece}: {}", scarce.err);
    }
    // All the same it is done.
    let table = scarce.ok();
    let ample = run("1000000000000");
    assert!(!ample.err.contains("memory"), "{}", ample.err);
    assert_eq!(ample.ok(), table);
}

/// ecgraft, where the folder is on a file system of `kind`, mounted with `options`.
fn on(bench: &Workbench, kind: &str, options: &str, arguments: &[&str]) -> Said {
    let path = bench.path.canonicalize().unwrap();
    let line = format!("1 0 0:1 / / rw - ext4 /dev/vda rw\n2 1 0:2 / {} rw - {kind} there {options}\n", path.display());
    let table = bench.write("mountinfo", &line);
    let mut command = bench.command(arguments);
    Said::of(&command.env("ECGRAFT_MOUNTINFO", table).output().unwrap())
}

#[test]
fn a_store_on_a_network_folder_is_refused_or_kept_without_a_log_and_read_anywhere() {
    let bench = bench("network", &tiny("tiny", &sample(), ""));
    let path = bench.path.canonicalize().unwrap();
    for (kind, options, why) in [
        ("nfs", "rw,vers=3,nolock", "nolock"),
        ("fuse.sshfs", "rw", "locks do not work"),
        ("cifs", "rw,nobrl", "nobrl"),
        ("beegfs", "rw", "each other's locks"),
    ] {
        let place = format!("the folder is on {kind}, mounted at {}", path.display());
        on(&bench, kind, options, &["run"]).users_fault(&[&place, why, "--results"]);
        assert!(!bench.results().join("ecgraft.sqlite").exists());
    }
    let said = on(&bench, "nfs4", "rw,vers=4.2", &["run", "--jobs", "2"]);
    assert!(said.err.contains("the store is kept without a write-ahead log, as it is on nfs4"), "{}", said.err);
    let table = said.ok();
    let file = bench.results().join("ecgraft.sqlite");
    let header = |path: &Path| std::fs::read(path).unwrap()[18..20].to_vec();
    assert_eq!(header(&file), [1, 1], "a rollback journal");
    assert!(!bench.results().join("ecgraft.sqlite-wal").exists());
    // A finished store is read where it could not be written.
    for (kind, options) in [("nfs4", "rw"), ("fuse.sshfs", "rw"), ("ext4", "rw")] {
        assert_eq!(on(&bench, kind, options, &["compare"]).ok(), table, "{kind}");
    }
    // The same of one that was made on a disk; and it goes on elsewhere.
    bench.run(&["run"]).ok();
    assert_eq!(header(&file), [2, 2], "a write-ahead log");
    for kind in ["nfs4", "fuse.sshfs", "9p"] {
        assert_eq!(on(&bench, kind, "rw", &["compare"]).ok(), table, "{kind}");
    }
    assert_eq!(on(&bench, "nfs4", "rw", &["run"]).ok(), table);
    assert_eq!(header(&file), [1, 1]);
    // With a log that cannot be read here nothing is said that is not so.
    bench.run(&["run"]).ok();
    bench.write("results/ecgraft.sqlite-wal", "not yet in the file");
    on(&bench, "fuse.sshfs", "rw", &["compare"]).users_fault(&["ecgraft.sqlite-wal", "copy both"]);
}
