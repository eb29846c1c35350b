//! What is freed, removed and archived, and that the rest is as it was.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ecgraft::process;
use ecgraft::store::Cell;
use rusqlite::Connection;

use crate::workbench::{Said, Workbench, sample, skipped, tiny};

/// Runs `name`.toml with this text.
fn run(bench: &Workbench, name: &str, text: &str) {
    let path = bench.write(&format!("{name}.toml"), text);
    bench.run(&["run", &path.to_string_lossy(), "--device", "cpu"]).ok();
}

/// The bits of every stage's weights.
fn weights(bench: &Workbench) -> BTreeMap<String, String> {
    let rows = bench.ask("SELECT stage_id, weights_sha256 || findings_sha256 FROM stage WHERE status = 'done'");
    let text = |cell: &Cell| cell.to_string();
    rows.iter().map(|row| (text(&row[0]), text(&row[1]))).collect()
}

/// Writes a file whose last change lies so long ago.
fn aged(path: PathBuf, hours: u64) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "x".repeat(1000)).unwrap();
    let changed = SystemTime::now() - Duration::from_secs(3600 * hours);
    File::options().write(true).open(&path).unwrap().set_modified(changed).unwrap();
    path
}

fn count(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, |entries| entries.count())
}

fn write(bench: &Workbench, sql: &str) {
    Connection::open(bench.results().join("ecgraft.sqlite")).unwrap().execute_batch(sql).unwrap();
}

/// `tiny` and an experiment that shares its regressions.
fn other() -> String {
    tiny("other", &sample(), "").replace("labels = \"multi\"\nepochs = 2", "labels = \"multi\"\nepochs = 3")
}

#[test]
fn what_is_left_over_is_told_and_goes_when_it_is_asked_for() {
    let bench = Workbench::new("gc");
    run(&bench, "a", &tiny("a", &sample(), ""));
    let (results, before) = (bench.results(), weights(&bench));
    assert_eq!(bench.run(&["gc"]).ok(), "nothing is left over\n");
    let done = before.keys().next().unwrap();
    let gone = [
        aged(results.join("checkpoints/0123456789abcdef0123.safetensors"), 2),
        aged(results.join("progress/0123456789abcdef0123"), 200),
        aged(results.join("progress").join(done), 0),
        aged(results.join("cache/0123.bin"), 0),
        aged(results.join("cache/.0123.bin@elsewhere.1-1.1@7.tmp"), 25),
    ];
    let stays = [
        // A worker elsewhere may be about to write its shard, and another may be at work.
        aged(results.join("checkpoints/aaaa456789abcdef0123.safetensors"), 0),
        aged(results.join("progress/aaaa456789abcdef0123"), 100),
        aged(results.join("checkpoints/bbbb456789abcdef0123.safetensors"), 200),
        aged(results.join("shards/bbbb456789abcdef0123.sqlite"), 200),
        aged(results.join("checkpoints/notes.txt"), 200),
    ];
    let told = bench.run(&["gc"]).ok();
    for says in [
        "checkpoints of no stage                  1 file     1.0 kB",
        "progress that nobody goes on from       2 files     2.0 kB",
        "prepared records                         1 file     1.0 kB",
        "unfinished files                         1 file     1.0 kB",
        "5.0 kB would be freed; nothing was removed",
    ] {
        assert!(told.contains(says), "{says}\n{told}");
    }
    assert!(gone.iter().chain(&stays).all(|path| path.exists()));
    assert_eq!(bench.run(&["gc", "--dry-run"]).ok(), told);
    let freed = bench.run(&["gc", "--yes"]).ok();
    assert!(freed.ends_with("5.0 kB freed\n"), "{freed}");
    assert!(gone.iter().all(|path| !path.exists()) && stays.iter().all(|path| path.exists()));
    bench.run(&["verify"]).ok();
    assert_eq!(bench.run(&["gc"]).ok(), "nothing is left over\n");
    bench.run(&["gc", "--caches", "--yes"]).ok();
    assert!(count(&results.join("cache")) <= 1, "a folder of kernels at most");
    run(&bench, "a", &tiny("a", &sample(), ""));
    assert_eq!(weights(&bench), before);
}

#[test]
fn abandoned_stages_go_where_that_is_asked_for_and_come_back_with_the_same_bits() {
    let bench = Workbench::new("gc-abandoned");
    let text = tiny("a", &sample(), "");
    run(&bench, "a", &text);
    let before = weights(&bench);
    run(&bench, "a", &text.replace("seed = [0, 1]", "seed = [0]"));
    assert_eq!(bench.run(&["gc"]).ok(), "nothing is left over\n");
    let compared = bench.run(&["compare"]).ok();
    let abandoned = before.len() / 2;
    let told = bench.run(&["gc", "--abandoned"]).ok();
    let counted = format!("checkpoints of abandoned stages      {abandoned:>4} files");
    assert!(told.contains(&counted), "{told}");
    bench.run(&["gc", "--abandoned", "--yes"]).ok();
    assert_eq!(weights(&bench).len(), before.len() - abandoned);
    assert_eq!(count(&bench.results().join("checkpoints")), before.len() - abandoned);
    bench.run(&["verify"]).ok();
    assert_eq!(bench.run(&["compare"]).ok(), compared);
    assert_eq!(bench.run(&["gc", "--abandoned"]).ok(), "nothing is left over\n");
    run(&bench, "a", &text);
    assert_eq!(weights(&bench), before);
}

#[test]
fn an_experiment_goes_with_what_no_other_uses() {
    let bench = Workbench::new("rm");
    run(&bench, "other", &other());
    let of_other = weights(&bench);
    let told = |bench: &Workbench| ["compare", "audit", "verify"].map(|command| bench.run(&[command, "other"]).ok());
    let before = told(&bench);
    run(&bench, "a", &tiny("a", &sample(), ""));
    let all = weights(&bench);
    let shown = bench.run(&["rm", "a"]).ok();
    let own = all.len() - of_other.len();
    assert!(shown.starts_with(&format!("a: 6 runs, {own} stages with {own} files of weights")), "{shown}");
    assert!(shown.contains("2 stages that other experiments use too: kept") && shown.contains("--yes"), "{shown}");
    assert_eq!(weights(&bench), all);
    let size = || bench.results().join("ecgraft.sqlite").metadata().unwrap().len();
    let large = size();
    let removed = bench.run(&["rm", "a", "--yes"]).ok();
    assert!(removed.contains("removed: "), "{removed}");
    assert!(size() < large, "the store is compacted");
    assert_eq!(weights(&bench), of_other);
    assert_eq!(count(&bench.results().join("checkpoints")), of_other.len());
    assert_eq!(told(&bench), before);
    assert_eq!(bench.number("SELECT count(*) FROM manifest"), 1.0);
    assert_eq!(bench.run(&["gc"]).ok(), "nothing is left over\n");
    bench.run(&["rm", "a"]).users_fault(&["no experiment is called `a`", "other"]);
    bench.run(&["rm", "o*"]).users_fault(&["one by one, by their whole names"]);
    run(&bench, "a", &tiny("a", &sample(), ""));
    assert_eq!(weights(&bench), all);
    bench.run(&["rm", "a", "--yes"]).ok();
    bench.run(&["rm", "other", "--yes"]).ok();
    for table in ["trial", "stage", "recording", "record_set", "patient", "manifest", "prediction", "validation_set"] {
        assert_eq!(bench.number(&format!("SELECT count(*) FROM {table}")), 0.0, "{table}");
    }
    assert_eq!(count(&bench.results().join("checkpoints")), 0);
}

#[test]
fn what_a_living_worker_holds_is_left_alone() {
    let bench = Workbench::new("gc-held");
    run(&bench, "a", &tiny("a", &sample(), ""));
    let unused = aged(bench.results().join("cache/0123.bin"), 0);
    let hold = |worker: &str| {
        write(&bench, &format!("UPDATE stage SET status = 'running', worker = '{worker}' WHERE kind = 'transfer'"));
    };
    hold(&format!("{}-0-1", process::name()));
    bench.run(&["rm", "a", "--yes"]).users_fault(&["is in work, by", "nothing was removed"]);
    let kept = bench.run(&["gc", "--yes"]).ok();
    assert!(kept.contains("is in work: prepared records are left alone") && unused.exists(), "{kept}");
    write(&bench, "UPDATE trial SET current = 0");
    let files = count(&bench.results().join("checkpoints"));
    let kept = bench.run(&["gc", "--abandoned", "--yes"]).ok();
    assert!(kept.contains("is abandoned and in work"), "{kept}");
    assert_eq!(count(&bench.results().join("checkpoints")), files);
    // Of a machine that was started anew since.
    let (place, rest) = process::name().split_once('-').unwrap();
    hold(&format!("{place}-{}1-0-1", rest.split('.').next().unwrap().len() * 4_000_000));
    bench.run(&["rm", "a", "--yes"]).ok();
    assert_eq!(count(&bench.results().join("checkpoints")), 0);
}

#[test]
fn an_archive_opens_elsewhere_and_verifies() {
    let bench = Workbench::new("archive");
    run(&bench, "other", &other());
    run(&bench, "a", &tiny("a", &sample(), ""));
    bench.run(&["archive", "a", "-o", "one.tar"]).ok();
    let told = bench.run(&["archive", "a", "-o", "two.tar"]).ok();
    assert!(told.starts_with("a: 6 runs and 8 stages with their weights"), "{told}");
    let read = |name: &str| fs::read(bench.path.join(name)).unwrap();
    assert!(read("one.tar") == read("two.tar"), "equal content makes equal bytes");
    // What is no archive is not replaced.
    for place in ["results/ecgraft.sqlite", "a.toml"] {
        if bench.path.join(place).exists() {
            let before = fs::read(bench.path.join(place)).unwrap();
            bench.run(&["archive", "a", "-o", place]).users_fault(&["no archive of ecgraft, and is left as it is"]);
            assert_eq!(fs::read(bench.path.join(place)).unwrap(), before);
        }
    }
    bench.run(&["archive", "a", "-o", "two.tar"]).ok();
    bench.run(&["archive", "x"]).users_fault(&["no experiment is called `x`"]);
    let tar = std::process::Command::new("tar").args(["xf", "one.tar"]).current_dir(&bench.path).output();
    match tar {
        Ok(output) => drop(Said::of(&output).ok()),
        Err(_) => return skipped("an_archive_opens_elsewhere_and_verifies", "tar is not installed"),
    }
    let opened = bench.path.join("a");
    assert_eq!(fs::read_to_string(opened.join("a.toml")).unwrap(), tiny("a", &sample(), ""));
    assert!(fs::read_to_string(opened.join("README.txt")).unwrap().contains("ecgraft verify --results a"));
    let about: serde_json::Value = serde_json::from_slice(&fs::read(opened.join("archive.json")).unwrap()).unwrap();
    assert_eq!(about["weights_sha256"].as_object().unwrap().len(), 8);
    let fingerprints = about["data_fingerprints"].as_array().unwrap();
    assert_eq!(fingerprints.len(), 2, "those of the simulator and of the sample: {about}");
    let verified = bench.run(&["verify", "--results", "a"]).ok();
    assert!(verified.contains('8'), "{verified}");
    let compared = |results: &str| bench.run(&["compare", "a", "--results", results]).ok();
    assert_eq!(compared("a"), compared("results"));
    let names = bench.run(&["query", "SELECT DISTINCT experiment FROM runs", "--format", "csv", "--results", "a"]).ok();
    assert_eq!(names, "experiment\na\n");
    // What is archived is as good as what was trained here.
    bench.run(&["merge", "a", "--results", "again"]).ok();
    let manifest = bench.path.join("a.toml");
    let ran = bench.run(&["run", &manifest.to_string_lossy(), "--device", "cpu", "--results", "again"]);
    assert!(ran.code == Some(0) && !ran.err.contains("done    "), "nothing is left to train: {}", ran.err);
    assert_eq!(compared("again"), compared("results"));
    bench.run(&["archive", "a", "-o", "three.tar", "--results", "again"]).ok();
    assert!(read("one.tar") == read("three.tar"), "whatever else is in the folder that it came from");
    write(&bench, "UPDATE stage SET status = 'pending' WHERE kind = 'transfer'");
    bench.run(&["archive", "a"]).users_fault(&["6 of 6 runs are not done"]);
}
